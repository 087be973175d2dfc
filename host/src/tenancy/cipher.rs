//! AES-256-GCM with everything it needs around it: fresh nonces, associated data that cannot be mistaken, derived keys.
//!
//! A sealed box is `version (1 byte) | nonce (12 bytes, random) | ciphertext and tag (16 bytes)`. Random 96-bit nonces are
//! sound up to 2^32 messages under one key (NIST SP 800-38D, section 8.3), far beyond what one tenant writes.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand::TryRng;
use rand::rngs::SysRng;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The format of a sealed box. It is part of the associated data, so an old box cannot pass for one of another version.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
pub(super) const KEY_BYTES: usize = 32;

/// A key in memory, overwritten when it is dropped.
pub(super) type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

/// Why something could not be encrypted or decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// The operating system gave no random bytes, so no key or nonce can be made.
    #[error("the operating system gives no random bytes")]
    Randomness,
    /// More than AES-GCM may encrypt at once.
    #[error("the text is too long to encrypt")]
    TooLong,
    /// Altered, cut off, encrypted with another key, or bound to something else: which of them cannot be told.
    #[error("the ciphertext is damaged, or was encrypted with another key or for something else")]
    Refused,
    /// The call runs while nobody of the tenant is present: what is encrypted under the tenant's data key stays closed.
    #[error(
        "nobody of the tenant is present, so nothing is encrypted or decrypted under its data key"
    )]
    Unattended,
}

/// What a ciphertext is bound to: it opens only where the same is given again.
///
/// Each part is preceded by its length, so that no two lists of parts have the same bytes.
#[derive(Debug, Clone)]
pub(super) struct Binding(Vec<u8>);

impl Binding {
    /// A binding to a purpose.
    pub(super) fn to(purpose: &str) -> Self {
        Self(vec![VERSION]).and(purpose.as_bytes())
    }

    /// And to this too.
    pub(super) fn and(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }
}

/// Encrypts.
pub(super) fn seal(
    key: &KeyBytes,
    binding: &Binding,
    plaintext: &[u8],
) -> Result<Vec<u8>, CipherError> {
    let mut nonce = [0; NONCE_BYTES];
    fill_random(&mut nonce)?;
    let payload = Payload {
        msg: plaintext,
        aad: &binding.0,
    };
    let ciphertext = Aes256Gcm::new((&**key).into())
        .encrypt(&Nonce::from(nonce), payload)
        .map_err(|_| CipherError::TooLong)?;
    let mut sealed = Vec::with_capacity(1 + NONCE_BYTES + ciphertext.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

/// Decrypts what [`seal`] made with the same key and binding.
pub(super) fn open(
    key: &KeyBytes,
    binding: &Binding,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CipherError> {
    let (&version, rest) = sealed.split_first().ok_or(CipherError::Refused)?;
    let (nonce, ciphertext) = rest
        .split_first_chunk::<NONCE_BYTES>()
        .ok_or(CipherError::Refused)?;
    if version != VERSION {
        return Err(CipherError::Refused);
    }
    let payload = Payload {
        msg: ciphertext,
        aad: &binding.0,
    };
    Aes256Gcm::new((&**key).into())
        .decrypt(&Nonce::from(*nonce), payload)
        .map(Zeroizing::new)
        .map_err(|_| CipherError::Refused)
}

/// A key derived from another by HKDF-SHA256 (RFC 5869). `purpose` keeps keys apart that have the same source.
#[expect(
    clippy::expect_used,
    reason = "depends on no input, and a key of zeros must never come out"
)]
pub(super) fn derive(source: &[u8], salt: Option<&[u8]>, purpose: &str) -> KeyBytes {
    let mut key = KeyBytes::default();
    Hkdf::<Sha256>::new(salt, source)
        .expand(purpose.as_bytes(), key.as_mut_slice())
        .expect("HKDF-SHA256 gives up to 255 times 32 bytes");
    key
}

/// A random key.
pub(super) fn random_key() -> Result<KeyBytes, CipherError> {
    let mut key = KeyBytes::default();
    fill_random(key.as_mut_slice())?;
    Ok(key)
}

/// Random bytes from the operating system.
pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), CipherError> {
    SysRng
        .try_fill_bytes(bytes)
        .map_err(|_| CipherError::Randomness)
}

/// HMAC-SHA256 (RFC 2104).
pub(super) fn hmac_sha256(key: &KeyBytes, message: &[u8]) -> [u8; 32] {
    // RFC 2104 pads a shorter key with zeros to the hash's block of 64 bytes; a whole block cannot have a wrong length.
    let mut block = Zeroizing::new([0; 64]);
    block[..KEY_BYTES].copy_from_slice(key.as_slice());
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}
