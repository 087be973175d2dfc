//! Clients that want to know what changed.

use super::*;

/// What a client hears that asked for one resource.
struct Subscription {
    answer: reqwest::Response,
    heard: String,
}

impl Subscription {
    async fn to(server: &Server, client: &Client, uri: &str) -> Self {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "end-to-end", "version": "1"},
        });
        let params = json!({"_meta": meta, "notifications": {"resourceSubscriptions": [uri]}});
        let body =
            json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params});
        let answer = http()
            .post(server.url())
            .bearer_auth(client.key())
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", "2026-07-28")
            .header("Mcp-Method", "subscriptions/listen")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        let heard = String::new();
        let mut subscription = Self { answer, heard };
        subscription
            .until("notifications/subscriptions/acknowledged")
            .await;
        assert!(subscription.heard.contains(uri), "{}", subscription.heard);
        subscription
    }

    /// Everything until this was heard.
    async fn until(&mut self, method: &str) -> &str {
        while !self.heard.contains(method) || !self.heard.ends_with('\n') {
            let chunk = self.answer.chunk().await.unwrap();
            let chunk = chunk.unwrap_or_else(|| panic!("it ended: {}", self.heard));
            self.heard.push_str(&String::from_utf8_lossy(&chunk));
        }
        &self.heard
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_subscribed_hear_of_their_tenants_orders() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let other = server.tenant("other").await;
    let url = door(&server, &hook(&server, &client).await);
    let uri = "orderdesk://9021/orders/5512034";
    let mut hears = Subscription::to(&server, &client, uri).await;
    let mut deaf = Subscription::to(&server, &other, uri).await;
    assert_eq!(post(&url, ORDER, ORDER, KEY).await, 200);
    let told = tokio::time::timeout(
        Duration::from_secs(10),
        hears.until("notifications/resources/updated"),
    )
    .await
    .expect("nothing was told");
    assert!(told.contains(uri), "{told}");
    let nothing = tokio::time::timeout(
        Duration::from_millis(500),
        deaf.until("notifications/resources/updated"),
    );
    assert!(nothing.await.is_err());
    drop((hears, deaf));
    server.stop().await;
}
