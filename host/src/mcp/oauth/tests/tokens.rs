use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::super::token::{Rules, Token, TokenError, has_form};
use super::{ISSUER, Table, issuer_keys, oauth};

const AUDIENCE: &str = "https://mcp.example/mcp";

// A key of 2,048 bits that signed these two tokens, good until 2100, and was then thrown away.
const MODULUS: &str = "1KhmRT1bDq43KdrQW9jJGnaXvmZmfJDJx4jew15QFnms10L19ip8HxPQQuEygrOtGagZFcEg0xFlkh98zxExE3DWJNb5x-2ZGs4J\
     2gMLUvD6QvDUyCUC2o56U3qZe2OY0N1Sk7zKjQWrWuHHu2StAZ2ThBwoURpObjUukkDo4PWSoB7vslrmE-fJwaY15embGjN4MFWZ\
     9mv9YQ8tLclqSNDuQAn1mDzI3TN99PCs_ovmS4BzZzJjHnMqa3aDCxpmeuP0hhmbE6_ipfE7pqxjHfdZgzv5yBgKTUlZ5NBPmHho\
     SgIDPlJ8TJJyG9h4PufRhCv3qCWerOmlOutHAtytVw";
const RS256: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUiLCJzdWIiOiJhZGEiLCJhdWQ\
     iOiJodHRwczovL21jcC5leGFtcGxlL21jcCIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJ0b29sczpyZWFkIn0.kXJGB2iHVw1\
     HlOFMINbfzPxbWQNuC41Cob2RoqK49ocY4mluA9zRJmAzqH71aubZifcWVjdVD8txOqCw69K0bVKhpfVec4FS1F6vUgcI98DUa-T\
     F2IYuDgjtxdgaI2_PON5aRnPZBkSTdBd48Yyz6HuwXkE1Q4bHqMwkfH0Nh7VuddRtgLchSRMj7wV4lG6wrbZR8YBA_TtieYhVSBw\
     LCGqsvao-Rki5i6CBvUBc3alemYkG4csOrss1Lue94GP8jziPWcBnZ1JtLfuDHsXTYDybQpDpeSrEpjgPzzx_v10lLJgfKmzbejP\
     vOZ6AxgQjSkLaH3ZePQD8QTvmfnT2fg";
const PS256: &str = "eyJhbGciOiJQUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUiLCJzdWIiOiJhZGEiLCJhdWQ\
     iOiJodHRwczovL21jcC5leGFtcGxlL21jcCIsImV4cCI6NDEwMjQ0NDgwMCwic2NvcGUiOiJ0b29sczpyZWFkIn0.TQvbQSu55PJ\
     uH1p4j0CVwW-c3OXFZYYjIJjOpz1GPvn_ewa9emVNbxxjM48_c0pAeCTV5vNPmE7V1jEDje4abMSZYZ7sNq-JKeeMcjRQfVRx4-n\
     5kLSn8CJhof13xkDvjd0IuYSi82LpeT4bhwpvb3Nb9miUDQvSIGGCDPEpEtX5X8UXzAqTXiUp-EyULsismhtVvXKajuzGPo23f_2\
     cl5K465j7eXwAvp1tPNILjZmXt4xMf0pXNblE5d_wANq5T2h6PKyqqbmwEhdN6JzTIroqCSefIxc7vwX13-Kt13_8Qrde6JUHzRS\
     GRq-fAwya7VVN2BdI9wDb-5S_8gIYBw";

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// An issuer with a key of each kind that can be made here.
struct Signer {
    ed25519: Ed25519KeyPair,
    p256: EcdsaKeyPair,
}

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
        Self {
            ed25519: Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap(),
            p256: EcdsaKeyPair::from_pkcs8(signing, p256.as_ref(), &random).unwrap(),
        }
    }

    fn published(&self) -> Vec<Value> {
        let point = self.p256.public_key().as_ref();
        let x = encoded(self.ed25519.public_key());
        vec![
            json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": x}),
            json!({"kty": "EC", "crv": "P-256", "kid": "ec", "x": encoded(&point[1..33]), "y": encoded(&point[33..])}),
            json!({"kty": "RSA", "kid": "rsa", "n": MODULUS, "e": "AQAB"}),
        ]
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!(
            "{}.{}",
            encoded(header.to_string()),
            encoded(claims.to_string())
        );
        let bytes = message.as_bytes();
        let signature = match header["alg"].as_str().unwrap() {
            "ES256" => {
                let signed = self.p256.sign(&SystemRandom::new(), bytes).unwrap();
                signed.as_ref().to_vec()
            }
            "none" => Vec::new(),
            // With the public key for a secret: what a careless verifier takes for good.
            "HS256" => {
                let secret = hmac::Key::new(hmac::HMAC_SHA256, self.ed25519.public_key().as_ref());
                hmac::sign(&secret, bytes).as_ref().to_vec()
            }
            _ => self.ed25519.sign(bytes).as_ref().to_vec(),
        };
        format!("{message}.{}", encoded(signature))
    }
}

