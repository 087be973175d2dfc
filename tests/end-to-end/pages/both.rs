//! A call that needs a secret and a person's yes: one link, one page after the other.

use end_to_end::{Browser, Client, Page, Server};
use orderdesk_mcp::config::Confirm;
use serde_json::{Value, json};

use super::{enter, url_in};
use crate::previews::{builder, value};

async fn start(confirm: Confirm) -> (Server, Client) {
    let server = builder()
        .config(move |config| config.mcp.confirm = confirm)
        .start()
        .await;
    let client = server.tenant("acme").await;
    set(&client, "kept").await;
    (server, client)
}

async fn set(client: &Client, kept: &str) {
    let arguments = json!({"key": "a", "value": kept});
    client.call("changes_set", arguments).await.ok();
}

fn asked() -> Value {
    json!({"key": "a"})
}

async fn link(client: &Client, tool: &str) -> String {
    let (code, text) = client.call(tool, asked()).await.error();
    assert_eq!(code, "secret-by-person", "{text}");
    url_in(&text)
}

async fn pass(browser: &mut Browser, page: &Page, pass: &str) -> Page {
    assert!(page.asks_for("secret.pass"), "{}", page.html);
    let fields = [("secret.pass", pass), ("decision", "yes")];
    browser.submit(page, &fields).await
}

async fn decide(browser: &mut Browser, page: &Page, decision: &str) -> Page {
    browser.submit(page, &[("decision", decision)]).await
}

/// The page on which a yes is all that is missing.
fn asks(page: &Page) {
    assert_eq!(page.status, 200, "{}", page.html);
    assert!(page.html.contains("Hand a over?"), "{}", page.html);
    assert!(page.asks_for("decision"), "{}", page.html);
    assert!(!page.asks_for("secret.pass"), "{}", page.html);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_enters_the_secret_reads_what_would_happen_and_says_yes() {
    for policy in [Confirm::Person, Confirm::Token] {
        let (server, client) = start(policy).await;
        let url = link(&client, "changes_hand_over").await;
        let mut browser = Browser::default();
        let page = enter(&mut browser, &url, client.key()).await;
        assert!(!page.html.contains("Hand a over?"), "{}", page.html);
        let page = pass(&mut browser, &page, client.key()).await;
        asks(&page);
        assert!(
            page.html.contains("&quot;before&quot;: &quot;kept&quot;"),
            "{}",
            page.html
        );
        // What was entered went with the browser, and nobody can read it there.
        assert!(!page.html.contains(client.key()), "{}", page.html);
        assert_eq!(value(&client, "a").await, "kept");
        // The agent, meanwhile, gets the same link.
        assert_eq!(link(&client, "changes_hand_over").await, url);
        let done = decide(&mut browser, &page, "yes").await;
        assert_eq!(done.status, 200, "{}", done.html);
        assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
        assert_eq!(value(&client, "a").await, Value::Null);
        let told = client.call("changes_hand_over", asked()).await.ok();
        assert_eq!(told["handed_over"], true);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_preview_the_question_alone_is_confirmed() {
    let (server, client) = start(Confirm::Person).await;
    let url = link(&client, "changes_give_away").await;
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    let page = pass(&mut browser, &page, client.key()).await;
    asks(&page);
    let done = decide(&mut browser, &page, "yes").await;
    assert_eq!(done.status, 200, "{}", done.html);
    assert_eq!(value(&client, "a").await, Value::Null);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_after_the_secret_is_a_no() {
    let (server, client) = start(Confirm::Person).await;
    let url = link(&client, "changes_hand_over").await;
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    let page = pass(&mut browser, &page, client.key()).await;
    decide(&mut browser, &page, "no").await;
    assert_eq!(value(&client, "a").await, "kept");
    let (code, _) = client.call("changes_hand_over", asked()).await.error();
    assert_eq!(code, "declined-by-person");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_is_entered_again_whenever_the_tool_notices() {
    let (server, client) = start(Confirm::Person).await;
    // With a preview it shows before the question, without one after the yes.
    let url = link(&client, "changes_hand_over").await;
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    let page = pass(&mut browser, &page, "wrong").await;
    assert_eq!(page.status, 409, "{}", page.html);
    assert!(page.html.contains("not a valid key"), "{}", page.html);
    let page = pass(&mut browser, &page, client.key()).await;
    asks(&page);

    let url = link(&client, "changes_give_away").await;
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    let page = pass(&mut browser, &page, "wrong").await;
    asks(&page);
    let page = decide(&mut browser, &page, "yes").await;
    assert_eq!(page.status, 409, "{}", page.html);
    let page = pass(&mut browser, &page, client.key()).await;
    asks(&page);
    assert_eq!(decide(&mut browser, &page, "yes").await.status, 200);
    assert_eq!(value(&client, "a").await, Value::Null);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_between_the_preview_and_the_yes_is_not_touched() {
    let (server, client) = start(Confirm::Person).await;
    let url = link(&client, "changes_hand_over").await;
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    let page = pass(&mut browser, &page, client.key()).await;
    asks(&page);
    set(&client, "between").await;
    let refused = decide(&mut browser, &page, "yes").await;
    assert!(refused.html.contains("not carried out"), "{}", refused.html);
    assert_eq!(value(&client, "a").await, "between");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_entered_counts_in_one_browser_at_one_link_and_a_yes_needs_it() {
    let (server, client) = start(Confirm::Person).await;
    let url = link(&client, "changes_hand_over").await;
    let mut browser = Browser::default();
    let first = enter(&mut browser, &url, client.key()).await;
    let page = pass(&mut browser, &first, client.key()).await;
    asks(&page);
    let entered = page.hidden()["entered"].clone();
    let mut altered = entered.clone().into_bytes();
    altered[20] ^= 1;
    let altered = String::from_utf8(altered).unwrap();
    let mut other = Browser::default();
    let others = enter(&mut other, &url, client.key()).await;
    for (browser, page, entered) in [
        (&mut browser, &page, altered.as_str()),
        (&mut other, &others, entered.as_str()),
    ] {
        let fields = [("decision", "yes"), ("entered", entered)];
        let refused = browser.submit(page, &fields).await;
        assert_eq!(refused.status, 400, "{}", refused.html);
        assert!(refused.asks_for("secret.pass"), "{}", refused.html);
    }
    // Leaving the secret out is no way to a call without it.
    let bare = decide(&mut browser, &first, "yes").await;
    assert!(bare.html.contains("left empty"), "{}", bare.html);
    assert_eq!(value(&client, "a").await, "kept");
    server.stop().await;
}
