//! What a client hears that asked for it.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::Client;

/// As long as something that was told may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open `subscriptions/listen`.
pub struct Subscription {
    answer: reqwest::Response,
    heard: String,
}

impl Subscription {
    /// Asks for these notifications, and waits until that is acknowledged.
    pub async fn to(client: &Client, notifications: Value) -> Self {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "end-to-end", "version": "1"},
        });
        let params = json!({"_meta": meta, "notifications": notifications});
        let body =
            json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params});
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http
            .post(client.url())
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
        subscription
    }

    /// Everything until this was heard.
    pub async fn until(&mut self, method: &str) -> &str {
        let hearing = async {
            while !self.heard.contains(method) || !self.heard.ends_with('\n') {
                let chunk = self.answer.chunk().await.unwrap();
                let chunk = chunk.unwrap_or_else(|| panic!("it ended: {}", self.heard));
                self.heard.push_str(&String::from_utf8_lossy(&chunk));
            }
        };
        let heard = tokio::time::timeout(PATIENCE, hearing).await;
        heard.unwrap_or_else(|_| panic!("{method} was not told: {}", self.heard));
        &self.heard
    }

    /// Whether this is told within a time in which it would be.
    pub async fn hears(&mut self, method: &str, within: Duration) -> bool {
        let hearing = async {
            while !self.heard.contains(method) {
                let chunk = self.answer.chunk().await.unwrap().unwrap_or_default();
                self.heard.push_str(&String::from_utf8_lossy(&chunk));
            }
        };
        tokio::time::timeout(within, hearing).await.is_ok()
    }
}