fn rules(signer: &Signer) -> Rules {
    let oauth = oauth("");
    let table = Table::with(signer.published());
    let (keys, _) = issuer_keys(&oauth, &table);
    Rules::new(&oauth, AUDIENCE.to_owned(), Arc::clone(&keys))
}

async fn check(rules: &Rules, token: &str) -> Result<Token, TokenError> {
    rules.check(&SecretString::from(token)).await
}

fn header() -> Value {
    json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"})
}

fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "ada", "aud": AUDIENCE, "exp": now() + 600, "scope": "tools:read tools:write"})
}

fn with(mut object: Value, key: &str, value: Value) -> Value {
    object[key] = value;
    object
}

#[tokio::test]
async fn a_token_of_the_issuer_says_whose_it_is_and_what_it_allows() {
    let signer = Signer::new();
    let rules = rules(&signer);
    let token = check(&rules, &signer.sign(&header(), &claims()))
        .await
        .unwrap();
    assert_eq!(
        (&*token.identity.issuer, &*token.identity.subject),
        (ISSUER, "ada")
    );
    assert_eq!(token.scopes, ["tools:read", "tools:write"]);

    for good in [
        signer.sign(&json!({"alg": "ES256", "kid": "ec"}), &claims()),
        signer.sign(&json!({"alg": "EdDSA"}), &claims()),
        signer.sign(&with(header(), "typ", "JWT".into()), &claims()),
        signer.sign(
            &with(header(), "typ", "application/at+jwt".into()),
            &claims(),
        ),
        signer.sign(
            &header(),
            &with(claims(), "aud", json!(["https://other", AUDIENCE])),
        ),
        signer.sign(&header(), &with(claims(), "exp", json!(now() - 20))),
        signer.sign(&header(), &with(claims(), "nbf", json!(now() + 20))),
        RS256.to_owned(),
        PS256.to_owned(),
    ] {
        let checked = check(&rules, &good).await;
        assert!(checked.is_ok(), "{checked:?}: {good}");
    }
}

