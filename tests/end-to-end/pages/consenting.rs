//! The page at which a tenant agrees that a stranger's plugin reaches what is the tenant's.

use std::collections::BTreeMap;

use end_to_end::{Browser, Client, Page, Server, ServerBuilder, Stream, guest};
use orderdesk_mcp::tenancy::{AccessKey, Scopes};
use reqwest::header::{HeaderValue, ORIGIN};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

const GRANTS: &str = r#"
grants.http = [{ endpoint = "orderdesk", allow = ["GET /store", "GET /orders/*"] }]
grants.tools = ["stores_list"]
grants.read = ["stores"]
consent = "tenant"
"#;

fn builder() -> ServerBuilder {
    Server::builder().plugin("hostile", &guest("guest-hostile"), GRANTS)
}

fn list_stores() -> Value {
    json!({"tool": "stores_list", "arguments": {}})
}

async fn lists_it(client: &Client) -> bool {
    let tools = client.tools().await;
    tools.iter().any(|tool| tool["name"] == "hostile_peer")
}

/// The page that the refused call names.
async fn page_named(client: &Client) -> String {
    let (code, text) = client.call("hostile_peer", list_stores()).await.error();
    assert_eq!(code, "consent-missing", "{text}");
    let url = text.split_whitespace().find(|it| it.contains("/person/"));
    url.unwrap().trim_end_matches(',').to_owned()
}

/// Opens the page and gives a key.
async fn enter(browser: &mut Browser, url: &str, key: &str) -> Page {
    let page = browser.open(url).await;
    assert_eq!(page.status, 200, "{}", page.html);
    assert!(!page.html.contains("hostile"), "{}", page.html);
    browser.submit(&page, &[("access_key", key)]).await
}

/// Agrees to what the page shows.
async fn agree(browser: &mut Browser, page: &Page, fields: &[(&str, &str)]) -> Page {
    let mut form = page.hidden();
    form.insert("decision".into(), "agree".into());
    for (name, value) in fields {
        form.insert((*name).to_owned(), (*value).to_owned());
    }
    browser.post(&page.url, &form).await
}

async fn withdraw(browser: &mut Browser, page: &Page) -> Page {
    let fields = [("plugin", "hostile"), ("decision", "withdraw")];
    browser.submit(page, &fields).await
}

