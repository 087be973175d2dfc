//! A plain MCP client over HTTP, which sees every byte of an answer.

use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

/// The newest revision of MCP.
pub(crate) const MODERN: &str = "2026-07-28";

/// Speaks MCP 2026-07-28 with one access key.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    key: SecretString,
    capabilities: Value,
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text))
    }

    /// The answer of a tool.
    #[track_caller]
    pub fn tool(self) -> ToolReply {
        let result = &self.json()["result"];
        assert!(result.is_object(), "no result: {}", self.text);
        ToolReply::of(result, self.text.clone())
    }
}

/// What a tool answered.
#[derive(Debug)]
pub struct ToolReply {
    /// The tool failed.
    pub is_error: bool,
    /// The structured content.
    pub structured: Value,
    /// The text content.
    pub text: String,
    /// The whole answer as it came.
    pub raw: String,
}

impl ToolReply {
    /// Reads the result of `tools/call`.
    pub(crate) fn of(result: &Value, raw: String) -> Self {
        let text = result["content"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|block| block["text"].as_str())
            .collect::<Vec<_>>()
            .join("\n");
        Self {
            is_error: result["isError"] == true,
            structured: result["structuredContent"].clone(),
            text,
            raw,
        }
    }

    /// The structured result of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(!self.is_error, "the tool failed: {}", self.text);
        self.structured
    }

    /// The error's code and text.
    #[track_caller]
    pub fn error(self) -> (String, String) {
        assert!(self.is_error, "the tool succeeded: {}", self.text);
        (
            self.structured["error"]["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            self.text,
        )
    }
}

impl Client {
    /// A client of the endpoint at `url`.
    pub fn new(url: String, key: SecretString) -> Self {
        // Another test may have been first; any provider will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            http,
            url,
            key,
            capabilities: json!({}),
        }
    }

    /// The same client, which declares these capabilities.
    #[must_use]
    pub fn declaring(&self, capabilities: Value) -> Self {
        Self {
            capabilities,
            ..self.clone()
        }
    }

    /// The same client at a URL that goes on like this, such as `/readonly`.
    #[must_use]
    pub fn at(&self, rest: &str) -> Self {
        Self {
            url: format!("{}{rest}", self.url),
            ..self.clone()
        }
    }

    /// A request of the era with `initialize`, outside any session.
    pub async fn legacy(&self, method: &str, params: Value) -> Reply {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let request = self
            .http
            .post(&self.url)
            .bearer_auth(self.key())
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", "2025-11-25");
        reply(request.body(body.to_string())).await
    }

    /// The endpoint's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A post with this client's key, in this revision.
    pub fn prepared(&self, version: &str) -> reqwest::RequestBuilder {
        self.http
            .post(&self.url)
            .bearer_auth(self.key())
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", version)
    }

    /// The access key.
    pub fn key(&self) -> &str {
        self.key.expose_secret()
    }

    /// Posts a body as it is, with the headers of a modern request for `method`.
    pub async fn post(&self, method: &str, name: Option<&str>, body: String) -> Reply {
        reply(self.modern(method, name, body)).await
    }

    fn modern(&self, method: &str, name: Option<&str>, body: String) -> reqwest::RequestBuilder {
        let mut request = self
            .http
            .post(&self.url)
            .bearer_auth(self.key())
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", MODERN)
            .header("Mcp-Method", method);
        if let Some(name) = name {
            request = request.header("Mcp-Name", name);
        }
        request.body(body)
    }

    /// A modern request; `_meta` among the parameters goes beside the client's own.
    pub async fn request(&self, method: &str, params: Value) -> Reply {
        self.try_request(method, params).await.unwrap()
    }

    /// The same, of a server that may die meanwhile.
    async fn try_request(&self, method: &str, params: Value) -> reqwest::Result<Reply> {
        let (name, body) = self.body(method, params);
        let request = self.modern(method, name.as_deref(), body.to_string());
        try_reply(request).await
    }

    /// The body of a modern request, and the name that stands in a header, too.
    pub(crate) fn body(&self, method: &str, params: Value) -> (Option<String>, Value) {
        let mut params: Map<String, Value> = params.as_object().unwrap().clone();
        let name = params
            .get("name")
            .or_else(|| params.get("uri"))
            .and_then(Value::as_str)
            .map(str::to_owned);
        let mut meta = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": self.capabilities,
            "io.modelcontextprotocol/clientInfo": {"name": "end-to-end", "version": "1"},
        });
        if let Some(Value::Object(own)) = params.remove("_meta") {
            meta.as_object_mut().unwrap().extend(own);
        }
        params.insert("_meta".into(), meta);
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        (name, body)
    }

    /// The tools, as they are listed.
    pub async fn tools(&self) -> Vec<Value> {
        let reply = self.request("tools/list", json!({})).await;
        reply.json()["result"]["tools"]
            .as_array()
            .unwrap_or_else(|| panic!("no tools: {}", reply.text))
            .clone()
    }

    /// Calls a tool of a server that may die meanwhile: its structured result, if that came. An error of the tool is none.
    pub async fn try_call(&self, tool: &str, arguments: Value) -> Option<Value> {
        let params = json!({"name": tool, "arguments": arguments});
        let reply = self.try_request("tools/call", params).await.ok()?;
        let result = &serde_json::from_str::<Value>(&reply.text).ok()?["result"];
        (result.is_object() && result["isError"] != true)
            .then(|| result["structuredContent"].clone())
    }

    /// Calls a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> ToolReply {
        self.request("tools/call", json!({"name": tool, "arguments": arguments}))
            .await
            .tool()
    }
}

async fn reply(request: reqwest::RequestBuilder) -> Reply {
    try_reply(request).await.unwrap()
}

async fn try_reply(request: reqwest::RequestBuilder) -> reqwest::Result<Reply> {
    let response = request.send().await?;
    Ok(Reply {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await?,
    })
}
