//! Endpoints, paths, methods, documents, tools and the machine itself: without a grant, nothing is reached.

use end_to_end::Client;
use orderdesk_simulator::sample;
use serde_json::{Value, json};

use super::secrets::{keep, with_key};
use super::{READS, code, others_still_work, with_hostile};

fn asked(endpoint: &str, method: &str, path: &[&str]) -> Value {
    json!({"endpoint": endpoint, "method": method, "path": path})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_the_granted_endpoint_paths_and_methods_is_reached() {
    let server = with_hostile(READS).start().await;
    let client = server.tenant("acme").await;
    for (endpoint, method, path) in [
        ("elsewhere", "GET", &["orders", "1"][..]),
        ("orderdesk", "GET", &["inventory-items"]),
        ("orderdesk", "GET", &["orders"]),
        ("orderdesk", "GET", &["orders", "1", "shipments"]),
        ("orderdesk", "DELETE", &["orders", "1"]),
        ("orderdesk", "PUT", &["orders", "1"]),
        ("orderdesk", "PATCH", &["orders", "1"]),
        ("orderdesk", "POST", &["store"]),
        ("orderdesk", "GET", &["Store"]),
        ("orderdesk", "GET", &["store?api_key"]),
        ("orderdesk", "GET", &[]),
        ("https://evil.example", "GET", &["store"]),
    ] {
        assert_eq!(
            code(&client, "hostile_request", asked(endpoint, method, path)).await,
            "http-not-granted",
            "{method} {path:?}"
        );
    }
    for (path, wanted) in [
        (&["orders", ".."][..], "path-segment"),
        (&["orders", "."], "path-segment"),
        (&["orders", ""], "path-segment"),
        (&["orders", "\u{0}"], "path-segment"),
        (&["..", "store"], "http-not-granted"),
        (&["orders", "1/../../store"], "http-not-granted"),
        (&["orders", "1\\..\\..\\store"], "http-not-granted"),
        (&["orders", "1/shipments"], "http-not-granted"),
    ] {
        assert_eq!(
            code(&client, "hostile_request", asked("orderdesk", "GET", path)).await,
            wanted,
            "{path:?}"
        );
    }
    assert!(
        server.simulator.requests().is_empty(),
        "{:?}",
        server.simulator.requests()
    );
    // What looks encoded is a name like any other: it arrives as it is, once more encoded.
    for segment in ["%2e%2e", "1%2F..%2F..%2Fstore", "..%00"] {
        let path = ["orders", segment];
        let answered = client
            .call("hostile_request", asked("orderdesk", "GET", &path))
            .await;
        assert!(!answered.is_error, "{}", answered.text);
        let arrived = server.simulator.requests().pop().unwrap();
        let encoded = segment.replace('%', "%25");
        assert!(
            arrived.path.ends_with(&format!("/orders/{encoded}")),
            "{}",
            arrived.path
        );
    }
    others_still_work(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_are_not_listed_are_never_sent() {
    let server = with_hostile(READS).start().await;
    let client = server.tenant("acme").await;
    for (name, value, kind, wanted) in [
        ("Host", "evil.example", "denied", "header-not-listed"),
        (
            "X-HTTP-Method-Override",
            "DELETE",
            "denied",
            "header-not-listed",
        ),
        ("Cookie", "a=b", "denied", "header-not-listed"),
        (
            "Transfer-Encoding",
            "chunked",
            "denied",
            "header-not-listed",
        ),
        ("Range", "bytes=0-9", "denied", "header-not-listed"),
        (
            "ORDERDESK-API-KEY",
            "guessed",
            "denied",
            "header-takes-sealed",
        ),
        (
            "Accept",
            "a\r\nX-Method-Override: PUT",
            "invalid-input",
            "header-value",
        ),
        (
            "Accept: a\r\nX-Method-Override",
            "PUT",
            "invalid-input",
            "header-name",
        ),
        ("", "a", "invalid-input", "header-name"),
    ] {
        let mut asked = asked("orderdesk", "GET", &["store"]);
        asked["headers"] = json!([[name, value]]);
        let refused = client.call("hostile_request", asked).await;
        let error = &refused.structured["error"];
        assert_eq!(
            (&error["kind"], &error["code"]),
            (&json!(kind), &json!(wanted)),
            "{name}: {}",
            refused.text
        );
        others_still_work(&client).await;
    }
    // A secret only where the endpoint says so.
    let mut sealed = asked("orderdesk", "GET", &["store"]);
    sealed["handle"] = "sec_0".into();
    sealed["sealed_in"] = "Accept".into();
    assert_eq!(
        code(&client, "hostile_request", sealed).await,
        "header-not-sealed"
    );
    assert!(server.simulator.requests().is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_says_it_only_reads_can_only_read() {
    let lines = r#"
grants.http = [{ endpoint = "orderdesk", allow = ["GET /orders/*", "PUT /orders/*", "PATCH /orders/*", "DELETE /orders/*", "POST /orders"] }]
grants.locks = true
grants.tools = ["stores_use_store"]
"#;
    let server = with_hostile(lines).start().await;
    let client = server.tenant_with_store("acme").await;
    let handle = keep(&client, sample::HARBOR_AND_OAK_KEY).await;
    let before = server.simulator.requests().len();
    for (method, path) in [
        ("PUT", &["orders", "1"][..]),
        ("PATCH", &["orders", "1"]),
        ("DELETE", &["orders", "1"]),
        ("POST", &["orders"]),
    ] {
        assert_eq!(
            code(&client, "hostile_read", asked("orderdesk", method, path)).await,
            "read-only",
            "{method}"
        );
    }
    for what in ["commit", "seal", "revoke", "lock"] {
        assert_eq!(
            code(
                &client,
                "hostile_write",
                json!({"what": what, "handle": handle})
            )
            .await,
            "read-only",
            "{what}"
        );
    }
    let use_store = json!({"tool": "stores_use_store", "arguments": {"identifier": "9021"}});
    assert_eq!(code(&client, "hostile_peer", use_store).await, "read-only");
    assert_eq!(server.simulator.requests().len(), before);

    // And nothing came of it: no document, no lock, and the secret still opens.
    let all = json!({"prefix": ""});
    assert_eq!(client.call("hostile_document", all).await.ok()["seen"], "");
    let taken = client.call("hostile_spoil", json!({"what": "lock"})).await;
    assert!(!taken.is_error, "{}", taken.text);
    let mut asked = with_key("orderdesk", &["orders", "1"], &handle, "store:9021");
    asked["method"] = "GET".into();
    let answered = client.call("hostile_read", asked).await;
    assert!(!answered.is_error, "{}", answered.text);
    others_still_work(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_plugins_tools_and_documents_need_a_grant() {
    let server = with_hostile(READS).start().await;
    let client = server.tenant_with_store("acme").await;
    let list = json!({"tool": "stores_list", "arguments": {}});
    assert_eq!(
        code(&client, "hostile_peer", list.clone()).await,
        "not-granted"
    );
    let stores = json!({"namespace": "stores", "prefix": ""});
    assert_eq!(
        code(&client, "hostile_document", stores.clone()).await,
        "not-granted"
    );
    server.stop().await;

    let server = with_hostile(&format!(
        "{READS}\ngrants.tools = [\"stores_list\"]\ngrants.read = [\"stores\"]"
    ))
    .start()
    .await;
    let client = server.tenant_with_store("acme").await;
    let other = server.tenant("rival").await;
    let seen = |reply: Value| reply["seen"].as_str().unwrap_or_default().to_owned();
    assert!(seen(client.call("hostile_peer", list.clone()).await.ok()).contains("9021"));
    assert!(seen(client.call("hostile_document", stores.clone()).await.ok()).contains("9021"));
    // Granted or not, a tenant's data ends at the tenant.
    assert!(!seen(other.call("hostile_peer", list).await.ok()).contains("9021"));
    assert_eq!(seen(other.call("hostile_document", stores).await.ok()), "");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_call_each_other_come_to_an_end() {
    let server = with_hostile(&format!("{READS}\ngrants.tools = [\"hostile_peer\"]"))
        .start()
        .await;
    let client = server.tenant("acme").await;
    let mut nested = json!({"tool": "echo_say", "arguments": {"message": "deep"}});
    for _ in 0..5 {
        nested = json!({"tool": "hostile_peer", "arguments": nested});
    }
    assert_eq!(code(&client, "hostile_peer", nested).await, "too-deep");
    // A grant for one tool is none for what that tool calls.
    let through =
        json!({"tool": "hostile_peer", "arguments": {"tool": "stores_list", "arguments": {}}});
    assert_eq!(code(&client, "hostile_peer", through).await, "not-granted");
    others_still_work(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_machine_is_out_of_reach() {
    let server = with_hostile(READS).start().await;
    let client: Client = server.tenant("acme").await;
    let seen = client.call("hostile_wasi", json!({})).await.ok();
    assert_eq!(seen["seen"], "0 false false false false false 0");
    server.stop().await;
}
