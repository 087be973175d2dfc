//! Buckets: read, decide, write, all under the write lock.

use rusqlite::{OptionalExtension, Transaction, params};

use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::buckets::BucketState;

/// Lets `change` look at a bucket and change it. A bucket without a row is full.
pub(super) fn update<T>(
    transaction: &Transaction<'_>,
    bucket: &str,
    change: impl FnOnce(&mut BucketState) -> T,
) -> Result<T, StoreError> {
    let before = transaction
        .prepare_cached("SELECT full_at_nanos, blocked_until FROM buckets WHERE key = ?1")?
        .query_row([bucket], |row| {
            Ok(BucketState {
                full_at_nanos: row.get::<_, i64>(0)?.unsigned_abs(),
                blocked_until: row.get(1)?,
            })
        })
        .optional()?
        .unwrap_or_default();
    let mut after = before;
    let answer = change(&mut after);
    if after != before {
        transaction
            .prepare_cached(
                "INSERT INTO buckets (key, full_at_nanos, blocked_until) VALUES (?1, ?2, ?3)
                 ON CONFLICT (key) DO UPDATE SET
                     full_at_nanos = excluded.full_at_nanos, blocked_until = excluded.blocked_until",
            )?
            .execute(params![
                bucket,
                i64::try_from(after.full_at_nanos).unwrap_or(i64::MAX),
                after.blocked_until
            ])?;
    }
    Ok(answer)
}

/// A bucket that is full again and not blocked is the same as none.
pub(super) fn purge(transaction: &Transaction<'_>, now: Timestamp) -> Result<usize, StoreError> {
    Ok(transaction
        .prepare_cached(
            "DELETE FROM buckets WHERE full_at_nanos / 1000000 < ?1 AND blocked_until <= ?1",
        )?
        .execute([now])?)
}
