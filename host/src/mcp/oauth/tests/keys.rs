use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Algorithm::{ES256, EdDSA, HS256, PS256, RS256};
use serde_json::{Value, json};

use super::super::keys::{IssuerKeys, NoKey};
use super::{ISSUER, JWKS, METADATA, Table, issuer_keys, oauth};

fn ed25519(id: &str) -> Value {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": x})
}

fn rsa(id: &str) -> Value {
    json!({"kty": "RSA", "kid": id, "n": "AQAB", "e": "AQAB"})
}

async fn has(keys: &Arc<IssuerKeys>, id: &str) -> Result<(), NoKey> {
    keys.find(Some(id), EdDSA).await.map(|_| ())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn keys_are_found_by_the_issuer_s_metadata_and_fetched_once() {
    let table = Table::with(vec![ed25519("one")]);
    let (keys, clock) = issuer_keys(&oauth(""), &table);
    for _ in 0..3 {
        assert_eq!(has(&keys, "one").await, Ok(()));
    }
    let fetched = [(METADATA.to_owned(), true), (JWKS.to_owned(), true)];
    assert_eq!(table.asked(), fetched);
    clock.advance(seconds(599));
    assert_eq!(has(&keys, "one").await, Ok(()));
    assert_eq!(table.asked(), []);
}

#[tokio::test]
async fn metadata_is_looked_for_where_issuers_with_a_path_have_it_and_must_be_the_issuer_s() {
    let issuer = "https://login.example/realms/shop";
    let at = |rest: &str| format!("https://login.example{rest}");
    let places = [
        at("/.well-known/oauth-authorization-server/realms/shop"),
        at("/.well-known/openid-configuration/realms/shop"),
        at("/realms/shop/.well-known/openid-configuration"),
    ];
    for place in &places {
        let table = Arc::new(Table::default());
        table.put(place, json!({"issuer": issuer, "jwks_uri": JWKS}));
        table.put(JWKS, json!({"keys": [ed25519("one")]}));
        let (keys, _) = issuer_keys(&oauth(&format!("issuer = \"{issuer}\"")), &table);
        assert_eq!(has(&keys, "one").await, Ok(()), "{place}");
    }
    let table = Table::with(vec![ed25519("one")]);
    // As some issuers call themselves: with a slash, which is another name.
    table.put(
        METADATA,
        json!({"issuer": format!("{ISSUER}/"), "jwks_uri": JWKS}),
    );
    let (keys, _) = issuer_keys(&oauth(""), &table);
    assert_eq!(has(&keys, "one").await, Err(NoKey::Unavailable));
    let cause = keys.look().await.unwrap_err();
    assert!(cause.contains("each character counts"), "{cause}");
}

#[tokio::test]
async fn what_the_operator_named_is_not_questioned_and_another_origin_is() {
    let elsewhere = "https://keys.example/jwks";
    let table = Table::with(Vec::new());
    table.put(METADATA, json!({"issuer": ISSUER, "jwks_uri": elsewhere}));
    table.put(elsewhere, json!({"keys": [ed25519("one")]}));
    let (keys, _) = issuer_keys(&oauth(""), &table);
    assert_eq!(has(&keys, "one").await, Ok(()));
    let fetched = [(METADATA.to_owned(), true), (elsewhere.to_owned(), false)];
    assert_eq!(table.asked(), fetched);

    let (keys, _) = issuer_keys(&oauth(&format!("jwks_url = \"{elsewhere}\"")), &table);
    assert_eq!(has(&keys, "one").await, Ok(()));
    assert_eq!(table.asked(), [(elsewhere.to_owned(), true)]);
}

#[tokio::test]
async fn a_new_key_is_found_by_another_look_and_invented_ones_cost_a_look_in_thirty_seconds() {
    let table = Table::with(vec![ed25519("one")]);
    let (keys, clock) = issuer_keys(&oauth(&format!("jwks_url = \"{JWKS}\"")), &table);
    assert_eq!(has(&keys, "one").await, Ok(()));
    table.put(JWKS, json!({"keys": [ed25519("one"), ed25519("two")]}));
    table.asked();
    for _ in 0..100 {
        assert_eq!(has(&keys, "two").await, Err(NoKey::Unknown));
    }
    assert_eq!(table.asked(), [], "it was looked for a moment ago");
    clock.advance(seconds(30));
    assert_eq!(has(&keys, "two").await, Ok(()));
    assert_eq!(table.asked().len(), 1);
    for _ in 0..100 {
        assert_eq!(has(&keys, "invented").await, Err(NoKey::Unknown));
    }
    assert_eq!(table.asked(), []);
}

#[tokio::test]
async fn keys_outlive_their_issuer_for_a_day_and_a_key_that_it_took_back_is_gone() {
    let table = Table::with(vec![ed25519("one"), ed25519("two")]);
    let (keys, clock) = issuer_keys(&oauth(&format!("jwks_url = \"{JWKS}\"")), &table);
    assert_eq!(has(&keys, "one").await, Ok(()));
    table.take_down();
    clock.advance(seconds(23 * 3600));
    assert_eq!(has(&keys, "one").await, Ok(()));
    // One that is not known cannot be told from one that is none.
    clock.advance(seconds(60));
    assert_eq!(has(&keys, "three").await, Err(NoKey::Unavailable));
    clock.advance(seconds(3600));
    assert_eq!(has(&keys, "one").await, Err(NoKey::Unavailable));

    table.put(JWKS, json!({"keys": [ed25519("two")]}));
    assert_eq!(has(&keys, "two").await, Err(NoKey::Unavailable), "not yet");
    clock.advance(seconds(3));
    assert_eq!(has(&keys, "two").await, Ok(()));
    assert_eq!(has(&keys, "one").await, Err(NoKey::Unknown));
}

#[tokio::test]
async fn old_keys_are_used_while_new_ones_are_fetched() {
    let table = Table::with(vec![ed25519("one")]);
    let (keys, clock) = issuer_keys(&oauth(&format!("jwks_url = \"{JWKS}\"")), &table);
    assert_eq!(has(&keys, "one").await, Ok(()));
    table.put(JWKS, json!({"keys": [ed25519("two")]}));
    table.asked();
    clock.advance(seconds(600));
    assert_eq!(has(&keys, "one").await, Ok(()), "nobody waits");
    while table.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(has(&keys, "two").await, Ok(()));
    assert_eq!(has(&keys, "one").await, Err(NoKey::Unknown));
    assert_eq!(table.asked(), []);
}

#[tokio::test]
async fn a_key_is_good_for_what_it_is_and_says() {
    let mut for_encryption = ed25519("encryption");
    for_encryption["use"] = "enc".into();
    let mut for_wrapping = ed25519("wrapping");
    for_wrapping["key_ops"] = json!(["wrapKey"]);
    let mut only_pss = rsa("pss");
    only_pss["alg"] = "PS256".into();
    let mut of_oaep = rsa("oaep");
    of_oaep["alg"] = "RSA-OAEP".into();
    let table = Table::with(vec![
        ed25519("ed"),
        for_encryption,
        for_wrapping,
        rsa("rsa"),
        only_pss,
        of_oaep,
        json!({"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}),
        json!({"kty": "EC", "crv": "P-384", "kid": "p384", "x": "AQAB", "y": "AQAB"}),
        json!({"kty": "EC", "crv": "secp256k1", "kid": "k1", "x": "AQAB", "y": "AQAB"}),
        json!({"kty": "of the future", "kid": "new"}),
        json!("no key at all"),
    ]);
    let (keys, _) = issuer_keys(&oauth(""), &table);
    for (id, algorithm, good) in [
        ("ed", EdDSA, true),
        ("ed", ES256, false),
        ("ed", HS256, false),
        ("encryption", EdDSA, false),
        ("wrapping", EdDSA, false),
        ("rsa", RS256, true),
        ("rsa", PS256, true),
        ("rsa", HS256, false),
        ("pss", PS256, true),
        ("pss", RS256, false),
        ("oaep", RS256, false),
        ("secret", HS256, false),
        ("p384", ES256, false),
        ("k1", ES256, false),
        ("new", EdDSA, false),
    ] {
        let found = keys.find(Some(id), algorithm).await;
        assert_eq!(found.is_ok(), good, "{id} {algorithm:?}");
    }
    // Without an id, it must be clear which is meant.
    assert!(keys.find(None, EdDSA).await.is_ok());
    assert!(keys.find(None, PS256).await.is_err());
}
