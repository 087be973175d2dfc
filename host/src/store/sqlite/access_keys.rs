//! Access keys: found by one look-up, revoked at once.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{keys, tenants};
use crate::clock::Timestamp;
use crate::store::retention::DEAD_KEYS_KEPT;
use crate::store::{
    AccessKeyMatch, AccessKeyRecord, Identity, KeyId, NewAccessKey, RevokeOutcome, StoreError,
    TenantId, TenantRecord,
};

const COLUMNS: &str = "access_keys.id, access_keys.name, access_keys.scopes, access_keys.expires_at, \
     access_keys.created_at, access_keys.revoked_at, access_keys.replaced_by, access_keys.issuer, \
     access_keys.subject";
const COLUMN_COUNT: usize = 9;

fn from_row(row: &Row<'_>) -> rusqlite::Result<AccessKeyRecord> {
    Ok(AccessKeyRecord {
        id: KeyId::new(row.get::<_, String>(0)?),
        name: row.get(1)?,
        scopes: row.get(2)?,
        expires_at: row.get(3)?,
        created_at: row.get(4)?,
        revoked_at: row.get(5)?,
        replaced_by: row.get::<_, Option<String>>(6)?.map(KeyId::new),
        identity: identity(row.get(7)?, row.get(8)?),
    })
}

/// The schema keeps both or none.
fn identity(issuer: Option<String>, subject: Option<String>) -> Option<Identity> {
    Some(Identity {
        issuer: issuer?,
        subject: subject?,
    })
}

pub(super) fn insert(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    key: &NewAccessKey,
) -> Result<(), StoreError> {
    keys::check_version(transaction, key.server_key_version)?;
    transaction
        .prepare_cached(
            "INSERT INTO access_keys
                 (id, tenant, name, lookup, wrapped_data_key, scopes, expires_at, created_at, server_key_version, chosen_hash,
                  issuer, subject)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            key.id.as_str(),
            tenant.as_str(),
            key.name,
            key.lookup,
            key.wrapped_data_key,
            key.scopes,
            key.expires_at,
            key.created_at,
            key.server_key_version,
            key.chosen_hash,
            key.identity.as_ref().map(|it| &it.issuer),
            key.identity.as_ref().map(|it| &it.subject)
        ])?;
    Ok(())
}

/// One descent of one tree tells all of the key, another one its tenant.
pub(super) fn by_lookup() -> String {
    let tenant_columns = tenants::COLUMNS;
    format!(
        "SELECT {COLUMNS}, access_keys.wrapped_data_key, access_keys.server_key_version,
                access_keys.chosen_hash, {tenant_columns}
         FROM access_keys INDEXED BY access_keys_found JOIN tenants ON tenants.id = access_keys.tenant
         WHERE access_keys.lookup = ?1"
    )
}

pub(super) fn find_by_lookup(
    connection: &Connection,
    lookup: &[u8],
) -> Result<Option<AccessKeyMatch>, StoreError> {
    Ok(connection
        .prepare_cached(&by_lookup())?
        .query_row([lookup], |row| {
            Ok(AccessKeyMatch {
                key: from_row(row)?,
                wrapped_data_key: row.get(COLUMN_COUNT)?,
                server_key_version: row.get(COLUMN_COUNT + 1)?,
                chosen_hash: row.get(COLUMN_COUNT + 2)?,
                tenant: tenants::from_row(row, COLUMN_COUNT + 3)?,
            })
        })
        .optional()?)
}

pub(super) fn find(
    connection: &Connection,
    key: &KeyId,
) -> Result<Option<(AccessKeyRecord, TenantRecord)>, StoreError> {
    let tenant_columns = tenants::COLUMNS;
    Ok(connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS}, {tenant_columns}
             FROM access_keys JOIN tenants ON tenants.id = access_keys.tenant WHERE access_keys.id = ?1"
        ))?
        .query_row([key.as_str()], |row| {
            Ok((from_row(row)?, tenants::from_row(row, COLUMN_COUNT)?))
        })
        .optional()?)
}

pub(super) fn list(
    connection: &Connection,
    tenant: &TenantId,
) -> Result<Vec<AccessKeyRecord>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM access_keys WHERE tenant = ?1 ORDER BY created_at, id"
    ))?;
    let rows = statement.query_map([tenant.as_str()], from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn revoke(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    key: &KeyId,
    now: Timestamp,
) -> Result<RevokeOutcome, StoreError> {
    // An identity opens the data, and only through its issuer: no other key can be made with it.
    let full = "revoked_at IS NULL AND expires_at IS NULL AND scopes IS NULL AND issuer IS NULL";
    let is_full: Option<bool> = transaction
        .prepare_cached(&format!(
            "SELECT {full} FROM access_keys WHERE tenant = ?1 AND id = ?2 AND revoked_at IS NULL"
        ))?
        .query_row([tenant.as_str(), key.as_str()], |row| row.get(0))
        .optional()?;
    let Some(is_full) = is_full else {
        return Ok(RevokeOutcome::NotFound);
    };
    let another_is_full = transaction
        .prepare_cached(&format!(
            "SELECT 1 FROM access_keys WHERE tenant = ?1 AND id <> ?2 AND {full}"
        ))?
        .exists([tenant.as_str(), key.as_str()])?;
    if is_full && !another_is_full {
        return Ok(RevokeOutcome::LastFullKey);
    }
    destroy(transaction, key, now)?;
    Ok(RevokeOutcome::Revoked)
}

/// Takes from a key by which it is found and what it opens.
pub(super) fn destroy(
    transaction: &Transaction<'_>,
    key: &KeyId,
    now: Timestamp,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "UPDATE access_keys SET revoked_at = ?2, lookup = NULL, wrapped_data_key = NULL, chosen_hash = NULL
             WHERE id = ?1",
        )?
        .execute(params![key.as_str(), now])?;
    Ok(())
}

/// Does the same to those that have ended. Keys that have opened nothing for so long that nobody asks any more are not even
/// listed; the audit trail still names them. Answers how many of either.
pub(super) fn purge(transaction: &Transaction<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let ended = transaction
        .prepare_cached(
            "UPDATE access_keys SET revoked_at = expires_at, lookup = NULL, wrapped_data_key = NULL, chosen_hash = NULL
             WHERE expires_at <= ?1 AND lookup IS NOT NULL",
        )?
        .execute([now])?;
    let forgotten = transaction
        .prepare_cached("DELETE FROM access_keys WHERE revoked_at <= ?1")?
        .execute([now - DEAD_KEYS_KEPT])?;
    Ok(ended + forgotten)
}
