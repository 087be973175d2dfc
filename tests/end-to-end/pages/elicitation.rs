//! Clients that open pages by themselves (URL elicitation), MCP 2026-07-28.

use end_to_end::{Client, Reply};
use serde_json::{Value, json};

use super::{register_at, start, store, stores};

fn opening(client: &Client) -> Client {
    client.declaring(json!({"elicitation": {"form": {}, "url": {}}}))
}

async fn call(client: &Client, more: Value) -> Reply {
    let mut params = json!({"name": "stores_register", "arguments": store()});
    for (name, value) in more.as_object().unwrap() {
        params[name] = value.clone();
    }
    client.request("tools/call", params).await
}

/// The URL and the state of a result that asks.
fn asked(reply: &Reply) -> (String, Value) {
    let result = &reply.json()["result"];
    assert_eq!(result["resultType"], "input_required", "{}", reply.text);
    let request = &result["inputRequests"]["page"];
    assert_eq!(request["method"], "elicitation/create");
    assert_eq!(request["params"]["mode"], "url", "{}", reply.text);
    assert!(
        request["params"]
            .get("elicitationId")
            .is_none_or(|id| id == "")
    );
    let url = request["params"]["url"].as_str().unwrap();
    (url.to_owned(), result["requestState"].clone())
}

fn visited(state: &Value, action: &str) -> Value {
    json!({"requestState": state, "inputResponses": {"page": {"action": action}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_result_asks_for_the_page_and_the_next_call_waits_for_the_person() {
    let (server, client) = start().await;
    let client = opening(&client);
    let (url, state) = asked(&call(&client, json!({})).await);
    // To accept is to open the page: the answer comes when the person is through.
    let waiting = call(&client, visited(&state, "accept"));
    let (told, ()) = tokio::join!(waiting, register_at(&url, client.key()));
    assert_eq!(told.tool().ok()["store"]["store_id"], "9021");
    assert_eq!(stores(&client).await, 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_want_to_open_it_ends_the_call() {
    let (server, client) = start().await;
    let client = opening(&client);
    for action in ["decline", "cancel"] {
        let (url, state) = asked(&call(&client, json!({})).await);
        let declined = call(&client, visited(&state, action)).await;
        assert_eq!(declined.tool().error().0, "declined-by-person");
        let page = end_to_end::Browser::default().open(&url).await;
        assert_eq!(page.status, 404, "{}", page.html);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_of_nothing_or_of_another_call_changes_nothing() {
    let (server, client) = start().await;
    let client = opening(&client);
    let rival = opening(&server.tenant("rival").await);
    let (url, state) = asked(&call(&client, json!({})).await);
    let (others, _) = asked(&call(&rival, visited(&state, "decline")).await);
    assert_ne!(others, url);
    // The link of the call is open still.
    let (same, _) = asked(&call(&client, json!({})).await);
    assert_eq!(same, url);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_mode_the_link_comes_in_words_in_both_eras() {
    let (server, client) = start().await;
    let only_forms = client.declaring(json!({"elicitation": {"form": {}}}));
    let url = super::link(&only_forms).await;
    let call = json!({"name": "stores_register", "arguments": store()});
    let legacy = client.legacy("tools/call", call).await.tool();
    assert!(legacy.text.contains(&url), "{}", legacy.text);
    server.stop().await;
}
