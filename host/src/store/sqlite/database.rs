//! [`Database`] on SQLite: each operation carried to the right connection. The SQL stands in the modules beside this one.

use async_trait::async_trait;

use rusqlite::Connection;

use super::recent::Question;
use super::{
    SqliteDatabase, access_keys, buckets, confirmations, documents, hooks, links, locks, secrets,
    tenants,
};
use crate::clock::Timestamp;
use crate::store::{
    AccessKeyMatch, AccessKeyRecord, BucketQuota, CommitError, ConfirmationKey, ConfirmationRecord,
    ConfirmationTaken, Database, Document, InsertTenantError, KeyId, LockId, LockOwner,
    NewAccessKey, Purged, RevokeOutcome, Scan, SecretRecord, StoreError, Taken, TenantId,
    TenantRecord, Write,
};

impl SqliteDatabase {
    /// The rows that answer a question: as they were read lately, if nothing was written since, else read now.
    async fn recent_or<J>(
        &self,
        question: Question,
        now: Timestamp,
        read: J,
    ) -> Result<Vec<Document>, StoreError>
    where
        J: FnOnce(&Connection) -> Result<Vec<Document>, StoreError> + Send + 'static,
    {
        let state = self.recent.state();
        if let Some(state) = state
            && let Some(rows) = self.recent.get(&question, state, now)
        {
            return Ok(rows);
        }
        let rows = self.connections.read(read).await?;
        if let Some(state) = state {
            self.recent.keep(question, state, &rows);
        }
        Ok(rows)
    }
}

#[async_trait]
impl Database for SqliteDatabase {
    async fn ping(&self) -> Result<(), StoreError> {
        self.connections
            .read(|it| Ok(it.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?))
            .await
    }

    async fn meta_or_insert(&self, name: &str, value: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let name = name.to_owned();
        self.connections
            .write(move |it| tenants::meta_or_insert(it, &name, &value))
            .await
    }

