//! Access keys as text.
//!
//! ```text
//! odm_<id>_<secret><checksum>
//!     id        12 characters of a-z and 0-9: public, names the key in lists and logs
//!     secret    43 base62 digits: 256 random bits
//!     checksum   6 base62 digits: the first 32 bits of SHA-256 over everything before it
//! ```
//!
//! A prefix, an id and a checksum are the lessons of GitHub's token format
//! (<https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>): a leaked key is
//! recognised by its look, a double click selects all of it, and a typo is told from a wrong key without a look-up. (GitHub's
//! checksum is CRC32; a cut SHA-256 finds typos as well and is here already.)

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::cipher::{self, CipherError, KeyBytes};
use crate::store::KeyId;

const PREFIX: &str = "odm";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const ID_DIGITS: usize = 12;
const SECRET_DIGITS: usize = 43;
const CHECKSUM_DIGITS: usize = 6;

/// An access key. Shown once to its owner and never kept.
#[derive(Clone)]
pub struct AccessKey {
    id: KeyId,
    text: SecretString,
}

/// Why a text is not an access key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessKeyError {
    /// It has another form.
    #[error("this is not an access key: one looks like odm_<id>_<secret>")]
    Format,
    /// It has the form, but a character is wrong or missing.
    #[error("this access key has a typo: check that it was copied whole")]
    Checksum,
}

impl AccessKey {
    /// A new random key.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn generate() -> Result<Self, CipherError> {
        let (id, secret) = (cipher::random_key()?, cipher::random_key()?);
        Ok(Self::from_bytes(&id, &secret))
    }

    /// The key that these bytes give; always the same one.
    pub(super) fn from_bytes(id: &KeyBytes, secret: &KeyBytes) -> Self {
        let id = id_text(id);
        let mut text = format!("{PREFIX}_{id}_");
        // Room for the whole key: growing would leave a copy behind that nobody overwrites.
        text.reserve_exact(SECRET_DIGITS + CHECKSUM_DIGITS);
        push_base62(&mut text, secret.as_slice(), SECRET_DIGITS);
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self {
            id: KeyId::new(id),
            text: text.into(),
        }
    }

    /// Reads a key that somebody presents. It has the right form and checksum then; whether it opens anything is another
    /// question.
    ///
    /// # Errors
    /// The text has another form, or a typo.
    pub fn parse(presented: &SecretString) -> Result<Self, AccessKeyError> {
        let text = presented.expose_secret().trim();
        let (id, rest) = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .and_then(|rest| rest.split_once('_'))
            .ok_or(AccessKeyError::Format)?;
        let id_is_well_formed = id.len() == ID_DIGITS
            && id
                .bytes()
                .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
        if !id_is_well_formed || !rest.bytes().all(|it| it.is_ascii_alphanumeric()) {
            return Err(AccessKeyError::Format);
        }
        if rest.len() != SECRET_DIGITS + CHECKSUM_DIGITS {
            return Err(AccessKeyError::Checksum);
        }
        let (body, found) = text.split_at(text.len() - CHECKSUM_DIGITS);
        if !bool::from(checksum(body).as_bytes().ct_eq(found.as_bytes())) {
            return Err(AccessKeyError::Checksum);
        }
        Ok(Self {
            id: KeyId::new(id),
            text: text.into(),
        })
    }

    /// A key that a person chose, by the id of its row.
    pub(super) fn chosen(id: KeyId, text: &str) -> Self {
        Self {
            id,
            text: text.into(),
        }
    }

    /// An id for a key that has none in itself.
    pub(super) fn random_id() -> Result<KeyId, CipherError> {
        Ok(KeyId::new(id_text(&cipher::random_key()?)))
    }

    /// The public part.
    pub fn id(&self) -> &KeyId {
        &self.id
    }
}

impl ExposeSecret<str> for AccessKey {
    /// The whole key, to be shown to its owner once.
    fn expose_secret(&self) -> &str {
        self.text.expose_secret()
    }
}

impl fmt::Debug for AccessKey {
    /// Only the public part.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AccessKey({})", self.id)
    }
}

impl PartialEq for AccessKey {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        let (this, that) = (self.expose_secret(), other.expose_secret());
        this.as_bytes().ct_eq(that.as_bytes()).into()
    }
}

impl Eq for AccessKey {}

/// The first digits of the bytes in base 36: lower-case, so that an id can be read out.
fn id_text(bytes: &KeyBytes) -> String {
    let mut number = bytes.clone();
    (0..ID_DIGITS)
        .map(|_| char::from(BASE36[divide(number.as_mut_slice(), 36)]))
        .collect()
}

fn checksum(body: &str) -> String {
    let digest = Sha256::digest(body.as_bytes());
    let mut text = String::with_capacity(CHECKSUM_DIGITS);
    push_base62(&mut text, &digest[..4], CHECKSUM_DIGITS);
    text
}

/// Writes a number, most significant byte first, as that many base62 digits, the least significant first.
fn push_base62(text: &mut String, number: &[u8], digits: usize) {
    let mut rest = Zeroizing::new(number.to_vec());
    for _ in 0..digits {
        text.push(char::from(BASE62[divide(&mut rest, 62)]));
    }
}

/// Divides a number, most significant byte first, and answers the remainder.
fn divide(number: &mut [u8], divisor: usize) -> usize {
    let mut remainder = 0;
    for byte in number {
        let dividend = remainder * 256 + usize::from(*byte);
        // A remainder is below the divisor, so a quotient fits a byte.
        *byte = (dividend / divisor) as u8;
        remainder = dividend % divisor;
    }
    remainder
}
