//! Hooks, their events, and how far those are handled.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{SqliteDatabase, keys};
use crate::clock::Timestamp;
use crate::store::{
    ClaimedHandling, EventKept, HandlingEnd, HookDatabase, HookHash, HookRecord, HookSummary,
    NewHookEvent, StoreError, TenantId, UnattendedRecord,
};

/// What [`record`] reads, in its order.
pub(super) const RECORD: &str = "h.id, h.label, h.tenant, h.plugin, h.subject, h.wrapped_key, h.created_at, u.handle, u.sealed, h.server_key_version, t.name";

#[async_trait]
impl HookDatabase for SqliteDatabase {
    async fn insert_hook(&self, hook: HookRecord) -> Result<bool, StoreError> {
        self.connections.write(move |it| insert(it, &hook)).await
    }

    async fn renew_hook(
        &self,
        hook: &HookHash,
        unattended: UnattendedRecord,
    ) -> Result<bool, StoreError> {
        let hook = hook.clone();
        self.connections
            .write(move |it| {
                let tenant = it
                    .prepare_cached("SELECT tenant FROM hooks WHERE id = ?1")?
                    .query_row([&hook], |row| Ok(TenantId::new(row.get::<_, String>(0)?)))
                    .optional()?;
                match tenant {
                    Some(tenant) => set_unattended(it, &hook, &tenant, &unattended),
                    None => Ok(false),
                }
            })
            .await
    }

    async fn hook(&self, hash: HookHash) -> Result<Option<(HookRecord, String)>, StoreError> {
        self.connections.read(move |it| find(it, &hash)).await
    }

    async fn hooks(&self, tenant: Option<TenantId>) -> Result<Vec<HookSummary>, StoreError> {
        self.connections
            .read(move |it| list(it, tenant.as_ref()))
            .await
    }

    async fn remove_hook(&self, hash: HookHash) -> Result<bool, StoreError> {
        self.connections
            .write(move |it| {
                let removed = it
                    .prepare_cached("DELETE FROM hooks WHERE id = ?1")?
                    .execute([&hash])?;
                Ok(removed > 0)
            })
            .await
    }

    async fn note_hook_rejection(
        &self,
        hash: HookHash,
        verdict: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let verdict = verdict.to_owned();
        self.connections
            .write(move |it| {
                it.prepare_cached(
                    "UPDATE hooks SET rejected = rejected + 1, last_at = ?2, last_verdict = ?3 WHERE id = ?1",
                )?
                .execute(params![hash, now, verdict])?;
                Ok(())
            })
            .await
    }

    async fn knows_event(&self, hash: HookHash, identity: Vec<u8>) -> Result<bool, StoreError> {
        const KNOWN: &str = "SELECT 1 FROM hook_events WHERE hook = ?1 AND identity = ?2";
        self.connections
            .read(move |it| Ok(it.prepare_cached(KNOWN)?.exists(params![hash, identity])?))
            .await
    }

    async fn keep_hook_event(&self, event: NewHookEvent) -> Result<EventKept, StoreError> {
        self.connections.write(move |it| keep(it, &event)).await
    }

    async fn claim_handlings(
        &self,
        plugins: Vec<String>,
        limit: u32,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<ClaimedHandling>, StoreError> {
        self.connections
            .write(move |it| claim(it, &plugins, limit, lease_until, now))
            .await
    }

    async fn finish_handling(
        &self,
        event: i64,
        plugin: &str,
        attempts: u32,
        end: HandlingEnd,
    ) -> Result<(), StoreError> {
        let plugin = plugin.to_owned();
        self.connections
            .write(move |it| finish(it, event, &plugin, attempts, &end))
            .await
    }

    async fn next_handling_due(
        &self,
        plugins: Vec<String>,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.connections
            .read(move |it| {
                Ok(it
                    .prepare_cached(
                        "SELECT min(n.due_at) FROM hook_handlings n
                         JOIN hook_events e ON e.id = n.event JOIN hooks h ON h.id = e.hook
                         JOIN tenants t ON t.id = h.tenant
                         WHERE n.state = 'waiting' AND t.suspended = 0
                           AND n.plugin IN (SELECT value FROM json_each(?1))",
                    )?
                    .query_row([names(&plugins)], |row| row.get(0))?)
            })
            .await
    }
}

fn names(plugins: &[String]) -> String {
    serde_json::json!(plugins).to_string()
}

fn insert(transaction: &Transaction<'_>, hook: &HookRecord) -> Result<bool, StoreError> {
    keys::check_version(transaction, hook.server_key_version)?;
    if let Some(unattended) = &hook.unattended
        && !secret_stands(transaction, &hook.tenant, unattended)?
    {
        return Ok(false);
    }
    transaction
        .prepare_cached(
            "INSERT INTO hooks (id, label, tenant, plugin, subject, wrapped_key, keyed, created_at, server_key_version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            hook.hash,
            hook.label,
            hook.tenant.as_str(),
            hook.plugin,
            hook.subject,
            hook.wrapped_key,
            hook.unattended.is_some(),
            hook.created_at,
            hook.server_key_version
        ])?;
    match &hook.unattended {
        Some(unattended) => set_unattended(transaction, &hook.hash, &hook.tenant, unattended),
        None => Ok(true),
    }
}

