//! [`AuditDatabase`] on SQLite.

use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::SqliteDatabase;
use crate::clock::Timestamp;
use crate::store::{
    AUDIT_GENESIS, AuditChain, AuditCheckpoint, AuditDatabase, AuditEntry, AuditQuery, AuditRecord,
    AuditRow, AuditStep, AuditVisitor, KeyId, StoreError, TenantId,
};

/// The columns that [`from_row`] reads.
const COLUMNS: [&str; 18] = [
    "seq",
    "at",
    "tenant",
    "access_key",
    "subject",
    "plugin",
    "kind",
    "action",
    "intent",
    "outcome",
    "code",
    "duration_ms",
    "correlation_id",
    "source",
    "arguments",
    "changed",
    "sealed",
    "hash",
];

fn columns(table: &str) -> String {
    COLUMNS.map(|column| format!("{table}.{column}")).join(", ")
}

fn from_row(row: &Row<'_>, first: usize) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        seq: row.get(first)?,
        record: AuditRecord {
            at: row.get(first + 1)?,
            tenant: row.get::<_, Option<String>>(first + 2)?.map(TenantId::new),
            access_key: row.get::<_, Option<String>>(first + 3)?.map(KeyId::new),
            subject: row.get(first + 4)?,
            plugin: row.get(first + 5)?,
            kind: row.get::<_, String>(first + 6)?.into(),
            action: row.get(first + 7)?,
            intent: row.get(first + 8)?,
            outcome: row.get::<_, Option<String>>(first + 9)?.map(Into::into),
            code: row.get(first + 10)?,
            duration_ms: row
                .get::<_, Option<i64>>(first + 11)?
                .map(i64::unsigned_abs),
            correlation_id: row.get(first + 12)?,
            source: row.get(first + 13)?,
            arguments: row.get(first + 14)?,
            changed: row.get(first + 15)?,
            sealed: row.get(first + 16)?,
        },
        hash: row.get(first + 17)?,
    })
}

fn checkpoint(connection: &Connection) -> Result<Option<AuditCheckpoint>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT seq, hash, trimmed_at, signature FROM audit_checkpoint")?
        .query_row([], |row| {
            Ok(AuditCheckpoint {
                seq: row.get(0)?,
                hash: row.get(1)?,
                trimmed_at: row.get(2)?,
                signature: row.get(3)?,
            })
        })
        .optional()?)
}

/// Number and hash of the newest row that there is or was.
fn head(connection: &Connection) -> Result<(i64, Vec<u8>), StoreError> {
    let newest = connection
        .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some(newest) = newest {
        return Ok(newest);
    }
    Ok(match checkpoint(connection)? {
        Some(checkpoint) => (checkpoint.seq, checkpoint.hash),
        None => (0, AUDIT_GENESIS.to_vec()),
    })
}

