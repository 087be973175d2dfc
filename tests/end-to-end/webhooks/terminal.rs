//! Hooks in the terminal.

use super::*;

/// Runs the program on the data of a server.
fn run(server: &Server, arguments: &[&str], key: Option<&str>) -> Output {
    let mut command = Command::new(program("orderdesk-mcp"));
    command
        .args(arguments)
        .args(["--json", "--data-dir"])
        .arg(server.data_dir())
        .current_dir(root())
        .env("ORDERDESK_MCP_SERVER_KEY", SERVER_KEY)
        .env("RUST_LOG", "trace")
        .env_remove("ORDERDESK_MCP_MASTER_KEY")
        .stdin(Stdio::null());
    if let Some(key) = key {
        command.env("ORDERDESK_MCP_MASTER_KEY", key);
    }
    command.output().unwrap()
}

fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_are_made_listed_renewed_and_deleted_in_the_terminal_and_no_secret_stays_anywhere() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let other = server.tenant("other").await;
    let create = [
        "webhooks",
        "create",
        "--plugin",
        "orders",
        "--subject",
        SUBJECT,
        "--tenant",
    ];
    let creating = |tenant: &'static str| [&create[..], &[tenant]].concat();
    let mut outputs = vec![
        run(&server, &creating("acme"), None),
        run(&server, &creating("acme"), Some(other.key())),
        run(&server, &creating("other"), Some(other.key())),
        run(&server, &creating("nobody"), Some(client.key())),
    ];
    for refused in &outputs {
        assert!(
            !refused.status.success() && refused.stdout.is_empty(),
            "{refused:?}"
        );
    }
    let created = run(&server, &creating("acme"), Some(client.key()));
    let made = answer(&created);
    let id = made["hook_id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 32);
    assert_eq!(made["url"], format!("http://127.0.0.1:8080/webhooks/{id}"));
    let url = door(&server, &id);
    assert_eq!(post(&url, ORDER, ORDER, KEY).await, 200);
    assert_eq!(post(&url, ORDER, ORDER, "wrong").await, 403);

    outputs.push(run(&server, &["webhooks", "list"], None));
    let listed = answer(outputs.last().unwrap());
    let row = &listed["webhooks"][0];
    assert_eq!(row["hook_id"], id[..8]);
    assert_eq!((&row["accepted"], &row["rejected"]), (&json!(1), &json!(1)));
    assert_eq!(row["last_verdict"], "bad-signature");
    assert_eq!(row["needs_key"], false);

    // The store gets another key: the hook may not use it before somebody of the tenant says so.
    let new_key = "the-new-key-of-the-store-0123456789";
    server
        .simulator
        .with_store(STORE, |store| store.rotate_key(new_key));
    client
        .call(
            "stores_register",
            json!({"store_id": STORE, "api_key": new_key, "replace": true}),
        )
        .await
        .ok();
    let next = ORDER.replace("canary", "another");
    assert_eq!(post(&url, next.as_str(), &next, KEY).await, 503);
    assert_eq!(post(&url, next.as_str(), &next, new_key).await, 503);
    outputs.push(run(
        &server,
        &["webhooks", "list", "--tenant", "ACME"],
        None,
    ));
    assert_eq!(
        answer(outputs.last().unwrap())["webhooks"][0]["needs_key"],
        true
    );
    outputs.push(run(
        &server,
        &["webhooks", "renew", &id[..8]],
        Some(other.key()),
    ));
    assert!(!outputs.last().unwrap().status.success());
    outputs.push(run(
        &server,
        &["webhooks", "renew", &id[..8]],
        Some(client.key()),
    ));
    assert!(outputs.last().unwrap().status.success());
    assert_eq!(post(&url, next.as_str(), &next, new_key).await, 200);

    let secrets = [
        KEY,
        new_key,
        client.key(),
        other.key(),
        "canary@example.com",
    ];
    let absent = |place: &str, bytes: &[u8]| {
        let seen = secrets.iter().any(|secret| {
            bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
        });
        assert!(!seen, "a secret stands in {place}");
    };
    for name in ["orderdesk-mcp.db", "orderdesk-mcp.db-wal"] {
        let bytes = std::fs::read(server.data_dir().join(name)).unwrap();
        absent(name, &bytes);
        let ids = bytes
            .windows(id.len())
            .any(|window| window == id.as_bytes());
        assert!(!ids, "the id stands in {name}");
    }

    outputs.push(run(&server, &["webhooks", "delete", &id], None));
    assert_eq!(answer(outputs.last().unwrap())["deleted"], true);
    assert_eq!(post(&url, ORDER, ORDER, new_key).await, 404);
    let gone = run(&server, &["webhooks", "delete", &id], None);
    assert!(!gone.status.success());
    outputs.push(gone);
    let database = server.raw_database();
    for table in [
        "hooks",
        "unattended_secrets",
        "hook_events",
        "hook_handlings",
    ] {
        let rows: i64 = database
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    for output in outputs.iter().chain([&created]) {
        absent("an answer", &output.stdout);
        absent("the log", &output.stderr);
        assert!(
            !output
                .stderr
                .windows(id.len())
                .any(|window| window == id.as_bytes())
        );
    }
    server.stop().await;
}
