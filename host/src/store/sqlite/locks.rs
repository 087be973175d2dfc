//! Locks with leases: a row each.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::clock::Timestamp;
use crate::store::identifiers::random_hex;
use crate::store::{LockId, LockOwner, StoreError};

pub(super) fn acquire(
    transaction: &Transaction<'_>,
    owner: &LockOwner,
    name: &str,
    lease_until: Timestamp,
    now: Timestamp,
) -> Result<Option<LockId>, StoreError> {
    let lock = random_hex();
    let taken = transaction
        .prepare_cached(
            "INSERT INTO locks (tenant, plugin, name, id, holder, lease_until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (tenant, plugin, name) DO UPDATE SET
                 id = excluded.id, holder = excluded.holder, lease_until = excluded.lease_until
             WHERE locks.lease_until <= ?7",
        )?
        .execute(params![
            owner.tenant.as_str(),
            owner.plugin,
            name,
            lock,
            owner.holder,
            lease_until,
            now
        ])?;
    Ok((taken > 0).then(|| LockId::new(lock)))
}

pub(super) fn release(
    transaction: &Transaction<'_>,
    owner: &LockOwner,
    lock: &LockId,
) -> Result<bool, StoreError> {
    let released = transaction
        .prepare_cached(
            "DELETE FROM locks WHERE id = ?1 AND tenant = ?2 AND plugin = ?3 AND holder = ?4",
        )?
        .execute([
            lock.as_str(),
            owner.tenant.as_str(),
            &owner.plugin,
            &owner.holder,
        ])?;
    Ok(released > 0)
}

/// The holder of a lock that is kept: no call has an empty name.
const NOBODY: &str = "";

pub(super) fn keep(
    transaction: &Transaction<'_>,
    owner: &LockOwner,
    lock: &LockId,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let kept = transaction
        .prepare_cached(
            "UPDATE locks SET holder = ?1, lease_until = ?2
             WHERE id = ?3 AND tenant = ?4 AND plugin = ?5 AND holder = ?6 AND lease_until > ?7",
        )?
        .execute(params![
            NOBODY,
            until,
            lock.as_str(),
            owner.tenant.as_str(),
            owner.plugin,
            owner.holder,
            now
        ])?;
    Ok(kept > 0)
}

pub(super) fn kept_until(
    connection: &Connection,
    owner: &LockOwner,
    name: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT lease_until FROM locks
             WHERE tenant = ?1 AND plugin = ?2 AND name = ?3 AND holder = ?4 AND lease_until > ?5",
        )?
        .query_row(
            params![owner.tenant.as_str(), owner.plugin, name, NOBODY, now],
            |row| row.get(0),
        )
        .optional()?)
}

pub(super) fn release_all(
    transaction: &Transaction<'_>,
    owner: &LockOwner,
) -> Result<usize, StoreError> {
    Ok(transaction
        .prepare_cached("DELETE FROM locks WHERE holder = ?1 AND tenant = ?2 AND plugin = ?3")?
        .execute([&owner.holder, owner.tenant.as_str(), &owner.plugin])?)
}

pub(super) fn lease(
    connection: &Connection,
    owner: &LockOwner,
    lock: &LockId,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT lease_until FROM locks
             WHERE id = ?1 AND tenant = ?2 AND plugin = ?3 AND holder = ?4 AND lease_until > ?5",
        )?
        .query_row(
            params![
                lock.as_str(),
                owner.tenant.as_str(),
                owner.plugin,
                owner.holder,
                now
            ],
            |row| row.get(0),
        )
        .optional()?)
}

pub(super) fn purge(transaction: &Transaction<'_>, now: Timestamp) -> Result<usize, StoreError> {
    Ok(transaction
        .prepare_cached("DELETE FROM locks WHERE lease_until <= ?1")?
        .execute([now])?)
}
