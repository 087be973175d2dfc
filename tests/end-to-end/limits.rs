//! Limits of keys and addresses: who is over one reads when to come back, and nobody else feels it.

use std::num::NonZeroU32;

use end_to_end::{Client, Server, ServerBuilder};
use orderdesk_mcp::config::KeyLimit;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// A bucket that is not refilled while a test runs.
fn with_burst(burst: u32) -> ServerBuilder {
    Server::builder().config(move |config| {
        config.limits.key = KeyLimit {
            per_minute: NonZeroU32::MIN,
            burst: NonZeroU32::new(burst).unwrap(),
        };
    })
}

/// Whether a call succeeded; one that did not was refused for the key's limit, in whichever way.
async fn served(client: &Client) -> bool {
    let params = json!({"name": "stores_list", "arguments": {}});
    let reply = client.request("tools/call", params).await;
    if reply.status == 429 {
        assert!(reply.headers.contains_key("retry-after"));
        return false;
    }
    let reply = reply.tool();
    if reply.is_error {
        assert_eq!(
            reply.structured["error"]["code"], "rate-limited",
            "{}",
            reply.text
        );
    }
    !reply.is_error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_over_its_limit_reads_in_the_tool_and_then_at_the_edge_when_to_come_back() {
    let server = with_burst(4).start().await;
    let client = server.tenant_with_store("acme").await;
    // Registering was a write and cost two.
    assert!(served(&client).await);
    assert!(served(&client).await);

    let list = json!({"name": "stores_list", "arguments": {}});
    let refused = client.request("tools/call", list.clone()).await.tool();
    let error = &refused.structured["error"];
    assert_eq!(error["code"], "rate-limited");
    assert_eq!(error["kind"], "rate_limited");
    let wait = error["retry_after_ms"].as_u64().unwrap();
    assert!((1..=60_000).contains(&wait), "{wait}");
    assert!(refused.text.contains("limits.key"), "{}", refused.text);

    let edge = client.request("tools/call", list.clone()).await;
    assert_eq!(edge.status, 429, "{}", edge.text);
    let seconds: u64 = edge.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert!(edge.json()["error"]["message"].is_string());

    // Clients of the earlier era do not say in a header what they want: they read it in the tool.
    let legacy = client.legacy("tools/call", list).await;
    assert_eq!(legacy.tool().structured["error"]["code"], "rate-limited");
    // Only calls cost.
    assert!(!client.tools().await.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tenant_at_ten_times_its_rate_does_not_slow_another() {
    let burst = 12;
    let server = with_burst(burst).start().await;
    let (loud, quiet) = (server.tenant("loud").await, server.tenant("quiet").await);
    let mut calls = JoinSet::new();
    for at in 0..burst * 10 {
        let loud = loud.clone();
        calls.spawn(async move { (true, served(&loud).await) });
        if at % 10 == 0 {
            let quiet = quiet.clone();
            calls.spawn(async move { (false, served(&quiet).await) });
        }
    }
    let ended = calls.join_all().await;
    let of = |is_loud: bool| {
        let its = ended.iter().filter(|(loud, _)| *loud == is_loud);
        its.filter(|(_, served)| *served).count()
    };
    let loud = of(true);
    assert!(
        (burst as usize..burst as usize + 3).contains(&loud),
        "what the loud one has, and no more: {loud}"
    );
    assert_eq!(of(false), burst as usize, "every call of the quiet one");
    server.stop().await;
}

/// The status of a request with this key, through a proxy that says where it came from.
async fn with_key(server: &Server, key: &str, from: &str) -> (u16, bool) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let sent = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(server.url())
        .bearer_auth(key)
        .header("X-Forwarded-For", from)
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", "2025-11-25")
        .json(&body)
        .send()
        .await
        .unwrap();
    (
        sent.status().as_u16(),
        sent.headers().contains_key("retry-after"),
    )
}

/// How many wrong keys are told that they are wrong before one is told to wait. One comes back every six seconds.
async fn tries(server: &Server, key: &str, from: &str) -> usize {
    for told in 0..100 {
        match with_key(server, key, from).await {
            (401, false) => {}
            (429, true) => return told,
            other => panic!("{other:?}"),
        }
    }
    panic!("nobody slows {from}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_slowed_for_wrong_keys_and_a_valid_one_passes_from_it_always() {
    let server = Server::builder()
        .config(|config| config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()])
        .start()
        .await;
    let client = server.tenant("acme").await;
    let wrong = client.key().replace("odm_", "odm_x");
    assert!(tries(&server, &wrong, "192.0.2.1").await >= 10);
    assert_eq!(
        with_key(&server, client.key(), "192.0.2.1").await,
        (200, false)
    );
    assert_eq!(with_key(&server, &wrong, "192.0.2.2").await, (401, false));
    // What a client writes before the address that the proxy saw changes nothing.
    let invented = "203.0.113.77, 192.0.2.1";
    assert!(tries(&server, &wrong, invented).await < 10);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_trusted_proxy_nobody_says_where_he_comes_from() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let wrong = client.key().replace("odm_", "odm_x");
    assert!(tries(&server, &wrong, "192.0.2.1").await >= 10);
    assert!(tries(&server, &wrong, "192.0.2.2").await < 10);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trying_keys_with_a_tool_is_trying_keys() {
    let server = Server::start().await;
    let (client, other) = (server.tenant("acme").await, server.tenant("other").await);
    let try_key = async |key: &str| {
        let reply = client
            .call("tenant_use_master_key", json!({"master_key": key}))
            .await;
        let code = &reply.structured["error"]["code"];
        if reply.is_error {
            code.clone()
        } else {
            Value::Null
        }
    };
    assert_eq!(try_key(client.key()).await, Value::Null);
    // A valid key of another tenant is as wrong as any.
    let mut refused = 0;
    loop {
        match try_key(other.key()).await.as_str() {
            Some("key-refused") => refused += 1,
            code => {
                assert_eq!(code, Some("too-many-failed-keys"));
                break;
            }
        }
    }
    assert!(refused >= 10, "{refused}");
    assert_eq!(try_key(client.key()).await, Value::Null);
    let wrong = client.key().replace("odm_", "odm_x");
    assert!(tries(&server, &wrong, "192.0.2.1").await < 10);
    server.stop().await;
}
