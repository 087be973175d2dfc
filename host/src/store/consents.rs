//! What tenants agreed to: which plugin may reach what of theirs.

use async_trait::async_trait;

use super::StoreError;
use super::identifiers::{KeyId, TenantId};
use crate::clock::Timestamp;

/// What a tenant agreed to, for one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRecord {
    /// The plugin's name in the configuration.
    pub plugin: String,
    /// Whose signature the component must carry, and under which key; empty: nobody's.
    pub publisher: String,
    /// The grants that were shown, one line each, sorted.
    pub grants: Vec<String>,
    /// A digest of plugin, publisher and grants, in hexadecimal.
    pub digest: String,
    /// Only these subjects; none: all of the tenant's.
    pub subjects: Option<Vec<String>>,
    /// The access key that it was given with.
    pub access_key: KeyId,
    /// When.
    pub agreed_at: Timestamp,
}

/// The part of a database that keeps consents.
#[async_trait]
pub trait ConsentDatabase: Send + Sync {
    /// Keeps a consent in place of an earlier one for the same plugin.
    async fn put_consent(
        &self,
        tenant: &TenantId,
        consent: ConsentRecord,
    ) -> Result<(), StoreError>;

    /// The consents of a tenant, by plugin.
    async fn consents(&self, tenant: &TenantId) -> Result<Vec<ConsentRecord>, StoreError>;

    /// The consent of a tenant to one plugin.
    async fn consent(
        &self,
        tenant: &TenantId,
        plugin: &str,
    ) -> Result<Option<ConsentRecord>, StoreError>;

    /// What the keys of a tenant are about, such as `store:9021`: at most this many.
    async fn subjects(&self, tenant: &TenantId, most: u32) -> Result<Vec<String>, StoreError>;

    /// Something that is another after any consent was given or removed, by whichever process; none before the first.
    async fn consents_state(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// Removes a consent; false if there is none.
    async fn remove_consent(&self, tenant: &TenantId, plugin: &str) -> Result<bool, StoreError>;
}
