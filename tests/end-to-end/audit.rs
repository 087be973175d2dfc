//! Who did what: told by the host for every call, and without it no change.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use end_to_end::{Client, SERVER_KEY, Server, program, root, share_compiled_code};
use orderdesk_mcp::tenancy::Scopes;
use orderdesk_simulator::{Clock, SimulatorConfig, sample};
use serde_json::{Value, json};

const STORE: u64 = sample::HARBOR_AND_OAK_ID;

fn first_order(server: &Server) -> Value {
    let found = server.simulator.with_store(STORE, |store| {
        let order = store.orders().next().unwrap();
        json!({"id": order.text("id"), "email": order.text("email")})
    });
    found.unwrap()
}

async fn entries(client: &Client, arguments: Value) -> Vec<Value> {
    let client = client.at("?toolsets=audit");
    let listed = client.call("audit_list", arguments).await.ok();
    listed["entries"].as_array().unwrap().clone()
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(program("orderdesk-mcp"))
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .current_dir(root())
        .env("ORDERDESK_MCP_SERVER_KEY", SERVER_KEY)
        .env_remove("ORDERDESK_MCP_MASTER_KEY")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

async fn command(data: &Path, arguments: &[&str]) -> Output {
    let (data, arguments) = (data.to_owned(), arguments.join("\u{1f}"));
    let running = tokio::task::spawn_blocking(move || {
        run(&data, &arguments.split('\u{1f}').collect::<Vec<_>>())
    });
    running.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_told_with_what_it_was_about_and_nothing_personal_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::builder().data(folder.path()).start().await;
    let client = server.tenant_with_store("acme").await;
    let order = first_order(&server);
    let (id, email) = (&order["id"], order["email"].as_str().unwrap());

    client
        .call("orders_get", json!({"order_id": id}))
        .await
        .ok();
    client
        .call("orders_list", json!({"email": email, "limit": 1}))
        .await
        .ok();
    let changes = json!({"order_id": id, "changes": {"shipping": {"city": "Wells-next-the-Sea"}}});
    let written = client.call("orders_update", changes).await.ok();
    let uri = format!("orderdesk://{STORE}/orders/{}", id.as_str().unwrap());
    client.request("resources/read", json!({"uri": uri})).await;
    client
        .request("prompts/get", json!({"name": "orders_today"}))
        .await;
    let refused = client.call("orders_get", json!({"order_id": 1})).await;
    assert!(refused.is_error);

    let all = entries(&client, json!({"limit": 50})).await;
    let of = |kind: &str, tool: &str| -> &Value {
        all.iter()
            .find(|it| it["kind"] == kind && it["tool"] == tool)
            .unwrap_or_else(|| panic!("no {kind} {tool}: {all:#?}"))
    };
    let update = of("call", "orders_update");
    assert_eq!(update["outcome"], "ok");
    assert_eq!(update["subject"], format!("store:{STORE}"));
    assert_eq!(update["plugin"], "orders");
    assert_eq!(update["arguments"]["order_id"], *id);
    assert_eq!(update["arguments"]["changes"]["shipping"]["city"], "[text]");
    let paths: Vec<&Value> = written["diff"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["path"])
        .collect();
    assert_eq!(json!(paths), update["changed"]);
    assert!(
        update["source"]
            .as_str()
            .unwrap()
            .starts_with("http 127.0.0.1")
    );
    assert!(update["duration_ms"].is_u64() && update["correlation_id"].is_string());
    assert_eq!(of("call", "orders_list")["arguments"]["email"], "[text]");
    assert_eq!(
        of("call", "stores_register")["arguments"]["api_key"],
        "[sealed]"
    );
    assert_eq!(of("resource", "order")["outcome"], "ok");
    assert_eq!(of("prompt", "orders_today")["outcome"], "ok");
    let failed = all.iter().find(|it| it["outcome"] == "error").unwrap();
    assert_eq!(failed["tool"], "orders_get");
    assert!(failed["error_code"].is_string());

    // The tenant reads the values; who has the file reads none of them.
    let values = entries(
        &client,
        json!({"tool": "orders_update", "with_values": true}),
    )
    .await;
    let values = &values[0]["values"];
    assert_eq!(
        values["arguments"]["changes"]["shipping"]["city"],
        "Wells-next-the-Sea"
    );
    assert_eq!(values["diff"][0]["after"], "Wells-next-the-Sea");
    let data = server.data_dir();
    server.stop().await;
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for text in ["Wells-next-the-Sea", email, sample::HARBOR_AND_OAK_KEY] {
                let found = bytes.windows(text.len()).any(|it| it == text.as_bytes());
                assert!(!found, "{text} stands in {}", path.display());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_trail_no_change_is_made_and_reads_go_on() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let id = first_order(&server)["id"].clone();
    entries(&client, json!({})).await;
    server
        .raw_database()
        .execute_batch("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
        .unwrap();
    let metrics = server.application.services.metrics.clone();
    let counted = |sample: &str| -> f64 {
        let text = metrics.text();
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(sample));
        lines
            .next()
            .map_or(0.0, |value| value.trim().parse().unwrap())
    };
    let rows = |outcome: &str| {
        counted(&format!(
            "orderdesk_mcp_audit_rows_total{{outcome=\"{outcome}\"}}"
        ))
    };
    let refusals = || counted("orderdesk_mcp_audit_refusals_total ");
    let written = rows("written");
    assert!(written > 0.0);
    assert_eq!((rows("failed"), rows("lost"), refusals()), (0.0, 0.0, 0.0));
    let before = server.simulator.requests().len();
    let note = json!({"order_id": id, "note": "Call before delivery"});
    let (code, text) = client.call("orders_add_note", note.clone()).await.error();
    assert_eq!(code, "audit-unavailable");
    assert!(text.contains("nothing was changed"), "{text}");
    assert!(
        !text.contains("full"),
        "the cause is the operator's business: {text}"
    );
    assert_eq!(
        server.simulator.requests().len(),
        before,
        "nothing was sent"
    );
    client
        .call("orders_get", json!({"order_id": id}))
        .await
        .ok();
    let preview = json!({"order_id": id, "note": "Call before delivery", "dry_run": true});
    client.call("orders_add_note", preview).await.ok();
    let audit = server.application.data.tenancy.audit();
    audit.flush().await;
    // The change that was not made, and what was tried and read: each batch three times.
    assert_eq!(refusals(), 1.0);
    assert_eq!(rows("lost"), 3.0, "{}", metrics.text());
    assert!(rows("failed") >= 1.0 + 3.0 * rows("lost"));
    assert_eq!(rows("written"), written);

    server
        .raw_database()
        .execute_batch("DROP TRIGGER full")
        .unwrap();
    client.call("orders_add_note", note).await.ok();
    audit.flush().await;
    assert!(rows("written") > written);
    assert!(audit.verify(None).await.unwrap().ok());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugins_call_of_another_and_a_confirmation_are_told_too() {
    let server = super::previews::builder().start().await;
    let client = server.tenant("acme").await;
    let arguments = json!({"tool": "changes_set", "arguments": {"key": "a", "value": "b"}});
    client.call("relay_call", arguments).await;
    let preview = json!({"key": "c", "value": "d", "dry_run": true});
    let preview = client.call("changes_set", preview).await.ok();
    let token = preview["confirm_token"].as_str().unwrap();
    let write = json!({"key": "c", "value": "d", "confirm_token": token});
    client.call("changes_set", write).await.ok();
    let all = entries(&client, json!({"limit": 50})).await;
    let sources: Vec<&Value> = all
        .iter()
        .filter(|it| it["tool"] == "changes_set")
        .map(|it| &it["source"])
        .collect();
    assert!(sources.contains(&&json!("peer relay")), "{all:#?}");
    let confirmed = all.iter().find(|it| it["kind"] == "confirmation").unwrap();
    assert_eq!(confirmed["arguments"], json!({"by": "confirm_token"}));
    assert!(!json!(all).to_string().contains(token));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limited_key_sees_only_what_was_done_with_itself_and_wrong_keys_are_counted() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let scopes = Scopes {
        read_only: true,
        ..Scopes::default()
    };
    let limited = server.limited(&client, scopes).await;
    limited.call("stores_list", json!({})).await.ok();
    let seen = entries(&limited, json!({})).await;
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert_eq!(seen[0]["tool"], "stores_list");
    let more = entries(&client, json!({})).await;
    assert!(
        more.iter().any(|it| it["tool"] == "keys.create"),
        "{more:#?}"
    );

    for _ in 0..3 {
        let stranger = server.client("odm_nobody_nothing");
        assert_eq!(stranger.request("tools/list", json!({})).await.status, 401);
    }
    let audit = server.application.data.tenancy.audit();
    audit.flush().await;
    let rows = audit.newest(None, 100).await.unwrap();
    let failed = rows
        .iter()
        .find(|it| it.record.action == "login.failed")
        .unwrap();
    assert!(
        failed
            .record
            .arguments
            .as_ref()
            .unwrap()
            .contains(r#""count":3"#)
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trail_is_shown_exported_and_verified_by_commands() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    client.call("stores_list", json!({})).await.ok();
    let data = server.data_dir();
    server.application.data.tenancy.audit().flush().await;

    let tail = command(&data, &["audit", "tail", "--tenant", "ACME", "-n", "2"]).await;
    let text = String::from_utf8(tail.stdout).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.contains("stores_list") && text.contains("[http 127.0.0.1]"),
        "{text}"
    );

    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("audit.jsonl").display().to_string();
    let exported = command(&data, &["audit", "export", &lines]).await;
    let told = String::from_utf8(exported.stderr).unwrap();
    assert!(
        exported.status.success() && told.contains("head: "),
        "{told}"
    );
    let rows: Vec<Value> = std::fs::read_to_string(&lines)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        rows.iter()
            .any(|row| row["action"] == "stores_register" && row["outcome"] == "ok")
    );
    let again = command(&data, &["audit", "export", &lines]).await;
    assert!(!again.status.success(), "an export is not overwritten");
    let csv = command(
        &data,
        &["audit", "export", "--format", "csv", "--since", "1h"],
    )
    .await;
    let csv = String::from_utf8(csv.stdout).unwrap();
    assert_eq!(csv.lines().count(), rows.len() + 1, "{csv}");
    assert!(csv.starts_with("seq,at,tenant,key_id,"));
    let none = command(&data, &["audit", "export", "--until", "2020-01-01"]).await;
    assert!(none.stdout.is_empty());

    let verified = command(&data, &["audit", "verify", "--json", "--head", &lines]).await;
    let verdict: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verdict["ok"], true, "{verdict}");
    assert_eq!(verdict["rows"], rows.len());
    assert_eq!(verdict["first_bad"], Value::Null);

    let last = i64::try_from(rows.len()).unwrap();
    server
        .raw_database()
        .execute("DELETE FROM audit WHERE seq = ?1", [last])
        .unwrap();
    let verified = command(&data, &["audit", "verify", "--json"]).await;
    assert!(verified.status.success(), "nothing but a head tells of it");
    let verified = command(&data, &["audit", "verify", "--json", "--head", &lines]).await;
    let verdict: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(
        (verified.status.code(), &verdict["ok"]),
        (Some(1), &json!(false))
    );
    assert_eq!(verdict["first_bad"], last, "{verdict}");
    server
        .raw_database()
        .execute("UPDATE audit SET action = 'orders_get' WHERE seq = 2", [])
        .unwrap();
    let verified = command(&data, &["audit", "verify"]).await;
    let text = String::from_utf8(verified.stdout).unwrap();
    assert_eq!(verified.status.code(), Some(1));
    assert!(text.contains("row 2 was altered"), "{text}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_was_made_while_the_server_worked_comes_back_with_everything() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let copy_text = copy.display().to_string();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    std::fs::create_dir_all(&old).unwrap();
    std::fs::create_dir_all(&new).unwrap();
    let server = Server::builder().data(&old).start().await;
    let client = server.tenant_with_store("acme").await;
    let id = first_order(&server)["id"].clone();
    let note = json!({"order_id": id, "note": "Before the backup"});
    let change = client.call("orders_add_note", note).await.ok()["change_id"].clone();
    // How a call ended is written a moment after its answer.
    server.application.data.tenancy.audit().flush().await;
    let (made, _) = tokio::join!(
        async { command(&old, &["backup", &copy_text]).await },
        client.call("orders_list", json!({"limit": 5})),
    );
    let told = String::from_utf8(made.stdout).unwrap();
    assert!(
        made.status.success() && told.contains("server key is not in it"),
        "{told}"
    );
    let bytes = std::fs::read(&copy).unwrap();
    for secret in [
        SERVER_KEY,
        client.key(),
        sample::HARBOR_AND_OAK_KEY,
        "Before the backup",
    ] {
        assert!(
            !bytes
                .windows(secret.len())
                .any(|it| it == secret.as_bytes())
        );
    }
    // Not over data, and not while a server runs.
    let refused = command(&old, &["restore", &copy_text]).await;
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("--replace")
    );
    let refused = command(&old, &["restore", &copy_text, "--replace"]).await;
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("in use")
    );

    // With another server key it says so, and nothing is there.
    let (data, text) = (new.clone(), copy_text.clone());
    let other = tokio::task::spawn_blocking(move || {
        Command::new(program("orderdesk-mcp"))
            .args(["restore", &text, "--data-dir"])
            .arg(&data)
            .current_dir(root())
            .env(
                "ORDERDESK_MCP_SERVER_KEY",
                "b3RoZXIga2V5IG90aGVyIGtleSBvdGhlciBrZXkhISE=",
            )
            .output()
            .unwrap()
    });
    let other = other.await.unwrap();
    let told = String::from_utf8(other.stderr).unwrap();
    assert!(
        !other.status.success() && told.contains("another server key"),
        "{told}"
    );
    assert!(!new.join("orderdesk-mcp.db").exists());
    let (data, text) = (new.clone(), copy_text.clone());
    let without = tokio::task::spawn_blocking(move || {
        Command::new(program("orderdesk-mcp"))
            .args(["restore", &text, "--data-dir"])
            .arg(&data)
            .current_dir(root())
            .env_remove("ORDERDESK_MCP_SERVER_KEY")
            .output()
            .unwrap()
    });
    let told = String::from_utf8(without.await.unwrap().stderr).unwrap();
    assert!(told.contains("there is no server key"), "{told}");
    assert!(!new.join("server.key").exists());

    let restored = command(&new, &["restore", &copy_text]).await;
    assert!(restored.status.success(), "{restored:?}");
    share_compiled_code(&new);
    let (key, address) = (client.key().to_owned(), server.simulator.address());
    server.stop().await;
    // A stored key is good for the address that it was entered for.
    let simulator = SimulatorConfig {
        listen: address,
        ..SimulatorConfig::sample(7, Clock::System)
    };
    let server = Server::builder()
        .data(&new)
        .simulator(simulator)
        .start()
        .await;
    let client = server.client(&key);
    let stores = client.call("stores_list", json!({})).await.ok();
    assert_eq!(stores["stores"][0]["store_id"], STORE.to_string());
    client
        .call("orders_get", json!({"order_id": id}))
        .await
        .ok();
    let changes = client.call("orders_changes", json!({})).await.ok();
    assert_eq!(changes["changes"][0]["change_id"], change);
    let told = entries(&client, json!({"tool": "orders_add_note"})).await;
    assert_eq!(told[0]["outcome"], "ok");
    let audit = server.application.data.tenancy.audit();
    audit.flush().await;
    assert!(audit.verify(None).await.unwrap().ok());
    let rows = audit.newest(None, 100).await.unwrap();
    for act in ["backup", "restore"] {
        assert!(rows.iter().any(|it| it.record.action == act), "{act}");
    }
    server.stop().await;
}
