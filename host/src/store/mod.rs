//! The database: one trait, its SQLite implementation, and the records that go in and out.
//!
//! This layer keeps bytes and conditions; it knows no keys and no ciphers. Whatever is confidential arrives here already
//! encrypted by [`crate::tenancy`]. Time is always an argument (`now`), so that expiry can be tested.
//!
//! Architecture Invariant: every write is one transaction that takes SQLite's write lock before it reads
//! (`BEGIN IMMEDIATE`), because several processes share one file.

mod audit;
mod buckets;
mod confirmations;
mod consents;
mod database;
mod directory;
mod documents;
mod error;
mod hooks;
mod identifiers;
mod invalidations;
mod kept_events;
mod keys;
mod links;
mod records;
mod retention;
pub mod sqlite;
mod usage;

pub use audit::{
    AUDIT_GENESIS, AuditChain, AuditCheckpoint, AuditDatabase, AuditEntry, AuditQuery, AuditRecord,
    AuditRow, AuditStep, AuditVisitor,
};
pub use buckets::{BucketQuota, Taken};
pub use confirmations::{
    ConfirmationKey, ConfirmationPurpose, ConfirmationRecord, ConfirmationTaken,
};
pub use consents::{ConsentDatabase, ConsentRecord};
pub use database::Database;
pub use directory::prepare_data_directory;
pub use documents::{Change, CommitError, Condition, Content, Document, Scan, Write};
pub use error::StoreError;
pub use hooks::{
    ClaimedHandling, EventKept, HandlingEnd, HookDatabase, HookHash, HookRecord, HookSummary,
    NewHookEvent, UnattendedRecord,
};
pub use identifiers::{KeyId, LockId, TenantId};
pub(crate) use identifiers::{hex, random_hex};
pub use invalidations::{CacheDatabase, CacheInvalidation, InvalidationsSeen};
pub use kept_events::{KeptEvent, KeptEventDatabase};
pub use keys::{KeyDatabase, ReplaceOutcome, WrapAnew, Wrapped, WrappedAnew};
pub use links::{LinkCall, LinkDatabase, LinkHash, LinkPurpose, LinkRecord};
pub use records::{
    AccessKeyMatch, AccessKeyRecord, Identity, InsertTenantError, LockOwner, NewAccessKey, Purged,
    RevokeOutcome, SecretRecord, TenantRecord,
};
pub use retention::{RETENTION, Retention};
pub use sqlite::SqliteDatabase;
pub use usage::{PluginDeeds, PluginUsage, UsageDatabase};
