//! Events are handed to the plugins that are granted them, once each, whatever happens to the server.

use std::collections::BTreeSet;

use end_to_end::{Agent, Installation, Signal};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::*;

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
        Self::answering_at(statuses, Arc::new(Semaphore::new(Semaphore::MAX_PERMITS))).await
    }

    /// Answers only while there are permits.
    async fn answering_at(statuses: &'static [u16], answers: Arc<Semaphore>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let all = heard.clone();
        tokio::spawn(async move {
            let mut statuses = statuses.iter();
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let Some(body) = body(&mut connection).await else {
                    continue;
                };
                all.lock().unwrap().push(body);
                drop(answers.acquire().await);
                let status = statuses.next().unwrap_or(&200);
                let answer = format!(
                    "HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                // Who was killed meanwhile reads nothing.
                drop(connection.write_all(answer.as_bytes()).await);
            }
        });
        Self { address, heard }
    }

    fn heard(&self) -> Vec<Value> {
        self.heard.lock().unwrap().clone()
    }
}

/// The body of a request; none if its sender is gone.
async fn body(connection: &mut TcpStream) -> Option<Value> {
    let mut bytes = Vec::new();
    loop {
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Some((_, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str(body)
        {
            return Some(body);
        }
    }
}

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
async fn the_sender_waits_for_no_plugin_that_handles_the_event() {
    let answers = Arc::new(Semaphore::new(0));
    let ears = Ears::answering_at(&[], answers.clone()).await;
    let server = with_listener(&ears, &guest("guest-listener")).start().await;
    let client = server.tenant_with_store("acme").await;
    let url = door(&server, &hook(&server, &client).await);
    // Nobody lets the plugin come to an end before the sender has its answer.
    assert_eq!(post(&url, ORDER, ORDER, KEY).await, 200);
    eventually("it is told", async || !ears.heard().is_empty()).await;
    assert_eq!(summary(&server).await.waiting, 1);
    answers.add_permits(1);
    eventually("it is handled", async || {
        summary(&server).await.waiting == 0
    })
    .await;
    assert_eq!(ears.heard().len(), 1);
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

/// An installation of the real program with a plugin that is told of orders.
fn installed(ears: &Ears, simulator: &Simulator) -> Installation {
    let base = format!("http://{}", ears.address);
    Installation::new(simulator, |config| {
        let endpoints = config["endpoints"].as_table_mut().unwrap();
        let mut ears = endpoints["orderdesk"].as_table().unwrap().clone();
        for not_there in ["rate", "conceal", "probe"] {
            ears.remove(not_there);
        }
        ears.insert("base".to_owned(), base.into());
        endpoints.insert("ears".to_owned(), ears.into());
        let listener = format!(
            "source = {:?}\nconsent = \"operator\"\ngrants.read = [\"stores\"]\ngrants.events = [\"orders\"]\n\
             grants.http = [{{ endpoint = \"ears\", allow = [\"POST /events\"] }}]\n",
            guest("guest-listener")
        );
        let listener: toml::Table = listener.parse().unwrap();
        let plugins = config["plugins"].as_table_mut().unwrap();
        plugins.insert("listener".to_owned(), listener.into());
    })
}

/// Registers the sample store of the tenant 'acme' and makes it a hook, by the command; answers the hook's id.
async fn hook_of(installation: &Installation, key: &str, agent: &Agent) -> String {
    let registration = json!({"store_id": STORE, "api_key": KEY});
    agent.call("stores_register", registration).await.ok();
    let create = [
        "webhooks",
        "create",
        "--plugin",
        "orders",
        "--subject",
        SUBJECT,
        "--tenant",
        "acme",
    ];
    let made = installation.run(&create, Some(key)).await;
    made["hook_id"].as_str().unwrap().to_owned()
}

/// Where the process that this agent speaks to takes what comes through a hook.
fn door_of(agent: &Agent, id: &str) -> String {
    let Agent::Http(client) = agent else {
        panic!("hooks come over HTTP");
    };
    client.url().replace("/mcp", &format!("/webhooks/{id}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_before_the_program_was_killed_is_handled_and_what_comes_again_is_known()
{
    const ORDERS: usize = 60;
    let ears = Ears::answering(&[]).await;
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System));
    let simulator = simulator.await.unwrap();
    let installation = installed(&ears, &simulator);
    let key = installation.tenant("acme").await;
    let (process, agent) = installation.serve(&key).await;
    let id = hook_of(&installation, &key, &agent).await;
    let door = |agent: &Agent| door_of(agent, &id);
    let order = |number: usize| format!(r#"{{"id":"{number}","email":"a@example.com"}}"#);
    let send = async |url: &str, number: usize| {
        let order = order(number);
        let sent = http()
            .post(url)
            .header("x-order-desk-store-id", STORE.to_string())
            .header("x-order-desk-hash", sign(&order, KEY, HashStyle::Raw))
            .body(order.clone());
        sent.send().await.is_ok_and(|sent| sent.status() == 200)
    };

    // Killed while requests come in and events are handed out.
    let url = door(&agent);
    let mut accepted = Vec::new();
    for number in 0..ORDERS {
        if number == ORDERS / 2 {
            eventually("the first is handled", async || !ears.heard().is_empty()).await;
            process.signal(Signal::KILL);
        }
        if send(&url, number).await {
            accepted.push(number);
        }
    }
    process.ended().await;
    assert!(
        (ORDERS / 2..ORDERS).contains(&accepted.len()),
        "{accepted:?}"
    );

    // What it had in hand is leased to it for some minutes: nobody waits for that here.
    let database = installation.raw_database();
    database
        .execute("UPDATE hook_handlings SET due_at = 0", [])
        .unwrap();

    let (_process, agent) = installation.serve(&key).await;
    let url = door(&agent);
    // Which event each order was told by: one, however often it was tried.
    let told = || {
        let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for heard in ears.heard() {
            let event = &heard["event"];
            let order = event["payload"]["order_id"].as_str().unwrap().to_owned();
            told.entry(order)
                .or_default()
                .insert(event["id"].to_string());
        }
        told
    };
    eventually("what was accepted is handled", async || {
        let told = told();
        accepted
            .iter()
            .all(|number| told.contains_key(&number.to_string()))
    })
    .await;
    // Order Desk sends what it has no answer for again, and sometimes more.
    for number in 0..ORDERS {
        assert!(send(&url, number).await, "{number}");
    }
    eventually("all are handled", async || told().len() == ORDERS).await;
    let twice: Vec<_> = told()
        .into_iter()
        .filter(|(_, events)| events.len() != 1)
        .collect();
    assert!(twice.is_empty(), "{twice:?}");
    let listed = installation.run(&["webhooks", "list"], None).await;
    let row = &listed["webhooks"][0];
    assert_eq!(row["accepted"], ORDERS, "{row}");
    eventually("it is noted", async || {
        let listed = installation.run(&["webhooks", "list"], None).await;
        listed["webhooks"][0]["handlings_waiting"] == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_in_through_one_process_is_not_kept_by_another() {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System));
    let simulator = simulator.await.unwrap();
    let installation = Installation::new(&simulator, |_| {});
    let key = installation.tenant("acme").await;
    let ((_http, http), (_other, other)) =
        tokio::join!(installation.serve(&key), installation.stdio(&key));
    let id = hook_of(&installation, &key, &http).await;
    let url = door_of(&http, &id);
    let order = simulator
        .with_store(STORE, |store| store.orders().next().unwrap().id())
        .unwrap();
    let read = async || {
        other
            .call("orders_get", json!({"order_id": order}))
            .await
            .ok()
    };
    read().await;
    assert_eq!(read().await["cached"], true);
    let now = simulator.now();
    simulator.with_store(STORE, |store| {
        let patch = json!({"order_metadata": {"by": "staff"}});
        store.order_mut(order).unwrap().edit(&patch, now);
    });
    let delivery = simulator.send_webhook(order, &url).await.unwrap();
    assert_eq!(delivery.attempts, [Some(200)]);
    let fresh = read().await;
    assert_eq!(fresh["cached"], false);
    assert_eq!(fresh["order"]["order_metadata"]["by"], "staff");
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
