//! Sealed secrets, each within its tenant.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::store::{SecretRecord, StoreError, TenantId};

pub(super) fn insert(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    secret: &SecretRecord,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO secrets (tenant, handle, owner_plugin, audiences, subject, sealed, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            tenant.as_str(),
            secret.handle,
            secret.owner_plugin,
            secret.audiences,
            secret.subject,
            secret.sealed,
            secret.created_at
        ])?;
    Ok(())
}

pub(super) fn find(
    connection: &Connection,
    tenant: &TenantId,
    handle: &str,
) -> Result<Option<SecretRecord>, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT handle, owner_plugin, audiences, subject, sealed, created_at
             FROM secrets WHERE tenant = ?1 AND handle = ?2",
        )?
        .query_row([tenant.as_str(), handle], record)
        .optional()?)
}

pub(super) fn of_subject(
    connection: &Connection,
    tenant: &TenantId,
    subject: &str,
) -> Result<Vec<SecretRecord>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT handle, owner_plugin, audiences, subject, sealed, created_at
         FROM secrets WHERE tenant = ?1 AND subject = ?2 ORDER BY created_at DESC, handle",
    )?;
    let rows = statement.query_map([tenant.as_str(), subject], record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn record(row: &Row<'_>) -> rusqlite::Result<SecretRecord> {
    Ok(SecretRecord {
        handle: row.get(0)?,
        owner_plugin: row.get(1)?,
        audiences: row.get(2)?,
        subject: row.get(3)?,
        sealed: row.get(4)?,
        created_at: row.get(5)?,
    })
}

pub(super) fn claim(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    handle: &str,
    subject: &str,
) -> Result<Option<String>, StoreError> {
    Ok(transaction
        .prepare_cached(
            "UPDATE secrets SET subject = coalesce(subject, ?3)
             WHERE tenant = ?1 AND handle = ?2 RETURNING subject",
        )?
        .query_row([tenant.as_str(), handle, subject], |row| row.get(0))
        .optional()?)
}

pub(super) fn remove(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    owner_plugin: &str,
    handle: &str,
) -> Result<bool, StoreError> {
    let removed = transaction
        .prepare_cached(
            "DELETE FROM secrets WHERE tenant = ?1 AND owner_plugin = ?2 AND handle = ?3",
        )?
        .execute([tenant.as_str(), owner_plugin, handle])?;
    Ok(removed > 0)
}
