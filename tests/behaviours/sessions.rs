//! Sessions over HTTP for the era with `initialize`: only where the operator wants them, and nobody else's.

use std::time::Duration;

use end_to_end::{Client, Server, ServerBuilder, Stream, guest};
use serde_json::{Value, json};

const ERA: &str = "2025-11-25";

fn builder() -> ServerBuilder {
    Server::builder()
        .plugin(
            "changes",
            &guest("guest-changes"),
            "prefixes = [\"changes_\", \"relay_\"]",
        )
        .plugin("shelf", &guest("guest-shelf"), "")
        .config(|config| config.mcp.legacy_sessions = true)
}

fn message(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

/// A session of this client, which can be asked.
struct Session<'a> {
    client: &'a Client,
    id: String,
}

impl<'a> Session<'a> {
    async fn begin(client: &'a Client) -> Self {
        let answer = Self::hello(client).await;
        assert_eq!(answer.status(), 200);
        let id = answer.headers()["mcp-session-id"].to_str().unwrap();
        let session = Self {
            client,
            id: id.to_owned(),
        };
        let hello = Stream::of(answer).result().await;
        assert_eq!(hello["result"]["protocolVersion"], ERA);
        let subscribe = &hello["result"]["capabilities"]["resources"]["subscribe"];
        assert_eq!(subscribe, &json!(true), "{hello}");
        let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(session.post(told.to_string()).await.status(), 202);
        session
    }

    async fn hello(client: &Client) -> reqwest::Response {
        let hello = json!({"protocolVersion": ERA, "capabilities": {"elicitation": {}}, "clientInfo": {"name": "old", "version": "1"}});
        let body = message("initialize", hello);
        client.prepared(ERA).body(body).send().await.unwrap()
    }

    async fn post(&self, body: String) -> reqwest::Response {
        self.post_as(self.client, body).await
    }

    async fn post_as(&self, client: &Client, body: String) -> reqwest::Response {
        let request = client.prepared(ERA).header("Mcp-Session-Id", &self.id);
        request.body(body).send().await.unwrap()
    }

    async fn ask(&self, method: &str, params: Value) -> Value {
        let answer = self.post(message(method, params)).await;
        assert_eq!(answer.status(), 200, "{method}");
        Stream::of(answer).result().await["result"].clone()
    }

