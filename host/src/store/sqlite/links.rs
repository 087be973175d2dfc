//! One-time links: a row each, taken once.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::SqliteDatabase;
use crate::clock::Timestamp;
use crate::store::{
    KeyId, LinkCall, LinkDatabase, LinkHash, LinkPurpose, LinkRecord, StoreError, TenantId,
};

/// So long after its end a link still tells whoever repeats the call what became of it.
const TOLD_FOR: Duration = Duration::from_secs(3600);

const COLUMNS: &str = "hash, tenant, purpose, access_key, plugin, tool, arguments, sealed, expires_at, failures, used_at, outcome";

#[async_trait]
impl LinkDatabase for SqliteDatabase {
    async fn insert_link(&self, link: LinkRecord) -> Result<(), StoreError> {
        self.connections
            .write(move |it| {
                let call = &link.call;
                it.prepare_cached(
                    "INSERT INTO one_time_links (hash, tenant, purpose, access_key, plugin, tool, arguments, sealed, expires_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute(params![
                    link.hash,
                    call.tenant.as_str(),
                    call.purpose.as_str(),
                    call.access_key.as_str(),
                    call.plugin,
                    call.tool,
                    call.arguments,
                    link.sealed,
                    link.expires_at,
                ])?;
                Ok(())
            })
            .await
    }

    async fn link(&self, hash: LinkHash) -> Result<Option<LinkRecord>, StoreError> {
        self.connections
            .read(move |it| {
                it.prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM one_time_links WHERE hash = ?1"
                ))?
                .query_row([hash], read)
                .optional()?
                .transpose()
            })
            .await
    }

    async fn newest_link(&self, call: LinkCall) -> Result<Option<LinkRecord>, StoreError> {
        self.connections
            .read(move |it| {
                it.prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM one_time_links
                     WHERE tenant = ?1 AND access_key = ?2 AND tool = ?3 AND arguments = ?4 AND purpose = ?5 AND plugin = ?6
                     ORDER BY expires_at DESC LIMIT 1"
                ))?
                .query_row(
                    params![
                        call.tenant.as_str(),
                        call.access_key.as_str(),
                        call.tool,
                        call.arguments,
                        call.purpose.as_str(),
                        call.plugin,
                    ],
                    read,
                )
                .optional()?
                .transpose()
            })
            .await
    }

    async fn count_link_failure(&self, hash: LinkHash) -> Result<u32, StoreError> {
        self.connections
            .write(move |it| {
                fail(
                    it,
                    &hash,
                    "UPDATE one_time_links SET failures = failures + 1 WHERE hash = ?1 AND used_at IS NULL RETURNING failures",
                )
            })
            .await
    }

    async fn take_link(
        &self,
        hash: LinkHash,
        too_many: u32,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.connections
            .write(move |it| {
                let taken = it
                    .prepare_cached(
                        "UPDATE one_time_links SET used_at = ?2
                         WHERE hash = ?1 AND used_at IS NULL AND expires_at > ?2 AND failures < ?3",
                    )?
                    .execute(params![hash, now, too_many])?;
                Ok(taken == 1)
            })
            .await
    }

    async fn give_link_back(&self, hash: LinkHash, failed: bool) -> Result<u32, StoreError> {
        let statement = if failed {
            "UPDATE one_time_links SET used_at = NULL, failures = failures + 1
             WHERE hash = ?1 AND outcome IS NULL RETURNING failures"
        } else {
            "UPDATE one_time_links SET used_at = NULL WHERE hash = ?1 AND outcome IS NULL RETURNING failures"
        };
        self.connections
            .write(move |it| fail(it, &hash, statement))
            .await
    }

    async fn settle_link(&self, hash: LinkHash, outcome: Vec<u8>) -> Result<(), StoreError> {
        self.connections
            .write(move |it| {
                it.prepare_cached("UPDATE one_time_links SET outcome = ?2 WHERE hash = ?1")?
                    .execute(params![hash, outcome])?;
                Ok(())
            })
            .await
    }

    async fn remove_link(&self, hash: LinkHash) -> Result<bool, StoreError> {
        self.connections
            .write(move |it| {
                let removed = it
                    .prepare_cached("DELETE FROM one_time_links WHERE hash = ?1")?
                    .execute([hash])?;
                Ok(removed == 1)
            })
            .await
    }
}

/// None left: whoever held the link lost it, which is as good as too many failures.
fn fail(
    transaction: &Transaction<'_>,
    hash: &LinkHash,
    statement: &str,
) -> Result<u32, StoreError> {
    Ok(transaction
        .prepare_cached(statement)?
        .query_row([hash], |row| row.get(0))
        .optional()?
        .unwrap_or(u32::MAX))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<LinkRecord, StoreError>> {
    let purpose: String = row.get(2)?;
    let Some(purpose) = LinkPurpose::from_column(&purpose) else {
        return Ok(Err(StoreError::Damaged {
            table: "one_time_links",
            problem: format!("the purpose '{purpose}'"),
        }));
    };
    Ok(Ok(LinkRecord {
        hash: row.get(0)?,
        call: LinkCall {
            tenant: TenantId::new(row.get::<_, String>(1)?),
            purpose,
            access_key: KeyId::new(row.get::<_, String>(3)?),
            plugin: row.get(4)?,
            tool: row.get(5)?,
            arguments: row.get(6)?,
        },
        sealed: row.get(7)?,
        expires_at: row.get(8)?,
        failures: row.get(9)?,
        used_at: row.get(10)?,
        outcome: row.get(11)?,
    }))
}

pub(super) fn purge(transaction: &Transaction<'_>, now: Timestamp) -> Result<usize, StoreError> {
    Ok(transaction
        .prepare_cached("DELETE FROM one_time_links WHERE expires_at <= ?1")?
        .execute([now - TOLD_FOR])?)
}