fn secret_stands(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    unattended: &UnattendedRecord,
) -> Result<bool, StoreError> {
    Ok(transaction
        .prepare_cached("SELECT 1 FROM secrets WHERE tenant = ?1 AND handle = ?2")?
        .exists([tenant.as_str(), &unattended.handle])?)
}

fn set_unattended(
    transaction: &Transaction<'_>,
    hook: &HookHash,
    tenant: &TenantId,
    unattended: &UnattendedRecord,
) -> Result<bool, StoreError> {
    if !secret_stands(transaction, tenant, unattended)? {
        return Ok(false);
    }
    transaction
        .prepare_cached(
            "INSERT INTO unattended_secrets (hook, tenant, handle, sealed) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (hook) DO UPDATE SET handle = excluded.handle, sealed = excluded.sealed",
        )?
        .execute(params![
            hook,
            tenant.as_str(),
            unattended.handle,
            unattended.sealed
        ])?;
    Ok(true)
}

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<(HookRecord, String)> {
    let handle: Option<String> = row.get(7)?;
    let sealed: Option<Vec<u8>> = row.get(8)?;
    let record = HookRecord {
        hash: row.get(0)?,
        label: row.get(1)?,
        tenant: TenantId::new(row.get::<_, String>(2)?),
        plugin: row.get(3)?,
        subject: row.get(4)?,
        wrapped_key: row.get(5)?,
        server_key_version: row.get(9)?,
        created_at: row.get(6)?,
        unattended: handle
            .zip(sealed)
            .map(|(handle, sealed)| UnattendedRecord { handle, sealed }),
    };
    Ok((record, row.get(10)?))
}

fn find(
    connection: &Connection,
    hash: &HookHash,
) -> Result<Option<(HookRecord, String)>, StoreError> {
    Ok(connection
        .prepare_cached(&format!(
            "SELECT {RECORD} FROM hooks h JOIN tenants t ON t.id = h.tenant
             LEFT JOIN unattended_secrets u ON u.hook = h.id
             WHERE h.id = ?1 AND t.suspended = 0"
        ))?
        .query_row([hash], record)
        .optional()?)
}

