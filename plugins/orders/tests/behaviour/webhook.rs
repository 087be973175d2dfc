//! "Post Order JSON": every shape in which it may come, both ways to sign it, and what is refused.

use orderdesk_plugin::testing::{self, FakeHost};
use orderdesk_plugin::webhooks::{Happening, Reason, Request, Verdict};
use orderdesk_plugin::{ErrorKind, Sealed, ToolError};
use proptest::prelude::*;
use serde_json::json;

/// The test vector of the reference: the decoded field, and its hash as it is and after one more decoding.
const ORDER: &str = r#"{"id":"5512034","source_id":"WEB-10482","email":"r.okafor@example.com","order_total":102.9,"checkout_data":[],"order_items":[{"id":"90231","code":"ORG-WAL","quantity":2,"metadata":{"art":"https:\/\/cdn.example.com\/a%20b.png"}}]}"#;
const KEY: &str = "test_api_key_0001";
const AS_IS: &str = "ce80da4c11c7040a677fb4d1645a9accd6faeb62cb91c699d4383797a36e6ea7";
const DECODED: &str = "d419b77e573899e13f6f5466e7850a4ab278fc7e97cf6843d968b6c5573bb832";

fn form(field: &str) -> String {
    let encoded: String = field
        .bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    format!("order={encoded}")
}

fn key(host: &FakeHost) -> Sealed {
    host.seal(KEY, &["endpoint:orderdesk", "hmac:orders"])
}

fn request(host: &FakeHost, body: &str, hash: &str) -> Request {
    Request::new("store:9021", body)
        .with_header("X-ORDER-DESK-STORE-ID", "9021")
        .with_header("X-ORDER-DESK-HASH", hash)
        .with_key(key(host))
}

fn judge(host: &FakeHost, request: &Request) -> Result<Verdict, ToolError> {
    testing::webhook(orders::plugin(), host, request)
}

#[track_caller]
fn accepted(host: &FakeHost, request: &Request) -> Happening {
    match judge(host, request).unwrap() {
        Verdict::Accepted(happening) => happening,
        Verdict::Rejected(rejection) => panic!("{rejection:?}"),
    }
}

#[track_caller]
fn refused(host: &FakeHost, request: &Request) -> Reason {
    match judge(host, request).unwrap() {
        Verdict::Rejected(rejection) => {
            // The detail goes into a log.
            assert!(!rejection.detail.contains("okafor"), "{rejection:?}");
            rejection.reason
        }
        Verdict::Accepted(happening) => panic!("{happening:?}"),
    }
}

fn hash_of(text: &[u8]) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(text);
    let hash = mac.finalize().into_bytes();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_documented_form_is_taken_in_both_ways_to_sign_it_as_one_event() {
    let host = FakeHost::new();
    let mut identities = Vec::new();
    for hash in [AS_IS, DECODED, &AS_IS.to_uppercase()] {
        let happening = accepted(&host, &request(&host, &form(ORDER), hash));
        assert_eq!(happening.kind, "order-changed");
        assert_eq!(happening.tags, ["orders/5512034", "orders/lists"]);
        assert_eq!(happening.resources, ["orderdesk://9021/orders/5512034"]);
        assert_eq!(happening.payload["store_id"], "9021");
        assert_eq!(happening.payload["order_id"], "5512034");
        // As every other tool of this plugin gives it.
        assert_eq!(happening.payload["order"]["checkout_data"], json!({}));
        identities.push(happening.identity);
    }
    identities.dedup();
    assert_eq!(identities.len(), 1);
}

#[test]
fn every_shape_of_json_is_taken_whichever_part_was_signed() {
    let host = FakeHost::new();
    let in_a_string = json!({ "order": ORDER }).to_string();
    let inside = format!("{{\"order\": {ORDER}}}");
    for (body, signed) in [
        (ORDER, ORDER),
        (&in_a_string, ORDER),
        (&in_a_string, in_a_string.as_str()),
        (&inside, ORDER),
        (&inside, inside.as_str()),
    ] {
        for text in [signed.to_owned(), signed.replace("%20", " ")] {
            let hash = hash_of(text.as_bytes());
            let happening = accepted(&host, &request(&host, body, &hash));
            assert_eq!(happening.payload["order_id"], "5512034", "{body}");
            assert_eq!(happening.payload["order"]["order_total"], 102.9);
        }
    }
    let numeric = r#"{"id": 77}"#;
    let happening = accepted(
        &host,
        &request(&host, numeric, &hash_of(numeric.as_bytes())),
    );
    assert_eq!(happening.payload["order_id"], "77");
}