fn append(
    transaction: &Transaction<'_>,
    records: &[AuditRecord],
    chain: &dyn AuditChain,
) -> Result<Vec<i64>, StoreError> {
    let (mut seq, mut hash) = head(transaction)?;
    let mut insert = transaction.prepare_cached(&format!(
        "INSERT INTO audit ({}) VALUES
         (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        COLUMNS.join(", ")
    ))?;
    let mut numbers = Vec::with_capacity(records.len());
    for record in records {
        seq += 1;
        hash = chain.link(&hash, &record.canonical(seq));
        insert.execute(params![
            seq,
            record.at,
            record.tenant.as_ref().map(TenantId::as_str),
            record.access_key.as_ref().map(KeyId::as_str),
            record.subject,
            record.plugin,
            record.kind,
            record.action,
            record.intent,
            record.outcome,
            record.code,
            record
                .duration_ms
                .map(|it| i64::try_from(it).unwrap_or(i64::MAX)),
            record.correlation_id,
            record.source,
            record.arguments,
            record.changed,
            record.sealed,
            hash,
        ])?;
        numbers.push(seq);
    }
    Ok(numbers)
}

fn entries(connection: &Connection, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
    let subjects = query
        .subjects
        .as_ref()
        .map(|subjects| serde_json::json!(subjects).to_string());
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {}, {} FROM audit a LEFT JOIN audit o ON o.intent = a.seq
         WHERE a.tenant = ?1 AND a.intent IS NULL
           AND (?2 IS NULL OR a.access_key = ?2)
           AND (?3 IS NULL OR coalesce(o.subject, a.subject) IS NULL
                OR coalesce(o.subject, a.subject) IN (SELECT value FROM json_each(?3)))
           AND (?4 IS NULL OR coalesce(o.subject, a.subject) = ?4)
           AND (?5 IS NULL OR a.action = ?5)
           AND (?6 IS NULL OR coalesce(o.outcome, a.outcome, 'unknown') = ?6)
           AND (?7 = 0 OR a.outcome IS NULL)
           AND (?8 IS NULL OR a.at >= ?8)
           AND (?9 IS NULL OR a.at < ?9)
           AND (?10 IS NULL OR a.seq < ?10)
         ORDER BY a.seq DESC LIMIT ?11",
        columns("a"),
        columns("o"),
    ))?;
    let rows = statement.query_map(
        params![
            query.tenant.as_str(),
            query.access_key.as_ref().map(KeyId::as_str),
            subjects,
            query.subject,
            query.action,
            query.outcome,
            query.changes_only,
            query.since,
            query.until,
            query.before,
            query.limit,
        ],
        |row| {
            let begun = from_row(row, 0)?;
            let second = COLUMNS.len();
            let there = row.get::<_, Option<i64>>(second)?.is_some();
            let ended = there.then(|| from_row(row, second)).transpose()?;
            Ok(AuditEntry { begun, ended })
        },
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn walk(connection: &Connection, visitor: &mut AuditVisitor) -> Result<(), StoreError> {
    // One transaction: rows that are added or taken off meanwhile are not seen.
    let transaction = connection.unchecked_transaction()?;
    if visitor(AuditStep::Begin(checkpoint(&transaction)?)).is_break() {
        return Ok(());
    }
    let mut statement = transaction.prepare(&format!(
        "SELECT {} FROM audit ORDER BY seq",
        COLUMNS.join(", ")
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let row = AuditStep::Row(Box::new(from_row(row, 0)?));
        if let ControlFlow::Break(()) = visitor(row) {
            break;
        }
    }
    Ok(())
}

fn trim(
    transaction: &Transaction<'_>,
    before: Timestamp,
    limit: u32,
    chain: &dyn AuditChain,
    now: Timestamp,
) -> Result<usize, StoreError> {
    // Rows are nearly in the order of their times: those before the first that is kept go. It is found from the old end, so no
    // index has to be kept for it.
    let first_kept: Option<i64> = transaction
        .prepare_cached("SELECT seq FROM audit WHERE at >= ?1 ORDER BY seq LIMIT 1")?
        .query_row([before], |row| row.get(0))
        .optional()?;
    let newest_to_go: Option<(i64, Vec<u8>)> = transaction
        .prepare_cached(
            "SELECT seq, hash FROM
                 (SELECT seq, hash FROM audit WHERE ?1 IS NULL OR seq < ?1 ORDER BY seq LIMIT ?2)
             ORDER BY seq DESC LIMIT 1",
        )?
        .query_row(params![first_kept, limit], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((seq, hash)) = newest_to_go else {
        return Ok(0);
    };
    let signature = chain.sign(&AuditCheckpoint::canonical(seq, &hash, now));
    transaction
        .prepare_cached(
            "INSERT INTO audit_checkpoint (one, seq, hash, trimmed_at, signature) VALUES (1, ?1, ?2, ?3, ?4)
             ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash,
                 trimmed_at = excluded.trimmed_at, signature = excluded.signature",
        )?
        .execute(params![seq, hash, now, signature])?;
    Ok(transaction
        .prepare_cached("DELETE FROM audit WHERE seq <= ?1")?
        .execute([seq])?)
}

#[async_trait]
impl AuditDatabase for SqliteDatabase {
    async fn append_audit(
        &self,
        records: Vec<AuditRecord>,
        chain: Arc<dyn AuditChain>,
        durably: bool,
    ) -> Result<Vec<i64>, StoreError> {
        let job = move |it: &Transaction<'_>| append(it, &records, &*chain);
        if durably {
            self.connections.write_durably(job).await
        } else {
            self.connections.write(job).await
        }
    }

    async fn audit_entries(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        self.connections.read(move |it| entries(it, &query)).await
    }

    async fn audit_after(
        &self,
        seq: i64,
        tenant: Option<TenantId>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.connections
            .read(move |it| {
                let mut statement = it.prepare_cached(&format!(
                    "SELECT {} FROM audit WHERE seq > ?1 AND (?2 IS NULL OR tenant = ?2) ORDER BY seq LIMIT ?3",
                    COLUMNS.join(", ")
                ))?;
                let tenant = tenant.as_ref().map(TenantId::as_str);
                let rows = statement.query_map(params![seq, tenant, limit], |row| from_row(row, 0))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn audit_newest(
        &self,
        tenant: Option<TenantId>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.connections
            .read(move |it| {
                let mut statement = it.prepare_cached(&format!(
                    "SELECT {} FROM audit WHERE ?1 IS NULL OR tenant = ?1 ORDER BY seq DESC LIMIT ?2",
                    COLUMNS.join(", ")
                ))?;
                let tenant = tenant.as_ref().map(TenantId::as_str);
                let rows = statement.query_map(params![tenant, limit], |row| from_row(row, 0))?;
                let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
                rows.reverse();
                Ok(rows)
            })
            .await
    }

    async fn walk_audit(&self, mut visitor: AuditVisitor) -> Result<(), StoreError> {
        self.connections
            .read(move |it| walk(it, &mut visitor))
            .await
    }

    async fn trim_audit(
        &self,
        before: Timestamp,
        limit: u32,
        chain: Arc<dyn AuditChain>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.connections
            .write(move |it| trim(it, before, limit, &*chain, now))
            .await
    }
}
