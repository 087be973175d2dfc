//! Order Desk tells that an order changed: through the door, past the plugin, into the database, to those who want to know.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use end_to_end::{Client, SERVER_KEY, Server, ServerBuilder, Subscription, guest, program, root};
use orderdesk_mcp::config::FromEnvironment;
use orderdesk_mcp::tenancy::{HookSummary, Principal};
use orderdesk_simulator::toggles::HashStyle;
use orderdesk_simulator::{sample, sign};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const STORE: u64 = sample::HARBOR_AND_OAK_ID;
const KEY: &str = sample::HARBOR_AND_OAK_KEY;
const SUBJECT: &str = "store:9021";

async fn principal(server: &Server, client: &Client) -> Principal {
    let key = SecretString::from(client.key());
    let tenancy = &server.application.data.tenancy;
    tenancy.authenticate(&key).await.unwrap()
}

/// A hook of the orders plugin for the first sample store: its id.
async fn hook(server: &Server, client: &Client) -> String {
    let principal = principal(server, client).await;
    let owners = ["orders".to_owned(), "stores".to_owned()];
    let hooks = &server.application.services.hooks;
    hooks
        .create(&principal, "orders", SUBJECT, Some(&owners))
        .await
        .unwrap()
}

fn door(server: &Server, id: &str) -> String {
    server.page(&format!("/webhooks/{id}"))
}

async fn summary(server: &Server) -> HookSummary {
    let hooks = &server.application.services.hooks;
    hooks.list(None).await.unwrap().remove(0)
}

