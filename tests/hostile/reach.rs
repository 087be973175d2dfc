//! Endpoints, paths, methods, documents, tools and the machine itself: without a grant, nothing is reached.

use end_to_end::Client;
use serde_json::{Value, json};

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
        ("orderdesk", "POST", &["store"]),
    ] {
        assert_eq!(
            code(&client, "hostile_request", asked(endpoint, method, path)).await,
            "http-not-granted",
            "{method} {path:?}"
        );
    }
    for path in [
        &["orders", ".."][..],
        &["orders", "."],
        &["orders", ""],
        &["..", "store"],
        &["orders", "1/../../store"],
        &["orders", "%2e%2e/store"],
    ] {
        let code = code(&client, "hostile_request", asked("orderdesk", "GET", path)).await;
        assert!(
            ["http-not-granted", "path-segment"].contains(&code.as_str()),
            "{path:?}: {code}"
        );
    }
    assert!(
        server.simulator.requests().is_empty(),
        "{:?}",
        server.simulator.requests()
    );
    others_still_work(&client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_are_not_listed_are_never_sent() {
    let server = with_hostile(READS).start().await;
    let client = server.tenant("acme").await;
    for (name, value) in [
        ("Host", "evil.example"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("Cookie", "a=b"),
        ("Transfer-Encoding", "chunked"),
        ("ORDERDESK-API-KEY", "guessed"),
        ("Accept", "a\r\nX-HTTP-Method-Override: PUT"),
    ] {
        let mut asked = asked("orderdesk", "GET", &["store"]);
        asked["headers"] = json!([[name, value]]);
        let refused = client.call("hostile_request", asked).await;
        assert!(refused.is_error, "{name}: {}", refused.text);
    }
    assert!(server.simulator.requests().is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_says_it_only_reads_can_only_read() {
    let lines = r#"
grants.http = [{ endpoint = "orderdesk", allow = ["GET /orders/*", "PUT /orders/*", "DELETE /orders/*", "POST /orders"] }]
grants.locks = true
grants.tools = ["stores_use_store"]
"#;
    let server = with_hostile(lines).start().await;
    let client = server.tenant_with_store("acme").await;
    let before = server.simulator.requests().len();
    for (method, path) in [
        ("PUT", &["orders", "1"][..]),
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
                json!({"what": what, "handle": "sec_x"})
            )
            .await,
            "read-only",
            "{what}"
        );
    }
    let use_store = json!({"tool": "stores_use_store", "arguments": {"identifier": "9021"}});
    assert_eq!(code(&client, "hostile_peer", use_store).await, "read-only");
    assert_eq!(server.simulator.requests().len(), before);
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
async fn the_machine_is_out_of_reach() {
    let server = with_hostile(READS).start().await;
    let client: Client = server.tenant("acme").await;
    let seen = client.call("hostile_wasi", json!({})).await.ok();
    assert_eq!(seen["seen"], "0 false false false false 0");
    server.stop().await;
}
