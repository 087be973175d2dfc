//! From a presented access key to a principal.

use std::sync::Arc;

use secrecy::SecretString;

use super::access_key::{AccessKey, AccessKeyError};
use super::data_key::DataKey;
use super::principal::Principal;
use super::scopes::Scopes;
use super::service::Tenancy;
use crate::store::StoreError;

/// Why a caller does not get in.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// The text is no access key, or has a typo. That is told, since it can be seen without any look-up.
    #[error(transparent)]
    Malformed(#[from] AccessKeyError),
    /// Unknown, revoked, expired, or of a suspended tenant: which of them, callers are not told.
    #[error("this access key is not valid")]
    Refused,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Tenancy {
    /// Tells who presents this access key.
    ///
    /// The key has 256 random bits, so finding it is verifying it: a wrong key costs one HMAC and one look-up, and there is no
    /// cache from which a revoked key would have to be chased.
    ///
    /// # Errors
    /// The key is malformed or not valid; the database failed.
    pub async fn authenticate(
        &self,
        presented: &SecretString,
    ) -> Result<Principal, AuthenticationError> {
        self.principal(&AccessKey::parse(presented)?).await
    }

    /// The principal of this key.
    pub(super) async fn principal(
        &self,
        key: &AccessKey,
    ) -> Result<Principal, AuthenticationError> {
        let found = self
            .database
            .access_key_by_lookup(self.lookup(key))
            .await?
            .ok_or(AuthenticationError::Refused)?;
        let refuse = |reason: &'static str| {
            tracing::info!(key = %key.id(), tenant = %found.tenant.id, reason, "access key refused");
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
        let scopes = Scopes::from_column(found.key.scopes.as_deref()).map_err(|error| {
            StoreError::Damaged {
                table: "access_keys",
                problem: format!("the scopes of {}: {error}", found.key.id),
            }
        })?;
        let data_key = DataKey::unwrap(
            &found.wrapped_data_key,
            &found.tenant.id,
            &found.tenant.salt,
            key,
            &self.server_layer,
        )
        .map_err(|error| StoreError::Damaged {
            table: "access_keys",
            problem: format!("the data key wrapped by {}: {error}", found.key.id),
        })?;
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
}
