//! From a presented access key to a principal.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::access_key::{AccessKey, AccessKeyError};
use super::chosen_key;
use super::cipher::{CipherError, KeyBytes, hmac_sha256};
use super::key_session::HashingError;
use super::keyring::KeyringError;
use super::principal::Principal;
use super::scopes::Scopes;
use super::service::Tenancy;
use crate::store::{AccessKeyMatch, StoreError};

/// Why a caller does not get in.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// The text is no access key, or has a typo. That is told, since it can be seen without any look-up.
    #[error(transparent)]
    Malformed(#[from] AccessKeyError),
    /// Unknown, revoked, expired, or of a suspended tenant: which of them, callers are not told.
    #[error("this access key is not valid")]
    Refused,
    /// The server key was changed, and this process has not the new one.
    #[error(transparent)]
    ServerKey(#[from] KeyringError),
    /// A chosen key could not be checked.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuthenticationError {
    /// Whether the caller is at fault, and not this server.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::Refused)
    }
}

/// A key as somebody presents it.
enum Presented<'a> {
    /// Made here: it names itself.
    Generated(AccessKey),
    /// A person's own: only its row says which it is.
    Chosen(&'a str),
}

impl<'a> Presented<'a> {
    fn parse(text: &'a SecretString) -> Result<Self, AccessKeyError> {
        let chosen = text.expose_secret().trim();
        match AccessKey::parse(text) {
            Ok(key) => Ok(Self::Generated(key)),
            Err(AccessKeyError::Format) if chosen_key::is_well_formed(chosen) => {
                Ok(Self::Chosen(chosen))
            }
            Err(error) => Err(error),
        }
    }
}

impl Tenancy {
    /// Tells who presents this access key.
    ///
    /// A generated key has 256 random bits, so finding it is verifying it: a wrong key costs one HMAC and one look-up, and
    /// there is no cache from which a revoked key would have to be chased. A key that a person chose is checked with bcrypt
    /// after it was found; only that verdict is remembered for a while.
    ///
    /// # Errors
    /// The key is malformed or not valid; the database failed.
    pub async fn authenticate(
        &self,
        presented: &SecretString,
    ) -> Result<Principal, AuthenticationError> {
        match Presented::parse(presented)? {
            Presented::Generated(key) => self.principal(&key).await,
            Presented::Chosen(text) => self.principal_of_chosen(text).await,
        }
    }

    /// The principal of this generated key.
    pub(super) async fn principal(
        &self,
        key: &AccessKey,
    ) -> Result<Principal, AuthenticationError> {
        let found = self.find(&self.lookup(key.expose_secret())).await?;
        if found.chosen_hash.is_some() {
            return Err(AuthenticationError::Refused);
        }
        self.enter(found, key).await
    }

    /// The principal of a key that a person chose.
    pub(super) async fn principal_of_chosen(
        &self,
        text: &str,
    ) -> Result<Principal, AuthenticationError> {
        let lookup = self.lookup(text);
        let found = self.find(&lookup).await?;
        let Some(hash) = &found.chosen_hash else {
            return Err(AuthenticationError::Refused);
        };
        if !self.sessions.verify(text, &lookup, hash).await? {
            tracing::warn!(key = %found.key.id, "a key was found by its look-up and refused by bcrypt: its row was altered");
            return Err(AuthenticationError::Refused);
        }
        let key = AccessKey::chosen(found.key.id.clone(), text);
        self.enter(found, &key).await
    }

    /// The row of a key, if it is good.
    pub(super) async fn find(
        &self,
        lookup: &KeyBytes,
    ) -> Result<AccessKeyMatch, AuthenticationError> {
        let found = self
            .database
            .access_key_by_lookup(lookup.to_vec())
            .await?
            .ok_or(AuthenticationError::Refused)?;
        let refuse = |reason: &'static str| {
            tracing::info!(key = %found.key.id, tenant = %found.tenant.id, reason, "access key refused");
            AuthenticationError::Refused
        };
        if found.tenant.suspended {
            return Err(refuse("the tenant is suspended"));
        }
        if found
            .key
            .expires_at
            .is_some_and(|end| end <= self.clock.now())
        {
            return Err(refuse("the key has expired"));
        }
        Ok(found)
    }

    pub(super) async fn enter(
        &self,
        found: AccessKeyMatch,
        key: &AccessKey,
    ) -> Result<Principal, AuthenticationError> {
        let damaged = |what: &str, error: &dyn std::fmt::Display| StoreError::Damaged {
            table: "access_keys",
            problem: format!("{what} of {}: {error}", found.key.id),
        };
        let scopes = Scopes::from_column(found.key.scopes.as_deref())
            .map_err(|error| damaged("the scopes", &error))?;
        let layers = self.keyring.layers_of(found.server_key_version).await?;
        let data_key = layers
            .unwrap_data_key(
                &found.wrapped_data_key,
                &found.tenant.id,
                &found.tenant.salt,
                key,
            )
            .map_err(|error: CipherError| damaged("the wrapped data key", &error))?;
        Ok(Principal {
            tenant: found.tenant.id,
            tenant_name: found.tenant.name,
            salt: found.tenant.salt,
            key: found.key.id,
            scopes,
            expires_at: found.key.expires_at,
            data_key: Arc::new(data_key),
        })
    }

    /// How an access key is found in the database.
    pub(super) fn lookup(&self, key: &str) -> KeyBytes {
        Zeroizing::new(hmac_sha256(&self.index_key, key.as_bytes()))
    }
}
