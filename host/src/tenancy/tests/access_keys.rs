//! Access keys as text.

use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::presented;
use crate::tenancy::{AccessKey, AccessKeyError};

fn parse(text: &str) -> Result<AccessKey, AccessKeyError> {
    AccessKey::parse(&SecretString::from(text))
}

#[test]
fn a_generated_key_has_the_documented_form() {
    let key = AccessKey::generate().unwrap();
    let parts: Vec<_> = key.expose_secret().split('_').collect();
    let [prefix, id, secret] = parts[..] else {
        panic!("three parts");
    };
    assert_eq!(prefix, "odm");
    assert_eq!(id, key.id().as_str());
    assert_eq!((id.len(), secret.len()), (12, 49));
    assert_ne!(key, AccessKey::generate().unwrap());
}

#[test]
fn the_same_bytes_give_the_same_key_in_every_version() {
    let (id, secret) = (Zeroizing::new([1; 32]), Zeroizing::new([2; 32]));
    let key = AccessKey::from_bytes(&id, &secret);
    // Local tenants hang on this: if it changes, they are lost.
    assert_eq!(
        key.expose_secret(),
        "odm_hg7pfcnudn70_I4GttsjJJGBoMsqa79jF2dDBlvXq5cGQUykt5V4DWT0HYufN0"
    );
}

#[test]
fn debug_shows_the_public_part_only() {
    let key = AccessKey::generate().unwrap();
    assert_eq!(format!("{key:?}"), format!("AccessKey({})", key.id()));
}

#[test]
fn other_texts_are_told_from_typos() {
    for text in [
        "",
        "odm",
        "odm__",
        "odm_short_abc",
        "sk_abcdefghijkl_abc",
        "odm_ABCDEFGHIJKL_abc",
        "odm_abcdefghijkl_a-b",
    ] {
        assert_eq!(parse(text), Err(AccessKeyError::Format), "{text:?}");
    }
    let key = AccessKey::generate().unwrap();
    let text = key.expose_secret();
    assert_eq!(
        parse(&text[..text.len() - 1]),
        Err(AccessKeyError::Checksum)
    );
    assert_eq!(parse(&format!("{text}x")), Err(AccessKeyError::Checksum));
    assert_eq!(
        parse(&format!(" {text}\n")),
        Ok(key.clone()),
        "a copied line break does no harm"
    );
}

proptest! {
    #[test]
    fn every_key_is_read_back_as_itself(id in any::<[u8; 32]>(), secret in any::<[u8; 32]>()) {
        let key = AccessKey::from_bytes(&Zeroizing::new(id), &Zeroizing::new(secret));
        let read = AccessKey::parse(&presented(&key)).unwrap();
        prop_assert_eq!(read.id(), key.id());
        prop_assert_eq!(read, key);
    }

    #[test]
    fn different_secrets_give_different_keys(one in any::<[u8; 32]>(), two in any::<[u8; 32]>()) {
        prop_assume!(one != two);
        let id = Zeroizing::new([0; 32]);
        let keys = [one, two].map(|secret| AccessKey::from_bytes(&id, &Zeroizing::new(secret)));
        prop_assert_ne!(keys[0].clone(), keys[1].clone());
    }

    #[test]
    fn a_wrong_character_anywhere_is_found(secret in any::<[u8; 32]>(), place in 4..66usize, other in "[0-9a-z]") {
        let key = AccessKey::from_bytes(&Zeroizing::new([9; 32]), &Zeroizing::new(secret));
        let text = key.expose_secret();
        prop_assume!(text[place..=place] != other && &text[place..=place] != "_");
        let wrong = format!("{}{other}{}", &text[..place], &text[place + 1..]);
        prop_assert_eq!(parse(&wrong), Err(AccessKeyError::Checksum));
    }

    #[test]
    fn no_text_makes_the_parser_stumble(text in "\\PC{0,80}|odm_\\PC{0,80}") {
        prop_assert!(parse(&text).is_err());
    }
}
