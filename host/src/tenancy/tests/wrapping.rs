//! The data key's two layers, and what it encrypts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use crate::store::{TenantId, Wrapped as Place};
use crate::tenancy::cipher::{KeyBytes, random_key};
use crate::tenancy::keyring::{INDEX_KEY, INSTALLATION_KEY, Layers};
use crate::tenancy::{AccessKey, CipherError, DataKey, ServerKey};

struct Wrapped {
    data_key: DataKey,
    wrapped: Vec<u8>,
    tenant: TenantId,
    salt: Vec<u8>,
    access_key: AccessKey,
    layers: Layers,
}

fn server_key(byte: u8) -> ServerKey {
    ServerKey::from_base64(&STANDARD.encode([byte; 32])).unwrap()
}

fn wrapped() -> Wrapped {
    let data_key = DataKey::generate().unwrap();
    let tenant = TenantId::new("ten_1");
    let salt = vec![3; 32];
    let access_key = AccessKey::generate().unwrap();
    let layers = Layers::of(&server_key(7), 2);
    Wrapped {
        wrapped: layers
            .wrap_data_key(&data_key, &tenant, &salt, &access_key)
            .unwrap(),
        data_key,
        tenant,
        salt,
        access_key,
        layers,
    }
}

impl Wrapped {
    fn unwrap(&self) -> Result<DataKey, CipherError> {
        self.layers
            .unwrap_data_key(&self.wrapped, &self.tenant, &self.salt, &self.access_key)
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
fn another_tenant_salt_access_key_server_key_or_number_opens_nothing() {
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
        layers: Layers::of(&server_key(8), 2),
        ..wrapped()
    });
    for version in [0, 1, 3] {
        refused(Wrapped {
            layers: Layers::of(&server_key(7), version),
            ..wrapped()
        });
    }
    assert!(wrapped().unwrap().is_ok());
}

#[test]
fn neither_layer_alone_opens_anything() {
    let it = wrapped();
    // The inner layer, without the outer one.
    let inner = DataKey::unwrap(&it.wrapped, &it.tenant, &it.salt, &it.access_key);
    assert_eq!(inner.err(), Some(CipherError::Refused));
    // The server key alone gives the inner layer, which another access key does not open.
    let place = Place::AccessKey(&it.tenant, it.access_key.id());
    let inner = it.layers.open(place, &it.wrapped).unwrap();
    let other = AccessKey::generate().unwrap();
    let refused = DataKey::unwrap(&inner, &it.tenant, &it.salt, &other);
    assert_eq!(refused.err(), Some(CipherError::Refused));
    assert!(DataKey::unwrap(&inner, &it.tenant, &it.salt, &it.access_key).is_ok());
}

#[test]
fn what_is_wrapped_anew_opens_with_the_new_key_only_and_in_its_own_place_only() {
    let next = Layers::of(&server_key(8), 3);
    let mut it = wrapped();
    let place = Place::AccessKey(&it.tenant, it.access_key.id());
    let anew = it.layers.anew(&next, &place, &it.wrapped).unwrap();
    let other = TenantId::new("ten_2");
    for wrong in [
        Place::AccessKey(&other, it.access_key.id()),
        Place::Hook(&it.tenant, it.access_key.id().as_str().as_bytes()),
        Place::Meta(INDEX_KEY),
        Place::Meta(INSTALLATION_KEY),
        Place::Meta("anything else"),
    ] {
        assert_eq!(
            it.layers.anew(&next, &wrong, &it.wrapped),
            None,
            "{wrong:?}"
        );
    }
    it.wrapped = anew;
    assert_eq!(it.unwrap().err(), Some(CipherError::Refused));
    it.layers = next;
    assert!(it.unwrap().is_ok());
}

#[test]
fn a_hooks_key_opens_for_its_own_tenant_and_hook_only() {
    let layers = Layers::of(&server_key(7), 1);
    let (tenant, key): (_, KeyBytes) = (TenantId::new("ten_1"), random_key().unwrap());
    let wrapped = layers.wrap_hook_key(&tenant, b"hash", &key).unwrap();
    assert_eq!(
        *layers.unwrap_hook_key(&tenant, b"hash", &wrapped).unwrap(),
        *key
    );
    let other = TenantId::new("ten_2");
    for (tenant, hash) in [(&other, b"hash"), (&tenant, b"hush")] {
        let refused = layers.unwrap_hook_key(tenant, hash, &wrapped);
        assert_eq!(refused.err(), Some(CipherError::Refused));
    }
}

#[test]
fn nothing_is_encrypted_twice_to_the_same() {
    let it = wrapped();
    let again = it
        .layers
        .wrap_data_key(&it.data_key, &it.tenant, &it.salt, &it.access_key)
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

    #[test]
    fn another_tenants_data_key_opens_nothing(text in any::<Vec<u8>>(), purpose in "[a-z]{1,8}") {
        let (ours, theirs) = (DataKey::generate().unwrap(), DataKey::generate().unwrap());
        let sealed = ours.seal(&purpose, &[], &text).unwrap();
        prop_assert_eq!(theirs.open(&purpose, &[], &sealed).err(), Some(CipherError::Refused));
    }

    #[test]
    fn digests_are_the_same_for_the_same_key_purpose_and_message_only(
        message in any::<Vec<u8>>(), other in any::<Vec<u8>>(), purpose in "[ab]{1,2}", other_purpose in "[ab]{1,2}",
    ) {
        let (key, another) = (DataKey::generate().unwrap(), DataKey::generate().unwrap());
        let digest = key.digest(&purpose, &message);
        prop_assert_eq!(digest, key.digest(&purpose, &message));
        prop_assert_ne!(digest, another.digest(&purpose, &message));
        let same = message == other && purpose == other_purpose;
        prop_assert_eq!(digest == key.digest(&other_purpose, &other), same);
    }

    #[test]
    fn a_server_key_of_another_number_or_with_one_bit_turned_opens_nothing(
        at in 0..32usize, bit in 0..8u32, version in 0..4u32,
    ) {
        let mut it = wrapped();
        let mut bytes = [7; 32];
        bytes[at] ^= 1u8 << bit;
        let turned = ServerKey::from_base64(&STANDARD.encode(bytes)).unwrap();
        it.layers = Layers::of(&turned, version);
        prop_assert_eq!(it.unwrap().err(), Some(CipherError::Refused));
    }
}
