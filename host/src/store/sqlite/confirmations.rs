//! Tokens of previews and questions: a row each, taken once.

use rusqlite::{OptionalExtension, Transaction, params};

use crate::clock::Timestamp;
use crate::store::{ConfirmationKey, ConfirmationRecord, ConfirmationTaken, StoreError, TenantId};

pub(super) fn insert(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    record: &ConfirmationRecord,
) -> Result<(), StoreError> {
    let key = &record.key;
    transaction
        .prepare_cached(
            "INSERT INTO confirmations (token, tenant, purpose, access_key, tool, arguments, sealed, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            key.token,
            tenant.as_str(),
            key.purpose.as_str(),
            key.access_key.as_str(),
            key.tool,
            key.arguments,
            record.sealed,
            record.expires_at
        ])?;
    Ok(())
}

/// A token that is presented for another call stays as it is: a slip in the arguments can be mended.
pub(super) fn take(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    wanted: &ConfirmationKey,
    now: Timestamp,
) -> Result<ConfirmationTaken, StoreError> {
    let found = transaction
        .prepare_cached(
            "SELECT access_key, tool, arguments, sealed, expires_at FROM confirmations
             WHERE token = ?1 AND tenant = ?2 AND purpose = ?3",
        )?
        .query_row(
            params![wanted.token, tenant.as_str(), wanted.purpose.as_str()],
            |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, Vec<u8>>(2)?,
                    row.get::<_, Vec<u8>>(3)?,
                    row.get::<_, Timestamp>(4)?,
                ))
            },
        )
        .optional()?;
    let Some((access_key, tool, arguments, sealed, expires_at)) = found else {
        return Ok(ConfirmationTaken::Unknown);
    };
    Ok(if access_key != wanted.access_key.as_str() {
        ConfirmationTaken::OtherKey
    } else if expires_at <= now {
        ConfirmationTaken::Expired
    } else if tool != wanted.tool {
        ConfirmationTaken::OtherTool
    } else if arguments != wanted.arguments {
        ConfirmationTaken::OtherArguments
    } else {
        transaction
            .prepare_cached("DELETE FROM confirmations WHERE token = ?1")?
            .execute([&wanted.token])?;
        ConfirmationTaken::Taken(sealed)
    })
}

pub(super) fn purge(transaction: &Transaction<'_>, now: Timestamp) -> Result<usize, StoreError> {
    Ok(transaction
        .prepare_cached("DELETE FROM confirmations WHERE expires_at <= ?1")?
        .execute([now])?)
}
