//! The leanest HTTP client there is: what it takes itself must not blur the ratios.

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One kept-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Where the last answer's body begins.
    body: usize,
}

/// A `tools/call`, ready to be written.
pub(crate) fn tool_call(key: &str, tool: &str, arguments: &Value) -> Vec<u8> {
    request(
        key,
        "tools/call",
        Some(tool),
        json!({"name": tool, "arguments": arguments}),
    )
}

/// A modern MCP request, ready to be written.
pub(crate) fn request(key: &str, method: &str, name: Option<&str>, mut params: Value) -> Vec<u8> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let name = name
        .map(|name| format!("Mcp-Name: {name}\r\n"))
        .unwrap_or_default();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n\
         {name}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What a client of the era with `initialize` says first, ready to be written.
pub(crate) fn initialize(key: &str) -> Vec<u8> {
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}});
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}).to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A request to Order Desk itself, ready to be written.
pub(crate) fn order_desk(
    method: &str,
    path: &str,
    store: u64,
    api_key: &str,
    body: Option<&Value>,
) -> Vec<u8> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let described = match body.len() {
        0 => String::new(),
        bytes => format!("Content-Type: application/json\r\nContent-Length: {bytes}\r\n"),
    };
    format!(
        "{method} /api/v2/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nORDERDESK-STORE-ID: {store}\r\n\
         ORDERDESK-API-KEY: {api_key}\r\n{described}\r\n{body}"
    )
    .into_bytes()
}

impl Connection {
    /// Connects to a port of this machine.
    pub(crate) async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(64 << 10),
            body: 0,
        })
    }

    /// Sends a request and answers the body; anything but a 200 is an error.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        let status = self.exchange(request).await?;
        if status != 200 {
            bail!("the server answered {status}");
        }
        Ok(self.answer())
    }

    /// Sends a request whose answer does not end, and reads until this was said.
    pub(crate) async fn until(&mut self, request: &[u8], said: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        while !self.buffer.windows(said.len()).any(|window| window == said) {
            self.read().await?;
        }
        Ok(())
    }

    /// Sends a request whose key must be refused: as unknown, or because too many were.
    pub(crate) async fn refused(&mut self, request: &[u8]) -> anyhow::Result<()> {
        match self.exchange(request).await? {
            401 | 429 => Ok(()),
            status => bail!("a wrong key was answered with {status}"),
        }
    }

    /// Sends a request that may fail as it likes, as long as it is answered.
    pub(crate) async fn any(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.exchange(request).await.map(|_status| ())
    }

    /// Sends a request and reads all of the answer, whose status it tells.
    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self
                .buffer
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                break end + 4;
            }
            self.read().await?;
        };
        let text = std::str::from_utf8(&self.buffer[..head])?.to_ascii_lowercase();
        let status = text
            .strip_prefix("http/1.1 ")
            .and_then(|rest| rest.split(' ').next())
            .context("an answer without a status")?
            .parse()?;
        let length: usize = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .context("an answer without a length")?
            .trim()
            .parse()?;
        while self.buffer.len() < head + length {
            self.read().await?;
        }
        self.body = head;
        Ok(status)
    }

    /// The body of the last answer.
    pub(crate) fn answer(&self) -> &[u8] {
        &self.buffer[self.body..]
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }

    /// Sends a tool call that must succeed. The answer is not parsed: that would be time of the client, and the more the
    /// longer the answer.
    pub(crate) async fn succeed(&mut self, request: &[u8]) -> anyhow::Result<()> {
        let answer = self.send(request).await?;
        let holds = |needle: &[u8]| answer.windows(needle.len()).any(|window| window == needle);
        // Inside a text the quotes would be escaped.
        if !holds(br#""structuredContent":"#) || holds(br#""isError":true"#) {
            bail!("the tool failed: {}", String::from_utf8_lossy(answer));
        }
        Ok(())
    }

    /// Sends a tool call and answers its structured result.
    pub(crate) async fn structured(&mut self, request: &[u8]) -> anyhow::Result<Value> {
        let answer: Value = serde_json::from_slice(self.send(request).await?)?;
        let result = &answer["result"];
        if result["isError"] == true || !result.is_object() {
            bail!("the tool failed: {answer}");
        }
        Ok(result["structuredContent"].clone())
    }
}
