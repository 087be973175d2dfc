//! The echo route, which exists to prove that a host conceals secrets.

use reqwest::Method;
use serde_json::json;

use crate::client::{bench, bench_with, send};

#[tokio::test]
async fn without_the_switch_there_is_no_echo() {
    assert_eq!(bench().await.api.get("/echo").await.status, 404);
}

#[tokio::test]
async fn echo_repeats_headers_in_every_encoding() {
    let bench = bench_with(|config| config.echo = true).await;
    let secret = r#"se/cr"et+key="#;
    let request = |path: &str| {
        bench
            .api
            .request(Method::GET, path)
            .header("x-secret", secret)
    };
    let reply = send(request("/echo")).await;
    let encodings = [
        ("plain", secret),
        ("percent-encoded", "se%2Fcr%22et%2Bkey%3D"),
        ("json-escaped", r#"se\/cr\"et+key="#),
        ("base64", "c2UvY3IiZXQra2V5PQ=="),
    ];
    for (encoding, expected) in encodings {
        assert_eq!(reply.json()[encoding]["x-secret"], json!(expected));
        assert_eq!(
            reply.header(&format!("x-echo-{encoding}-x-secret")),
            Some(expected)
        );
        let text = send(request(&format!("/echo?format={encoding}")))
            .await
            .text;
        assert!(text.contains(&format!("x-secret: {expected}")), "{text}");
    }
}
