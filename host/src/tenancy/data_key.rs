//! A tenant's data key, and its wrapping: inside by an access key, outside by the server key.
//!
//! Two layers, so that neither the database with the server key nor the database with one access key of another installation
//! opens it. Each access key wraps the same data key, so keys come and go without anything being encrypted anew.

use std::fmt;

use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::access_key::AccessKey;
use super::cipher::{self, Binding, CipherError, KeyBytes};
use crate::store::TenantId;

const ACCESS_KEY_PURPOSE: &str = "v1 data key wrapped by access key";

/// What a tenant's secrets and documents are encrypted with. Overwritten when it is dropped.
pub struct DataKey {
    bytes: KeyBytes,
    /// Not the tenant's key at all: it stands where that is out of reach.
    unattended: bool,
}

impl DataKey {
    /// A new random key.
    pub(super) fn generate() -> Result<Self, CipherError> {
        cipher::random_key().map(Self::of)
    }

    /// In the place of a tenant's key while nobody of the tenant is present: it refuses to encrypt and to decrypt.
    pub(super) fn unattended() -> Result<Self, CipherError> {
        Ok(Self {
            bytes: cipher::random_key()?,
            unattended: true,
        })
    }

    fn of(bytes: KeyBytes) -> Self {
        Self {
            bytes,
            unattended: false,
        }
    }

    /// Whether this only stands where the tenant's key is out of reach.
    pub fn is_unattended(&self) -> bool {
        self.unattended
    }

    fn present(&self) -> Result<&KeyBytes, CipherError> {
        if self.unattended {
            Err(CipherError::Unattended)
        } else {
            Ok(&self.bytes)
        }
    }

    /// The inner layer: wraps this key for one access key. (The outer one is the keyring's.)
    pub(super) fn wrap(
        &self,
        tenant: &TenantId,
        salt: &[u8],
        access_key: &AccessKey,
    ) -> Result<Vec<u8>, CipherError> {
        cipher::seal(
            &access_layer(access_key, salt),
            &binding(ACCESS_KEY_PURPOSE, tenant, access_key),
            self.present()?.as_slice(),
        )
    }

    /// Unwraps what [`Self::wrap`] made with the same tenant, salt and keys.
    pub(super) fn unwrap(
        inner: &[u8],
        tenant: &TenantId,
        salt: &[u8],
        access_key: &AccessKey,
    ) -> Result<Self, CipherError> {
        let key = cipher::open(
            &access_layer(access_key, salt),
            &binding(ACCESS_KEY_PURPOSE, tenant, access_key),
            inner,
        )?;
        let key = key
            .as_slice()
            .try_into()
            .map_err(|_| CipherError::Refused)?;
        Ok(Self::of(Zeroizing::new(key)))
    }

    /// Encrypts for a purpose and binds the ciphertext to it and to each of `bound_to`, in order.
    ///
    /// # Errors
    /// No random bytes, or more than 64 GiB.
    pub fn seal(
        &self,
        purpose: &str,
        bound_to: &[&[u8]],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CipherError> {
        cipher::seal(self.present()?, &bind(purpose, bound_to), plaintext)
    }

    /// The same for the same message and purpose; tells nothing of it to who has not this key.
    pub fn digest(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        cipher::hmac_sha256(
            &cipher::derive(self.bytes.as_slice(), None, purpose),
            message,
        )
    }

    /// Decrypts what [`Self::seal`] made for the same purpose and binding.
    ///
    /// # Errors
    /// It was altered, or made for another purpose, binding or tenant.
    pub fn open(
        &self,
        purpose: &str,
        bound_to: &[&[u8]],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CipherError> {
        cipher::open(self.present()?, &bind(purpose, bound_to), sealed)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DataKey")
    }
}

fn bind(purpose: &str, bound_to: &[&[u8]]) -> Binding {
    bound_to
        .iter()
        .fold(Binding::to(purpose), |binding, part| binding.and(part))
}

fn binding(purpose: &str, tenant: &TenantId, access_key: &AccessKey) -> Binding {
    Binding::to(purpose)
        .and(tenant.as_str().as_bytes())
        .and(access_key.id().as_str().as_bytes())
}

fn access_layer(access_key: &AccessKey, salt: &[u8]) -> KeyBytes {
    cipher::derive(
        access_key.expose_secret().as_bytes(),
        Some(salt),
        ACCESS_KEY_PURPOSE,
    )
}
