//! Behind a proxy that the operator trusts, a page knows from where its visitors come; from nobody else does it believe that.

use end_to_end::{Browser, Client, Server};
use reqwest::header::HeaderValue;

use super::link;

async fn start(trusted: &str) -> (Server, Client) {
    let trusted = trusted.parse().unwrap();
    let server = Server::builder()
        .config(move |config| config.server.trusted_proxies = vec![trusted])
        .start()
        .await;
    let client = server.tenant("acme").await;
    (server, client)
}

fn from(address: &str) -> Browser {
    let mut browser = Browser::default();
    browser
        .headers
        .insert("x-forwarded-for", HeaderValue::from_str(address).unwrap());
    browser
}

/// Opens a link until that is too often; one is let through again each thirtieth of a second.
async fn exhaust(browser: &mut Browser, url: &str) {
    for _ in 0..10_000 {
        if browser.open(url).await.status == 429 {
            return;
        }
    }
    panic!("nobody is slowed");
}

async fn sources(server: &Server) -> Vec<String> {
    server.application.data.tenancy.audit().flush().await;
    let database = server.raw_database();
    let sql = "SELECT DISTINCT source FROM audit WHERE source LIKE 'page %'";
    let mut rows = database.prepare(sql).unwrap();
    let rows = rows.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visitors_behind_a_proxy_are_counted_each_by_their_own_address() {
    let (server, client) = start("127.0.0.0/8").await;
    let url = link(&client).await;
    exhaust(&mut from("192.0.2.1"), &url).await;
    assert_eq!(from("192.0.2.2").open(&url).await.status, 200);
    // What a visitor claims before the address that the proxy saw changes nothing.
    exhaust(&mut from("203.0.113.10, 192.0.2.3"), &url).await;
    assert_eq!(from("203.0.113.10").open(&url).await.status, 200);
    super::register_from(&mut from("192.0.2.4"), &url, client.key()).await;
    assert_eq!(sources(&server).await, ["page 192.0.2.4"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_trusted_proxy_says_nothing_about_where_a_visitor_sits() {
    let (server, client) = start("192.0.2.0/24").await;
    let url = link(&client).await;
    super::register_from(&mut from("192.0.2.4"), &url, client.key()).await;
    assert_eq!(sources(&server).await, ["page 127.0.0.1"]);
    server.stop().await;
}
