//! Canaries: after a busy session no secret stands anywhere in the data directory or the log, in any usual form.

use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use end_to_end::{Client, Installation, Issuer, program, root};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig, Store, sample};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

/// How a secret may look in what somebody stored or wrote down.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let each = |form: &dyn Fn(u8) -> String| -> String { secret.bytes().map(form).collect() };
    let reversed: String = secret.chars().rev().collect();
    let wide = |bytes: fn(u16) -> [u8; 2]| secret.encode_utf16().flat_map(bytes).collect();
    let mut forms: Vec<Vec<u8>> = [
        secret.to_owned(),
        reversed,
        each(&|byte| format!("{byte:02x}")),
        each(&|byte| format!("{byte:02X}")),
        each(&|byte| format!("%{byte:02X}")),
        each(&|byte| format!("\\u{byte:04x}")),
        // As a URL and as JSON that escapes only what they must.
        secret.replace(' ', "%20").replace('@', "%40"),
        secret.replace(' ', "+").replace('@', "%40"),
        secret.replace('@', "\\u0040"),
        secret.to_uppercase(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect();
    forms.push(wide(u16::to_le_bytes));
    forms.push(wide(u16::to_be_bytes));
    // In the middle of something longer, base64 has three forms.
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for before in 0..3 {
            let mut bytes = vec![0; before];
            bytes.extend_from_slice(secret.as_bytes());
            bytes.truncate(bytes.len() / 3 * 3);
            let text = engine.encode(&bytes);
            forms.push(text.as_bytes()[if before == 0 { 0 } else { 4 }..].to_vec());
        }
    }
    forms
}

pub fn assert_absent(place: &str, bytes: &[u8], secrets: &[String]) {
    for secret in secrets {
        for form in forms(secret) {
            // Never which: a test's log must not be the leak.
            assert!(
                memchr::memmem::find(bytes, &form).is_none(),
                "a secret stands in {place}"
            );
        }
    }
}

