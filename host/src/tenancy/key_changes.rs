//! Access keys and server keys that others take the place of, and tenants that are removed.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::json;

use super::access_key::AccessKey;
use super::audit::{Ending, Entry};
use super::keyring::{KeyringError, Layers, WRAPPED_METAS};
use super::principal::Principal;
use super::server_key::ServerKeyError;
use super::service::Tenancy;
use super::tenants::{CreateKeyError, CreatedKey, not_found};
use crate::clock::Timestamp;
use crate::store::{
    AccessKeyRecord, KeyId, NewAccessKey, ReplaceOutcome, StoreError, TenantId, TenantRecord,
    WrappedAnew,
};

/// An access key that took another's place. It is shown now or never.
#[derive(Debug)]
pub struct ReplacedKey {
    /// The new key.
    pub new: CreatedKey,
    /// When the old one ends.
    pub old_ends: Timestamp,
}

/// Why an access key was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceKeyError {
    /// The tenant has no such key, or it is not valid any more.
    #[error("the tenant '{tenant}' has no valid access key '{key}'")]
    NotFound {
        /// Which key.
        key: KeyId,
        /// Of which tenant.
        tenant: String,
    },
    /// It was done before.
    #[error("'{0}' was replaced before, by '{1}': rotate that one")]
    ReplacedBefore(KeyId, KeyId),
    /// A key could otherwise give itself more than it was given.
    #[error(
        "an access key with limits, or one that ends, can only be rotated with itself or with the master key"
    )]
    LimitedKey,
    /// Nobody holds it.
    #[error("the local tenant's own key is derived, not kept: 'server-key rotate' protects it")]
    LocalKey,
    /// Nobody holds this one, either.
    #[error(
        "'{0}' belongs to somebody whom an issuer of tokens knows: there is no key to replace. The issuer renews tokens; to end \
         this access, revoke it"
    )]
    Identity(KeyId),
    /// The new key cannot be made.
    #[error(transparent)]
    Create(#[from] CreateKeyError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What changing the server key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotatedServerKey {
    /// The number of the new key.
    pub version: u32,
    /// What was wrapped anew.
    pub wrapped: WrappedAnew,
    /// The new key stands in the file already; else whoever gave it has to keep it.
    pub in_file: bool,
}