fn acts(server: &Server) -> Vec<(String, String)> {
    let database = server.raw_database();
    let sql = "SELECT action, source FROM audit WHERE action LIKE 'tenants.consent%' AND outcome = 'ok' ORDER BY rowid";
    let mut acts = database.prepare(sql).unwrap();
    let acts = acts.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    acts.unwrap().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_the_master_key_reads_agrees_and_takes_it_back_at_once() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let rival = server.tenant("rival").await;
    assert!(!lists_it(&client).await);
    let url = page_named(&client).await;
    assert_eq!(url, server.page("/person/consent"));
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    for shown in [
        "acme",
        "Nobody signed it.",
        "GET /store at orderdesk",
        "to call the tool stores_list",
        "to read all that &#39;stores&#39; keeps",
        "to use what others may",
        "It does nothing for you until you agree.",
    ] {
        let html = page.html.replace('\'', "&#39;");
        assert!(html.contains(shown), "{shown}: {}", page.html);
    }
    assert!(!page.html.contains(client.key()), "{}", page.html);
    assert!(!lists_it(&client).await, "reading is not agreeing");

    let mut stream = Stream::listen(&client, json!({"toolsListChanged": true})).await;
    let page = agree(&mut browser, &page, &[]).await;
    assert_eq!(page.status, 200, "{}", page.html);
    assert!(page.html.contains("You agreed on"), "{}", page.html);
    stream.until("notifications/tools/list_changed").await;
    assert!(lists_it(&client).await);
    client.call("hostile_peer", list_stores()).await.ok();
    assert!(!lists_it(&rival).await, "one tenant's yes is nobody else's");

    let page = withdraw(&mut browser, &page).await;
    assert!(page.html.contains("until you agree"), "{}", page.html);
    assert!(!lists_it(&client).await);
    page_named(&client).await;
    let act = |action: &str| (action.to_owned(), "page 127.0.0.1".to_owned());
    assert_eq!(
        acts(&server),
        [act("tenants.consent"), act("tenants.consent.withdraw")]
    );
    let left = browser.submit(&page, &[("decision", "leave")]).await;
    assert_eq!(left.status, 200);
    assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
    assert!(browser.open(&url).await.asks_for("access_key"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_may_be_for_some_stores_only() {
    let server = builder().start().await;
    let client = server.tenant_with_store("acme").await;
    let (other, key, _) = server.simulator.stores().into_iter().nth(1).unwrap();
    let register = json!({"store_id": other, "api_key": key});
    client.call("stores_register", register).await.ok();
    let url = server.page("/person/consent");
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    for store in ["store:9021".to_owned(), format!("store:{other}")] {
        assert!(
            page.html.contains(&format!("value=\"{store}\"")),
            "{}",
            page.html
        );
    }
    let none = agree(&mut browser, &page, &[("for", "some")]).await;
    assert_eq!(none.status, 400, "{}", none.html);
    assert!(none.html.contains("No store was chosen"), "{}", none.html);
    assert!(!lists_it(&client).await);
    let chosen = [("for", "some"), ("subject", "store:9021")];
    let page = agree(&mut browser, &page, &chosen).await;
    assert!(page.html.contains("for store:9021."), "{}", page.html);
    let seen = client
        .call("hostile_peer", list_stores())
        .await
        .ok()
        .to_string();
    assert!(
        seen.contains("9021") && !seen.contains(&other.to_string()),
        "{seen}"
    );
    let page = agree(&mut browser, &page, &[("for", "all")]).await;
    assert!(page.html.contains("for everything."), "{}", page.html);
    let seen = client
        .call("hostile_peer", list_stores())
        .await
        .ok()
        .to_string();
    assert!(seen.contains(&other.to_string()), "{seen}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_read_is_not_agreed_to() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let url = server.page("/person/consent");
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    let mut config = server.config.clone();
    let plugin = config.plugins.get_mut("hostile").unwrap();
    plugin.grants.tools.push("echo_say".to_owned());
    server.application.host.reload(&config).await;
    let changed = agree(&mut browser, &page, &[]).await;
    assert_eq!(changed.status, 409, "{}", changed.html);
    assert!(
        changed.html.contains("something else by now"),
        "{}",
        changed.html
    );
    assert!(changed.html.contains("to call the tool echo_say"));
    assert!(!lists_it(&client).await);
    let page = agree(&mut browser, &changed, &[]).await;
    assert!(page.html.contains("You agreed on"), "{}", page.html);
    // A wider grant suspends it, and the page says what is new.
    let plugin = config.plugins.get_mut("hostile").unwrap();
    plugin.grants.events.push("hostile".to_owned());
    server.application.host.reload(&config).await;
    assert!(!lists_it(&client).await);
    let (code, text) = client.call("hostile_peer", list_stores()).await.error();
    assert_eq!(code, "consent-suspended", "{text}");
    assert!(text.contains(&url), "{text}");
    let page = browser.open(&url).await;
    assert!(page.html.contains("asks for more than you agreed to"));
    assert!(
        page.html.contains("<strong>New: </strong>all events of"),
        "{}",
        page.html
    );
    agree(&mut browser, &page, &[]).await;
    assert!(lists_it(&client).await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_master_key_opens_it_and_wrong_ones_are_counted() {
    let server = builder()
        .config(|config| config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()])
        .start()
        .await;
    let client = server.tenant("acme").await;
    let limited = Scopes {
        read_only: true,
        ..Scopes::default()
    };
    let limited = server.limited(&client, limited).await;
    let url = server.page("/person/consent");
    let mut browser = Browser::default();
    browser
        .headers
        .insert("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
    let page = enter(&mut browser, &url, limited.key()).await;
    assert_eq!(page.status, 403, "{}", page.html);
    assert!(page.html.contains("master key is needed"), "{}", page.html);
    let unknown = AccessKey::generate().unwrap();
    let unknown = unknown.expose_secret();
    let mut last = page;
    for tries in 0.. {
        let page = browser.submit(&last, &[("access_key", unknown)]).await;
        assert!(!page.html.contains(unknown), "{}", page.html);
        if page.status == 429 {
            assert!(page.headers.contains_key("retry-after"));
            assert!(tries >= 5, "{tries}");
            break;
        }
        assert_eq!(page.status, 403, "{}", page.html);
        assert!(tries < 100);
        last = page;
    }
    // The failures are that address's, and a valid key passes from it all the same.
    let mut other = Browser::default();
    other
        .headers
        .insert("x-forwarded-for", HeaderValue::from_static("192.0.2.2"));
    assert_eq!(enter(&mut other, &url, unknown).await.status, 403);
    let page = browser.submit(&last, &[("access_key", client.key())]).await;
    assert!(page.html.contains("hostile"), "{}", page.html);
    // What the browser brought along ends with the key.
    server
        .raw_database()
        .execute("UPDATE tenants SET suspended = 1", [])
        .unwrap();
    assert!(browser.open(&url).await.asks_for("access_key"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_and_foreign_forms_agree_to_nothing() {
    let server = builder().start().await;
    let client = server.tenant("acme").await;
    let url = server.page("/person/consent");
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    let digest = page.hidden()["digest"].clone();
    let query = format!("{url}?plugin=hostile&decision=agree&for=all&digest={digest}");
    assert_eq!(browser.open(&query).await.status, 200);
    // The visit of one browser, sent by another page or another browser.
    let yes = |form: &str| -> BTreeMap<String, String> {
        [
            ("form", form),
            ("plugin", "hostile"),
            ("digest", &digest),
            ("for", "all"),
            ("decision", "agree"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    };
    let own = page.hidden()["form"].clone();
    let others = Browser::default().open(&url).await.hidden()["form"].clone();
    for form in ["", "x", &others] {
        assert_eq!(browser.post(&url, &yes(form)).await.status, 403);
    }
    assert_eq!(Browser::default().post(&url, &yes(&own)).await.status, 403);
    for (name, value) in [
        (ORIGIN.as_str(), "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let value = HeaderValue::from_static(value);
        let name: reqwest::header::HeaderName = name.parse().unwrap();
        browser.headers.insert(name, value);
        assert_eq!(browser.post(&url, &yes(&own)).await.status, 403);
        browser.headers.clear();
    }
    assert!(!lists_it(&client).await);
    let header = |name: &str| page.headers[name].to_str().unwrap().to_owned();
    assert!(
        header("content-security-policy").starts_with("default-src 'none'; style-src 'sha256-")
    );
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(browser.post(&url, &yes(&own)).await.status, 200);
    assert!(lists_it(&client).await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_public_url_it_is_there_and_its_cookies_are_secure() {
    let server = builder()
        .config(|config| {
            let public = "https://mcp.example.com/desk".to_owned();
            config.server.public_url = Some(public.try_into().unwrap());
        })
        .start()
        .await;
    let client = server.tenant("acme").await;
    let url = page_named(&client).await;
    assert_eq!(url, "https://mcp.example.com/desk/person/consent");
    let told = client.request("server/discover", json!({})).await.json();
    let told = told["result"]["instructions"].as_str().unwrap().to_owned();
    assert!(told.contains(&url) && told.len() < 2048, "{told}");
    let behind = Browser::default()
        .open(&server.page("/person/consent"))
        .await;
    let cookie = behind.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.contains("Secure") && cookie.contains("HttpOnly"),
        "{cookie}"
    );
    server.stop().await;
}
