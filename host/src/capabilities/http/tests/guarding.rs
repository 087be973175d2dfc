//! Whatever a service hands back of a secret, nobody sees it.

use std::sync::Arc;

use axum::Json;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::super::conceal::Conceal;
use super::super::guard::Guard;
use super::super::*;
use super::fixture::*;

fn guard(secret: &str, pointers: &[&str]) -> Guard {
    let pointers: Vec<String> = pointers
        .iter()
        .map(|pointer| (*pointer).to_owned())
        .collect();
    let secrets: Vec<OpenedSecret> = (!secret.is_empty())
        .then(|| OpenedSecret {
            plaintext: Zeroizing::new(secret.as_bytes().to_vec()),
            id: "secret-1".into(),
        })
        .into_iter()
        .collect();
    Guard::new(Arc::new(Conceal::parse(&pointers).unwrap()), &secrets)
}

fn seen(guard: &Guard, body: &str) -> String {
    String::from_utf8(guard.body(body.as_bytes().to_vec())).unwrap()
}

#[test]
fn concealed_parts_are_replaced_and_the_rest_stays_as_it_was() {
    let guard = guard(
        "",
        &[
            "/store/settings/api_key",
            "/stores/*/key",
            "/list/1",
            "/a~1b/~0c",
        ],
    );
    let body = r#"{ "store": {"settings":{"api_key":"s3cr3t","n":1.50,"big":123456789012345678901234567890}},
      "stores":{"1":{"key":"x"},"2":{"key":{"deep":[1]}}},"list":[1,2,3],"a/b":{"~c":true} }"#;
    assert_eq!(
        seen(&guard, body),
        r#"{ "store": {"settings":{"api_key":"[sealed]","n":1.50,"big":123456789012345678901234567890}},
      "stores":{"1":{"key":"[sealed]"},"2":{"key":"[sealed]"}},"list":[1,"[sealed]",3],"a/b":{"~c":"[sealed]"} }"#
    );
}

#[test]
fn every_one_of_several_equal_keys_is_concealed() {
    let guard = guard("", &["/store/api_key"]);
    let body = r#"{"store":{"api_key":"first","api\u005fkey":"second"},"store":{"api_key":"third"},"store":{}}"#;
    assert_eq!(
        seen(&guard, body),
        r#"{"store":{"api_key":"[sealed]","api\u005fkey":"[sealed]"},"store":{"api_key":"[sealed]"},"store":{}}"#
    );
}

#[test]
fn a_byte_order_mark_hides_nothing() {
    assert_eq!(
        seen(&guard("", &["/api_key"]), "\u{feff}{\"api_key\":\"x\"}"),
        r#"{"api_key":"[sealed]"}"#
    );
}

#[test]
fn a_text_that_names_what_is_concealed_but_is_not_json_is_not_shown() {
    let guard = guard("", &["/store/settings/smtp_password"]);
    for body in [
        r#"<b>Notice</b>{"store":{"settings":{"smtp_password":"x"}}}"#,
        r#"{"store":{"settings":{"smtp_password":"x""#,
        "\"{\\\"smtp_password\\\":1}\"",
        "callback({\"store\":{\"settings\":{\"smtp_password\":1}}})",
    ] {
        assert_eq!(seen(&guard, body), "[sealed]");
    }
    assert_eq!(
        seen(&guard, "<h1>502 Bad Gateway</h1>"),
        "<h1>502 Bad Gateway</h1>"
    );
    let not_utf8 = guard.body(b"{\"store\":{\"settings\":{\"smtp_password\":\"\xff\"}}}".to_vec());
    assert_eq!(not_utf8, b"[sealed]");
}

#[test]
fn a_pointer_names_something_below_the_root() {
    for pointer in ["", "api_key", "/*", "/*/*", "/settings/smtp_*"] {
        assert!(
            Conceal::parse(&[pointer.to_owned()]).is_err(),
            "{pointer:?}"
        );
    }
}

#[test]
fn a_number_that_is_the_secret_becomes_a_text() {
    let body = r#"{"key":12345678,"other":[912345678,1],"t":"12345678"}"#;
    assert_eq!(
        seen(&guard("12345678", &[]), body),
        r#"{"key":"[sealed]","other":["[sealed]",1],"t":"[sealed]"}"#
    );
}

