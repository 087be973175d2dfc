use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::*;
use super::fixture::*;

fn refusal(change: impl FnOnce(&mut EndpointSettings)) -> String {
    let mut settings = EndpointSettings::new("https://shop.example/api".parse().unwrap());
    change(&mut settings);
    let endpoints = HashMap::from([("shop".to_owned(), settings)]);
    match HttpCapability::new(endpoints, Arc::<Buckets>::default(), Arc::default()) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

fn based_on(base: &str) -> String {
    refusal(|settings| settings.base = base.parse().unwrap())
}

#[test]
fn settings_that_would_undo_a_guard_are_refused_by_name() {
    for name in [
        "Host",
        "cookie",
        "Content-Length",
        "connection",
        "transfer-encoding",
        "X-HTTP-Method-Override",
        "proxy-authorization",
        "Range",
        "accept-encoding",
        "TE",
    ] {
        let error = refusal(|settings| settings.headers = vec![name.to_owned()]);
        assert!(
            error.contains(&format!("endpoint 'shop': headers: '{name}'")),
            "{error}"
        );
        let error = refusal(|settings| settings.sealed_headers = vec![name.to_owned()]);
        assert!(error.contains("sealed_headers"), "{error}");
    }
    let both = refusal(|settings| {
        settings.headers = vec!["Shop-Key".into()];
        settings.sealed_headers = vec!["shop-key".into()];
    });
    assert!(both.contains("both"), "{both}");
    assert!(
        refusal(|settings| settings.headers = vec!["a b".into()]).contains("not a header name")
    );
    assert!(
        refusal(|settings| settings.conceal = vec!["api_key".into()])
            .contains("conceal: 'api_key'")
    );
}

#[test]
fn a_base_is_a_plain_prefix() {
    assert!(based_on("ftp://shop.example").contains("neither http nor https"));
    assert!(based_on("https://shop.example/?a=b").contains("query"));
    assert!(based_on("https://shop.example/#a").contains("fragment"));
    let error = based_on("https://user:pa55word@shop.example/");
    assert!(
        error.contains("user name or password") && !error.contains("pa55word"),
        "{error}"
    );
}

#[test]
fn secrets_do_not_travel_in_clear() {
    let sealed_at = |base: &str| {
        refusal(|settings| {
            settings.base = base.parse().unwrap();
            settings.sealed_headers = vec!["shop-key".into()];
        })
    };
    assert!(sealed_at("http://shop.example").contains("unencrypted"));
    assert!(sealed_at("http://8.8.8.8").contains("unencrypted"));
    for base in [
        "http://127.0.0.1:8081",
        "http://localhost:8081",
        "http://192.168.1.2",
        "http://[::1]",
    ] {
        assert_eq!(sealed_at(base), "");
    }
}

#[test]
fn limits_are_above_nought() {
    assert!(
        refusal(|settings| settings.connect_timeout = Duration::ZERO).contains("connect_timeout")
    );
    assert!(refusal(|settings| settings.read_timeout = Duration::ZERO).contains("read_timeout"));
    assert!(refusal(|settings| settings.max_response_bytes = 0).contains("max_response"));
}