#[test]
fn every_text_that_may_have_been_signed_is_tried_whichever_it_was() {
    let inside = format!("{{\"order\": {ORDER}}}");
    let wrong = hash_of(b"another text");
    for signed in [ORDER.to_owned(), ORDER.replace("%20", " "), inside.clone()] {
        let host = FakeHost::new();
        accepted(&host, &request(&host, &inside, &hash_of(signed.as_bytes())));
        assert_eq!(host.hmac_checks(), 4, "{signed}");
    }
    let host = FakeHost::new();
    let reason = refused(&host, &request(&host, &inside, &wrong));
    assert!(matches!(reason, Reason::BadSignature), "{reason:?}");
    assert_eq!(host.hmac_checks(), 4);
}

#[test]
fn what_is_not_signed_with_the_stores_key_is_refused() {
    let host = FakeHost::new();
    let good = form(ORDER);
    let changed = good.replace("102", "103");
    for (body, hash) in [
        (&changed, AS_IS),
        (&good, &AS_IS.replace('c', "d")),
        (&good, &AS_IS[..62]),
        (&good, ""),
        (&good, &"zz".repeat(32)),
        (&good, &"é".repeat(32)),
    ] {
        assert_eq!(
            refused(&host, &request(&host, body, hash)),
            Reason::BadSignature
        );
    }
    let unsigned = Request::new("store:9021", good.as_str()).with_key(key(&host));
    assert_eq!(refused(&host, &unsigned), Reason::BadSignature);
}

#[test]
fn another_stores_order_is_refused_whatever_its_signature() {
    let host = FakeHost::new();
    let request = Request::new("store:9021", form(ORDER))
        .with_header("X-Order-Desk-Store-Id", "9022")
        .with_header("x-order-desk-hash", AS_IS)
        .with_key(key(&host));
    assert_eq!(refused(&host, &request), Reason::NotOurs);
}

#[test]
fn what_is_no_order_is_refused() {
    let host = FakeHost::new();
    for body in [
        "",
        "hello",
        "order",
        "orders=1",
        "{",
        "{\"order\": }",
        &format!("{}&{}", form(ORDER), form(ORDER)),
    ] {
        assert_eq!(
            refused(&host, &request(&host, body, AS_IS)),
            Reason::Malformed,
            "{body}"
        );
    }
    for signed in [
        "{}",
        r#"{"id":""}"#,
        r#"{"id":"a/b"}"#,
        r#"{"id":"../1"}"#,
        r#"{"id":-1}"#,
        r#"{"id":[]}"#,
        r#"{"id":"123456789012345678901"}"#,
    ] {
        let request = request(&host, signed, &hash_of(signed.as_bytes()));
        assert_eq!(refused(&host, &request), Reason::Malformed, "{signed}");
    }
    let text = "[1]";
    let request = request(&host, &form(text), &hash_of(text.as_bytes()));
    assert_eq!(refused(&host, &request), Reason::Malformed);
}

#[test]
fn a_repetition_that_is_written_another_way_is_still_one() {
    let host = FakeHost::new();
    let first = accepted(&host, &request(&host, &form(ORDER), AS_IS));
    // Decoded once more it is what Order Desk's client would have signed; so the signature holds.
    let disguised = ORDER.replace("okafor", "%6Fkafor");
    let again = accepted(&host, &request(&host, &form(&disguised), DECODED));
    assert_eq!(first.identity, again.identity);
    assert_eq!(again.payload["order"]["email"], "r.okafor@example.com");
}

#[test]
fn without_a_key_the_sender_is_told_to_come_again() {
    let host = FakeHost::new();
    let request = Request::new("store:9021", form(ORDER));
    let error = judge(&host, &request).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("renew"), "{error}");
}

proptest! {
    #[test]
    fn nothing_that_comes_makes_it_fail(body in prop::collection::vec(any::<u8>(), 0..200), hash in "\\PC{0,70}") {
        let host = FakeHost::new();
        let request = Request::new("store:9021", body)
            .with_header("x-order-desk-hash", hash)
            .with_key(key(&host));
        let refused = matches!(judge(&host, &request), Ok(Verdict::Rejected(_)));
        prop_assert!(refused);
    }
}