#[test]
fn a_find_that_begins_within_an_escape_takes_the_whole_escape() {
    assert_eq!(
        seen(&guard("nabcdef", &[]), r#"{"a":"x\nabcdef"}"#),
        r#"{"a":"x[sealed]"}"#
    );
}

#[test]
fn a_secret_may_be_a_key_too() {
    assert_eq!(
        seen(&guard("s3cr3t-key", &[]), r#"{"s3cr3t-key":1}"#),
        r#"{"[sealed]":1}"#
    );
}

#[test]
fn what_php_makes_of_a_slash_is_found() {
    assert_eq!(
        seen(
            &guard("ab/cd/ef", &[]),
            r#"{"a":"ab\/cd\/ef","b":"ab/cd\/ef"}"#
        ),
        r#"{"a":"[sealed]","b":"[sealed]"}"#
    );
}

#[test]
fn base64_leaves_no_bit_behind() {
    let secret = "Tr0ub4dor";
    for before in ["", "x", "xy", "xyz"] {
        for after in ["", "u", "uv", "uvw"] {
            let encoded = STANDARD.encode(format!("{before}{secret}{after}"));
            let seen = seen(&guard(secret, &[]), &encoded);
            // Of the digits, six bits each, only those stay that have no bit of the secret.
            let (left, right) = seen.split_once("[sealed]").unwrap();
            assert!(left.len() <= before.len() * 8 / 6, "{seen}");
            let secret_ends = ((before.len() + secret.len()) * 8).div_ceil(6);
            assert!(right.len() <= encoded.len() - secret_ends, "{seen}");
        }
    }
}

#[test]
fn a_short_secret_is_replaced_as_a_word_only() {
    let guard = guard("a1", &[]);
    assert_eq!(
        seen(
            &guard,
            r#"{"key":"a1","url":"?k=a1&x","word":"ba1l","hex":"6131","b":"YTE="}"#
        ),
        r#"{"key":"[sealed]","url":"?k=[sealed]&x","word":"ba1l","hex":"[sealed]","b":"[sealed]="}"#
    );
}

#[test]
fn headers_are_searched_as_well() {
    let guard = guard("k3y/With+Sl4shes", &[]);
    assert_eq!(
        guard.header(b"token=k3y%2fWith%2BSl4shes; x"),
        "token=[sealed]; x"
    );
    assert_eq!(guard.header(b"plain \xff"), "plain \u{fffd}");
}

#[test]
fn a_long_string_full_of_finds_is_searched_in_one_pass() {
    // Quadratic work would take minutes.
    let body = format!("{{\"a\":\"{}\"}}", "b ".repeat(1 << 20));
    let seen = seen(&guard("b", &[]), &body);
    assert_eq!(seen.matches("[sealed]").count(), 1 << 20);
}

/// Visible ASCII without blanks at the ends, long enough to be looked for everywhere.
fn any_secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "[!-~][ -~]{4,30}[!-~]",
        "[A-Za-z0-9]{6,40}",
        "[/+=%&\"\\\\]{6,12}"
    ]
}

/// Each character as it is, or in any of the ways that JSON allows.
fn json_escaped(text: String) -> impl Strategy<Value = String> {
    proptest::collection::vec(0..4u8, text.len()).prop_map(move |ways| {
        let escape = |(character, way): (char, u8)| match (character, way) {
            (_, 1) => format!("\\u{:04x}", u32::from(character)),
            (_, 2) => format!("\\u{:04X}", u32::from(character)),
            ('"' | '\\', _) | ('/', 3) => format!("\\{character}"),
            _ => character.to_string(),
        };
        text.chars().zip(ways).map(escape).collect()
    })
}

/// Each byte as it is, or percent-encoded. A percent sign is always encoded, as it must be.
fn percent_encoded(text: String) -> impl Strategy<Value = String> {
    proptest::collection::vec(0..3u8, text.len()).prop_map(move |ways| {
        let encode = |(byte, way): (u8, u8)| match (byte, way) {
            (b'%', 1) | (_, 1) => format!("%{byte:02X}"),
            (b'%', _) | (_, 2) => format!("%{byte:02x}"),
            _ => char::from(byte).to_string(),
        };
        text.bytes().zip(ways).map(encode).collect()
    })
}

/// The secret, and forms in which it comes back within a text.
fn any_form() -> impl Strategy<Value = (String, String)> {
    any_secret().prop_flat_map(|secret| {
        let own = secret.clone();
        let hex = |upper| {
            own.bytes()
                .map(|byte| {
                    if upper {
                        format!("{byte:02X}")
                    } else {
                        format!("{byte:02x}")
                    }
                })
                .collect::<String>()
        };
        let form = url::form_urlencoded::byte_serialize(own.as_bytes()).collect::<String>();
        let fixed = vec![
            own.clone(),
            hex(false),
            hex(true),
            form,
            STANDARD.encode(&own),
            STANDARD_NO_PAD.encode(format!("a:{own}")),
            URL_SAFE.encode(format!("ab{own}xyz")),
            URL_SAFE_NO_PAD.encode(format!("{own}~?")),
        ];
        let form = prop_oneof![
            4 => proptest::sample::select(fixed),
            2 => percent_encoded(own),
        ];
        (Just(secret), form)
    })
}

/// Where nothing of a form is left, so that it cannot be put together again.
fn is_clean(seen: &str, form: &str) -> bool {
    !seen.contains(form.trim_end_matches('='))
}

