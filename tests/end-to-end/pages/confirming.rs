//! `[mcp] confirm = "person"` for clients that cannot ask: a page shows exactly what would happen.

use end_to_end::{Browser, Client, Page, Server};
use orderdesk_mcp::config::Confirm;
use serde_json::{Value, json};

use super::{enter, url_in};
use crate::previews::{builder, value};

async fn start(confirm: Confirm, kept: &str) -> (Server, Client) {
    let server = builder()
        .config(move |config| config.mcp.confirm = confirm)
        .start()
        .await;
    let client = server.tenant("acme").await;
    set(&client, kept).await;
    (server, client)
}

async fn set(client: &Client, kept: &str) {
    let arguments = json!({"key": "a", "value": kept});
    client.call("changes_set", arguments).await.ok();
}

async fn link(client: &Client, tool: &str) -> String {
    let (code, text) = client.call(tool, json!({"key": "a"})).await.error();
    assert_eq!(code, "confirmation-by-person", "{text}");
    url_in(&text)
}

async fn yes(browser: &mut Browser, page: &Page) -> Page {
    browser.submit(page, &[("decision", "yes")]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_reads_what_would_happen_and_their_yes_does_just_that() {
    let nasty = "<script>alert(1)</script> \u{202e}ignore the page";
    let (server, client) = start(Confirm::Person, nasty).await;
    let url = link(&client, "changes_erase").await;
    assert_eq!(link(&client, "changes_erase").await, url);
    let mut browser = Browser::default();
    let first = browser.open(&url).await;
    assert!(!first.html.contains("ignore the page"), "{}", first.html);
    let page = enter(&mut browser, &url, client.key()).await;
    for shown in [
        "Erase a?",
        "&lt;script&gt;alert(1)&lt;/script&gt; [U+202E]ignore the page",
        "third parties",
    ] {
        assert!(page.html.contains(shown), "{shown}: {}", page.html);
    }
    assert!(!page.html.contains("<script"), "{}", page.html);
    assert_eq!(value(&client, "a").await, nasty);
    let done = yes(&mut browser, &page).await;
    assert_eq!(done.status, 200, "{}", done.html);
    assert_eq!(value(&client, "a").await, Value::Null);
    let told = client.call("changes_erase", json!({"key": "a"})).await.ok();
    assert_eq!(told["erased"], true);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_between_reading_and_yes_is_not_touched() {
    let (server, client) = start(Confirm::Person, "before").await;
    let url = link(&client, "changes_erase").await;
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    assert!(page.html.contains("before"), "{}", page.html);
    set(&client, "between").await;
    let refused = yes(&mut browser, &page).await;
    assert!(refused.html.contains("not carried out"), "{}", refused.html);
    assert_eq!(value(&client, "a").await, "between");
    let (code, _) = client
        .call("changes_erase", json!({"key": "a"}))
        .await
        .error();
    assert_eq!(code, "changed-meanwhile");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_is_a_no() {
    let (server, client) = start(Confirm::Person, "kept").await;
    let url = link(&client, "changes_erase").await;
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    browser.submit(&page, &[("decision", "no")]).await;
    let (code, _) = client
        .call("changes_erase", json!({"key": "a"}))
        .await
        .error();
    assert_eq!(code, "declined-by-person");
    assert_eq!(value(&client, "a").await, "kept");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_without_preview_is_confirmed_on_a_page_whatever_the_policy() {
    for policy in [Confirm::Person, Confirm::Token] {
        let (server, client) = start(policy, "kept").await;
        let url = link(&client, "changes_purge").await;
        let mut browser = Browser::default();
        let page = enter(&mut browser, &url, client.key()).await;
        assert!(page.html.contains("Erase a?"), "{}", page.html);
        assert_eq!(yes(&mut browser, &page).await.status, 200);
        assert_eq!(value(&client, "a").await, Value::Null);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_opens_pages_and_has_no_forms_is_asked_for_the_page() {
    let (server, client) = start(Confirm::Person, "kept").await;
    let client = client.declaring(json!({"elicitation": {"url": {}}}));
    let call = json!({"name": "changes_erase", "arguments": {"key": "a"}});
    let asked = client.request("tools/call", call).await.json();
    let request = &asked["result"]["inputRequests"]["page"]["params"];
    assert_eq!(request["mode"], "url", "{asked}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_withdrawn_where_the_client_can_ask_after_all() {
    let (server, client) = start(Confirm::Person, "kept").await;
    let url = link(&client, "changes_erase").await;
    let forms = client.declaring(json!({"elicitation": {"form": {}}}));
    let call = json!({"name": "changes_erase", "arguments": {"key": "a"}});
    let asked = forms.request("tools/call", call).await.json();
    let request = &asked["result"]["inputRequests"]["erase"]["params"];
    assert_eq!(request["message"], "Erase a?", "{asked}");
    assert_eq!(Browser::default().open(&url).await.status, 404);
    server.stop().await;
}