#[tokio::test]
async fn scopes_are_a_text_or_a_list_under_either_name() {
    let signer = Signer::new();
    let rules = rules(&signer);
    for (name, value) in [
        ("scope", json!("a b")),
        ("scope", json!(["a", "b"])),
        ("scp", json!("a b")),
        ("scp", json!(["a", "b"])),
    ] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().shift_remove("scope");
        let token = signer.sign(&header(), &with(claims, name, value.clone()));
        let token = check(&rules, &token).await.unwrap();
        assert_eq!(token.scopes, ["a", "b"], "{name} {value}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_whole_not_signed_not_for_us_or_not_for_now_is_refused() {
    let signer = Signer::new();
    let rules = rules(&signer);
    let of = |key: &str, value: Value| signer.sign(&header(), &with(claims(), key, value));
    let headed = |key: &str, value: Value| signer.sign(&with(header(), key, value), &claims());
    let good = signer.sign(&header(), &claims());
    let [head, _, signature] = *good.split('.').collect::<Vec<_>>() else {
        panic!("{good}");
    };
    let other = encoded(with(claims(), "sub", "bob".into()).to_string());
    let without = |key: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().shift_remove(key);
        signer.sign(&header(), &claims)
    };
    let stranger = Signer {
        ed25519: Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap(),
        ..Signer::new()
    };
    let rs256_as_ps256 = RS256.replacen(
        RS256.split('.').next().unwrap(),
        &encoded(json!({"alg": "PS256", "kid": "rsa"}).to_string()),
        1,
    );
    for (what, token) in [
        ("unsigned", headed("alg", "none".into())),
        ("unsigned, in capitals", headed("alg", "None".into())),
        ("signed with the public key", headed("alg", "HS256".into())),
        (
            "in another algorithm than it says",
            headed("alg", "ES256".into()),
        ),
        ("signed for another padding", rs256_as_ps256),
        ("another's", stranger.sign(&header(), &claims())),
        ("changed", format!("{head}.{other}.{signature}")),
        ("cut", good[..good.len() - 2].to_owned()),
        ("of a key that there is not", headed("kid", "other".into())),
        ("of a key of another kind", headed("kid", "ec".into())),
        ("with something critical", headed("crit", json!(["exp"]))),
        ("for logging out", headed("typ", "logout+jwt".into())),
        (
            "for another server",
            of("aud", "https://other.example/mcp".into()),
        ),
        (
            "for a longer name",
            of("aud", format!("{AUDIENCE}/x").into()),
        ),
        ("for nobody", of("aud", json!([]))),
        (
            "of another issuer",
            of("iss", "https://evil.example".into()),
        ),
        ("of several issuers", of("iss", json!([ISSUER]))),
        ("not good yet", of("nbf", json!(now() + 120))),
        ("of an odd beginning", of("nbf", "soon".into())),
        ("of an odd end", of("exp", "never".into())),
        ("without an end", without("exp")),
        ("without an issuer", without("iss")),
        ("without an audience", without("aud")),
        ("without a subject", without("sub")),
        ("of an empty subject", of("sub", "".into())),
        ("of a subject of two lines", of("sub", "ada\nbob".into())),
        ("of a subject that is none", of("sub", json!(7))),
    ] {
        let refused = check(&rules, &token).await;
        assert!(
            matches!(refused, Err(TokenError::Refused(_))),
            "{what}: {refused:?}"
        );
    }
    let expired = check(&rules, &of("exp", json!(now() - 120))).await;
    assert!(matches!(expired, Err(TokenError::Expired)), "{expired:?}");
}

#[tokio::test]
async fn the_keys_that_a_token_brings_along_are_not_looked_at() {
    let signer = Signer::new();
    let rules = rules(&signer);
    let thief = Signer {
        ed25519: Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap(),
        ..Signer::new()
    };
    let brought = with(header(), "jwk", thief.published()[0].clone());
    let named = with(header(), "jku", "https://evil.example/keys".into());
    for header in [brought, named] {
        let refused = check(&rules, &thief.sign(&header, &claims())).await;
        assert!(matches!(refused, Err(TokenError::Refused(_))), "{header}");
    }
}

#[tokio::test]
async fn while_the_issuer_is_away_nobody_can_say() {
    let signer = Signer::new();
    let oauth = oauth("");
    let table = Arc::new(Table::default());
    let (keys, _) = issuer_keys(&oauth, &table);
    let rules = Rules::new(&oauth, AUDIENCE.to_owned(), keys);
    let token = signer.sign(&header(), &claims());
    let checked = check(&rules, &token).await;
    assert!(matches!(checked, Err(TokenError::Unavailable)));
    // What is wrong all the same is.
    let unsigned = signer.sign(&with(header(), "alg", "none".into()), &claims());
    let checked = check(&rules, &unsigned).await;
    assert!(matches!(checked, Err(TokenError::Refused(_))));
}

#[test]
fn a_key_is_told_from_a_token_by_its_form() {
    let signer = Signer::new();
    for token in [
        RS256.to_owned(),
        signer.sign(&json!({"alg": "none"}), &claims()),
    ] {
        assert!(has_form(&SecretString::from(token)));
    }
    for key in [
        "odm_abcdefghijkl_ABC",
        "correct.horse.battery",
        "e30.e30.e30",
        "eyJhbGciOiJSUzI1NiJ9.e30",
        "eyJhbGciOjF9.e30.e30",
        "a.b.c.d.e",
        "",
    ] {
        assert!(!has_form(&SecretString::from(key)), "{key}");
    }
}
