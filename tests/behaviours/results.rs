//! What every result and error of the new era has in common.

use end_to_end::{Client, Server, guest};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_result_says_what_it_is_who_gives_it_and_how_long_it_keeps() {
    let server = Server::builder()
        .plugin("shelf", &guest("guest-shelf"), "")
        .start()
        .await;
    let client = server.tenant_with_store("acme").await;
    let keeps = [
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("prompts/list", json!({})),
        ("resources/read", json!({"uri": "shelf://about"})),
        ("resources/read", json!({"uri": "orderdesk://stores"})),
    ];
    let other = [
        (
            "tools/call",
            json!({"name": "stores_list", "arguments": {}}),
        ),
        (
            "tools/call",
            json!({"name": "orders_get", "arguments": {"order_id": "1"}}),
        ),
        (
            "prompts/get",
            json!({"name": "shelf_recommend", "arguments": {"topic": "bees"}}),
        ),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "shelf_recommend"}, "argument": {"name": "liked", "value": ""}}),
        ),
    ];
    let keeping = keeps.len();
    for (at, (method, params)) in keeps.into_iter().chain(other).enumerate() {
        let reply = client.request(method, params).await.json();
        let result = &reply["result"];
        assert_eq!(result["resultType"], "complete", "{method}: {reply}");
        let server = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
        assert_eq!(server["name"], "orderdesk-mcp", "{method}: {reply}");
        if at < keeping {
            assert!(result["ttlMs"].is_u64(), "{method}: {reply}");
            assert_eq!(result["cacheScope"], "private", "{method}: {reply}");
        }
    }
    server.stop().await;
}

async fn bare(client: &Client, meta: Value) -> (u16, Value) {
    let body =
        json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {"_meta": meta}});
    let reply = client.post("tools/list", None, body.to_string()).await;
    let json = reply.json();
    assert_eq!(json["id"], 7);
    (reply.status, json)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_request_must_say_of_itself_is_named_where_it_is_missing() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let version = "io.modelcontextprotocol/protocolVersion";
    let capabilities = "io.modelcontextprotocol/clientCapabilities";
    for (meta, missing) in [
        (json!({version: "2026-07-28"}), capabilities),
        (json!({capabilities: {}}), version),
    ] {
        let (status, reply) = bare(&client, meta).await;
        assert_eq!((status, &reply["error"]["code"]), (400, &json!(-32602)));
        let message = reply["error"]["message"].as_str().unwrap();
        assert!(message.contains(missing), "{message}");
    }
    let (status, _) = bare(&client, json!({version: "2026-07-28", capabilities: {}})).await;
    assert_eq!(status, 200, "clientInfo may be left out");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_wants_a_revision_that_is_not_served_is_answered_with_the_best() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let hello = json!({"protocolVersion": "1999-01-01", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello});
    let answer = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(client.url())
        .bearer_auth(client.key())
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(
        answer["result"]["protocolVersion"], "2025-11-25",
        "{answer}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_content_type_is_refused_with_415() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let answer = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(client.url())
        .bearer_auth(client.key())
        .header("Content-Type", "text/plain")
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 415);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_tools_is_the_same_whoever_answers_and_whatever_was_called() {
    let data = tempfile::tempdir().unwrap();
    let a = Server::builder().data(data.path()).start().await;
    let b = Server::builder().data(data.path()).start().await;
    let client = a.tenant_with_store("acme").await;
    let first = client.request("tools/list", json!({})).await.text;
    client.call("orders_list", json!({})).await.ok();
    for client in [&client, &b.client(client.key())] {
        for _ in 0..50 {
            assert_eq!(client.request("tools/list", json!({})).await.text, first);
        }
    }
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_of_nobody_is_refused() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    for list in [
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "prompts/list",
    ] {
        let reply = client.request(list, json!({"cursor": "b2Zmc2V0"})).await;
        assert_eq!(reply.json()["error"]["code"], -32602, "{list}");
    }
    let page = client.call("orders_list", json!({"limit": 2})).await.ok();
    let cursor = page["next_cursor"].as_str().unwrap();
    for wrong in [format!("{cursor}x"), "".to_owned(), "../../etc".to_owned()] {
        let reply = client.call("orders_list", json!({"limit": 2, "cursor": wrong}));
        assert!(reply.await.is_error, "{wrong}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_is_accepted_and_has_no_answer() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let answer = client.prepared("2025-11-25").body(note.to_string());
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.text().await.unwrap(), "");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_the_servers_own_origin_may_call_and_no_other() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let own = client.url().strip_suffix("/mcp").unwrap().to_owned();
    let port = own.rsplit(':').next().unwrap().to_owned();
    for (origin, status) in [
        (own, 200),
        (format!("http://localhost:{port}"), 200),
        ("http://127.0.0.1:1".to_owned(), 403),
        (format!("http://evil.example:{port}"), 403),
        ("null".to_owned(), 403),
    ] {
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello});
        let request = client.prepared("2025-11-25").header("Origin", &origin);
        let answer = request.body(body.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), status, "{origin}");
    }
    server.stop().await;
}
