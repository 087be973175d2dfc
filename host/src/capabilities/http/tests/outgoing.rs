//! What leaves: URL, headers, secrets.

use proptest::prelude::*;
use url::Url;

use super::super::*;
use super::fixture::*;

fn joined(base: &str, segments: &[&str]) -> Result<String, HttpError> {
    let segments: Vec<String> = segments
        .iter()
        .map(|segment| (*segment).to_owned())
        .collect();
    path::join(&base.parse().unwrap(), &segments, &[]).map(Into::into)
}

#[test]
fn segments_are_put_below_the_base() {
    assert_eq!(
        joined("https://shop.example/api/v2", &["orders", "12"]).unwrap(),
        "https://shop.example/api/v2/orders/12"
    );
    assert_eq!(
        joined("https://shop.example/api/v2/", &["orders"]).unwrap(),
        "https://shop.example/api/v2/orders"
    );
    assert_eq!(
        joined("https://shop.example", &["orders"]).unwrap(),
        "https://shop.example/orders"
    );
    assert_eq!(
        joined("https://shop.example/api/v2", &[]).unwrap(),
        "https://shop.example/api/v2"
    );
    assert_eq!(
        joined("https://shop.example/api", &["a/b?c#d%2e\\e f"]).unwrap(),
        "https://shop.example/api/a%2Fb%3Fc%23d%252e%5Ce%20f"
    );
}

#[test]
fn segments_that_would_move_are_refused() {
    for segment in [
        "",
        ".",
        "..",
        "a\nb",
        "\t..",
        "x\u{0}",
        "\u{85}",
        "../x",
        "x/..",
        "x/./y",
        "..\\store",
        "a//b",
        "/",
    ] {
        let error = joined("https://shop.example/api", &["orders", segment]).unwrap_err();
        assert_eq!(
            (error.kind, &*error.code),
            (ErrorKind::InvalidInput, "path-segment"),
            "{segment:?}"
        );
        assert!(error.message.contains("segment 2"), "{}", error.message);
    }
}

#[test]
fn a_url_has_an_end() {
    let error = joined("https://shop.example", &["x".repeat(20_000).as_str()]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge);
}

fn any_segment() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[./\\\\%2eE?#;@:&=+ ]{0,6}",
        "\\PC{1,12}",
        Just("..".to_owned()),
        Just("%2e%2e".to_owned()),
        Just("http://evil.example/".to_owned()),
        Just("C|".to_owned()),
    ]
}

proptest! {
    #[test]
    fn whatever_the_segments_the_url_stays_below_the_base(
        segments in proptest::collection::vec(any_segment(), 0..6),
        query in proptest::collection::vec((any::<String>(), any::<String>()), 0..3),
        base in prop_oneof![
            Just("https://shop.example"), Just("https://shop.example/api/v2"),
            Just("https://shop.example/api/v2/"), Just("http://127.0.0.1:81/x"),
        ],
    ) {
        let base: Url = base.parse().unwrap();
        if let Ok(url) = path::join(&base, &segments, &query) {
            prop_assert_eq!(url.origin(), base.origin());
            prop_assert_eq!(url.fragment(), None);
            let prefix = base.path().trim_end_matches('/');
            let below = url.path().strip_prefix(prefix).unwrap();
            if segments.is_empty() {
                prop_assert_eq!(url.path(), base.path());
            } else {
                prop_assert!(below.starts_with('/'));
                prop_assert_eq!(below.split('/').count() - 1, segments.len());
            }
            prop_assert_eq!(Url::parse(url.as_str()).unwrap(), url.clone());
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            prop_assert_eq!(pairs, query);
        } else {
            let refusable = |segment: &String| {
                segment.is_empty() || segment.contains(char::is_control) || segment.contains(['.', '/', '\\'])
            };
            prop_assert!(segments.iter().any(refusable));
        }
    }
}

