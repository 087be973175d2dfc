//! Keys that stand: replaced, removed with their tenant, wrapped anew.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{SqliteDatabase, access_keys, tenants};
use crate::clock::Timestamp;
use crate::store::{
    AccessKeyRecord, KeyDatabase, KeyId, NewAccessKey, ReplaceOutcome, StoreError, TenantId,
    TenantRecord, WrapAnew, Wrapped, WrappedAnew,
};

/// Where the number of the server key stands; none: 0.
const VERSION: &str = "server_key_version";

#[async_trait]
impl KeyDatabase for SqliteDatabase {
    async fn access_key(
        &self,
        key: &KeyId,
    ) -> Result<Option<(AccessKeyRecord, TenantRecord)>, StoreError> {
        let key = key.clone();
        self.connections
            .read(move |it| access_keys::find(it, &key))
            .await
    }

    async fn replace_access_key(
        &self,
        tenant: &TenantId,
        old: &KeyId,
        new: NewAccessKey,
        old_ends: Timestamp,
        now: Timestamp,
    ) -> Result<ReplaceOutcome, StoreError> {
        let (tenant, old) = (tenant.clone(), old.clone());
        let outcome = self
            .connections
            .write(move |it| replace(it, &tenant, &old, &new, old_ends, now))
            .await?;
        self.connections.truncate_log().await;
        Ok(outcome)
    }

    async fn remove_tenant(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        let tenant = tenant.clone();
        let removed = self
            .connections
            .write_durably(move |it| {
                let removed = it
                    .prepare_cached("DELETE FROM tenants WHERE id = ?1")?
                    .execute([tenant.as_str()])?;
                Ok::<_, StoreError>(removed > 0)
            })
            .await?;
        self.connections.truncate_log().await;
        Ok(removed)
    }

    async fn server_key_version(&self) -> Result<u32, StoreError> {
        self.connections.read(version).await
    }

    async fn wrap_anew(
        &self,
        from: u32,
        metas: &'static [&'static str],
        mut wrap: WrapAnew,
    ) -> Result<WrappedAnew, StoreError> {
        let done = self
            .connections
            .write_durably(move |it| wrap_anew(it, from, metas, &mut wrap))
            .await?;
        // What the old key wrapped is overwritten in the file; in the log it would still stand.
        self.connections.truncate_log().await;
        Ok(done)
    }
}

/// The number of the server key that wraps everything now.
fn version(connection: &Connection) -> Result<u32, StoreError> {
    match tenants::meta(connection, VERSION)? {
        None => Ok(0),
        Some(bytes) => <[u8; 4]>::try_from(bytes.as_slice())
            .map(u32::from_be_bytes)
            .map_err(|_| damaged("meta", "the number of the server key has no four bytes")),
    }
}

/// Refuses what was wrapped by a server key that is no longer the one.
pub(super) fn check_version(connection: &Connection, wrapped_by: u32) -> Result<(), StoreError> {
    let stands = version(connection)?;
    if stands == wrapped_by {
        Ok(())
    } else {
        Err(StoreError::ServerKeyChanged { stands })
    }
}

fn replace(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    old: &KeyId,
    new: &NewAccessKey,
    old_ends: Timestamp,
    now: Timestamp,
) -> Result<ReplaceOutcome, StoreError> {
    let found = access_keys::find(transaction, old)?
        .map(|(key, of)| (key, of.id))
        .filter(|(key, of)| {
            of == tenant && key.revoked_at.is_none() && key.expires_at.is_none_or(|end| end > now)
        });
    let Some((key, _)) = found else {
        return Ok(ReplaceOutcome::NotFound);
    };
    if let Some(by) = key.replaced_by {
        return Ok(ReplaceOutcome::ReplacedBefore(by));
    }
    access_keys::insert(transaction, tenant, new)?;
    let old_ends = key.expires_at.map_or(old_ends, |end| end.min(old_ends));
    // One that ends now is revoked, and keeps the end that it had.
    let end = if old_ends <= now {
        access_keys::destroy(transaction, old, now)?;
        key.expires_at
    } else {
        Some(old_ends)
    };
    transaction
        .prepare_cached("UPDATE access_keys SET replaced_by = ?2, expires_at = ?3 WHERE id = ?1")?
        .execute(params![old.as_str(), new.id.as_str(), end])?;
    Ok(ReplaceOutcome::Replaced { old_ends })
}

