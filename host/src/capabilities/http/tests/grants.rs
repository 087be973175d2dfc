use proptest::prelude::*;

use super::super::*;
use super::fixture::*;

fn matches(pattern: &str, method: Method, path: &[&str]) -> bool {
    let path: Vec<String> = path.iter().map(|segment| (*segment).to_owned()).collect();
    pattern
        .parse::<AllowPattern>()
        .unwrap()
        .matches(method, &path)
}

#[test]
fn a_pattern_covers_its_method_and_path_only() {
    assert!(matches("GET /orders/*", Method::Get, &["orders", "12"]));
    assert!(!matches("GET /orders/*", Method::Get, &["orders"]));
    assert!(!matches(
        "GET /orders/*",
        Method::Get,
        &["orders", "12", "notes"]
    ));
    assert!(!matches("GET /orders/*", Method::Get, &["Orders", "12"]));
    assert!(!matches("GET /orders/*", Method::Delete, &["orders", "12"]));
    assert!(
        !matches("GET /orders/*", Method::Head, &["orders", "12"]),
        "HEAD is granted as HEAD"
    );
    assert!(matches("GET /", Method::Get, &[]));
    assert!(!matches("GET /", Method::Get, &["store"]));
}

#[test]
fn two_stars_cover_one_segment_or_more() {
    assert!(matches("GET /orders/**", Method::Get, &["orders", "1"]));
    assert!(matches(
        "GET /orders/**",
        Method::Get,
        &["orders", "1", "notes", "a/b"]
    ));
    assert!(!matches("GET /orders/**", Method::Get, &["orders"]));
    assert!(!matches("GET /**", Method::Get, &[]));
}

#[test]
fn one_star_covers_no_segment_that_a_service_could_read_as_two() {
    assert!(!matches(
        "GET /orders/*",
        Method::Get,
        &["orders", "1/notes"]
    ));
    assert!(!matches(
        "GET /orders/*",
        Method::Get,
        &["orders", "1\\notes"]
    ));
}

#[test]
fn a_pattern_that_cannot_mean_what_it_says_is_refused() {
    for (pattern, reason) in [
        ("/orders", "of the form"),
        ("get /orders", "'get' is none of"),
        ("FETCH /orders", "'FETCH' is none of"),
        ("GET orders", "of the form"),
        ("GET /orders/", "no empty segment"),
        ("GET //orders", "no empty segment"),
        ("GET /a/../b", "no '.' or '..'"),
        ("GET /**/notes", "only at the end"),
        ("GET /order*", "whole segment"),
        ("GET /orders?limit=1", "covers the path only"),
        ("GET /orders /x", "no spaces"),
    ] {
        let error = pattern.parse::<AllowPattern>().unwrap_err().to_string();
        assert!(error.contains(reason), "{pattern}: {error}");
    }
}

proptest! {
    #[test]
    fn a_pattern_reads_back_as_it_was_written(path in proptest::collection::vec("[a-z0-9_%-]{1,9}|\\*", 0..5), rest: bool) {
        let mut text = format!("PUT /{}", path.join("/"));
        if rest {
            if !path.is_empty() { text.push('/'); }
            text.push_str("**");
        }
        prop_assert_eq!(text.parse::<AllowPattern>().unwrap().to_string(), text);
    }

    #[test]
    fn without_a_star_only_the_very_path_is_covered(own in proptest::collection::vec("[a-z]{1,3}", 1..4), other in proptest::collection::vec("[a-z]{1,3}", 0..4)) {
        let pattern: AllowPattern = format!("GET /{}", own.join("/")).parse().unwrap();
        prop_assert!(pattern.matches(Method::Get, &own));
        prop_assert_eq!(pattern.matches(Method::Get, &other), own == other);
    }
}

#[tokio::test]
async fn what_is_not_granted_is_never_sent() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(upstream.settings());
    let mut call = Call::new();
    call.grants = vec![
        grant("shop", &["GET /orders", "GET /orders/*"]),
        grant("other", &["GET /**"]),
    ];
    for request in [
        get("store"),
        asking(Method::Delete, "orders/12"),
        asking(Method::Head, "orders"),
        Request::new("shop", Method::Get, ["orders", "..", "store"]),
        Request::new("shop", Method::Get, ["orders", "../store"]),
        Request::new("elsewhere", Method::Get, ["orders"]),
    ] {
        let error = http.send(&call.scope(), request).await.unwrap_err();
        assert_eq!(
            (error.kind, &*error.code),
            (ErrorKind::Denied, "http-not-granted")
        );
        assert!(
            error.message.contains("Ask the operator"),
            "{}",
            error.message
        );
        assert!(
            !error.message.contains("http ="),
            "the line to add is for the log"
        );
    }
    call.grants = vec![grant("shop", &[])];
    let error = http.send(&call.scope(), get("orders")).await.unwrap_err();
    assert_eq!(error.code, "http-not-granted");
    assert_eq!(upstream.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn the_refusal_tells_the_operator_what_to_add() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(upstream.settings());
    let mut call = Call::new();
    call.grants = Vec::new();
    let error = http
        .send(&call.scope(), get("orders/12345/order-history"))
        .await
        .unwrap_err();
    assert_eq!(
        error.detail.as_deref(),
        Some(r#"http = [{ endpoint = "shop", allow = ["GET /orders/*/order-history"] }]"#)
    );
}

#[tokio::test]
async fn a_grant_in_config_of_an_endpoint_that_is_not_is_said_to_be_missing() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(upstream.settings());
    let mut call = Call::new();
    call.grants = vec![grant("gone", &["GET /**"])];
    let error = http
        .send(&call.scope(), Request::new("gone", Method::Get, ["x"]))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, &*error.code),
        (ErrorKind::NotFound, "endpoint-unknown")
    );
}

#[tokio::test]
async fn a_call_that_may_only_read_reads_only() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(upstream.settings());
    let mut call = Call::new();
    call.read_only = true;
    for method in [Method::Post, Method::Put, Method::Patch, Method::Delete] {
        let error = http
            .send(&call.scope(), asking(method, "orders/1"))
            .await
            .unwrap_err();
        assert_eq!((error.kind, &*error.code), (ErrorKind::Denied, "read-only"));
    }
    http.send(&call.scope(), get("orders/1")).await.unwrap();
    http.send(&call.scope(), asking(Method::Head, "orders/1"))
        .await
        .unwrap();
    assert_eq!(
        upstream.lines(),
        ["GET /api/v2/orders/1", "HEAD /api/v2/orders/1"]
    );
}
