//! What checks HMACs of a key without being the key.
//!
//! HMAC-SHA256 (RFC 2104) hashes a block made of the key first, inside and outside. The two states of SHA-256 after those
//! blocks are all that is needed of the key from then on, and leading from them back to it is what SHA-256 is made to prevent.
//! So they can be kept where nobody of the tenant is present: who steals them can forge signatures, but cannot act with the
//! key. (That holds for keys that cannot be guessed: a short one is found by trying.)

use std::fmt;

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

const BLOCK: usize = 64;
const WORDS: usize = 8;
/// Both states as bytes.
const BYTES: usize = 2 * 4 * WORDS;
/// SHA-256's initial state (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; WORDS] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The two states; overwritten when it is dropped.
#[derive(Clone)]
pub struct HmacVerifier {
    inner: [u32; WORDS],
    outer: [u32; WORDS],
}

impl HmacVerifier {
    /// What checks HMACs under this key.
    pub fn of(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK]);
        if key.len() > BLOCK {
            block[..32].copy_from_slice(&Zeroizing::new(<[u8; 32]>::from(Sha256::digest(key)))[..]);
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let state_after = |pad: u8| {
            let padded = Zeroizing::new(block.map(|byte| byte ^ pad));
            let mut state = INITIAL;
            compress256(&mut state, std::slice::from_ref(&*padded));
            state
        };
        Self {
            inner: state_after(0x36),
            outer: state_after(0x5c),
        }
    }

    /// Whether this is the HMAC-SHA256 of the message. How long that takes depends on the message alone: not on the key, and not
    /// on how much of the signature is right.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let expected = finish(self.outer, &finish(self.inner, message));
        same(&expected, signature)
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES));
        for word in self.inner.iter().chain(&self.outer) {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != BYTES {
            return None;
        }
        let mut words = bytes.chunks_exact(4).map(|word| {
            let mut number = [0; 4];
            number.copy_from_slice(word);
            u32::from_be_bytes(number)
        });
        let mut next = || {
            let mut state = [0; WORDS];
            for (word, read) in state.iter_mut().zip(&mut words) {
                *word = read;
            }
            state
        };
        Some(Self {
            inner: next(),
            outer: next(),
        })
    }
}

impl Drop for HmacVerifier {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

impl fmt::Debug for HmacVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HmacVerifier")
    }
}

/// Whether two are the same, all of them looked at wherever the first difference is. That a signature is too long or too short is
/// known to who made it.
fn same<T: ConstantTimeEq>(expected: &[T], given: &[T]) -> bool {
    bool::from(expected.ct_eq(given))
}

/// SHA-256's end, from a state that has one block behind it.
fn finish(mut state: [u32; WORDS], message: &[u8]) -> [u8; 32] {
    let (blocks, rest) = message.as_chunks::<BLOCK>();
    compress256(&mut state, blocks);
    // Padding (FIPS 180-4, section 5.1.1): a one, zeros, the length of all in bits.
    let bits = (BLOCK as u64 + message.len() as u64) * 8;
    let mut end = [[0; BLOCK]; 2];
    end[0][..rest.len()].copy_from_slice(rest);
    end[0][rest.len()] = 0x80;
    let used = if rest.len() < BLOCK - 8 { 1 } else { 2 };
    end[used - 1][BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
    compress256(&mut state, &end[..used]);
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;

    use super::*;

    fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    }

    proptest! {
        #[test]
        fn it_agrees_with_hmac_for_every_key_and_message(
            key in prop::collection::vec(any::<u8>(), 0..150),
            message in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let verifier = HmacVerifier::from_bytes(&HmacVerifier::of(&key).to_bytes()).unwrap();
            let mut signature = hmac(&key, &message);
            prop_assert!(verifier.verify(&message, &signature));
            signature[7] ^= 1;
            prop_assert!(!verifier.verify(&message, &signature));
            prop_assert!(!verifier.verify(&message, &signature[..31]));
        }
    }

    #[test]
    fn every_byte_is_compared_wherever_the_first_difference_is() {
        /// A byte that counts how often it is compared.
        struct Watched<'a>(u8, &'a std::cell::Cell<usize>);
        impl ConstantTimeEq for Watched<'_> {
            fn ct_eq(&self, other: &Self) -> subtle::Choice {
                self.1.set(self.1.get() + 1);
                self.0.ct_eq(&other.0)
            }
        }
        let compared = std::cell::Cell::new(0);
        let watched = |bytes: [u8; 32]| bytes.map(|byte| Watched(byte, &compared));
        let expected = [7; 32];
        for wrong in [None, Some(0), Some(15), Some(31)] {
            let mut given = expected;
            if let Some(at) = wrong {
                given[at] ^= 1;
            }
            compared.set(0);
            assert_eq!(same(&watched(expected), &watched(given)), wrong.is_none());
            assert_eq!(compared.get(), 32, "{wrong:?}");
        }
    }

    #[test]
    fn the_key_does_not_stand_in_what_is_kept() {
        let key = b"a-key-that-is-kept-nowhere";
        let kept = HmacVerifier::of(key).to_bytes();
        assert!(
            !kept
                .windows(4)
                .any(|part| key.windows(4).any(|of_key| of_key == part))
        );
        assert_eq!(format!("{:?}", HmacVerifier::of(key)), "HmacVerifier");
    }
}