fn wrap_anew(
    transaction: &Transaction<'_>,
    from: u32,
    metas: &[&str],
    wrap: &mut WrapAnew,
) -> Result<WrappedAnew, StoreError> {
    check_version(transaction, from)?;
    let to = from + 1;
    for name in metas {
        let Some(value) = tenants::meta(transaction, name)? else {
            continue;
        };
        let value = wrap(Wrapped::Meta(name), &value).ok_or_else(|| damaged("meta", name))?;
        tenants::set_meta(transaction, name, &value)?;
    }
    let keys: Vec<(String, String, Vec<u8>)> = rows(
        transaction,
        "SELECT id, tenant, wrapped_data_key FROM access_keys
         WHERE wrapped_data_key IS NOT NULL AND server_key_version = ?1",
        from,
    )?;
    let mut update = transaction.prepare_cached(
        "UPDATE access_keys SET wrapped_data_key = ?2, server_key_version = ?3 WHERE id = ?1",
    )?;
    for (id, tenant, wrapped) in &keys {
        let place = Wrapped::AccessKey(&TenantId::new(tenant.clone()), &KeyId::new(id.clone()))
            .anew(wrapped, wrap)
            .ok_or_else(|| damaged("access_keys", id))?;
        update.execute(params![id, place, to])?;
    }
    let hooks: Vec<(Vec<u8>, String, Vec<u8>)> = rows(
        transaction,
        "SELECT id, tenant, wrapped_key FROM hooks WHERE server_key_version = ?1",
        from,
    )?;
    let mut update = transaction.prepare_cached(
        "UPDATE hooks SET wrapped_key = ?2, server_key_version = ?3 WHERE id = ?1",
    )?;
    for (hash, tenant, wrapped) in &hooks {
        let place = Wrapped::Hook(&TenantId::new(tenant.clone()), hash)
            .anew(wrapped, wrap)
            .ok_or_else(|| damaged("hooks", tenant))?;
        update.execute(params![hash, place, to])?;
    }
    tenants::set_meta(transaction, VERSION, &to.to_be_bytes())?;
    // A row of another number opens under no key any more: rather nothing is changed than that it stays behind.
    let left: Option<String> = transaction
        .prepare_cached(
            "SELECT 'access_keys' FROM access_keys WHERE wrapped_data_key IS NOT NULL AND server_key_version <> ?1
             UNION ALL SELECT 'hooks' FROM hooks WHERE server_key_version <> ?1",
        )?
        .query_row([to], |row| row.get(0))
        .optional()?;
    if let Some(table) = left {
        return Err(damaged(
            "access_keys",
            &format!("a row of {table} was wrapped by an older server key"),
        ));
    }
    Ok(WrappedAnew {
        access_keys: keys.len(),
        hooks: hooks.len(),
    })
}

impl Wrapped<'_> {
    fn anew(self, wrapped: &[u8], wrap: &mut WrapAnew) -> Option<Vec<u8>> {
        wrap(self, wrapped)
    }
}

fn rows<I: rusqlite::types::FromSql>(
    transaction: &Transaction<'_>,
    query: &str,
    version: u32,
) -> Result<Vec<(I, String, Vec<u8>)>, StoreError> {
    let mut statement = transaction.prepare_cached(query)?;
    let rows = statement.query_map([version], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn damaged(table: &'static str, problem: &str) -> StoreError {
    StoreError::Damaged {
        table,
        problem: format!("{problem}: it does not open under the server key"),
    }
}
