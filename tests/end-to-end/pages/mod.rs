//! Pages at which a person goes on with an agent's call: secrets entered and changes confirmed where neither model nor client
//! sees them.

mod both;
mod confirming;
mod consenting;
mod elicitation;
mod guarding;
mod leaking;
mod on_this_machine;
mod proxies;
mod registering;

use end_to_end::{Browser, Client, Page, Server};
use orderdesk_simulator::sample;
use serde_json::{Value, json};

/// What waits in most of these tests.
fn store() -> Value {
    json!({"store_id": "9021"})
}

/// Calls `stores_register` without the key; answers the link of the text.
async fn link(client: &Client) -> String {
    let answer = client.call("stores_register", store()).await;
    assert!(!answer.raw.contains("odm_"), "{}", answer.raw);
    let (code, text) = answer.error();
    assert_eq!(code, "secret-by-person", "{text}");
    url_in(&text)
}

fn url_in(text: &str) -> String {
    let url = text
        .split_whitespace()
        .find(|word| word.contains("/person/"));
    url.unwrap_or_else(|| panic!("no link: {text}")).to_owned()
}

/// Opens a link and gives a key.
async fn enter(browser: &mut Browser, url: &str, key: &str) -> Page {
    let page = browser.open(url).await;
    assert_eq!(page.status, 200, "{}", page.html);
    assert!(page.asks_for("access_key"), "{}", page.html);
    browser.submit(&page, &[("access_key", key)]).await
}

/// Enters the sample store's API key.
async fn register(browser: &mut Browser, page: &Page, api_key: &str) -> Page {
    assert!(page.asks_for("secret.api_key"), "{}", page.html);
    let fields = [("secret.api_key", api_key), ("decision", "yes")];
    browser.submit(page, &fields).await
}

/// From the link to the end.
async fn register_at(url: &str, key: &str) {
    register_from(&mut Browser::default(), url, key).await;
}

/// From the link to the end, in this browser.
async fn register_from(browser: &mut Browser, url: &str, key: &str) {
    let page = enter(browser, url, key).await;
    let done = register(browser, &page, sample::HARBOR_AND_OAK_KEY).await;
    assert_eq!(done.status, 200, "{}", done.html);
}

async fn stores(client: &Client) -> usize {
    let listed = client.call("stores_list", json!({})).await.ok();
    listed["stores"].as_array().unwrap().len()
}

async fn start() -> (Server, Client) {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    (server, client)
}
