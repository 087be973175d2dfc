//! Answers that come in pieces: what a server says while it works, and what a listener hears.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Client, MODERN};

/// What has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// An open answer of the server, event by event.
pub struct Stream {
    answer: reqwest::Response,
    /// What came and is no whole event yet.
    rest: String,
    /// Every message so far.
    pub heard: Vec<Value>,
}

impl Stream {
    /// Of an answer, of which nothing was read.
    pub fn of(answer: reqwest::Response) -> Self {
        Self {
            answer,
            rest: String::new(),
            heard: Vec::new(),
        }
    }

    /// Listens for what this filter asks for; the server has acknowledged it when this returns.
    pub async fn listen(client: &Client, filter: Value) -> Self {
        let params = json!({ "notifications": filter });
        let mut stream = client.open("subscriptions/listen", params).await;
        stream
            .until("notifications/subscriptions/acknowledged")
            .await;
        stream
    }

    /// The next message; none when the server has ended the stream.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some(end) = self.rest.find("\n\n") {
                let event: String = self.rest.drain(..end + 2).collect();
                let data: String = event
                    .lines()
                    .filter_map(|line| line.strip_prefix("data:"))
                    .map(str::trim)
                    .collect();
                if data.starts_with('{') {
                    let message: Value = serde_json::from_str(&data).unwrap();
                    self.heard.push(message.clone());
                    return Some(message);
                }
            }
            let chunk = self.answer.chunk().await.ok().flatten()?;
            let text = String::from_utf8_lossy(&chunk).replace("\r\n", "\n");
            self.rest.push_str(&text);
        }
    }

    /// Reads on until this notification or request has come, and answers it.
    pub async fn until(&mut self, method: &str) -> Value {
        let waiting = async {
            while let Some(message) = self.next().await {
                if message["method"] == method {
                    return Some(message);
                }
            }
            None
        };
        let heard = tokio::time::timeout(PATIENCE, waiting).await;
        match heard {
            Ok(Some(message)) => message,
            Ok(None) => panic!("it ended before {method}: {:?}", self.heard),
            Err(_) => panic!("{method} did not come: {:?}", self.heard),
        }
    }

    /// Reads on until the server ends the stream; answers the result.
    pub async fn result(&mut self) -> Value {
        while let Some(message) = self.next().await {
            if message.get("result").is_some() || message.get("error").is_some() {
                return message;
            }
        }
        panic!("it ended without a result: {:?}", self.heard);
    }
}

impl Client {
    /// A modern request whose answer is read piece by piece.
    pub async fn open(&self, method: &str, params: Value) -> Stream {
        let (name, body) = self.body(method, params);
        let mut request = self
            .prepared(MODERN)
            .header("Mcp-Method", method)
            .body(body.to_string());
        if let Some(name) = name {
            request = request.header("Mcp-Name", name);
        }
        Stream::of(request.send().await.unwrap())
    }
}
