//! Tools that ask whether they may: a person answers where the client can ask one, and nothing happens unasked.

use end_to_end::{Client, Reply, Server};
use orderdesk_mcp::config::Confirm;
use serde_json::{Value, json};

use crate::previews::{builder, value};

async fn start(confirm: Confirm) -> (Server, Client) {
    let server = builder()
        .config(move |config| config.mcp.confirm = confirm)
        .start()
        .await;
    let client = server.tenant("acme").await;
    put(&client).await;
    (server, client)
}

async fn put(client: &Client) {
    client
        .call("changes_set", json!({"key": "a", "value": "here"}))
        .await
        .ok();
}

fn asking(client: &Client) -> Client {
    client.declaring(json!({"elicitation": {"form": {}}}))
}

/// Calls, or calls again with answers.
async fn erase(client: &Client, more: Value) -> Reply {
    let mut params = json!({"name": "changes_erase", "arguments": {"key": "a"}});
    for (name, value) in more.as_object().unwrap() {
        params[name] = value.clone();
    }
    client.request("tools/call", params).await
}

fn state(reply: &Reply) -> Value {
    let result = &reply.json()["result"];
    assert_eq!(result["resultType"], "input_required", "{}", reply.text);
    result["requestState"].clone()
}

fn answer(state: &Value, action: &str, confirm: bool) -> Value {
    let response = match action {
        "accept" => json!({"action": action, "content": {"confirm": confirm}}),
        _ => json!({"action": action}),
    };
    json!({"requestState": state, "inputResponses": {"erase": response}})
}

