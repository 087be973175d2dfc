//! The rows of tenants, access keys and secrets as they go in and out, and the small answers about them.

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::identifiers::{KeyId, TenantId};
use crate::clock::Timestamp;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// Its id.
    pub id: TenantId,
    /// The name a person gave it.
    pub name: String,
    /// The salt under which each of its access keys derives its wrapping key.
    #[serde(skip)]
    pub salt: Vec<u8>,
    /// Nobody gets in while this is set.
    pub suspended: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Somebody whom an issuer of tokens knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The issuer, as it calls itself in its tokens (`iss`).
    pub issuer: String,
    /// What the issuer calls the one (`sub`).
    pub subject: String,
}

/// An access key to be stored. No part of the key itself is in here.
#[derive(Debug, Clone)]
pub struct NewAccessKey {
    /// Its public part.
    pub id: KeyId,
    /// HMAC-SHA256 of the whole key under the index key: how it is found.
    pub lookup: Vec<u8>,
    /// The tenant's data key, wrapped by this access key and the server key.
    pub wrapped_data_key: Vec<u8>,
    /// The number of the server key that wrapped it.
    pub server_key_version: u32,
    /// bcrypt of the key's keyed digest, where a person chose the key.
    pub chosen_hash: Option<String>,
    /// The name a person gave it.
    pub name: String,
    /// What it may do, in the form that [`crate::tenancy::Scopes`] writes; none: everything.
    pub scopes: Option<String>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whose tokens open it, where nobody holds the key itself.
    pub identity: Option<Identity>,
}

/// An access key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKeyRecord {
    /// Its public part.
    pub id: KeyId,
    /// The name a person gave it.
    pub name: String,
    /// What it may do; none: everything.
    pub scopes: Option<String>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked, or found to have ended.
    pub revoked_at: Option<Timestamp>,
    /// The key that took its place.
    pub replaced_by: Option<KeyId>,
    /// Whose tokens open it, where nobody holds the key itself.
    pub identity: Option<Identity>,
}

/// What the look-up of a presented key finds: the key and its tenant, in one query.
#[derive(Debug, Clone)]
pub struct AccessKeyMatch {
    /// The key.
    pub key: AccessKeyRecord,
    /// The tenant's data key, wrapped by this access key and the server key.
    pub wrapped_data_key: Vec<u8>,
    /// The number of the server key that wrapped it.
    pub server_key_version: u32,
    /// bcrypt of the key's keyed digest, where a person chose the key.
    pub chosen_hash: Option<String>,
    /// Whose key it is.
    pub tenant: TenantRecord,
}

/// Why a tenant was not made.
#[derive(Debug, thiserror::Error)]
pub enum InsertTenantError {
    /// Another tenant has this name, in some letter case.
    #[error("a tenant of this name exists")]
    NameTaken,
    /// Another access key has this look-up value: it is the same key.
    #[error("this access key exists")]
    KeyTaken,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of revoking an access key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokeOutcome {
    /// It opens nothing any more.
    Revoked,
    /// The tenant has no such key, or it was revoked before.
    NotFound,
    /// Nobody could open the tenant's data any more, so it stays.
    LastFullKey,
}

/// A sealed secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRecord {
    /// How plugins name it.
    pub handle: String,
    /// The plugin on whose behalf it was sealed.
    pub owner_plugin: String,
    /// Where it may be used, in the form that [`crate::tenancy::Audience`] writes.
    pub audiences: String,
    /// What it belongs to, such as `store:9021`; none until its first use with a subject.
    pub subject: Option<String>,
    /// The ciphertext.
    pub sealed: Vec<u8>,
    /// When it was sealed.
    pub created_at: Timestamp,
}

/// Who holds locks: one call of one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LockOwner {
    /// Locks of two tenants are different locks.
    pub tenant: TenantId,
    /// Locks of two plugins are different locks.
    pub plugin: String,
    /// Unique to the call.
    pub holder: String,
}

/// How many rows of each kind a purge removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Access keys that have ended, whose wrappings were destroyed.
    pub access_keys: usize,
    /// Expired documents.
    pub documents: usize,
    /// Locks whose lease ran out.
    pub locks: usize,
    /// Buckets that are full again, which is the same as none.
    pub buckets: usize,
    /// Tokens of previews and questions that nobody used in time.
    pub confirmations: usize,
    /// Events of hooks, past the time for which they are kept.
    pub hook_events: usize,
    /// Invalidations that every process has seen, or that concern nothing any more.
    pub cache_invalidations: usize,
    /// Links whose time is long over.
    pub links: usize,
}
