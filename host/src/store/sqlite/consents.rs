//! What tenants agreed to: a row for each plugin.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::SqliteDatabase;
use crate::store::{ConsentDatabase, ConsentRecord, Database, KeyId, StoreError, TenantId};

/// What [`record`] reads, in its order.
const RECORD: &str = "plugin, publisher, grants, digest, subjects, access_key, agreed_at";
/// Where the value stands that changes with every consent.
const STATE: &str = "consents_state";

#[async_trait]
impl ConsentDatabase for SqliteDatabase {
    async fn put_consent(
        &self,
        tenant: &TenantId,
        consent: ConsentRecord,
    ) -> Result<(), StoreError> {
        let tenant = tenant.clone();
        self.connections
            .write(move |it| put(it, &tenant, &consent))
            .await
    }

    async fn consents(&self, tenant: &TenantId) -> Result<Vec<ConsentRecord>, StoreError> {
        let tenant = tenant.clone();
        self.connections.read(move |it| list(it, &tenant)).await
    }

    async fn consent(
        &self,
        tenant: &TenantId,
        plugin: &str,
    ) -> Result<Option<ConsentRecord>, StoreError> {
        let (tenant, plugin) = (tenant.clone(), plugin.to_owned());
        self.connections
            .read(move |it| find(it, &tenant, &plugin))
            .await
    }

    async fn subjects(&self, tenant: &TenantId, most: u32) -> Result<Vec<String>, StoreError> {
        let tenant = tenant.clone();
        self.connections
            .read(move |it| {
                let mut statement = it.prepare_cached(
                    "SELECT DISTINCT subject FROM secrets WHERE tenant = ?1 AND subject IS NOT NULL
                     ORDER BY subject LIMIT ?2",
                )?;
                let rows = statement.query_map(params![tenant.as_str(), most], |row| row.get(0))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn remove_consent(&self, tenant: &TenantId, plugin: &str) -> Result<bool, StoreError> {
        let (tenant, plugin) = (tenant.clone(), plugin.to_owned());
        self.connections
            .write(move |it| {
                let removed = it
                    .prepare_cached("DELETE FROM consents WHERE tenant = ?1 AND plugin = ?2")?
                    .execute(params![tenant.as_str(), plugin])?
                    > 0;
                if removed {
                    new_state(it)?;
                }
                Ok(removed)
            })
            .await
    }

    async fn consents_state(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.meta(STATE).await
    }
}

fn put(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    consent: &ConsentRecord,
) -> Result<(), StoreError> {
    let json = |texts: &[String]| serde_json::json!(texts).to_string();
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO consents
               (tenant, plugin, publisher, grants, digest, subjects, access_key, agreed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            tenant.as_str(),
            consent.plugin,
            consent.publisher,
            json(&consent.grants),
            consent.digest,
            consent.subjects.as_deref().map(json),
            consent.access_key.as_str(),
            consent.agreed_at
        ])?;
    new_state(transaction)
}

fn new_state(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO meta (name, value) VALUES (?1, randomblob(16))
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?
        .execute([STATE])?;
    Ok(())
}

fn list(connection: &Connection, tenant: &TenantId) -> Result<Vec<ConsentRecord>, StoreError> {
    let sql = format!("SELECT {RECORD} FROM consents WHERE tenant = ?1 ORDER BY plugin");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([tenant.as_str()], record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn find(
    connection: &Connection,
    tenant: &TenantId,
    plugin: &str,
) -> Result<Option<ConsentRecord>, StoreError> {
    let sql = format!("SELECT {RECORD} FROM consents WHERE tenant = ?1 AND plugin = ?2");
    Ok(connection
        .prepare_cached(&sql)?
        .query_row(params![tenant.as_str(), plugin], record)
        .optional()?)
}

fn record(row: &Row<'_>) -> rusqlite::Result<ConsentRecord> {
    Ok(ConsentRecord {
        plugin: row.get(0)?,
        publisher: row.get(1)?,
        grants: texts(2, &row.get::<_, String>(2)?)?,
        digest: row.get(3)?,
        subjects: row
            .get::<_, Option<String>>(4)?
            .map(|json| texts(4, &json))
            .transpose()?,
        access_key: KeyId::new(row.get::<_, String>(5)?),
        agreed_at: row.get(6)?,
    })
}

fn texts(column: usize, json: &str) -> rusqlite::Result<Vec<String>> {
    serde_json::from_str(json).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}
