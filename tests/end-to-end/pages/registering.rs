//! A store is registered without its key passing through the conversation.

use end_to_end::{Browser, Server};
use orderdesk_mcp::tenancy::Scopes;
use orderdesk_simulator::sample;
use serde_json::json;

use super::{enter, link, register, register_at, start, store, stores};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_enters_the_key_and_the_agent_hears_of_it() {
    let (server, client) = start().await;
    let url = link(&client).await;
    assert!(url.starts_with(&server.page("/person/odl_")), "{url}");
    assert_eq!(link(&client).await, url, "the same call, the same link");

    // Programs look at links before people do.
    for _ in 0..2 {
        let page = Browser::default().open(&url).await;
        assert_eq!(page.status, 200);
    }
    let mut browser = Browser::default();
    let first = browser.open(&url).await;
    let origin = server.simulator.base_url().replace("/api/v2", "");
    let origin = origin.trim_end_matches('/');
    for told in ["stores_register", "stores", origin] {
        assert!(first.html.contains(told), "{told}: {}", first.html);
    }
    assert!(
        !first.html.contains("9021"),
        "before a key is given: {}",
        first.html
    );
    let page = enter(&mut browser, &url, client.key()).await;
    for told in ["Register a store", "stores_register", origin, "9021"] {
        assert!(page.html.contains(told), "{told}: {}", page.html);
    }
    assert_eq!(
        stores(&client).await,
        0,
        "nothing happens before the decision"
    );

    let done = register(&mut browser, &page, sample::HARBOR_AND_OAK_KEY).await;
    assert_eq!(done.status, 200, "{}", done.html);
    assert!(done.html.contains("is registered"), "{}", done.html);
    assert!(!done.html.contains(sample::HARBOR_AND_OAK_KEY));
    assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
    assert_eq!(stores(&client).await, 1);

    let told = client.call("stores_register", store()).await.ok();
    assert_eq!(told["store"]["store_id"], "9021", "{told}");
    assert_eq!(told["replaced"], false);
    client.call("orders_list", json!({"limit": 1})).await.ok();
    // What became of it is told once; the next call is a new one.
    assert_ne!(link(&client).await, url);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_used_link_is_good_for_nothing() {
    let (server, client) = start().await;
    let url = link(&client).await;
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    let cookies = browser.cookies.clone();
    register(&mut browser, &page, sample::HARBOR_AND_OAK_KEY).await;
    browser.cookies = cookies;
    let fields = [("secret.api_key", "another"), ("decision", "yes")];
    let again = browser.submit(&page, &fields).await;
    assert_eq!(again.status, 410, "{}", again.html);
    assert!(again.html.contains("This link was used"), "{}", again.html);
    assert_eq!(Browser::default().open(&url).await.status, 410);
    assert_eq!(stores(&client).await, 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_api_key_is_corrected_on_the_page() {
    let (server, client) = start().await;
    let url = link(&client).await;
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    let empty = register(&mut browser, &page, " ").await;
    assert_eq!(empty.status, 400, "{}", empty.html);
    let refused = register(&mut browser, &empty, "wrong-key-wrong").await;
    assert_eq!(refused.status, 409, "{}", refused.html);
    assert!(refused.html.contains("role=\"alert\""), "{}", refused.html);
    assert!(
        !refused.html.contains("wrong-key-wrong"),
        "{}",
        refused.html
    );
    assert_eq!(link(&client).await, url, "the call still waits");
    let done = register(&mut browser, &refused, sample::HARBOR_AND_OAK_KEY).await;
    assert_eq!(done.status, 200, "{}", done.html);
    client.call("stores_register", store()).await.ok();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_cannot_mend_or_does_not_want_is_told_to_the_agent() {
    let (server, client) = start().await;
    let url = link(&client).await;
    let with_key = json!({"store_id": "9021", "api_key": sample::HARBOR_AND_OAK_KEY});
    client.call("stores_register", with_key).await.ok();
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    let ended = register(&mut browser, &page, sample::HARBOR_AND_OAK_KEY).await;
    assert!(ended.html.contains("already registered"), "{}", ended.html);
    let (code, _) = client.call("stores_register", store()).await.error();
    assert_eq!(code, "store-already-registered");

    let url = link(&client).await;
    let page = enter(&mut browser, &url, client.key()).await;
    let ended = browser.submit(&page, &[("decision", "no")]).await;
    assert!(ended.html.contains("as you wished"), "{}", ended.html);
    let (code, _) = client.call("stores_register", store()).await.error();
    assert_eq!(code, "declined-by-person");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_call_is_made_with_the_rights_of_the_key_that_the_person_gave() {
    let (server, client) = start().await;
    let read_only = Scopes {
        read_only: true,
        ..Scopes::default()
    };
    let other_tools = Scopes {
        tools: Some(vec!["orders_list".to_owned()]),
        ..Scopes::default()
    };
    let url = link(&client).await;
    let person = server.limited(&client, read_only).await;
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, person.key()).await;
    let ended = register(&mut browser, &page, sample::HARBOR_AND_OAK_KEY).await;
    assert!(ended.html.contains("may only read"), "{}", ended.html);
    let (code, _) = client.call("stores_register", store()).await.error();
    assert_eq!(code, "read-only-key");

    let url = link(&client).await;
    let person = server.limited(&client, other_tools).await;
    let page = enter(&mut browser, &url, person.key()).await;
    assert_eq!(page.status, 409, "{}", page.html);
    assert!(!page.asks_for("secret.api_key"), "{}", page.html);
    assert_eq!(stores(&client).await, 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_of_one_process_is_good_at_another_on_the_same_data() {
    let data = tempfile::tempdir().unwrap();
    let here = Server::builder().data(data.path()).start().await;
    let there = Server::builder().data(data.path()).start().await;
    let client = here.tenant("acme").await;
    let url = link(&client).await;
    let (_, token) = url.rsplit_once('/').unwrap();
    let elsewhere = there.page(&format!("/person/{token}"));
    // The second step goes to the first process again.
    let mut browser = Browser::default();
    let mut page = enter(&mut browser, &elsewhere, client.key()).await;
    page.url = url.clone();
    // The other process has a simulator of its own, with the same stores.
    let done = register(&mut browser, &page, sample::HARBOR_AND_OAK_KEY).await;
    assert_eq!(done.status, 200, "{}", done.html);
    assert_eq!(browser.open(&elsewhere).await.status, 410);
    there.stop().await;
    client.call("stores_register", store()).await.ok();
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_secret_may_be_an_argument_none_is_listed_or_taken() {
    let server = Server::builder()
        .config(|config| config.security.secrets_in_arguments = false)
        .start()
        .await;
    let client = server.tenant("acme").await;
    let tools = client.tools().await;
    let listed = |name: &str| tools.iter().find(|tool| tool["name"] == name).unwrap();
    let properties = |name: &str| listed(name)["inputSchema"]["properties"].clone();
    assert!(properties("stores_register").get("api_key").is_none());
    assert!(properties("stores_register").get("store_id").is_some());
    assert!(
        properties("tenant_use_master_key")
            .get("master_key")
            .is_none()
    );

    let sent = json!({"store_id": "9021", "api_key": "canary-of-a-key"});
    let refused = client.call("stores_register", sent).await;
    assert!(!refused.raw.contains("canary-of-a-key"), "{}", refused.raw);
    assert_eq!(refused.error().0, "secret-in-arguments");
    assert_eq!(stores(&client).await, 0);

    register_at(&link(&client).await, client.key()).await;
    assert_eq!(stores(&client).await, 1);
    // A key that is only checked is entered the same way.
    let (code, text) = client
        .call("tenant_use_master_key", json!({}))
        .await
        .error();
    assert_eq!(code, "secret-by-person");
    let mut browser = Browser::default();
    let page = enter(&mut browser, &super::url_in(&text), client.key()).await;
    let fields = [("secret.master_key", client.key()), ("decision", "yes")];
    let done = browser.submit(&page, &fields).await;
    assert!(done.html.contains("The key is valid"), "{}", done.html);
    server.stop().await;
}
