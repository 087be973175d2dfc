//! What an issuer of tokens publishes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use url::Url;

use super::super::*;
use super::addresses::Everywhere;
use super::fixture::*;

const MOST: usize = 1000;

/// A capability for which every name is at this address.
fn everywhere(address: &str) -> HttpCapability {
    let address: IpAddr = address.parse().unwrap();
    HttpCapability::with_resolver(
        HashMap::new(),
        Arc::<Buckets>::default(),
        Arc::new(Everywhere(vec![address])),
        Arc::default(),
    )
    .unwrap()
}

fn named(upstream: &Upstream, host: &str) -> Url {
    let mut url = upstream.base.clone();
    url.set_host(Some(host)).unwrap();
    url
}

async fn refused(http: &HttpCapability, url: &Url, named: bool) -> String {
    let published = http.published(url, named, MOST).await;
    published.unwrap_err().to_string()
}

#[tokio::test]
async fn what_the_operator_named_is_read_and_nothing_else_inside_is() {
    let upstream = Upstream::saying("{}").await;
    let http = everywhere("127.0.0.1");
    for url in [&upstream.base, &named(&upstream, "localhost")] {
        assert_eq!(http.published(url, true, MOST).await.unwrap(), b"{}");
        let error = refused(&http, url, false).await;
        assert!(error.contains("neither"), "{error}");
    }
    let mut other = named(&upstream, "keys.example");
    other.set_scheme("https").unwrap();
    let error = refused(&http, &other, false).await;
    assert!(error.contains("not public"), "{error}");
    // Without TLS, a name is this machine's or nobody's.
    let error = refused(
        &everywhere("10.0.0.1"),
        &named(&upstream, "localhost"),
        true,
    )
    .await;
    assert!(error.contains("not public"), "{error}");
    assert_eq!(upstream.lines().len(), 2);
}

#[tokio::test]
async fn redirects_failures_and_what_is_too_large_are_no_publications() {
    let http = everywhere("127.0.0.1");
    let upstream = Upstream::in_turn([
        Redirect::temporary("/elsewhere").into_response(),
        StatusCode::NOT_FOUND.into_response(),
        "x".repeat(MOST + 1).into_response(),
    ])
    .await;
    for expected in ["307", "404", "more than 1000 bytes"] {
        let error = refused(&http, &upstream.base, true).await;
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(upstream.lines().len(), 3, "no redirect was followed");
}
