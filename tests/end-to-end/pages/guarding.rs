//! What the pages refuse, and what they say of it.

use end_to_end::{Browser, Page, Server};
use orderdesk_mcp::tenancy::AccessKey;
use orderdesk_simulator::sample;
use reqwest::header::{HeaderValue, ORIGIN};
use secrecy::ExposeSecret;

use super::{enter, link, register, start, stores};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_wrong_keys_close_a_link_and_anothers_key_is_as_wrong_as_none() {
    let (server, client) = start().await;
    let rival = server.tenant("rival").await;
    let unknown = AccessKey::generate().unwrap();
    let unknown = unknown.expose_secret().to_owned();
    let url = link(&client).await;
    let mut browser = Browser::default();
    let mut page = browser.open(&url).await;
    let mut said = Vec::new();
    for key in [rival.key(), &unknown, "nonsense", rival.key()] {
        page = browser.submit(&page, &[("access_key", key)]).await;
        assert_eq!(page.status, 403, "{}", page.html);
        assert!(!page.html.contains(key), "{}", page.html);
        assert!(page.asks_for("access_key"), "{}", page.html);
        let alert = page.html.split("role=\"alert\">").nth(1).unwrap();
        let alert = alert.split('<').next().unwrap();
        said.push(alert.replace(|letter: char| letter.is_ascii_digit(), "#"));
    }
    assert_eq!(said[0], said[1], "another tenant's key and none at all");
    assert_eq!(said[1], said[2]);
    page = browser.submit(&page, &[("access_key", &unknown)]).await;
    assert_eq!(page.status, 410, "{}", page.html);
    // The right one comes too late, and the agent gets another link.
    assert_eq!(browser.open(&url).await.status, 410);
    let new = link(&client).await;
    assert_ne!(new, url);
    assert!(
        enter(&mut browser, &new, client.key())
            .await
            .asks_for("secret.api_key")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_expired_says_so_and_the_next_call_gets_a_new_one() {
    let (server, client) = start().await;
    let url = link(&client).await;
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    server
        .raw_database()
        .execute("UPDATE one_time_links SET expires_at = 0", [])
        .unwrap();
    let late = register(&mut browser, &page, sample::HARBOR_AND_OAK_KEY).await;
    assert_eq!(late.status, 410, "{}", late.html);
    assert!(late.html.contains("has expired"), "{}", late.html);
    assert_eq!(stores(&client).await, 0);
    assert_ne!(link(&client).await, url);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_another_site_sends_is_refused() {
    let (server, client) = start().await;
    let url = link(&client).await;
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, client.key()).await;
    let fields = [
        ("secret.api_key", sample::HARBOR_AND_OAK_KEY),
        ("decision", "yes"),
    ];
    let refused = |page: &Page| {
        assert_eq!(page.status, 403, "{}", page.html);
        assert!(!page.asks_for("secret.api_key"), "{}", page.html);
    };
    // No token, another one, that of another browser, and none of the cookies.
    let forged = [("form", "")].into_iter().chain(fields).collect::<Vec<_>>();
    refused(&browser.submit(&page, &forged).await);
    let mut other = Browser::default();
    let others = other.open(&url).await.hidden()["form"].clone();
    let forged = [("form", others.as_str())].into_iter().chain(fields);
    refused(&browser.submit(&page, &forged.collect::<Vec<_>>()).await);
    refused(&Browser::default().submit(&page, &fields).await);
    // The right token, and a browser that says where the form was.
    browser
        .headers
        .insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    refused(&browser.submit(&page, &fields).await);
    browser.headers.clear();
    let origin = HeaderValue::from_static("https://evil.example");
    browser.headers.insert(ORIGIN, origin);
    refused(&browser.submit(&page, &fields).await);
    browser.headers.clear();
    assert_eq!(stores(&client).await, 0);
    // What a browser sends from the page itself.
    browser
        .headers
        .insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
    browser
        .headers
        .insert(ORIGIN, HeaderValue::from_static("null"));
    assert_eq!(browser.submit(&page, &fields).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_shown_at_the_servers_own_names_only_and_cannot_be_framed_or_cached() {
    let server = Server::builder()
        .config(|config| {
            let public = "https://mcp.example.com/desk".to_owned();
            config.server.public_url = Some(public.try_into().unwrap());
        })
        .start()
        .await;
    let client = server.tenant("acme").await;
    let url = link(&client).await;
    let token = url
        .strip_prefix("https://mcp.example.com/desk/person/")
        .unwrap();
    let behind = server.page(&format!("/person/{token}"));
    let mut browser = Browser::default();
    for (host, status) in [
        ("mcp.example.com", 200),
        ("localhost:1", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
    ] {
        browser.headers.insert("host", host.try_into().unwrap());
        let page = browser.open(&behind).await;
        assert_eq!(page.status, status, "{host}");
        let header = |name: &str| page.headers[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        for part in [
            "default-src 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "style-src 'sha256-",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
        if status == 200 {
            let cookie = header("set-cookie");
            for part in ["HttpOnly", "SameSite=Strict", "Secure"] {
                assert!(cookie.contains(part), "{cookie}");
            }
        }
    }
    let instructions = client
        .request("server/discover", serde_json::json!({}))
        .await
        .json()["result"]["instructions"]
        .clone();
    let instructions = instructions.as_str().unwrap();
    assert!(
        instructions.contains("https://mcp.example.com/desk/person/") && instructions.len() < 2048,
        "{instructions}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leads_nowhere_and_what_is_no_form_is_said_plainly() {
    let (server, client) = start().await;
    let mut browser = Browser::default();
    let nowhere = server.page(&format!("/person/odl_{}", "A".repeat(43)));
    for url in [nowhere, server.page("/person/x")] {
        let page = browser.open(&url).await;
        assert_eq!(page.status, 404, "{}", page.html);
    }
    let url = link(&client).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let json = http.post(&url).body("{}").send().await.unwrap();
    assert_eq!(json.status(), 415);
    let large = http
        .post(&url)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("x".repeat(300_000));
    assert_eq!(large.send().await.unwrap().status(), 413);
    let put = http.put(&url).send().await.unwrap();
    assert_eq!(put.status(), 405);
    assert_eq!(browser.open(&url).await.status, 200);
    server.stop().await;
}