#[tokio::test]
async fn a_request_arrives_as_it_was_asked_for() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(upstream.settings());
    let mut request = with_key(asking(Method::Put, "orders/12"));
    request.query = vec![("b".into(), "x y&z".into()), ("a".into(), "ü".into())];
    request.headers.push((
        "Content-Type".into(),
        HeaderValue::Text("application/json".into()),
    ));
    request.body = Some(b"{\"id\":12}".to_vec());
    let response = http.send(&Call::new().scope(), request).await.unwrap();
    assert_eq!((response.status, text(&response)), (200, "{}"));
    let arrival = &upstream.arrivals()[0];
    assert_eq!(arrival.line, "PUT /api/v2/orders/12?b=x+y%26z&a=%C3%BC");
    assert_eq!(arrival.header("content-type"), Some("application/json"));
    assert_eq!(arrival.header("shop-key"), Some(KEY));
    assert_eq!(arrival.header("content-length"), Some("9"));
    assert_eq!(&arrival.body[..], b"{\"id\":12}");
    let names: Vec<&str> = arrival
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(
        !names.contains(&"cookie") && !names.contains(&"referer"),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_secret_is_opened_for_this_endpoint_and_its_origin() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(upstream.settings());
    let call = Call::new();
    let mut request = get("orders");
    let value = HeaderValue::Sealed {
        prefix: "Bearer ".into(),
        handle: "key".into(),
    };
    request.headers.push(("Authorization".into(), value));
    http.send(&call.scope(), request).await.unwrap();
    let origin = upstream.base.origin().ascii_serialization();
    assert_eq!(
        *call.secrets.opened.lock().unwrap(),
        [("key".to_owned(), "shop".to_owned(), origin)]
    );
    assert_eq!(
        upstream.arrivals()[0].header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
}

#[tokio::test]
async fn a_secret_that_may_not_be_used_here_is_not_sent() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(upstream.settings());
    let mut call = Call::new();
    call.secrets.known.clear();
    let error = http
        .send(&call.scope(), with_key(get("orders")))
        .await
        .unwrap_err();
    assert_eq!(error.code, "secret-not-usable");
    assert!(upstream.lines().is_empty());
}

#[tokio::test]
async fn a_secret_that_cannot_be_a_header_is_refused_without_showing_it() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(upstream.settings());
    for plaintext in ["", "   ", "line\r\nbreak: x", "schlüssel"] {
        let mut call = Call::new();
        call.secrets
            .known
            .insert("key".into(), ("secret-1".into(), plaintext.into()));
        let error = http
            .send(&call.scope(), with_key(get("orders")))
            .await
            .unwrap_err();
        assert_eq!(error.code, "secret-not-a-header", "{plaintext:?}");
        assert!(!format!("{error:?}").contains("break"), "{error:?}");
    }
    assert!(upstream.lines().is_empty());
}

#[tokio::test]
async fn only_listed_headers_can_be_set() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(upstream.settings());
    let sealed = |prefix: &str| HeaderValue::Sealed {
        prefix: prefix.into(),
        handle: "key".into(),
    };
    let plain = |value: &str| HeaderValue::Text(value.into());
    for (name, value, code) in [
        ("x-other", plain("1"), "header-not-listed"),
        ("Host", plain("evil.example"), "header-not-listed"),
        ("Cookie", plain("a=b"), "header-not-listed"),
        (
            "X-HTTP-Method-Override",
            plain("DELETE"),
            "header-not-listed",
        ),
        ("Transfer-Encoding", plain("chunked"), "header-not-listed"),
        ("shop-key", plain("guess"), "header-takes-sealed"),
        ("SHOP-KEY", plain("guess"), "header-takes-sealed"),
        ("shop-id", sealed(""), "header-not-sealed"),
        ("x-other", sealed(""), "header-not-sealed"),
        ("shop-id", plain("1\r\nhost: evil.example"), "header-value"),
        ("shop-id", plain("1\n"), "header-value"),
        ("authorization", sealed("Bearer\r\nx: "), "header-value"),
        ("shop id", plain("1"), "header-name"),
        ("shop-id\r\nx", plain("1"), "header-name"),
    ] {
        let mut request = get("orders");
        request.headers.push((name.into(), value));
        let error = http.send(&Call::new().scope(), request).await.unwrap_err();
        assert_eq!(error.code, code, "{name}");
    }
    let mut twice = get("orders");
    twice.headers = vec![
        ("shop-id".into(), plain("1")),
        ("Shop-Id".into(), plain("2")),
    ];
    let error = http.send(&Call::new().scope(), twice).await.unwrap_err();
    assert_eq!(error.code, "header-repeated");
    assert!(upstream.lines().is_empty());
}

#[tokio::test]
async fn bodies_have_a_place_and_a_limit() {
    let upstream = Upstream::saying("{}").await;
    let (http, _) = capability(EndpointSettings {
        max_request_bytes: 4,
        ..upstream.settings()
    });
    let sized = |method, bytes| Request {
        body: Some(vec![b'x'; bytes]),
        ..asking(method, "orders")
    };
    let error = http
        .send(&Call::new().scope(), sized(Method::Post, 5))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, &*error.code),
        (ErrorKind::TooLarge, "request-too-large")
    );
    let error = http
        .send(&Call::new().scope(), sized(Method::Get, 1))
        .await
        .unwrap_err();
    assert_eq!(error.code, "body-not-allowed");
    http.send(&Call::new().scope(), sized(Method::Post, 4))
        .await
        .unwrap();
    assert_eq!(upstream.lines().len(), 1);
}
