//! Order Desk tells that an order changed: through the door, past the plugin, into the database, to those who want to know.

mod handling;
mod subscriptions;
mod terminal;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use end_to_end::{Client, SERVER_KEY, Server, ServerBuilder, eventually, guest, program, root};
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
const ORDER: &str = r#"{"id":"5512034","email":"canary@example.com"}"#;

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
        let delivery = server.simulator.send_webhook(order, &url).await.unwrap();
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
    // Each is answered, whatever comes in at the door.
    for _ in 0..20 {
        client.call("stores_list", json!({})).await.ok();
    }
    let mut counts = BTreeMap::<u16, usize>::new();
    for statuses in flooding {
        for status in statuses.await.unwrap() {
            *counts.entry(status).or_default() += 1;
        }
    }
    // Some wrong signatures are looked at, most are not.
    assert!((1..60).contains(&counts[&403]), "{counts:?}");
    assert!(counts[&429] > 400, "{counts:?}");
    // What is turned away is told for how long; a place may have come free since.
    let told = loop {
        let told = http().post(&url).send().await.unwrap();
        if told.status() == 429 {
            break told;
        }
        assert_eq!(told.status(), 400, "without a signature");
    };
    let wait: u64 = told.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    server.stop().await;
}