fn first_order(server: &Server) -> u64 {
    let order = server
        .simulator
        .with_store(STORE, |store| store.orders().next().unwrap().text("id"));
    order.unwrap().parse().unwrap()
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A post as Order Desk sends it: with this body, and this text signed.
async fn post(url: &str, body: impl Into<String>, signed: &str, key: &str) -> u16 {
    let sent = http()
        .post(url)
        .header("x-order-desk-store-id", STORE.to_string())
        .header("x-order-desk-hash", sign(signed, key, HashStyle::Raw))
        .body(body.into())
        .send()
        .await
        .unwrap();
    let status = sent.status().as_u16();
    let text = sent.text().await.unwrap();
    assert_eq!(text, "", "the sender reads a status and nothing else");
    status
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_order_desk_posts_makes_the_next_read_fresh_in_either_way_to_sign_it() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let url = door(&server, &hook(&server, &client).await);
    let order = first_order(&server);
    let get = async || {
        client
            .call("orders_get", json!({"order_id": order}))
            .await
            .ok()
    };
    for style in [HashStyle::Raw, HashStyle::RawUrlDecoded] {
        server
            .simulator
            .set_toggles(|toggles| toggles.hash_style = style);
        get().await;
        assert_eq!(get().await["cached"], true);
        let note = format!("see https://example.com/a%20b?{style:?}");
        let now = server.simulator.now();
        server.simulator.with_store(STORE, |store| {
            let patch = json!({"order_metadata": {"link": note}});
            store.order_mut(order).unwrap().edit(&patch, now);
        });
        let started = Instant::now();
        let delivery = server.simulator.send_webhook(order, &url).await.unwrap();
        assert!(
            started.elapsed() < Duration::from_secs(1),
            "{:?}",
            started.elapsed()
        );
        assert_eq!(delivery.attempts, [Some(200)]);
        let fresh = get().await;
        assert_eq!(fresh["cached"], false, "{style:?}");

        // The same again says nothing new, and drops nothing.
        let delivery = server.simulator.send_webhook(order, &url).await.unwrap();
        assert_eq!(delivery.attempts, [Some(200)]);
        assert_eq!(get().await["cached"], true);
    }
    let counted = summary(&server).await;
    assert_eq!(
        (counted.accepted, counted.repeated, counted.rejected),
        (2, 2, 0)
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_is_taken_and_what_is_not_signed_by_the_store_is_not() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let url = door(&server, &hook(&server, &client).await);
    let order = r#"{"id":"5512034","email":"a@example.com","art":"https:\/\/example.com\/a%20b"}"#;
    assert_eq!(post(&url, order, order, KEY).await, 200);
    let framed = json!({ "order": order }).to_string();
    assert_eq!(post(&url, framed, order, KEY).await, 200);
    assert_eq!(post(&url, order, order, "another key").await, 403);
    assert_eq!(post(&url, order.replace("a@", "b@"), order, KEY).await, 403);
    assert_eq!(post(&url, "hello", "hello", KEY).await, 400);
    assert_eq!(post(&url, "{}", "{}", KEY).await, 400);

    let counted = summary(&server).await;
    assert_eq!(
        (counted.accepted, counted.repeated, counted.rejected),
        (1, 1, 4)
    );
    assert_eq!(counted.last_verdict.as_deref(), Some("malformed"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_is_narrow() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let id = hook(&server, &client).await;
    let url = door(&server, &id);
    for unknown in [
        "0".repeat(32),
        id.to_uppercase() + "x",
        "x".into(),
        id[..31].to_owned(),
    ] {
        assert_eq!(post(&door(&server, &unknown), "{}", "{}", KEY).await, 404);
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let answered = http().request(method, &url).send().await.unwrap();
        assert_eq!(answered.status(), 405);
    }
    let order = |bytes: usize| {
        let empty = json!({"id": "1", "notes": ""}).to_string();
        json!({"id": "1", "notes": "x".repeat(bytes - empty.len())}).to_string()
    };
    let largest = order(1 << 20);
    assert_eq!(largest.len(), 1 << 20);
    assert_eq!(post(&url, largest.clone(), &largest, KEY).await, 200);
    let larger = order((1 << 20) + 1);
    assert_eq!(post(&url, larger.clone(), &larger, KEY).await, 413);

    // Another tenant has the same store, and a key of its own for it.
    let other = server.tenant("other").await;
    let other_key = "another-key-of-the-same-store";
    server
        .simulator
        .with_store(STORE, |store| store.rotate_key(other_key));
    other
        .call(
            "stores_register",
            json!({"store_id": STORE, "api_key": other_key}),
        )
        .await
        .ok();
    let its = door(&server, &hook(&server, &other).await);
    let order = r#"{"id":"7"}"#;
    assert_eq!(post(&its, order, order, KEY).await, 403);
    assert_eq!(post(&its, order, order, other_key).await, 200);
    assert_eq!(post(&url, order, order, other_key).await, 403);

    // A suspended tenant's hook is not there, and neither is one that was removed.
    let tenancy = &server.application.data.tenancy;
    let acme = principal(&server, &client).await.tenant;
    tenancy.set_suspended(&acme, true).await.unwrap();
    assert_eq!(post(&url, order, order, KEY).await, 404);
    tenancy.set_suspended(&acme, false).await.unwrap();
    assert_eq!(post(&url, order, order, KEY).await, 200);
    let hooks = &server.application.services.hooks;
    let removed = hooks.named(&id).await.unwrap();
    assert!(hooks.remove(&removed.hash).await.unwrap());
    assert_eq!(post(&url, order, order, KEY).await, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_turned_away_and_tools_do_not_feel_it() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let url = door(&server, &hook(&server, &client).await);
    client.call("stores_list", json!({})).await.ok();
    let flooding: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move {
                let mut statuses = Vec::new();
                for _ in 0..60 {
                    statuses.push(post(&url, "{\"id\":1}", "{}", "wrong").await);
                }
                statuses
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let started = Instant::now();
        client.call("stores_list", json!({})).await.ok();
        slowest = slowest.max(started.elapsed());
    }
    let mut counts = BTreeMap::<u16, usize>::new();
    for statuses in flooding {
        for status in statuses.await.unwrap() {
            *counts.entry(status).or_default() += 1;
        }
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    // Some wrong signatures are looked at, most are not.
    assert!((1..60).contains(&counts[&403]), "{counts:?}");
    assert!(counts[&429] > 400, "{counts:?}");
    let told = http().post(&url).send().await.unwrap();
    assert_eq!(told.status(), 429);
    let wait: u64 = told.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    server.stop().await;
}

/// A server with a plugin that is told of orders and tells `ears`, and one that is told nothing.
fn with_listener(ears: &Ears, listener: &std::path::Path) -> ServerBuilder {
    let base = format!("http://{}", ears.address);
    let lines = "grants.http = [{ endpoint = \"ears\", allow = [\"POST /events\"] }]\ngrants.read = [\"stores\"]\n";
    Server::builder()
        .plugin(
            "listener",
            listener,
            &format!("{lines}grants.events = [\"orders\"]\n"),
        )
        .plugin("deaf", &guest("guest-listener"), lines)
        .config(move |config| {
            let mut ears = config.endpoints["orderdesk"].clone();
            ears.base = FromEnvironment::Literal(base.into());
            ears.rate = None;
            ears.conceal.clear();
            config.endpoints.insert("ears".into(), ears);
        })
}

/// What a plugin tells arrives here, and is answered with these statuses in turn, then with 200.
struct Ears {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Ears {
    async fn answering(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let all = heard.clone();
        tokio::spawn(async move {
            let mut statuses = statuses.iter();
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut bytes = Vec::new();
                let body = loop {
                    connection.read_buf(&mut bytes).await.unwrap();
                    let text = String::from_utf8_lossy(&bytes);
                    if let Some((_, body)) = text.split_once("\r\n\r\n")
                        && let Ok(body) = serde_json::from_str(body)
                    {
                        break body;
                    }
                };
                all.lock().unwrap().push(body);
                let status = statuses.next().unwrap_or(&200);
                let answer = format!(
                    "HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { address, heard }
    }

    fn heard(&self) -> Vec<Value> {
        self.heard.lock().unwrap().clone()
    }
}

const ORDER: &str = r#"{"id":"5512034","email":"canary@example.com"}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_granted_events_gets_them_until_it_handles_them_and_reaches_nothing_else() {
    let ears = Ears::answering(&[500]).await;
    let server = with_listener(&ears, &guest("guest-listener")).start().await;
    let client = server.tenant_with_store("acme").await;
    let url = door(&server, &hook(&server, &client).await);
    assert_eq!(post(&url, ORDER, ORDER, KEY).await, 200);

    eventually("it is handled", async || ears.heard().len() >= 2).await;
    eventually("it is noted", async || summary(&server).await.waiting == 0).await;
    let heard = ears.heard();
    assert_eq!(heard.len(), 2, "{heard:?}");
    let (first, second) = (&heard[0]["event"], &heard[1]["event"]);
    assert_eq!(
        (&first["attempt"], &second["attempt"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(first["id"], second["id"]);
    assert_eq!(first["source"], "orders");
    assert_eq!(first["kind"], "order-changed");
    assert_eq!(first["subject"], SUBJECT);
    assert_eq!(first["payload"]["order_id"], "5512034");
    assert_eq!(first["payload"]["order"]["email"], "canary@example.com");
    let reach = &heard[0]["reach"];
    for closed in ["get", "scan", "commit", "seal", "other_key"] {
        assert_eq!(reach[closed], "unattended", "{closed}: {reach}");
    }
    assert_eq!(reach["other_subject"], "subject-not-found", "{reach}");
    assert_eq!(reach["cache"], "miss");
    assert!(
        reach["key_id"].as_str().unwrap().starts_with("webhook:"),
        "{reach}"
    );
    let counted = summary(&server).await;
    assert_eq!((counted.waiting, counted.failed), (0, 0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_is_handled_after_a_restart() {
    let ears = Ears::answering(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    // The event is in the database, and its handler does not even run.
    let missing = folder.path().join("missing.wasm");
    let server = with_listener(&ears, &missing)
        .data(folder.path())
        .start()
        .await;
    let client = server.tenant_with_store("acme").await;
    let url = door(&server, &hook(&server, &client).await);
    assert_eq!(post(&url, ORDER, ORDER, KEY).await, 200);
    assert_eq!(summary(&server).await.waiting, 1);
    server.stop().await;
    assert!(ears.heard().is_empty());

    let server = with_listener(&ears, &guest("guest-listener"))
        .data(folder.path())
        .start()
        .await;
    eventually("it is handled", async || ears.heard().len() == 1).await;
    eventually("it is noted", async || summary(&server).await.waiting == 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verdicts_that_break_the_contract_are_nobodys_events() {
    let ears = Ears::answering(&[]).await;
    let server = with_listener(&ears, &guest("guest-listener")).start().await;
    let client = server.tenant_with_store("acme").await;
    let principal = principal(&server, &client).await;
    let hooks = &server.application.services.hooks;
    let id = hooks
        .create(&principal, "listener", SUBJECT, None)
        .await
        .unwrap();
    let url = format!("{}?shop=1", door(&server, &id));
    let said = async |verdict: Value| post(&url, verdict.to_string(), "", "").await;
    for broken in [
        json!({"verdict": "accept", "kind": "told", "identity": ""}),
        json!({"verdict": "accept", "kind": "", "identity": "1"}),
        json!({"verdict": "accept", "kind": "told", "identity": "x".repeat(1025)}),
        json!({"verdict": "fail"}),
        json!({"verdict": "spin"}),
    ] {
        assert_eq!(said(broken.clone()).await, 503, "{broken}");
    }
    assert_eq!(summary(&server).await.accepted, 0);
    let fine = json!({"verdict": "accept", "kind": "told", "identity": "1"});
    assert_eq!(said(fine).await, 200);
    assert_eq!(summary(&server).await.accepted, 1);
    client.call("stores_list", json!({})).await.ok();
    server.stop().await;
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_subscribed_hear_of_their_tenants_orders() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let other = server.tenant("other").await;
    let url = door(&server, &hook(&server, &client).await);
    let uri = "orderdesk://9021/orders/5512034";
    let wanted = json!({"resourceSubscriptions": [uri]});
    let mut hears = Subscription::to(&client, wanted.clone()).await;
    let mut deaf = Subscription::to(&other, wanted).await;
    assert_eq!(post(&url, ORDER, ORDER, KEY).await, 200);
    let told = hears.until("notifications/resources/updated").await;
    assert!(told.contains(uri), "{told}");
    let a_moment = Duration::from_millis(500);
    assert!(
        !deaf
            .hears("notifications/resources/updated", a_moment)
            .await
    );
    drop((hears, deaf));
    server.stop().await;
}