    async fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let name = name.to_owned();
        self.connections
            .read(move |it| tenants::meta(it, &name))
            .await
    }

    async fn insert_tenant(
        &self,
        tenant: TenantRecord,
        folded_name: String,
        key: NewAccessKey,
    ) -> Result<(), InsertTenantError> {
        self.connections
            .write(move |it| tenants::insert(it, &tenant, &folded_name, &key))
            .await
    }

    async fn tenants(&self) -> Result<Vec<TenantRecord>, StoreError> {
        self.connections.read(tenants::list).await
    }

    async fn tenant_by_name(&self, folded_name: &str) -> Result<Option<TenantRecord>, StoreError> {
        let folded_name = folded_name.to_owned();
        self.connections
            .read(move |it| tenants::find_by_name(it, &folded_name))
            .await
    }

    async fn set_suspended(&self, tenant: &TenantId, suspended: bool) -> Result<bool, StoreError> {
        let tenant = tenant.clone();
        self.connections
            .write(move |it| tenants::set_suspended(it, &tenant, suspended))
            .await
    }

    async fn access_key_by_lookup(
        &self,
        lookup: Vec<u8>,
    ) -> Result<Option<AccessKeyMatch>, StoreError> {
        self.connections
            .read(move |it| access_keys::find_by_lookup(it, &lookup))
            .await
    }

    async fn insert_access_key(
        &self,
        tenant: &TenantId,
        key: NewAccessKey,
    ) -> Result<(), StoreError> {
        let tenant = tenant.clone();
        self.connections
            .write(move |it| access_keys::insert(it, &tenant, &key))
            .await
    }

    async fn access_keys(&self, tenant: &TenantId) -> Result<Vec<AccessKeyRecord>, StoreError> {
        let tenant = tenant.clone();
        self.connections
            .read(move |it| access_keys::list(it, &tenant))
            .await
    }

    async fn revoke_access_key(
        &self,
        tenant: &TenantId,
        key: &KeyId,
        now: Timestamp,
    ) -> Result<RevokeOutcome, StoreError> {
        let (tenant, key) = (tenant.clone(), key.clone());
        let outcome = self
            .connections
            .write(move |it| access_keys::revoke(it, &tenant, &key, now))
            .await?;
        self.connections.truncate_log().await;
        Ok(outcome)
    }

    async fn insert_secret(
        &self,
        tenant: &TenantId,
        secret: SecretRecord,
    ) -> Result<(), StoreError> {
        let tenant = tenant.clone();
        self.connections
            .write(move |it| secrets::insert(it, &tenant, &secret))
            .await
    }

    async fn secret(
        &self,
        tenant: &TenantId,
        handle: &str,
    ) -> Result<Option<SecretRecord>, StoreError> {
        let (tenant, handle) = (tenant.clone(), handle.to_owned());
        self.connections
            .read(move |it| secrets::find(it, &tenant, &handle))
            .await
    }

    async fn secrets_of_subject(
        &self,
        tenant: &TenantId,
        subject: &str,
    ) -> Result<Vec<SecretRecord>, StoreError> {
        let (tenant, subject) = (tenant.clone(), subject.to_owned());
        self.connections
            .read(move |it| secrets::of_subject(it, &tenant, &subject))
            .await
    }

    async fn claim_secret(
        &self,
        tenant: &TenantId,
        handle: &str,
        subject: &str,
    ) -> Result<Option<String>, StoreError> {
        let (tenant, handle, subject) = (tenant.clone(), handle.to_owned(), subject.to_owned());
        self.connections
            .write(move |it| secrets::claim(it, &tenant, &handle, &subject))
            .await
    }

    async fn remove_secret(
        &self,
        tenant: &TenantId,
        owner_plugin: &str,
        handle: &str,
    ) -> Result<bool, StoreError> {
        let (tenant, owner, handle) = (tenant.clone(), owner_plugin.to_owned(), handle.to_owned());
        self.connections
            .write(move |it| secrets::remove(it, &tenant, &owner, &handle))
            .await
    }

    async fn document(
        &self,
        tenant: &TenantId,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Document>, StoreError> {
        let question = Question::One {
            tenant: tenant.clone(),
            namespace: namespace.to_owned(),
            key: key.to_owned(),
        };
        let (tenant, namespace, key) = (tenant.clone(), namespace.to_owned(), key.to_owned());
        let rows = self
            .recent_or(question, now, move |it| {
                let found = documents::find(it, &tenant, &namespace, &key, now)?;
                Ok(found.into_iter().collect())
            })
            .await?;
        Ok(rows.into_iter().next())
    }

    async fn scan(&self, scan: Scan, now: Timestamp) -> Result<Vec<Document>, StoreError> {
        self.recent_or(Question::Scan(scan.clone()), now, move |it| {
            documents::scan(it, &scan, now)
        })
        .await
    }

    async fn commit(
        &self,
        tenant: &TenantId,
        namespace: &str,
        writes: Vec<Write>,
        subjects: Option<Vec<String>>,
        now: Timestamp,
    ) -> Result<Vec<Option<String>>, CommitError> {
        let (tenant, namespace) = (tenant.clone(), namespace.to_owned());
        self.connections
            .write(move |it| {
                documents::commit(it, &tenant, &namespace, &writes, subjects.as_deref(), now)
            })
            .await
    }

    async fn acquire_lock(
        &self,
        owner: &LockOwner,
        name: &str,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<LockId>, StoreError> {
        let (owner, name) = (owner.clone(), name.to_owned());
        self.connections
            .write(move |it| locks::acquire(it, &owner, &name, lease_until, now))
            .await
    }

    async fn release_lock(&self, owner: &LockOwner, lock: &LockId) -> Result<bool, StoreError> {
        let (owner, lock) = (owner.clone(), lock.clone());
        self.connections
            .write(move |it| locks::release(it, &owner, &lock))
            .await
    }

    async fn release_all_locks(&self, owner: &LockOwner) -> Result<usize, StoreError> {
        let owner = owner.clone();
        self.connections
            .write(move |it| locks::release_all(it, &owner))
            .await
    }

    async fn keep_lock(
        &self,
        owner: &LockOwner,
        lock: &LockId,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (owner, lock) = (owner.clone(), lock.clone());
        self.connections
            .write(move |it| locks::keep(it, &owner, &lock, until, now))
            .await
    }

    async fn lock_kept_until(
        &self,
        owner: &LockOwner,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let (owner, name) = (owner.clone(), name.to_owned());
        self.connections
            .read(move |it| locks::kept_until(it, &owner, &name, now))
            .await
    }

    async fn lock_lease(
        &self,
        owner: &LockOwner,
        lock: &LockId,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let (owner, lock) = (owner.clone(), lock.clone());
        self.connections
            .read(move |it| locks::lease(it, &owner, &lock, now))
            .await
    }

    async fn take_tokens(
        &self,
        bucket: &str,
        quota: BucketQuota,
        tokens: u32,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let bucket = bucket.to_owned();
        self.connections
            .write(move |it| buckets::update(it, &bucket, |state| state.take(quota, tokens, now)))
            .await
    }

    async fn bucket_observed(
        &self,
        bucket: &str,
        quota: BucketQuota,
        remaining: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let bucket = bucket.to_owned();
        self.connections
            .write(move |it| {
                buckets::update(it, &bucket, |state| state.observe(quota, remaining, now))
            })
            .await
    }

    async fn bucket_blocked(&self, bucket: &str, until: Timestamp) -> Result<(), StoreError> {
        let bucket = bucket.to_owned();
        self.connections
            .write(move |it| buckets::update(it, &bucket, |state| state.block(until)))
            .await
    }

    async fn insert_confirmation(
        &self,
        tenant: &TenantId,
        record: ConfirmationRecord,
    ) -> Result<(), StoreError> {
        let tenant = tenant.clone();
        self.connections
            .write(move |it| confirmations::insert(it, &tenant, &record))
            .await
    }

    async fn take_confirmation(
        &self,
        tenant: &TenantId,
        wanted: ConfirmationKey,
        now: Timestamp,
    ) -> Result<ConfirmationTaken, StoreError> {
        let tenant = tenant.clone();
        self.connections
            .write(move |it| confirmations::take(it, &tenant, &wanted, now))
            .await
    }

    async fn first_call_done(&self, tenant: &TenantId, digest: &str) -> Result<bool, StoreError> {
        let (tenant, digest) = (tenant.clone(), digest.to_owned());
        self.connections
            .read(move |it| tenants::first_call_done(it, &tenant, &digest))
            .await
    }

    async fn mark_first_call(
        &self,
        tenant: &TenantId,
        digest: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (tenant, digest) = (tenant.clone(), digest.to_owned());
        self.connections
            .write(move |it| tenants::mark_first_call(it, &tenant, &digest, now))
            .await
    }

    async fn purge(&self, now: Timestamp) -> Result<Purged, StoreError> {
        self.connections
            .write(move |it| {
                Ok(Purged {
                    access_keys: access_keys::purge(it, now)?,
                    documents: documents::purge(it, now)?,
                    locks: locks::purge(it, now)?,
                    buckets: buckets::purge(it, now)?,
                    confirmations: confirmations::purge(it, now)?,
                    hook_events: hooks::purge(it, now)?,
                    links: links::purge(it, now)?,
                })
            })
            .await
    }
}