/// A state that is not good is the client's error, not the tool's.
fn refused(reply: Reply) -> Value {
    let error = &reply.json()["error"];
    assert_eq!(error["code"], -32602, "{}", reply.text);
    error["data"]["code"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_result_asks_and_the_answer_decides() {
    let (server, client) = start(Confirm::Token).await;
    let client = asking(&client);
    for (action, confirm) in [("decline", false), ("cancel", false), ("accept", false)] {
        let asked = erase(&client, json!({})).await;
        let form = &asked.json()["result"]["inputRequests"]["erase"];
        assert_eq!(form["method"], "elicitation/create");
        assert_eq!(form["params"]["message"], "Erase a?");
        let schema = &form["params"]["requestedSchema"];
        assert_eq!(schema["properties"]["confirm"]["type"], "boolean", "{form}");
        let declined = erase(&client, answer(&state(&asked), action, confirm)).await;
        assert_eq!(declined.tool().ok()["erased"], false);
        assert_eq!(value(&client, "a").await, "here");
    }
    let asked = state(&erase(&client, json!({})).await);
    assert_eq!(value(&client, "a").await, "here", "asking changes nothing");
    let done = erase(&client, answer(&asked, "accept", true)).await;
    assert_eq!(done.tool().ok()["erased"], true);
    assert_eq!(value(&client, "a").await, Value::Null);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_good_once_for_the_call_that_asked() {
    let (server, client) = start(Confirm::Token).await;
    let client = asking(&client);
    let rival = asking(&server.tenant("rival").await);
    let asked = state(&erase(&client, json!({})).await);
    let yes = answer(&asked, "accept", true);
    let other = |key: &str| {
        let mut yes = yes.clone();
        yes["arguments"] = json!({"key": key});
        yes
    };
    assert_eq!(
        refused(erase(&rival, yes.clone()).await),
        "question-unknown"
    );
    assert_eq!(
        refused(erase(&client, other("b")).await),
        "question-other-arguments"
    );
    let forged = answer(&json!("odc_forged"), "accept", true);
    assert_eq!(refused(erase(&client, forged).await), "question-unknown");
    // Nobody was asked: an answer without the state of a question confirms nothing, it is asked.
    let mut unasked = yes.clone();
    unasked.as_object_mut().unwrap().remove("requestState");
    state(&erase(&client, unasked).await);
    assert_eq!(value(&client, "a").await, "here");

    erase(&client, yes.clone()).await.tool().ok();
    put(&client).await;
    assert_eq!(refused(erase(&client, yes).await), "question-unknown");
    assert_eq!(value(&client, "a").await, "here");

    let asked = state(&erase(&client, json!({})).await);
    server
        .raw_database()
        .execute("UPDATE confirmations SET expires_at = 0", [])
        .unwrap();
    let late = erase(&client, answer(&asked, "accept", true)).await;
    assert_eq!(refused(late), "question-expired");
    assert_eq!(value(&client, "a").await, "here");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_answered_is_asked_again() {
    let (server, client) = start(Confirm::Token).await;
    let client = asking(&client);
    let both = json!({"key": "a", "twice": true});
    let asked = erase(&client, json!({"arguments": both})).await;
    assert_eq!(
        asked.json()["result"]["inputRequests"]
            .as_object()
            .unwrap()
            .len(),
        2
    );
    let mut first = answer(&state(&asked), "accept", true);
    first["arguments"] = both.clone();
    // Answers to what nobody asked are ignored.
    first["inputResponses"]["other"] = json!({"action": "accept", "content": {"confirm": true}});
    let again = erase(&client, first).await;
    let open: Vec<String> = again.json()["result"]["inputRequests"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(open, ["sure"]);
    assert_eq!(value(&client, "a").await, "here");
    let second = json!({
        "arguments": both,
        "requestState": state(&again),
        "inputResponses": {"sure": {"action": "accept", "content": {"confirm": true}}},
    });
    assert_eq!(erase(&client, second).await.tool().ok()["erased"], true);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_cannot_ask_confirms_with_a_previews_token() {
    let (server, client) = start(Confirm::Token).await;
    let only_pages = client.declaring(json!({"elicitation": {"url": {}}}));
    for client in [&client, &only_pages] {
        let (code, text) = erase(client, json!({})).await.tool().error();
        assert_eq!(code, "confirmation-needed");
        assert!(
            text.contains("dry_run: true") && text.contains("confirm_token"),
            "{text}"
        );
    }
    let legacy = json!({"name": "changes_erase", "arguments": {"key": "a"}});
    let legacy = client.legacy("tools/call", legacy).await.tool();
    assert_eq!(legacy.error().0, "confirmation-needed");
    let (code, text) = client
        .call("changes_purge", json!({"key": "a"}))
        .await
        .error();
    assert_eq!(code, "confirmation-by-person", "{text}");
    assert_eq!(value(&client, "a").await, "here");

    let preview = client
        .call("changes_erase", json!({"key": "a", "dry_run": true}))
        .await
        .ok();
    assert_eq!(
        preview["erased"], true,
        "a preview shows what a yes would do"
    );
    assert_eq!(value(&client, "a").await, "here");
    let confirmed = json!({"key": "a", "confirm_token": preview["confirm_token"]});
    // Neither is a client asked that could be.
    let done = asking(&client).call("changes_erase", confirmed).await.ok();
    assert_eq!(done["erased"], true);
    assert_eq!(value(&client, "a").await, Value::Null);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_person_a_token_is_no_answer_and_still_binds_what_is_done() {
    let (server, client) = start(Confirm::Person).await;
    let preview = json!({"key": "a", "dry_run": true});
    let token = async || {
        let preview = client.call("changes_erase", preview.clone()).await.ok();
        json!({"key": "a", "confirm_token": preview["confirm_token"]})
    };
    let (code, _) = client.call("changes_erase", token().await).await.error();
    assert_eq!(code, "confirmation-by-person");
    assert_eq!(value(&client, "a").await, "here");

    let asking = asking(&client);
    let arguments = token().await;
    let asked = state(&erase(&asking, json!({"arguments": arguments})).await);
    client
        .call("changes_set", json!({"key": "a", "value": "between"}))
        .await
        .ok();
    let mut yes = answer(&asked, "accept", true);
    yes["arguments"] = arguments;
    let (code, _) = erase(&asking, yes).await.tool().error();
    assert_eq!(
        code, "changed-meanwhile",
        "the preview's basis outlasts the question"
    );
    assert_eq!(value(&client, "a").await, "between");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_never_nothing_is_asked() {
    let (server, client) = start(Confirm::Never).await;
    let done = erase(&asking(&client), json!({})).await.tool().ok();
    assert_eq!(done["erased"], true);
    put(&client).await;
    let relayed = json!({"tool": "changes_erase", "arguments": {"key": "a"}});
    client.call("relay_call", relayed).await.ok();
    server.stop().await;
}
