//! One version takes the place of another while calls are under way, and clients are told.

use std::time::Duration;

use end_to_end::{Agent, Client, Installation, Server, Subscription, guest};
use orderdesk_simulator::{Clock, Fault, Simulator, SimulatorConfig, sample};
use rustix::process::Signal;
use serde_json::json;

use super::{insert, plugin};

const PATIENCE: Duration = Duration::from_secs(60);

async fn has(client: &Client, tool: &str) -> bool {
    let tools = client.tools().await;
    tools.iter().any(|listed| listed["name"] == tool)
}

/// Waits until the tool is listed, or is not any more.
async fn until(client: &Client, tool: &str, there: bool) {
    let waiting = async {
        while has(client, tool).await != there {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{tool}: not {there}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_file_config_or_signal_is_taken_up_and_a_broken_one_is_not() {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("plugin.wasm");
    std::fs::copy(guest("guest-echo"), &component).unwrap();
    let lines = "prefixes = [\"echo_\", \"shelf_\"]\nschemes = [\"shelf\"]";
    let installation = Installation::new(&simulator, |config| {
        insert(config, "other", plugin(&component, lines));
    });
    let key = installation.tenant("acme").await;
    let (process, agent) = installation.serve(&key).await;
    let Agent::Http(client) = &agent else {
        panic!("not over HTTP")
    };
    until(client, "echo_say", true).await;

    // A file.
    let replace = |bytes: &[u8]| {
        let new = folder.path().join("new");
        std::fs::write(&new, bytes).unwrap();
        std::fs::rename(new, &component).unwrap();
    };
    replace(&std::fs::read(guest("guest-shelf")).unwrap());
    until(client, "shelf_find", true).await;
    assert!(!has(client, "echo_say").await);

    // A broken file, then a signal: by then the file was looked at for certain.
    replace(b"broken");
    process.signal(Signal::HUP);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(has(client, "shelf_find").await);
    client.call("shelf_find", json!({"topic": "bees"})).await;

    // The configuration.
    installation.change(|config| {
        let echo = plugin(&guest("guest-echo"), "");
        insert(config, "echo", echo);
        config["plugins"].as_table_mut().unwrap().remove("other");
    });
    until(client, "echo_say", true).await;
    until(client, "shelf_find", false).await;
    client
        .call("echo_say", json!({"message": "hello"}))
        .await
        .ok();
    // One that cannot be read changes nothing.
    std::fs::write(installation.config(), "[plugins").unwrap();
    process.signal(Signal::HUP);
    client
        .call("echo_say", json!({"message": "still here"}))
        .await
        .ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_under_way_ends_on_the_revision_that_it_began_with() {
    let lines = r#"grants.http = [{ endpoint = "orderdesk", allow = ["GET /store"] }]"#;
    let server = Server::builder()
        .plugin("hostile", &guest("guest-hostile"), lines)
        .start()
        .await;
    let client = server.tenant("acme").await;
    let (fault, held) = Fault::hold();
    server.simulator.inject(fault.on("GET", "/store"));
    // With the store's own key: the simulator answers others at once.
    let kept = client.call(
        "hostile_keep",
        json!({"api_key": sample::HARBOR_AND_OAK_KEY}),
    );
    let handle = kept.await.ok()["seen"].clone();
    let asked = json!({
        "endpoint": "orderdesk", "method": "GET", "path": ["store"], "handle": handle, "sealed_in": "ORDERDESK-API-KEY",
        "headers": [["ORDERDESK-STORE-ID", "9021"]], "act_on": "store:9021",
    });
    let mut calling = tokio::spawn({
        let client = client.clone();
        async move { client.call("hostile_read", asked).await }
    });
    tokio::select! {
        () = held.arrived() => {}
        ended = &mut calling => panic!("it was not held: {ended:?}"),
    }
    let mut config = server.config.clone();
    config.plugins.remove("hostile");
    let reloaded = server.application.host.reload(&config).await;
    assert_eq!(reloaded.removed, ["hostile"]);
    assert!(!has(&client, "hostile_read").await);
    held.release();
    let ended = calling.await.unwrap();
    assert!(!ended.is_error, "{}", ended.text);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_swapped_where_nothing_changed() {
    let server = Server::start().await;
    let revision = *server.application.host.revisions().borrow();
    let reloaded = server.application.host.reload(&server.config).await;
    assert_eq!(reloaded, Default::default());
    assert_eq!(*server.application.host.revisions().borrow(), revision);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_listens_is_told() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let mut hears = Subscription::to(&client, json!({"toolsListChanged": true})).await;
    let mut config = server.config.clone();
    let table = format!("source = {:?}", guest("guest-echo").display().to_string());
    config
        .plugins
        .insert("echo".to_owned(), toml::from_str(&table).unwrap());
    let reloaded = server.application.host.reload(&config).await;
    assert_eq!(reloaded.changed, ["echo"]);
    hears.until("notifications/tools/list_changed").await;
    assert!(has(&client, "echo_say").await);
    server.stop().await;
}
