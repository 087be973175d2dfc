//! The one trait between this program and a database.

use async_trait::async_trait;

use super::{
    AccessKeyMatch, AccessKeyRecord, AuditDatabase, BucketQuota, CacheDatabase, CommitError,
    ConfirmationKey, ConfirmationRecord, ConfirmationTaken, ConsentDatabase, Document,
    HookDatabase, InsertTenantError, KeptEventDatabase, KeyDatabase, KeyId, LinkDatabase, LockId,
    LockOwner, NewAccessKey, Purged, RevokeOutcome, Scan, SecretRecord, StoreError, Taken,
    TenantId, TenantRecord, UsageDatabase, Write,
};
use crate::clock::Timestamp;

/// Durable state that several processes may share. Every operation is one transaction; none blocks an async thread.
#[async_trait]
pub trait Database:
    AuditDatabase
    + CacheDatabase
    + HookDatabase
    + KeptEventDatabase
    + KeyDatabase
    + LinkDatabase
    + ConsentDatabase
    + UsageDatabase
    + Send
    + Sync
{
    /// Checks that the database answers.
    ///
    /// # Errors
    /// It does not.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Keeps `value` under `name` if there is none yet, and answers the value that stands: with several processes starting
    /// at once, all get the same.
    async fn meta_or_insert(&self, name: &str, value: Vec<u8>) -> Result<Vec<u8>, StoreError>;

    /// The value under `name`.
    async fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Makes a tenant together with its first access key. `folded_name` is unique among all tenants.
    async fn insert_tenant(
        &self,
        tenant: TenantRecord,
        folded_name: String,
        key: NewAccessKey,
    ) -> Result<(), InsertTenantError>;

    /// All tenants, by name.
    async fn tenants(&self) -> Result<Vec<TenantRecord>, StoreError>;

    /// The tenant that was inserted with this folded name.
    async fn tenant_by_name(&self, folded_name: &str) -> Result<Option<TenantRecord>, StoreError>;

    /// Suspends a tenant or lets it in again; false if there is no such tenant.
    async fn set_suspended(&self, tenant: &TenantId, suspended: bool) -> Result<bool, StoreError>;

    /// Finds the access key with this look-up value, and its tenant. Revoked keys are not found.
    async fn access_key_by_lookup(
        &self,
        lookup: Vec<u8>,
    ) -> Result<Option<AccessKeyMatch>, StoreError>;

    /// Adds an access key to a tenant.
    async fn insert_access_key(
        &self,
        tenant: &TenantId,
        key: NewAccessKey,
    ) -> Result<(), StoreError>;

    /// A tenant's access keys, oldest first, revoked ones too.
    async fn access_keys(&self, tenant: &TenantId) -> Result<Vec<AccessKeyRecord>, StoreError>;

    /// Revokes an access key at once and destroys its wrapping of the data key, unless it is the tenant's last key that is
    /// unrestricted and does not expire.
    async fn revoke_access_key(
        &self,
        tenant: &TenantId,
        key: &KeyId,
        now: Timestamp,
    ) -> Result<RevokeOutcome, StoreError>;

    /// Keeps a sealed secret.
    async fn insert_secret(
        &self,
        tenant: &TenantId,
        secret: SecretRecord,
    ) -> Result<(), StoreError>;

    /// A sealed secret of this tenant.
    async fn secret(
        &self,
        tenant: &TenantId,
        handle: &str,
    ) -> Result<Option<SecretRecord>, StoreError>;

    /// The secrets of this tenant that belong to this subject, newest first.
    async fn secrets_of_subject(
        &self,
        tenant: &TenantId,
        subject: &str,
    ) -> Result<Vec<SecretRecord>, StoreError>;

    /// Gives a secret without subject this one, and answers the subject that stands; none if there is no such secret.
    async fn claim_secret(
        &self,
        tenant: &TenantId,
        handle: &str,
        subject: &str,
    ) -> Result<Option<String>, StoreError>;

    /// Removes a secret of this owner; false if there is none.
    async fn remove_secret(
        &self,
        tenant: &TenantId,
        owner_plugin: &str,
        handle: &str,
    ) -> Result<bool, StoreError>;

    /// A document, unless it has expired.
    async fn document(
        &self,
        tenant: &TenantId,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Document>, StoreError>;

    /// Documents whose key starts with a prefix, in the order of the keys, without expired ones.
    async fn scan(&self, scan: Scan, now: Timestamp) -> Result<Vec<Document>, StoreError>;

    /// Does all `writes` in order or none; answers the new version of each (none: removed). With `subjects` set, a key whose
    /// present document belongs to another subject refuses the commit.
    async fn commit(
        &self,
        tenant: &TenantId,
        namespace: &str,
        writes: Vec<Write>,
        subjects: Option<Vec<String>>,
        now: Timestamp,
    ) -> Result<Vec<Option<String>>, CommitError>;

    /// Takes a lock until `lease_until`, or answers none while another lease on it lasts (also the owner's own: locks are not
    /// re-entrant).
    async fn acquire_lock(
        &self,
        owner: &LockOwner,
        name: &str,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<LockId>, StoreError>;

    /// Gives a lock back; false if this owner does not hold it.
    async fn release_lock(&self, owner: &LockOwner, lock: &LockId) -> Result<bool, StoreError>;

    /// Gives back everything that an owner holds; answers how many locks.
    async fn release_all_locks(&self, owner: &LockOwner) -> Result<usize, StoreError>;

    /// Takes a lock from its owner and leaves it to nobody until `until`; false if this owner does not hold it.
    async fn keep_lock(
        &self,
        owner: &LockOwner,
        lock: &LockId,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Until when a lock of this name is kept without an owner; none if it is not.
    async fn lock_kept_until(
        &self,
        owner: &LockOwner,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError>;

    /// Until when this owner holds a lock; none if it does not.
    async fn lock_lease(
        &self,
        owner: &LockOwner,
        lock: &LockId,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError>;

    /// Takes `tokens` at once from a bucket, which is full when it is first named.
    async fn take_tokens(
        &self,
        bucket: &str,
        quota: BucketQuota,
        tokens: u32,
        now: Timestamp,
    ) -> Result<Taken, StoreError>;

    /// The other side says that `remaining` tokens are left: never believe in more.
    async fn bucket_observed(
        &self,
        bucket: &str,
        quota: BucketQuota,
        remaining: u32,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The other side wants no request before `until`. An earlier moment than the one that stands changes nothing.
    async fn bucket_blocked(&self, bucket: &str, until: Timestamp) -> Result<(), StoreError>;

    /// Keeps what a new token stands for.
    async fn insert_confirmation(
        &self,
        tenant: &TenantId,
        record: ConfirmationRecord,
    ) -> Result<(), StoreError>;

    /// Takes what a token of this tenant stands for, if it was issued for this call: of any number of callers in any number
    /// of processes, one gets it.
    async fn take_confirmation(
        &self,
        tenant: &TenantId,
        wanted: ConfirmationKey,
        now: Timestamp,
    ) -> Result<ConfirmationTaken, StoreError>;

    /// Whether the call with this digest was made for this tenant.
    async fn first_call_done(&self, tenant: &TenantId, digest: &str) -> Result<bool, StoreError>;

    /// Notes that the call with this digest was made; false if that was noted before.
    async fn mark_first_call(
        &self,
        tenant: &TenantId,
        digest: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Removes what has expired; which table loses what is declared in [`super::RETENTION`]. To be called now and then.
    async fn purge(&self, now: Timestamp) -> Result<Purged, StoreError>;
}
