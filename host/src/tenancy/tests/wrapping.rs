//! The data key's two layers, and what it encrypts.

use proptest::prelude::*;

use crate::store::TenantId;
use crate::tenancy::cipher::{KeyBytes, random_key};
use crate::tenancy::{AccessKey, CipherError, DataKey};

struct Wrapped {
    data_key: DataKey,
    wrapped: Vec<u8>,
    tenant: TenantId,
    salt: Vec<u8>,
    access_key: AccessKey,
    server_layer: KeyBytes,
}

fn wrapped() -> Wrapped {
    let data_key = DataKey::generate().unwrap();
    let tenant = TenantId::new("ten_1");
    let salt = vec![3; 32];
    let access_key = AccessKey::generate().unwrap();
    let server_layer = random_key().unwrap();
    Wrapped {
        wrapped: data_key
            .wrap(&tenant, &salt, &access_key, &server_layer)
            .unwrap(),
        data_key,
        tenant,
        salt,
        access_key,
        server_layer,
    }
}

impl Wrapped {
    fn unwrap(&self) -> Result<DataKey, CipherError> {
        DataKey::unwrap(
            &self.wrapped,
            &self.tenant,
            &self.salt,
            &self.access_key,
            &self.server_layer,
        )
    }
}

#[test]
fn the_same_keys_open_what_they_wrapped() {
    let it = wrapped();
    let sealed = it.data_key.seal("test", &[b"a"], b"text").unwrap();
    let opened = it.unwrap().unwrap().open("test", &[b"a"], &sealed).unwrap();
    assert_eq!(*opened, b"text");
}

#[test]
fn another_tenant_salt_access_key_or_server_key_opens_nothing() {
    let refused = |it: Wrapped| assert_eq!(it.unwrap().err(), Some(CipherError::Refused));
    refused(Wrapped {
        tenant: TenantId::new("ten_2"),
        ..wrapped()
    });
    refused(Wrapped {
        salt: vec![4; 32],
        ..wrapped()
    });
    refused(Wrapped {
        access_key: AccessKey::generate().unwrap(),
        ..wrapped()
    });
    refused(Wrapped {
        server_layer: random_key().unwrap(),
        ..wrapped()
    });
    assert!(wrapped().unwrap().is_ok());
}

#[test]
fn nothing_is_encrypted_twice_to_the_same() {
    let it = wrapped();
    let again = it
        .data_key
        .wrap(&it.tenant, &it.salt, &it.access_key, &it.server_layer)
        .unwrap();
    assert_ne!(it.wrapped, again);
    let [one, two] = [(), ()].map(|()| it.data_key.seal("test", &[], b"text").unwrap());
    assert_ne!(one, two);
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{:?}", wrapped().data_key), "DataKey");
}

proptest! {
    #[test]
    fn a_wrapping_with_one_bit_turned_is_refused(place in any::<prop::sample::Index>(), bit in 0..8) {
        let mut it = wrapped();
        let place = place.index(it.wrapped.len());
        it.wrapped[place] ^= 1u8 << bit;
        prop_assert_eq!(it.unwrap().err(), Some(CipherError::Refused));
    }

    #[test]
    fn what_is_sealed_opens_unchanged_and_with_one_bit_turned_not_at_all(
        text in any::<Vec<u8>>(), place in any::<prop::sample::Index>(), bit in 0..8,
    ) {
        let key = DataKey::generate().unwrap();
        let mut sealed = key.seal("test", &[b"a", b"b"], &text).unwrap();
        prop_assert_eq!(&*key.open("test", &[b"a", b"b"], &sealed).unwrap(), &text);
        let place = place.index(sealed.len());
        sealed[place] ^= 1u8 << bit;
        prop_assert_eq!(key.open("test", &[b"a", b"b"], &sealed).err(), Some(CipherError::Refused));
    }

    #[test]
    fn what_is_cut_off_is_refused(length in 0..33usize) {
        let key = DataKey::generate().unwrap();
        let sealed = key.seal("test", &[], b"text").unwrap();
        prop_assert_eq!(key.open("test", &[], &sealed[..length.min(32)]).err(), Some(CipherError::Refused));
    }

    #[test]
    fn a_ciphertext_opens_only_with_its_own_purpose_and_binding(
        purpose in "[ab]{1,2}", parts in proptest::collection::vec("[ab]{0,2}", 0..3),
        other_purpose in "[ab]{1,2}", other_parts in proptest::collection::vec("[ab]{0,2}", 0..3),
    ) {
        let bound: Vec<&[u8]> = parts.iter().map(String::as_bytes).collect();
        let other: Vec<&[u8]> = other_parts.iter().map(String::as_bytes).collect();
        let key = DataKey::generate().unwrap();
        let sealed = key.seal(&purpose, &bound, b"text").unwrap();
        let same = purpose == other_purpose && bound == other;
        prop_assert_eq!(key.open(&other_purpose, &other, &sealed).is_ok(), same);
    }
}