proptest! {
    #[test]
    fn no_form_of_a_secret_survives_in_a_text(
        (secret, form) in any_form(), before in "[ .:;<>]?\\PC{0,8}[ .:;<>]", after in "[ .:;<>]\\PC{0,8}",
    ) {
        let seen = seen(&guard(&secret, &[]), &format!("{before}{form}{after}"));
        prop_assert!(is_clean(&seen, &form), "{seen}");
        prop_assert!(seen.contains("[sealed]"));
    }

    #[test]
    fn no_form_of_a_secret_survives_in_json_and_json_it_stays(
        (secret, form, escaped) in any_form().prop_flat_map(|(secret, form)| {
            let escaped = json_escaped(form.clone());
            (Just(secret), Just(form), escaped)
        }),
        nested: bool,
    ) {
        let mut body = format!("{{\"a\":1.0,\"headers\":{{\"x\":[\"before: {escaped} .\"]}},\"n\":null}}");
        if nested {
            body = json!({ "log": body }).to_string();
        }
        let seen = seen(&guard(&secret, &[]), &body);
        prop_assert!(is_clean(&seen, &escaped), "{seen}");
        prop_assert!(seen.contains("[sealed]"));
        let mut parsed: Value = serde_json::from_str(&seen).unwrap();
        if nested {
            let log = parsed["log"].as_str().unwrap().to_owned();
            prop_assert!(is_clean(&log, &escaped), "{log}");
            // A secret like `":"` also stands between tokens.
            match serde_json::from_str(&log) {
                Ok(inner) => parsed = inner,
                Err(_) => return Ok(()),
            }
        }
        if let Some(text) = parsed["headers"]["x"][0].as_str() {
            prop_assert!(is_clean(text, &form), "{text}");
        }
    }

    #[test]
    fn any_json_without_the_secret_stays_byte_for_byte(body in "[\\[\\]{},:0-9 \"a-e\\\\/%u]{0,60}") {
        prop_assert_eq!(seen(&guard("zzzzzzzz", &[]), &body), body);
    }

    #[test]
    fn any_bytes_can_be_searched(body in proptest::collection::vec(any::<u8>(), 0..200), secret in any_secret()) {
        let guard = guard(&secret, &["/a/*/b"]);
        let seen = guard.body(body);
        prop_assert!(memchr::memmem::find(&seen, secret.as_bytes()).is_none());
    }

    #[test]
    fn utf16_is_searched(secret in any_secret(), big_endian: bool) {
        let text = format!("x {secret} y");
        let bytes: Vec<u8> = text.encode_utf16().flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect();
        let ascii: Vec<u8> = guard(&secret, &[]).body(bytes).into_iter().filter(|byte| *byte != 0).collect();
        prop_assert!(!String::from_utf8_lossy(&ascii).contains(&secret));
    }
}

#[tokio::test]
async fn a_service_that_hands_out_its_key_hands_it_to_nobody() {
    let upstream = Upstream::answering(|_| async {
        let answer = json!({"status": "success", "store": {"id": "1", "settings": {"api_key": KEY, "smtp_password": "p"}}});
        Json(answer)
    })
    .await;
    let conceal = vec![
        "/store/settings/api_key".into(),
        "/store/settings/smtp_password".into(),
    ];
    let (http, _) = capability(EndpointSettings {
        conceal,
        ..upstream.settings()
    });
    let response = http
        .send(&Call::new().scope(), with_key(get("store")))
        .await
        .unwrap();
    assert_eq!(
        text(&response),
        r#"{"status":"success","store":{"id":"1","settings":{"api_key":"[sealed]","smtp_password":"[sealed]"}}}"#
    );
}

#[tokio::test]
async fn a_service_that_echoes_its_request_tells_nothing() {
    let upstream = Upstream::answering(|arrival| async move {
        let key = arrival.header("shop-key").unwrap().to_owned();
        let echoed = serde_json::to_string(&arrival.headers).unwrap();
        (
            [
                ("x-echo", key.clone()),
                ("x-base64", STANDARD.encode(format!("u:{key}"))),
            ],
            format!("{echoed} {key:?}"),
        )
    })
    .await;
    let (http, _) = capability(upstream.settings());
    let response = http
        .send(&Call::new().scope(), with_key(get("echo")))
        .await
        .unwrap();
    let all = format!("{:?} {}", response.headers, text(&response));
    assert_eq!(all.matches("[sealed]").count(), 4, "{all}");
    assert!(
        !all.contains("Sl4shes") && !all.contains("U2w0c2hlc"),
        "{all}"
    );
}

#[tokio::test]
async fn a_long_answer_is_guarded_like_a_short_one() {
    let upstream =
        Upstream::answering(|_| async { format!("\"{}{KEY}\"", "x ".repeat(200 << 10)) }).await;
    let (http, _) = capability(upstream.settings());
    let response = http
        .send(&Call::new().scope(), with_key(get("long")))
        .await
        .unwrap();
    assert!(text(&response).ends_with(" [sealed]\""));
}
