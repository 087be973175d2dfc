//! Documents: versions, conditions, expiry, and scans by prefix.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::clock::Timestamp;
use crate::store::identifiers::random_hex;
use crate::store::{
    Change, CommitError, Condition, Content, Document, Scan, StoreError, TenantId, Write,
};

fn from_row(row: &Row<'_>) -> rusqlite::Result<Document> {
    Ok(Document {
        key: row.get(0)?,
        value: row.get(1)?,
        version: row.get(2)?,
        subject: row.get(3)?,
        expires_at: row.get(4)?,
    })
}

pub(super) fn find(
    connection: &Connection,
    tenant: &TenantId,
    namespace: &str,
    key: &str,
    now: Timestamp,
) -> Result<Option<Document>, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT key, value, version, subject, expires_at FROM documents
             WHERE tenant = ?1 AND namespace = ?2 AND key = ?3
               AND (expires_at IS NULL OR expires_at > ?4)",
        )?
        .query_row(params![tenant.as_str(), namespace, key, now], from_row)
        .optional()?)
}

pub(super) fn scan(
    connection: &Connection,
    scan: &Scan,
    now: Timestamp,
) -> Result<Vec<Document>, StoreError> {
    // LIKE and GLOB give some characters a meaning; a range of the primary key gives none any, and the index serves it.
    let upper = scan.upper_bound();
    let below_upper = if upper.is_some() {
        "key < ?4"
    } else {
        "?4 IS NULL"
    };
    let subjects = scan.subjects.as_ref().map(|subjects| json_list(subjects));
    let mut statement = connection.prepare_cached(&format!(
        "SELECT key, value, version, subject, expires_at FROM documents
         WHERE tenant = ?1 AND namespace = ?2 AND key >= ?3 AND {below_upper}
           AND (?5 IS NULL OR key > ?5)
           AND (expires_at IS NULL OR expires_at > ?6)
           AND (?7 IS NULL OR subject IS NULL OR subject IN (SELECT value FROM json_each(?7)))
         ORDER BY key LIMIT ?8"
    ))?;
    // The index can seek to one lower end only: the later of the two.
    let lower = match &scan.after {
        Some(after) if *after > scan.prefix => after,
        _ => &scan.prefix,
    };
    let rows = statement.query_map(
        params![
            scan.tenant.as_str(),
            scan.namespace,
            lower,
            upper,
            scan.after,
            now,
            subjects,
            scan.limit
        ],
        from_row,
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// SQLite binds no lists; it reads JSON ones.
fn json_list(subjects: &[String]) -> String {
    serde_json::Value::from(subjects).to_string()
}

pub(super) fn commit(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    namespace: &str,
    writes: &[Write],
    subjects: Option<&[String]>,
    now: Timestamp,
) -> Result<Vec<Option<String>>, CommitError> {
    let mut versions = Vec::with_capacity(writes.len());
    for write in writes {
        let present = present(transaction, tenant, namespace, &write.key, now)?;
        if let (
            Some(Present {
                subject: Some(subject),
                ..
            }),
            Some(subjects),
        ) = (&present, subjects)
            && !subjects.contains(subject)
        {
            return Err(CommitError::OutOfScope {
                key: write.key.clone(),
            });
        }
        let holds = match &write.condition {
            Condition::None => true,
            Condition::Absent => present.is_none(),
            Condition::Version(version) => present.is_some_and(|it| it.version == *version),
        };
        if !holds {
            return Err(CommitError::Conflict {
                key: write.key.clone(),
            });
        }
        versions.push(match &write.change {
            Change::Put(content) => Some(put(transaction, tenant, namespace, &write.key, content)?),
            Change::Remove => {
                remove(transaction, tenant, namespace, &write.key)?;
                None
            }
        });
    }
    Ok(versions)
}

/// What a condition looks at.
struct Present {
    version: String,
    subject: Option<String>,
}

fn present(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    namespace: &str,
    key: &str,
    now: Timestamp,
) -> Result<Option<Present>, StoreError> {
    Ok(transaction
        .prepare_cached(
            "SELECT version, subject FROM documents
             WHERE tenant = ?1 AND namespace = ?2 AND key = ?3
               AND (expires_at IS NULL OR expires_at > ?4)",
        )?
        .query_row(params![tenant.as_str(), namespace, key, now], |row| {
            Ok(Present {
                version: row.get(0)?,
                subject: row.get(1)?,
            })
        })
        .optional()?)
}

/// Versions are random: one that came back after a removal would let a stale change through.
fn put(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    namespace: &str,
    key: &str,
    content: &Content,
) -> Result<String, StoreError> {
    let version = random_hex();
    transaction
        .prepare_cached(
            "INSERT INTO documents (tenant, namespace, key, value, version, subject, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (tenant, namespace, key) DO UPDATE SET
                 value = excluded.value, version = excluded.version,
                 subject = excluded.subject, expires_at = excluded.expires_at",
        )?
        .execute(params![
            tenant.as_str(),
            namespace,
            key,
            content.value,
            version,
            content.subject,
            content.expires_at
        ])?;
    Ok(version)
}

fn remove(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    namespace: &str,
    key: &str,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached("DELETE FROM documents WHERE tenant = ?1 AND namespace = ?2 AND key = ?3")?
        .execute([tenant.as_str(), namespace, key])?;
    Ok(())
}

pub(super) fn purge(transaction: &Transaction<'_>, now: Timestamp) -> Result<usize, StoreError> {
    Ok(transaction
        .prepare_cached("DELETE FROM documents WHERE expires_at <= ?1")?
        .execute([now])?)
}