fn list(
    connection: &Connection,
    tenant: Option<&TenantId>,
) -> Result<Vec<HookSummary>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT h.id, h.label, h.tenant, t.name, h.plugin, h.subject, h.keyed AND u.hook IS NULL, h.created_at,
                h.accepted, h.repeated, h.rejected, h.last_at, h.last_verdict,
                (SELECT count(*) FROM hook_handlings n JOIN hook_events e ON e.id = n.event
                 WHERE e.hook = h.id AND n.state = 'waiting'),
                (SELECT count(*) FROM hook_handlings n JOIN hook_events e ON e.id = n.event
                 WHERE e.hook = h.id AND n.state = 'failed'),
                (SELECT n.last_error FROM hook_handlings n JOIN hook_events e ON e.id = n.event
                 WHERE e.hook = h.id AND n.state <> 'done' AND n.last_error IS NOT NULL
                 ORDER BY e.id DESC LIMIT 1)
         FROM hooks h JOIN tenants t ON t.id = h.tenant LEFT JOIN unattended_secrets u ON u.hook = h.id
         WHERE ?1 IS NULL OR h.tenant = ?1 ORDER BY h.created_at, h.id",
    )?;
    let count = |row: &Row<'_>, at: usize| -> rusqlite::Result<u64> {
        Ok(u64::try_from(row.get::<_, i64>(at)?).unwrap_or_default())
    };
    let rows = statement.query_map([tenant.map(TenantId::as_str)], |row| {
        Ok(HookSummary {
            hash: row.get(0)?,
            label: row.get(1)?,
            tenant: TenantId::new(row.get::<_, String>(2)?),
            tenant_name: row.get(3)?,
            plugin: row.get(4)?,
            subject: row.get(5)?,
            needs_key: row.get(6)?,
            created_at: row.get(7)?,
            accepted: count(row, 8)?,
            repeated: count(row, 9)?,
            rejected: count(row, 10)?,
            last_at: row.get(11)?,
            last_verdict: row.get(12)?,
            waiting: count(row, 13)?,
            failed: count(row, 14)?,
            last_error: row.get(15)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn keep(transaction: &Transaction<'_>, event: &NewHookEvent) -> Result<EventKept, StoreError> {
    let known = transaction
        .prepare_cached("SELECT 1 FROM hooks WHERE id = ?1")?
        .exists([&event.hook])?;
    if !known {
        return Ok(EventKept::NoHook);
    }
    let id = transaction
        .prepare_cached(
            "INSERT INTO hook_events (hook, identity, sealed, received_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (hook, identity) DO NOTHING RETURNING id",
        )?
        .query_row(
            params![
                event.hook,
                event.identity,
                event.sealed,
                event.received_at,
                event.expires_at
            ],
            |row| row.get::<_, i64>(0),
        )
        .optional()?;
    let (column, verdict) = match id {
        Some(_) => ("accepted", "accepted"),
        None => ("repeated", "repeated"),
    };
    transaction
        .prepare_cached(&format!(
            "UPDATE hooks SET {column} = {column} + 1, last_at = ?2, last_verdict = ?3 WHERE id = ?1"
        ))?
        .execute(params![event.hook, event.received_at, verdict])?;
    let Some(id) = id else {
        return Ok(EventKept::Repeated);
    };
    for plugin in &event.handlers {
        transaction
            .prepare_cached(
                "INSERT INTO hook_handlings (event, plugin, due_at) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![id, plugin, event.received_at])?;
    }
    Ok(EventKept::New(id))
}

fn claim(
    transaction: &Transaction<'_>,
    plugins: &[String],
    limit: u32,
    lease_until: Timestamp,
    now: Timestamp,
) -> Result<Vec<ClaimedHandling>, StoreError> {
    let claimed = {
        let mut statement = transaction.prepare_cached(&format!(
            "SELECT {RECORD}, n.event, n.plugin, n.attempts + 1, e.received_at, e.sealed, e.identity
             FROM hook_handlings n JOIN hook_events e ON e.id = n.event
             JOIN hooks h ON h.id = e.hook JOIN tenants t ON t.id = h.tenant
             LEFT JOIN unattended_secrets u ON u.hook = h.id
             WHERE n.state = 'waiting' AND n.due_at <= ?1 AND t.suspended = 0
               AND n.plugin IN (SELECT value FROM json_each(?2))
             ORDER BY n.due_at, n.event LIMIT ?3"
        ))?;
        let rows = statement.query_map(params![now, names(plugins), limit], |row| {
            let (hook, tenant_name) = record(row)?;
            Ok(ClaimedHandling {
                event: row.get(11)?,
                plugin: row.get(12)?,
                attempts: row.get(13)?,
                received_at: row.get(14)?,
                sealed: row.get(15)?,
                identity: row.get(16)?,
                hook,
                tenant_name,
            })
        })?;
        rows.collect::<Result<Vec<_>, _>>()?
    };
    for handling in &claimed {
        transaction
            .prepare_cached(
                "UPDATE hook_handlings SET attempts = ?3, due_at = ?4 WHERE event = ?1 AND plugin = ?2",
            )?
            .execute(params![
                handling.event,
                handling.plugin,
                handling.attempts,
                lease_until
            ])?;
    }
    Ok(claimed)
}

fn finish(
    transaction: &Transaction<'_>,
    event: i64,
    plugin: &str,
    attempts: u32,
    end: &HandlingEnd,
) -> Result<(), StoreError> {
    let (state, due_at, error) = match end {
        HandlingEnd::Done => ("done", None, None),
        HandlingEnd::Again(due_at, error) => ("waiting", Some(*due_at), Some(error)),
        HandlingEnd::Failed(error) => ("failed", None, Some(error)),
    };
    transaction
        .prepare_cached(
            "UPDATE hook_handlings SET state = ?4, due_at = coalesce(?5, due_at), last_error = ?6
             WHERE event = ?1 AND plugin = ?2 AND attempts = ?3 AND state = 'waiting'",
        )?
        .execute(params![event, plugin, attempts, state, due_at, error])?;
    Ok(())
}

pub(super) fn purge(transaction: &Transaction<'_>, now: Timestamp) -> Result<usize, StoreError> {
    Ok(transaction
        .prepare_cached("DELETE FROM hook_events WHERE expires_at <= ?1")?
        .execute([now])?)
}
