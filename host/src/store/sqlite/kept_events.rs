//! Events after a number: what processes follow.

use async_trait::async_trait;
use rusqlite::params;

use super::SqliteDatabase;
use super::hooks::{RECORD, record};
use crate::store::{KeptEvent, KeptEventDatabase, StoreError};

#[async_trait]
impl KeptEventDatabase for SqliteDatabase {
    async fn last_event(&self) -> Result<i64, StoreError> {
        self.connections
            .read(|it| {
                Ok(it
                    .prepare_cached("SELECT coalesce(max(id), 0) FROM hook_events")?
                    .query_row([], |row| row.get(0))?)
            })
            .await
    }

    async fn events_after(&self, id: i64, limit: u32) -> Result<Vec<KeptEvent>, StoreError> {
        self.connections
            .read(move |it| {
                let mut statement = it.prepare_cached(&format!(
                    "SELECT {RECORD}, e.id, e.sealed, e.identity FROM hook_events e
                     JOIN hooks h ON h.id = e.hook JOIN tenants t ON t.id = h.tenant
                     LEFT JOIN unattended_secrets u ON u.hook = h.id
                     WHERE e.id > ?1 ORDER BY e.id LIMIT ?2"
                ))?;
                let rows = statement.query_map(params![id, limit], |row| {
                    let (hook, tenant_name) = record(row)?;
                    Ok(KeptEvent {
                        id: row.get(11)?,
                        sealed: row.get(12)?,
                        identity: row.get(13)?,
                        hook,
                        tenant_name,
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}