    /// The stream on which the server speaks unasked.
    async fn hears(&self, http: &reqwest::Client) -> Stream {
        let answer = http
            .get(self.client.url())
            .bearer_auth(self.client.key())
            .header("Accept", "text/event-stream")
            .header("MCP-Protocol-Version", ERA)
            .header("Mcp-Session-Id", &self.id);
        Stream::of(answer.send().await.unwrap())
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_asks_tells_ends_and_is_nobody_elses() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let rival = server.tenant("rival").await;
    let session = Session::begin(&client).await;

    // Asked within the call, on its own stream.
    let set = json!({"name": "changes_set", "arguments": {"key": "a", "value": "here"}});
    session.ask("tools/call", set).await;
    let erase = json!({"name": "changes_erase", "arguments": {"key": "a"}});
    let mut call = Stream::of(session.post(message("tools/call", erase)).await);
    let question = call.until("elicitation/create").await;
    assert_eq!(question["params"]["message"], "Erase a?");
    let yes = json!({"action": "accept", "content": {"confirm": true}});
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": yes}).to_string();
    assert_eq!(session.post(answer).await.status(), 202);
    let done = call.result().await;
    assert_eq!(
        done["result"]["structuredContent"]["erased"], true,
        "{done}"
    );

    // Subscribes; what there is not, it cannot.
    let subscribed = session.ask("resources/subscribe", json!({"uri": "shelf://about"}));
    assert_eq!(subscribed.await, json!({}));
    let nowhere = message("resources/subscribe", json!({"uri": "shelf://nowhere"}));
    let refused = Stream::of(session.post(nowhere).await).result().await;
    assert_eq!(refused["error"]["code"], -32002, "{refused}");
    let ended = session.ask("resources/unsubscribe", json!({"uri": "shelf://about"}));
    assert_eq!(ended.await, json!({}));

    // Another's key does not find it, in any way.
    let list = || message("tools/list", json!({}));
    assert_eq!(session.post_as(&rival, list()).await.status(), 404);
    let stolen = Session {
        client: &rival,
        id: session.id.clone(),
    };
    let get = http()
        .get(client.url())
        .bearer_auth(rival.key())
        .header("Accept", "text/event-stream")
        .header("Mcp-Session-Id", &stolen.id);
    assert_eq!(get.send().await.unwrap().status(), 404);
    let delete = |client: &Client| {
        http()
            .delete(client.url())
            .bearer_auth(client.key())
            .header("MCP-Protocol-Version", ERA)
            .header("Mcp-Session-Id", &session.id)
            .send()
    };
    assert_eq!(delete(&rival).await.unwrap().status(), 404);
    assert_eq!(session.post(list()).await.status(), 200);

    // It ends when its client says so.
    assert!(delete(&client).await.unwrap().status().is_success());
    assert_eq!(session.post(list()).await.status(), 404);
    // The new era has none of it.
    let modern = client.request("tools/list", json!({})).await;
    assert_eq!(modern.status, 200);
    assert!(modern.headers.get("mcp-session-id").is_none());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_in_a_session_hears_of_a_change_and_the_end_of_the_server_ends_its_stream() {
    let server = builder().start().await;
    let client = server.tenant_with_store("acme").await;
    let session = Session::begin(&client).await;
    let uri = "orderdesk://9021/orders/5512034";
    session
        .ask("resources/subscribe", json!({ "uri": uri }))
        .await;
    let mut hears = session.hears(&http()).await;
    let principal = {
        let key = secrecy::SecretString::from(client.key());
        let tenancy = &server.application.data.tenancy;
        tenancy.authenticate(&key).await.unwrap()
    };
    let owners = ["orders".to_owned(), "stores".to_owned()];
    let hooks = &server.application.services.hooks;
    let hook = hooks.create(&principal, "orders", "store:9021", Some(&owners));
    let door = server.page(&format!("/webhooks/{}", hook.await.unwrap()));
    let body = r#"{"order":{"id":"5512034"}}"#;
    let key = orderdesk_simulator::sample::HARBOR_AND_OAK_KEY;
    let hash = orderdesk_simulator::sign(body, key, orderdesk_simulator::toggles::HashStyle::Raw);
    let sent = http()
        .post(&door)
        .header("x-order-desk-store-id", "9021")
        .header("x-order-desk-hash", hash)
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 200);
    let heard = hears.until("notifications/resources/updated");
    let heard = tokio::time::timeout(Duration::from_secs(20), heard).await;
    assert_eq!(heard.expect("nothing was told")["params"]["uri"], uri);
    // Nothing keeps the server from ending.
    tokio::time::timeout(Duration::from_secs(5), server.stop())
        .await
        .expect("a session held the server");
    while hears.next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_begins_a_hundred_sessions_and_no_more() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    for _ in 0..100 {
        Session::begin(&client).await;
    }
    let refused = Session::hello(&client).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    // Others begin theirs.
    let other = server.tenant("other").await;
    Session::begin(&other).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_setting_there_is_no_session() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let answer = Session::hello(&client).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().get("mcp-session-id").is_none());
    for method in [reqwest::Method::GET, reqwest::Method::DELETE] {
        let request = http()
            .request(method, client.url())
            .bearer_auth(client.key());
        let answer = request.header("Accept", "text/event-stream").send().await;
        assert_eq!(answer.unwrap().status(), 405);
    }
    let subscribe = client.legacy("resources/subscribe", json!({"uri": "orderdesk://stores"}));
    assert_eq!(subscribe.await.json()["error"]["code"], -32601);
    server.stop().await;
}
