//! Tenants, first calls, and the values that belong to the installation as a whole.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::access_keys;
use crate::clock::Timestamp;
use crate::store::{InsertTenantError, NewAccessKey, StoreError, TenantId, TenantRecord};

/// The columns that [`from_row`] reads, starting at one it is told.
pub(super) const COLUMNS: &str =
    "tenants.id, tenants.name, tenants.salt, tenants.suspended, tenants.created_at";

pub(super) fn from_row(row: &Row<'_>, first: usize) -> rusqlite::Result<TenantRecord> {
    Ok(TenantRecord {
        id: TenantId::new(row.get::<_, String>(first)?),
        name: row.get(first + 1)?,
        salt: row.get(first + 2)?,
        suspended: row.get(first + 3)?,
        created_at: row.get(first + 4)?,
    })
}

pub(super) fn insert(
    transaction: &Transaction<'_>,
    tenant: &TenantRecord,
    folded_name: &str,
    key: &NewAccessKey,
) -> Result<(), InsertTenantError> {
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO tenants (id, name, folded_name, salt, suspended, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (folded_name) DO NOTHING",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                tenant.id.as_str(),
                tenant.name,
                folded_name,
                tenant.salt,
                tenant.suspended,
                tenant.created_at
            ])
        })
        .map_err(StoreError::from)?;
    if inserted == 0 {
        return Err(InsertTenantError::NameTaken);
    }
    if access_keys::find_by_lookup(transaction, &key.lookup)?.is_some() {
        return Err(InsertTenantError::KeyTaken);
    }
    access_keys::insert(transaction, &tenant.id, key)?;
    Ok(())
}

pub(super) fn list(connection: &Connection) -> Result<Vec<TenantRecord>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM tenants ORDER BY folded_name"
    ))?;
    let rows = statement.query_map([], |row| from_row(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn find_by_name(
    connection: &Connection,
    folded_name: &str,
) -> Result<Option<TenantRecord>, StoreError> {
    Ok(connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM tenants WHERE folded_name = ?1"
        ))?
        .query_row([folded_name], |row| from_row(row, 0))
        .optional()?)
}

pub(super) fn set_suspended(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    suspended: bool,
) -> Result<bool, StoreError> {
    let changed = transaction
        .prepare_cached("UPDATE tenants SET suspended = ?2 WHERE id = ?1")?
        .execute(params![tenant.as_str(), suspended])?;
    Ok(changed > 0)
}

pub(super) fn meta(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

pub(super) fn set_meta(
    transaction: &Transaction<'_>,
    name: &str,
    value: &[u8],
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?
        .execute(params![name, value])?;
    Ok(())
}

pub(super) fn meta_or_insert(
    transaction: &Transaction<'_>,
    name: &str,
    value: &[u8],
) -> Result<Vec<u8>, StoreError> {
    if let Some(standing) = meta(transaction, name)? {
        return Ok(standing);
    }
    transaction
        .prepare_cached("INSERT INTO meta (name, value) VALUES (?1, ?2)")?
        .execute(params![name, value])?;
    Ok(value.to_vec())
}

pub(super) fn first_call_done(
    connection: &Connection,
    tenant: &TenantId,
    digest: &str,
) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM first_calls WHERE tenant = ?1 AND digest = ?2")?
        .exists([tenant.as_str(), digest])?)
}

pub(super) fn mark_first_call(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    digest: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO first_calls (tenant, digest, made_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (tenant, digest) DO NOTHING",
        )?
        .execute(params![tenant.as_str(), digest, now])?;
    Ok(inserted > 0)
}
