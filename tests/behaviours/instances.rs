//! Two processes on one database, and every request of a client to the other one.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use end_to_end::{Client, Installation, Proxy, Server, Stream, guest};
use orderdesk_mcp::config::FromEnvironment;
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig, sample, sign, toggles::HashStyle};
use secrecy::SecretString;
use serde_json::{Value, json};

const KEY: &str = sample::HARBOR_AND_OAK_KEY;

/// A plugin with its tools, beside those that ship.
fn with_plugin(config: &mut toml::Table, name: &str, source: &Path, prefixes: &[&str]) {
    let mut plugin = toml::Table::new();
    plugin.insert("source".into(), source.display().to_string().into());
    let prefixes: Vec<toml::Value> = prefixes.iter().map(|&it| it.into()).collect();
    plugin.insert("prefixes".into(), prefixes.into());
    let plugins = config["plugins"].as_table_mut().unwrap();
    plugins.insert(name.to_owned(), plugin.into());
}

fn origin(url: &str) -> &str {
    url.strip_suffix("/mcp").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_process_serves_the_next_request_of_any_client() {
    let config = SimulatorConfig::sample(7, Clock::System);
    let simulator = Simulator::start(config).await.unwrap();
    let installation = Installation::new(&simulator, |config| {
        with_plugin(
            config,
            "changes",
            &guest("guest-changes"),
            &["changes_", "relay_"],
        );
    });
    let key = installation.tenant("acme").await;
    let ((_first, a), (_second, b)) =
        tokio::join!(installation.serve(&key), installation.serve(&key));
    let (a, b) = (a.http(), b.http());
    let proxy = Proxy::start(&[origin(a.url()), origin(b.url())], None).await;
    let client = Client::new(proxy.mcp(), SecretString::from(key.clone()));

    let store = json!({"store_id": "9021", "api_key": KEY});
    client.call("stores_register", store).await.ok();
    // The list is the same whoever answers.
    assert_eq!(client.tools().await, client.tools().await);
    pages(&client).await;
    confirms(&client).await;
    previews(&client).await;
    older_era(&client).await;
    let requests = proxy.requests();
    assert!(requests.iter().all(|served| *served > 5), "{requests:?}");
}

/// Every page from another process than the one before.
async fn pages(client: &Client) {
    let mut met = BTreeSet::new();
    let mut arguments = json!({"limit": 10});
    loop {
        let page = client.call("orders_list", arguments.clone()).await.ok();
        for order in page["orders"].as_array().unwrap() {
            assert!(met.insert(order["id"].to_string()), "{order} came twice");
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            assert_eq!(Some(met.len() as u64), page["total"].as_u64());
            return;
        };
        arguments["cursor"] = cursor.into();
    }
}

/// The question from one process, its answer to the other.
async fn confirms(client: &Client) {
    let client = client.declaring(json!({"elicitation": {"form": {}}}));
    let set = json!({"key": "a", "value": "here"});
    client.call("changes_set", set).await.ok();
    let mut params = json!({"name": "changes_erase", "arguments": {"key": "a"}});
    let asked = client.request("tools/call", params.clone()).await.json();
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    params["requestState"] = asked["result"]["requestState"].clone();
    params["inputResponses"] = json!({"erase": {"action": "accept", "content": {"confirm": true}}});
    let done = client.request("tools/call", params).await.tool().ok();
    assert_eq!(done["erased"], true);
}

/// The preview from one process, the deed by the other.
async fn previews(client: &Client) {
    let set = json!({"key": "b", "value": "here", "dry_run": true});
    let preview = client.call("changes_set", set).await.ok();
    let deed = json!({"key": "b", "value": "here", "confirm_token": preview["confirm_token"]});
    client.call("changes_set", deed).await.ok();
    let held = client.call("changes_get", json!({"key": "b"})).await.ok();
    assert_eq!(held["value"], "here");
}

/// A client that says hello to one process, and calls another.
async fn older_era(client: &Client) {
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}});
    let hello = client.legacy("initialize", hello).await;
    assert!(hello.headers.get("mcp-session-id").is_none());
    for _ in 0..4 {
        let call = json!({"name": "stores_list", "arguments": {}});
        let called = client.legacy("tools/call", call).await.json();
        assert_eq!(
            called["result"]["structuredContent"]["stores"][0]["store_id"],
            "9021"
        );
    }
}

const ORDER: &str = r#"{"order":{"id":"5512034"}}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_is_told_the_other_forgets_and_its_listeners_hear() {
    let data = tempfile::tempdir().unwrap();
    let a = Server::builder().data(data.path()).start().await;
    // Both speak to the same Order Desk, or B would not send the key there.
    let order_desk = a.simulator.base_url();
    let b = Server::builder()
        .data(data.path())
        .config(move |config| {
            let endpoint = config.endpoints.get_mut("orderdesk").unwrap();
            endpoint.base = FromEnvironment::Literal(order_desk.into());
        })
        .start()
        .await;
    let at_a = a.tenant_with_store("acme").await;
    let at_b = b.client(at_a.key());
    let principal = {
        let tenancy = &a.application.data.tenancy;
        let key = SecretString::from(at_a.key());
        tenancy.authenticate(&key).await.unwrap()
    };
    let owners = ["orders".to_owned(), "stores".to_owned()];
    let hooks = &a.application.services.hooks;
    let subject = format!("store:{}", sample::HARBOR_AND_OAK_ID);
    let hook = hooks.create(&principal, "orders", &subject, Some(&owners));
    let door = a.page(&format!("/webhooks/{}", hook.await.unwrap()));

    // B keeps what it reads of this order.
    let order = a
        .simulator
        .with_store(sample::HARBOR_AND_OAK_ID, |store| {
            store.orders().next().unwrap().text("id")
        })
        .unwrap();
    let read = json!({ "order_id": order });
    at_b.call("orders_get", read.clone()).await.ok();
    assert_eq!(
        at_b.call("orders_get", read.clone()).await.ok()["cached"],
        true
    );

    let uri = format!("orderdesk://{}/orders/{order}", sample::HARBOR_AND_OAK_ID);
    let filter = json!({ "resourceSubscriptions": [uri] });
    let mut hears_at_a = Stream::listen(&at_a, filter.clone()).await;
    let mut hears_at_b = Stream::listen(&at_b, filter).await;
    let body = ORDER.replace("5512034", &order);
    let sent = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(&door)
        .header(
            "x-order-desk-store-id",
            sample::HARBOR_AND_OAK_ID.to_string(),
        )
        .header("x-order-desk-hash", sign(&body, KEY, HashStyle::Raw))
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 200);
    for stream in [&mut hears_at_a, &mut hears_at_b] {
        let heard = stream.until("notifications/resources/updated");
        let heard = tokio::time::timeout(Duration::from_secs(20), heard).await;
        let heard: Value = heard.expect("nothing was told");
        assert_eq!(heard["params"]["uri"], uri.as_str(), "{heard}");
    }
    // Who heard of it reads it fresh.
    assert_eq!(at_b.call("orders_get", read).await.ok()["cached"], false);
    drop((hears_at_a, hears_at_b));
    a.stop().await;
    b.stop().await;
}
