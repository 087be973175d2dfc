//! MCP itself, in both its eras, down to statuses and error codes.

use end_to_end::{Client, Server};
use serde_json::{Value, json};

async fn start() -> (Server, Client) {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    (server, client)
}

fn modern(method: &str, version: &str) -> String {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta}}).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_valid_key_there_is_a_challenge_and_nothing_else() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let typo = format!("{}x", acme.key());
    for key in ["", "odm_nonsense", &typo] {
        let reply = server.client(key).request("tools/list", json!({})).await;
        assert_eq!(reply.status, 401);
        assert!(
            reply.headers["www-authenticate"]
                .to_str()
                .unwrap()
                .starts_with("Bearer")
        );
        assert!(!reply.text.contains("stores_list"));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_json_rpc_request_gets_a_json_rpc_error() {
    let (server, client) = start().await;
    for (body, status, code) in [
        ("{\"jsonrpc\": ".to_owned(), 400, -32700),
        ("[]".to_owned(), 400, -32600),
        ("\"text\"".to_owned(), 400, -32600),
        (
            format!("{{\"x\": \"{}\"}}", "x".repeat(5 << 20)),
            413,
            -32600,
        ),
        (modern("tools/list", "2025-11-25"), 400, -32020),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).to_string(),
            400,
            -32602,
        ),
        (modern("no/such", "2026-07-28"), 404, -32601),
        (modern("server/discover", "2026-07-28"), 400, -32020),
    ] {
        let method = if code == -32601 {
            "no/such"
        } else {
            "tools/list"
        };
        let reply = client.post(method, None, body.clone()).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(
            (reply.status, reply.json()["error"]["code"].as_i64()),
            (status, Some(code)),
            "{shown}: {}",
            reply.text
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_pages_and_hosts_are_refused_and_simple_clients_are_not() {
    let (server, client) = start().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = modern("tools/list", "2026-07-28");
    let ask = |name: &'static str, value: &'static str| {
        http.post(server.url())
            .bearer_auth(client.key())
            .header("Content-Type", "application/json")
            .header("MCP-Protocol-Version", "2026-07-28")
            .header("Mcp-Method", "tools/list")
            .header(name, value)
            .body(body.clone())
            .send()
    };
    assert_eq!(
        ask("Origin", "https://evil.example")
            .await
            .unwrap()
            .status(),
        403
    );
    assert_eq!(ask("Host", "evil.example").await.unwrap().status(), 403);
    assert_eq!(ask("Accept", "*/*").await.unwrap().status(), 200);
    let get = http
        .get(server.url())
        .bearer_auth(client.key())
        .send()
        .await
        .unwrap();
    assert_eq!(get.status(), 405);
    server.stop().await;
}

/// A client that writes its whole request before it reads gets the answer, not a reset connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_too_large_is_told_so_even_if_it_is_sent_whole_first() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (server, client) = start().await;
    let address = server.url().replace("http://", "").replace("/mcp", "");
    for _ in 0..5 {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let body = vec![b' '; 20 << 20];
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            client.key(),
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        let mut answer = [0; 32];
        stream.read_exact(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 413"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_is_not_served_is_refused_with_those_that_are() {
    let (server, client) = start().await;
    let reply = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(server.url())
        .bearer_auth(client.key())
        .header("Content-Type", "application/json")
        .header("MCP-Protocol-Version", "1999-01-01")
        .header("Mcp-Method", "tools/list")
        .body(modern("tools/list", "1999-01-01"))
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 400);
    let error: Value = serde_json::from_str(&reply.text().await.unwrap()).unwrap();
    assert_eq!(error["error"]["code"], -32022, "{error}");
    let supported = error["error"]["data"]["supported"].to_string();
    assert!(
        supported.contains("2026-07-28") && supported.contains("2025-06-18"),
        "{error}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_say_who_answers_and_how_long_they_keep() {
    let (server, client) = start().await;
    let discovered = client.request("server/discover", json!({})).await.json()["result"].clone();
    assert_eq!(discovered["supportedVersions"][0], "2026-07-28");
    let instructions = discovered["instructions"].as_str().unwrap();
    assert!(
        !instructions.is_empty() && instructions.len() <= 2048,
        "{}",
        instructions.len()
    );
    let listed = client.request("tools/list", json!({})).await.json()["result"].clone();
    for result in [&discovered, &listed] {
        assert!(result["ttlMs"].as_u64().unwrap() > 0);
        assert_eq!(result["cacheScope"], "private");
    }
    let called = client
        .request(
            "tools/call",
            json!({"name": "stores_list", "arguments": {}}),
        )
        .await
        .json()["result"]
        .clone();
    for result in [&discovered, &listed, &called] {
        assert_eq!(result["resultType"], "complete", "{result}");
        assert_eq!(
            result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "orderdesk-mcp",
            "{result}"
        );
    }
    assert_eq!(
        called["content"][0]["text"].as_str().unwrap(),
        called["structuredContent"].to_string()
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_the_era_with_initialize_are_served_on_the_same_endpoint() {
    let (server, client) = start().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for version in ["2025-11-25", "2025-06-18"] {
        let send = async |method: &str, params: Value| -> Value {
            let body =
                json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
            let reply = http
                .post(server.url())
                .bearer_auth(client.key())
                .header("Content-Type", "application/json")
                .header("Accept", "application/json, text/event-stream")
                .header("MCP-Protocol-Version", version)
                .body(body)
                .send()
                .await
                .unwrap();
            assert!(reply.headers().get("mcp-session-id").is_none());
            serde_json::from_str(&reply.text().await.unwrap()).unwrap()
        };
        let client_info = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}});
        let initialized = send("initialize", client_info).await;
        assert_eq!(initialized["result"]["protocolVersion"], version);
        assert_eq!(initialized["result"]["serverInfo"]["name"], "orderdesk-mcp");
        let listed = send("tools/list", json!({})).await;
        assert!(listed["result"]["tools"].as_array().unwrap().len() >= 11);
        let called = send(
            "tools/call",
            json!({"name": "stores_list", "arguments": {}}),
        )
        .await;
        assert_eq!(
            called["result"]["structuredContent"]["stores"][0]["store_id"],
            "9021"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_tells_alive_and_ready_without_a_key() {
    let server = Server::start().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for page in ["/health/live", "/health/ready"] {
        assert_eq!(
            http.get(server.page(page)).send().await.unwrap().status(),
            200,
            "{page}"
        );
    }
    let broken = Server::builder()
        .plugin("gone", std::path::Path::new("/nowhere.wasm"), "")
        .start()
        .await;
    assert_eq!(
        http.get(broken.page("/health/ready"))
            .send()
            .await
            .unwrap()
            .status(),
        503
    );
    assert_eq!(
        http.get(broken.page("/health/live"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    broken.stop().await;
    server.stop().await;
}
