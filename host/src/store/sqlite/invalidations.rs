//! Invalidations of caches: rows that every process reads once.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, Transaction, params};

use super::SqliteDatabase;
use crate::clock::Timestamp;
use crate::store::{CacheDatabase, CacheInvalidation, InvalidationsSeen, StoreError};

/// Longer than any entry of a cache, or any read that may become one, lives.
const KEPT: Duration = Duration::from_secs(2 * 3600);

#[async_trait]
impl CacheDatabase for SqliteDatabase {
    fn change_number(&self) -> Option<i64> {
        self.recent.state().map(|state| state.number())
    }

    async fn add_invalidations(
        &self,
        process: [u8; 16],
        invalidations: Vec<CacheInvalidation>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.connections
            .write(move |it| insert(it, &process, &invalidations, now))
            .await
    }

    async fn invalidations_since(
        &self,
        process: [u8; 16],
        last: Option<i64>,
    ) -> Result<InvalidationsSeen, StoreError> {
        self.connections
            .read(move |it| match last {
                Some(last) => since(it, &process, last),
                None => newest(it),
            })
            .await
    }
}

fn insert(
    transaction: &Transaction<'_>,
    process: &[u8; 16],
    invalidations: &[CacheInvalidation],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO cache_invalidations (process, tenant, plugin, subject, tag, at)
         SELECT ?1, id, ?3, ?4, ?5, ?6 FROM tenants WHERE id = ?2",
    )?;
    for it in invalidations {
        insert.execute(params![
            process.as_slice(),
            it.tenant,
            it.plugin,
            it.subject,
            it.tag,
            now
        ])?;
    }
    Ok(())
}

/// Nothing is kept yet that could be out of date.
fn newest(connection: &Connection) -> Result<InvalidationsSeen, StoreError> {
    let last = connection
        .prepare_cached("SELECT coalesce(max(id), 0) FROM cache_invalidations")?
        .query_row([], |row| row.get(0))?;
    Ok(InvalidationsSeen {
        invalidations: Vec::new(),
        last,
    })
}

fn since(
    connection: &Connection,
    process: &[u8; 16],
    last: i64,
) -> Result<InvalidationsSeen, StoreError> {
    let mut seen = InvalidationsSeen {
        invalidations: Vec::new(),
        last,
    };
    let mut statement = connection.prepare_cached(
        "SELECT id, process, tenant, plugin, subject, tag FROM cache_invalidations WHERE id > ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([last])?;
    while let Some(row) = rows.next()? {
        seen.last = row.get(0)?;
        if row.get_ref(1)?.as_blob().ok() != Some(process.as_slice()) {
            seen.invalidations.push(CacheInvalidation {
                tenant: row.get(2)?,
                plugin: row.get(3)?,
                subject: row.get(4)?,
                tag: row.get(5)?,
            });
        }
    }
    Ok(seen)
}

pub(super) fn purge(transaction: &Transaction<'_>, now: Timestamp) -> Result<usize, StoreError> {
    Ok(transaction
        .prepare_cached("DELETE FROM cache_invalidations WHERE at <= ?1")?
        .execute([now - KEPT])?)
}
