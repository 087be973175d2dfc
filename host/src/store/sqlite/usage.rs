//! What plugins did and keep.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::SqliteDatabase;
use crate::store::{PluginDeeds, PluginUsage, StoreError, TenantId, UsageDatabase};

#[async_trait]
impl UsageDatabase for SqliteDatabase {
    async fn count_deeds(&self, deeds: Vec<(String, PluginDeeds)>) -> Result<(), StoreError> {
        self.connections.write(move |it| count(it, &deeds)).await
    }

    async fn stored_bytes(&self, tenant: &TenantId, plugin: &str) -> Result<u64, StoreError> {
        let (tenant, plugin) = (tenant.clone(), plugin.to_owned());
        self.connections
            .read(move |it| {
                let bytes: i64 = it
                    .prepare_cached(
                        "SELECT coalesce(sum(length(value)), 0) FROM documents WHERE tenant = ?1 AND namespace = ?2",
                    )?
                    .query_row(params![tenant.as_str(), plugin], |row| row.get(0))?;
                Ok(u64::try_from(bytes).unwrap_or_default())
            })
            .await
    }

    async fn plugin_usage(&self, plugin: &str) -> Result<PluginUsage, StoreError> {
        let plugin = plugin.to_owned();
        self.connections.read(move |it| usage(it, &plugin)).await
    }
}

fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn count(transaction: &Transaction<'_>, deeds: &[(String, PluginDeeds)]) -> Result<(), StoreError> {
    for (plugin, did) in deeds {
        transaction
            .prepare_cached(
                "INSERT INTO plugin_usage (plugin, calls, failed, elapsed_ms, http_requests) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (plugin) DO UPDATE SET
                   calls = calls + excluded.calls, failed = failed + excluded.failed,
                   elapsed_ms = elapsed_ms + excluded.elapsed_ms, http_requests = http_requests + excluded.http_requests",
            )?
            .execute(params![
                plugin,
                integer(did.calls),
                integer(did.failed),
                integer(did.elapsed_ms),
                integer(did.http_requests)
            ])?;
    }
    Ok(())
}

fn usage(connection: &Connection, plugin: &str) -> Result<PluginUsage, StoreError> {
    let number = |sql: &str| -> rusqlite::Result<u64> {
        let found: i64 = connection
            .prepare_cached(sql)?
            .query_row([plugin], |row| row.get(0))?;
        Ok(u64::try_from(found).unwrap_or_default())
    };
    let did = connection
        .prepare_cached(
            "SELECT calls, failed, elapsed_ms, http_requests FROM plugin_usage WHERE plugin = ?1",
        )?
        .query_row([plugin], |row| {
            let number = |at: usize| -> rusqlite::Result<u64> {
                Ok(u64::try_from(row.get::<_, i64>(at)?).unwrap_or_default())
            };
            Ok(PluginDeeds {
                calls: number(0)?,
                failed: number(1)?,
                elapsed_ms: number(2)?,
                http_requests: number(3)?,
            })
        })
        .optional()?
        .unwrap_or_default();
    Ok(PluginUsage {
        tenants: number("SELECT count(DISTINCT tenant) FROM documents WHERE namespace = ?1")?,
        documents: number("SELECT count(*) FROM documents WHERE namespace = ?1")?,
        stored_bytes: number(
            "SELECT coalesce(sum(length(value)), 0) FROM documents WHERE namespace = ?1",
        )?,
        secrets: number("SELECT count(*) FROM secrets WHERE owner_plugin = ?1")?,
        consents: number("SELECT count(*) FROM consents WHERE plugin = ?1")?,
        calls: did.calls,
        failed: did.failed,
        elapsed_ms: did.elapsed_ms,
        http_requests: did.http_requests,
    })
}
