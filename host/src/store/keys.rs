//! What happens to keys after they were made: replaced, removed with their tenant, wrapped anew by another server key.

use async_trait::async_trait;

use super::StoreError;
use super::identifiers::{KeyId, TenantId};
use super::records::{AccessKeyRecord, NewAccessKey, TenantRecord};
use crate::clock::Timestamp;

/// What became of replacing an access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplaceOutcome {
    /// The new key is there, and the old one ends then.
    Replaced {
        /// When the old key ends.
        old_ends: Timestamp,
    },
    /// The tenant has no such key, or it was revoked, or it has ended.
    NotFound,
    /// It was replaced before, by this one.
    ReplacedBefore(KeyId),
}

/// One value that the server key wraps.
#[derive(Debug)]
pub enum Wrapped<'a> {
    /// A value of the installation as a whole, by its name.
    Meta(&'a str),
    /// The data key of a tenant, as an access key holds it.
    AccessKey(&'a TenantId, &'a KeyId),
    /// The key of a tenant's hook, by the hook's hash.
    Hook(&'a TenantId, &'a [u8]),
}

/// Turns what the old server key wrapped into the same wrapped by the new one; none if it does not open.
pub type WrapAnew = Box<dyn FnMut(Wrapped<'_>, &[u8]) -> Option<Vec<u8>> + Send>;

/// How many values were wrapped anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WrappedAnew {
    /// Access keys.
    pub access_keys: usize,
    /// Hooks.
    pub hooks: usize,
}

/// The part of a database that changes keys that stand.
#[async_trait]
pub trait KeyDatabase: Send + Sync {
    /// An access key by its public part, whoever's it is, and its tenant.
    async fn access_key(
        &self,
        key: &KeyId,
    ) -> Result<Option<(AccessKeyRecord, TenantRecord)>, StoreError>;

    /// Keeps `new` and lets `old` end at `old_ends`, or when it would have ended by itself, if that is earlier. An end that is
    /// not after `now` revokes it. Answers which of both it was.
    async fn replace_access_key(
        &self,
        tenant: &TenantId,
        old: &KeyId,
        new: NewAccessKey,
        old_ends: Timestamp,
        now: Timestamp,
    ) -> Result<ReplaceOutcome, StoreError>;

    /// Removes a tenant and every row that belongs to it; false if there is none.
    async fn remove_tenant(&self, tenant: &TenantId) -> Result<bool, StoreError>;

    /// The number of the server key that wraps everything now.
    async fn server_key_version(&self) -> Result<u32, StoreError>;

    /// Wraps everything anew that the server key of number `from` wraps: the meta values of these names, access keys and
    /// hooks. All or nothing, on disk when it answers; the number is `from + 1` afterwards.
    ///
    /// # Errors
    /// Another server key wraps by now; a value does not open; the database failed.
    async fn wrap_anew(
        &self,
        from: u32,
        metas: &'static [&'static str],
        wrap: WrapAnew,
    ) -> Result<WrappedAnew, StoreError>;
}