/// Why the server key was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RotateServerKeyError {
    /// There is none to change to.
    #[error(
        "the server key comes from ORDERDESK_MCP_SERVER_KEY, so the new one has to come from you: make it with 'openssl rand \
         -base64 32', set it as ORDERDESK_MCP_NEW_SERVER_KEY beside the old one, and run this again"
    )]
    NoNewKey,
    /// It is done.
    #[error(
        "the key in ORDERDESK_MCP_NEW_SERVER_KEY is in use already: set it as ORDERDESK_MCP_SERVER_KEY and forget the old one"
    )]
    RotatedBefore,
    /// The key cannot be read or written.
    #[error(transparent)]
    ServerKey(#[from] ServerKeyError),
    /// The key in use was not found, or something does not open under it.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Tenancy {
    /// An access key by its public part, and whose it is.
    ///
    /// # Errors
    /// The database failed.
    pub async fn access_key(
        &self,
        key: &KeyId,
    ) -> Result<Option<(AccessKeyRecord, TenantRecord)>, StoreError> {
        self.database.access_key(key).await
    }

    /// Makes a key in the place of another, with its name, limits and end. The old one stays valid for `grace`; for none, it
    /// is revoked in the same moment.
    ///
    /// # Errors
    /// The maker may not do that, or there is no such key; the database failed.
    pub async fn replace_key(
        &self,
        maker: &Principal,
        old: &KeyId,
        grace: Duration,
    ) -> Result<ReplacedKey, ReplaceKeyError> {
        let details = json!({"key_id": old, "grace_s": grace.as_secs(), "made_with": maker.key});
        let act = Entry::act("keys.rotate", Some(&maker.tenant), details);
        let replaced = self.replace_key_now(maker, old, grace);
        let tell = |new: &ReplacedKey, ending: &mut Ending| {
            ending.details = Some(json!({"key_id": old, "new_key_id": new.new.key_id}));
        };
        self.audit.administer(act, replaced, tell).await
    }

    async fn replace_key_now(
        &self,
        maker: &Principal,
        old: &KeyId,
        grace: Duration,
    ) -> Result<ReplacedKey, ReplaceKeyError> {
        let not_found = || ReplaceKeyError::NotFound {
            key: old.clone(),
            tenant: maker.tenant_name.clone(),
        };
        let itself = maker.key == *old;
        if !itself && (!maker.scopes.is_full() || maker.expires_at.is_some()) {
            return Err(ReplaceKeyError::LimitedKey);
        }
        if self.local_key().id() == old {
            return Err(ReplaceKeyError::LocalKey);
        }
        let (record, _) = self
            .database
            .access_key(old)
            .await?
            .filter(|(_, tenant)| tenant.id == maker.tenant)
            .ok_or_else(not_found)?;
        if record.identity.is_some() {
            return Err(ReplaceKeyError::Identity(old.clone()));
        }
        let key = AccessKey::generate().map_err(CreateKeyError::from)?;
        let now = self.clock.now();
        let mut layers = self.keyring.layers();
        let outcome = loop {
            let new = NewAccessKey {
                name: record.name.clone(),
                scopes: record.scopes.clone(),
                expires_at: record.expires_at,
                ..self
                    .new_key(&layers, maker, &key, now)
                    .map_err(CreateKeyError::from)?
            };
            match self
                .database
                .replace_access_key(&maker.tenant, old, new, now + grace, now)
                .await
            {
                Err(StoreError::ServerKeyChanged { stands }) => {
                    layers = self
                        .keyring
                        .layers_of(stands)
                        .await
                        .map_err(CreateKeyError::from)?;
                }
                outcome => break outcome?,
            }
        };
        match outcome {
            ReplaceOutcome::Replaced { old_ends } => Ok(ReplacedKey {
                new: CreatedKey {
                    key_id: key.id().clone(),
                    key,
                    expires_at: record.expires_at,
                },
                old_ends,
            }),
            ReplaceOutcome::NotFound => Err(not_found()),
            ReplaceOutcome::ReplacedBefore(by) => {
                Err(ReplaceKeyError::ReplacedBefore(old.clone(), by))
            }
        }
    }

    /// The row of a key that this principal makes, without name and limits.
    pub(super) fn new_key(
        &self,
        layers: &Layers,
        maker: &Principal,
        key: &AccessKey,
        now: Timestamp,
    ) -> Result<NewAccessKey, super::CipherError> {
        Ok(NewAccessKey {
            id: key.id().clone(),
            lookup: self.lookup(key.expose_secret()).to_vec(),
            wrapped_data_key: layers.wrap_data_key(
                &maker.data_key,
                &maker.tenant,
                &maker.salt,
                key,
            )?,
            server_key_version: layers.version(),
            chosen_hash: None,
            name: String::new(),
            scopes: None,
            expires_at: None,
            created_at: now,
            identity: None,
        })
    }

    /// Removes a tenant with everything that belongs to it, for ever; false if there is none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn remove_tenant(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        let act = Entry::act("tenants.delete", Some(tenant), json!({}));
        let removed = self.database.remove_tenant(tenant);
        self.audit.administer(act, removed, not_found).await
    }

    /// Wraps everything anew by another server key: the outer layer, so that nobody of any tenant has to be present. Running
    /// processes go on with the new key.
    ///
    /// # Errors
    /// There is no other key, or the one in use does not open everything; nothing is changed then.
    pub async fn rotate_server_key(&self) -> Result<RotatedServerKey, RotateServerKeyError> {
        let act = Entry::act("server-key.rotate", None, json!({}));
        let rotated = self.rotate_server_key_now();
        self.audit.administer(act, rotated, |_, _| {}).await
    }

    async fn rotate_server_key_now(&self) -> Result<RotatedServerKey, RotateServerKeyError> {
        let change = self.keyring.begin_change()?;
        let current = self.keyring.current(change.as_ref()).await?;
        let new = match &change {
            Some(change) => change.write_next()?,
            None if current.given_second => return Err(RotateServerKeyError::RotatedBefore),
            None => current.other.ok_or(RotateServerKeyError::NoNewKey)?,
        };
        let old = current.layers;
        let from = old.version();
        let next = std::sync::Arc::new(Layers::of(&new, from + 1));
        let wrapped = {
            let next = next.clone();
            self.database
                .wrap_anew(
                    from,
                    WRAPPED_METAS,
                    Box::new(move |what, wrapped| old.anew(&next, &what, wrapped)),
                )
                .await?
        };
        if let Some(change) = &change {
            change.finish()?;
        }
        let version = next.version();
        self.keyring.go_on_with(next);
        Ok(RotatedServerKey {
            version,
            wrapped,
            in_file: change.is_some(),
        })
    }
}