pub fn every_file(folder: &Path, look: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            every_file(&path, look)
        } else {
            look(&path)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_byte_of_a_secret_is_in_the_data_directory_or_the_log() {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap();
    let password = simulator
        .with_store(sample::HARBOR_AND_OAK_ID, |store| {
            store
                .setting("smtp_password")
                .and_then(Value::as_str)
                .unwrap()
                .to_owned()
        })
        .unwrap();
    let email = simulator
        .with_store(sample::HARBOR_AND_OAK_ID, |store| {
            store.orders().next().unwrap().text("email")
        })
        .unwrap();
    let base = simulator.base_url();
    tokio::task::spawn_blocking(move || {
        let data = tempfile::tempdir().unwrap();
        let run = |arguments: &[&str], master: Option<&str>| {
            let mut command = Command::new(program("orderdesk-mcp"));
            command
                .args(arguments)
                .args(["--json", "--data-dir"])
                .arg(data.path())
                .current_dir(root())
                .env("ORDERDESK_BASE_URL", &base)
                .env("ORDERDESK_STORE_ID", "9021")
                .env("ORDERDESK_API_KEY", sample::HARBOR_AND_OAK_KEY)
                .env("RUST_LOG", "trace")
                .env_remove("ORDERDESK_MCP_MASTER_KEY")
                .stdin(Stdio::null());
            if let Some(master) = master {
                command.env("ORDERDESK_MCP_MASTER_KEY", master);
            }
            command.output().unwrap()
        };
        let created = run(&["tenants", "create", "--name", "acme"], None);
        let master = serde_json::from_slice::<Value>(&created.stdout).unwrap()["master_key"]
            .as_str()
            .unwrap()
            .to_owned();
        let secrets = [
            sample::HARBOR_AND_OAK_KEY.to_owned(),
            master.clone(),
            password,
        ];
        let mut log = created.stderr;
        for (arguments, key) in [
            (&["call", "stores_folders"][..], None),
            (&["call", "orders_list", "{\"limit\": 5}"], None),
            (&["call", "orders_get", "{\"order_id\": 1}"], None),
            (&["call", "stores_list"], Some(master.as_str())),
        ] {
            let output = run(arguments, key);
            assert_absent("an answer", &output.stdout, &secrets);
            log.extend(output.stderr);
        }
        assert!(log.len() > 1000, "the log is suspiciously short");
        assert_absent("the log", &log, &secrets);
        assert_absent("the log", &log, &[email]);
        let mut files = 0;
        every_file(data.path(), &mut |path| {
            files += 1;
            assert_absent(
                &path.display().to_string(),
                &std::fs::read(path).unwrap(),
                &secrets,
            );
        });
        assert!(files >= 5, "{files} files");
    })
    .await
    .unwrap();
}

const STORE: u64 = 9400;
const API_KEY: &str = "canary-api-key-Zr81hTqXw5";
const CHOSEN_KEY: &str = "canary hubcap9 trombone quarry Vexing plaza mulch odometer";
const EMAIL: &str = "canary.of.a.customer@example.com";
const NEW_EMAIL: &str = "canary.of.another@example.com";
const CARD: &str = "4929518374620017";

/// A running server and everything that it wrote to stdout and stderr.
struct Watched {
    child: tokio::process::Child,
    url: String,
    log: tokio::task::JoinHandle<Vec<u8>>,
}

async fn serve_watched(place: &Installation) -> Watched {
    let mut child = place
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .env("RUST_LOG", "debug")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut stdout = child.stdout.take().unwrap();
    let log = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Ok(Some(line)) = lines.next_line().await {
            let parsed: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(url) = parsed["url"].as_str() {
                let _ = said.send(url.to_owned());
            }
            all.extend_from_slice(line.as_bytes());
            all.push(b'\n');
        }
        tokio::io::AsyncReadExt::read_to_end(&mut stdout, &mut all)
            .await
            .unwrap();
        all
    });
    let url = heard.recv().await.expect("the server did not start");
    Watched { child, url, log }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_passed_through_a_busy_server_stands_in_any_file_or_in_its_log() {
    let mut store = Store::new(STORE, API_KEY, "Canaries");
    let order = json!({"source_id": "WEB-1", "email": EMAIL, "order_metadata": {"card": CARD},
                       "shipping": {"first_name": "Ruth", "last_name": "Okafor"},
                       "order_items": [{"name": "Desk", "code": "D-1", "price": 10, "quantity": 1}]});
    let order = store.add_order(&order, Clock::System.now()).unwrap();
    let config = SimulatorConfig::with_stores(vec![store]);
    let simulator = Simulator::start(config).await.unwrap();
    // With compiled code of its own: it is one of the places to look at.
    let issuer = Issuer::start().await;
    let oauth = toml::Table::from_iter([("issuer".to_owned(), issuer.url().into())]);
    let oauth = |config: &mut toml::Table| drop(config.insert("oauth".to_owned(), oauth.into()));
    let place = Installation::new(&simulator, oauth).with_own_server_key();
    let master = place.tenant("acme").await;
    let choose = ["tenants", "create", "--name", "chosen", "--choose-key"];
    place.run(&choose, Some(CHOSEN_KEY)).await;
    let server = serve_watched(&place).await;
    let client = |key: &str| Client::new(server.url.clone(), SecretString::from(key.to_owned()));

    for key in [&master, CHOSEN_KEY] {
        let client = client(key);
        let registration = json!({"store_id": STORE, "api_key": API_KEY});
        client.call("stores_register", registration).await.ok();
        client
            .call("tenant_use_master_key", json!({"master_key": key}))
            .await
            .ok();
        client
            .call("orders_list", json!({"email": EMAIL}))
            .await
            .ok();
        let got = client.call("orders_get", json!({"order_id": order})).await;
        // The search would find what it looks for.
        assert!(
            got.raw.contains("canary.of.a") && got.raw.contains(CARD),
            "{}",
            got.raw
        );
        let change = |email: &str| json!({"order_id": order, "changes": {"email": email}});
        let mut preview = change(NEW_EMAIL);
        preview["dry_run"] = true.into();
        client.call("orders_update", preview).await.ok();
        client.call("orders_update", change(NEW_EMAIL)).await.ok();
        client.call("orders_update", change(EMAIL)).await.ok();
        // A conflict shows both sides to who asked, and to nobody else.
        let mut conflict = change("another@example.com");
        conflict["expected"] = json!({"email": NEW_EMAIL});
        let refused = client.call("orders_update", conflict).await;
        assert!(
            refused.is_error && refused.raw.contains(EMAIL),
            "{}",
            refused.raw
        );
        client
            .call("orders_changes", json!({"order_id": order}))
            .await
            .ok();
    }
    let limited = [
        "keys",
        "create",
        "--tenant",
        "acme",
        "--name",
        "limited",
        "--read-only",
    ];
    let limited = place.run(&limited, Some(&master)).await["key"]
        .as_str()
        .unwrap()
        .to_owned();
    client(&limited)
        .call("orders_get", json!({"order_id": order}))
        .await
        .ok();
    let ada = [
        "keys",
        "create",
        "--tenant",
        "acme",
        "--name",
        "ada",
        "--identity",
        "ada",
    ];
    place.run(&ada, Some(&master)).await;
    let token = issuer.sign(&issuer.claims("ada", &server.url, "tools:read"));
    client(&token)
        .call("orders_get", json!({"order_id": order}))
        .await
        .ok();
    // What is refused is written down no more than what is taken.
    let foreign = issuer.sign(&issuer.claims("ada", "https://other.example", "tools:read"));
    for refused in [&foreign, &format!("{token}x")] {
        let refused = client(refused).request("tools/list", json!({})).await;
        assert_eq!(refused.status, 401);
    }
    let typo = format!("{master}x");
    assert_eq!(
        client(&typo).request("tools/list", json!({})).await.status,
        401
    );
    let wrong = json!({"store_id": STORE, "api_key": format!("{API_KEY}-wrong"), "replace": true});
    assert!(
        client(&master)
            .call("stores_register", wrong)
            .await
            .is_error
    );
    let odd = json!({"order_id": {"card": CARD}, "email": EMAIL});
    let odd = json!({"name": "orders_get", "arguments": odd});
    client(&master).request("tools/call", odd).await;
    let hook = [
        "webhooks",
        "create",
        "--tenant",
        "acme",
        "--plugin",
        "orders",
        "--subject",
        "store:9400",
    ];
    let hook = place.run(&hook, Some(&master)).await["hook_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let door = server.url.replace("/mcp", &format!("/webhooks/{hook}"));
    let delivery = simulator.send_webhook(order, &door).await.unwrap();
    assert_eq!(delivery.attempts, [Some(200)]);
    let rotated = place.run(&["server-key", "rotate"], None).await;
    assert_eq!(rotated["version"], 2);
    client(&master)
        .call("orders_get", json!({"order_id": order}))
        .await
        .ok();

    let canaries: Vec<String> = [
        API_KEY, &master, &limited, CHOSEN_KEY, EMAIL, NEW_EMAIL, CARD, &hook,
    ]
    .into_iter()
    .chain(
        [&token, &foreign]
            .into_iter()
            .flat_map(|it| it.split('.').skip(1)),
    )
    .map(str::to_owned)
    .collect();
    let look = |when: &str| {
        let mut seen = Vec::new();
        every_file(&place.data(), &mut |path| {
            let name = path.display().to_string();
            assert_absent(
                &format!("{name}, {when}"),
                &std::fs::read(path).unwrap(),
                &canaries,
            );
            seen.push(name);
        });
        seen
    };
    let seen = look("while it runs");
    for ending in ["orderdesk-mcp.db", "-wal", "-shm", "server.key", ".lock"] {
        assert!(
            seen.iter().any(|name| name.ends_with(ending)),
            "{ending}: {seen:?}"
        );
    }
    assert!(
        seen.iter()
            .filter(|name| name.contains("/compiled/"))
            .count()
            >= 3,
        "{seen:?}"
    );
    // Killed, so that nothing is tidied away.
    let Watched { mut child, log, .. } = server;
    child.kill().await.unwrap();
    let log = log.await.unwrap();
    look("after it was killed");
    assert!(
        log.len() > 5000,
        "the log is suspiciously short: {}",
        log.len()
    );
    assert_absent("the log", &log, &canaries);
}
