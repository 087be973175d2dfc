//! What a tenant sees of its own rows.

use serde_json::{Map, Value, json};

use super::Audit;
use super::entry::{VALUES_PURPOSE, binding};
use crate::clock::Timestamp;
use crate::store::{AuditEntry, AuditQuery, AuditRow, StoreError};
use crate::tenancy::principal::Principal;

const CURSOR_PURPOSE: &str = "v1 cursor of audit_list";

/// Which entries are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Only about this subject.
    pub subject: Option<String>,
    /// Only of this tool, or this administrative act.
    pub action: Option<String>,
    /// Only those that ended like this.
    pub outcome: Option<String>,
    /// Only what may have changed something.
    pub changes_only: bool,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    /// The values, too.
    pub values: bool,
    /// Where an earlier page ended.
    pub cursor: Option<String>,
    /// So many.
    pub limit: u32,
    /// As many bytes of JSON, at most: a page ends early. Without it, as many as they have.
    pub bytes: Option<usize>,
}

/// Some entries, newest first.
#[derive(Debug, Clone)]
pub struct Page {
    /// JSON objects.
    pub entries: Vec<Value>,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// No page of this tenant ended there.
    #[error("the cursor is not one of this list; leave it out to start at the newest entry")]
    Cursor,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Audit {
    /// Entries of the principal's own tenant. A key with limits sees only what was done with itself, about what is in its reach.
    ///
    /// # Errors
    /// The cursor is none; the database failed.
    pub async fn page(&self, principal: &Principal, wanted: Wanted) -> Result<Page, PageError> {
        let before = wanted
            .cursor
            .as_deref()
            .map(|cursor| opened(principal, cursor).ok_or(PageError::Cursor))
            .transpose()?;
        let scopes = &principal.scopes;
        let query = AuditQuery {
            tenant: principal.tenant.clone(),
            access_key: (!scopes.is_full()).then(|| principal.key.clone()),
            subjects: scopes.subjects.clone(),
            subject: wanted.subject,
            action: wanted.action,
            outcome: wanted.outcome,
            changes_only: wanted.changes_only,
            since: wanted.since,
            until: wanted.until,
            before,
            limit: wanted.limit.saturating_add(1),
        };
        // What this process still has in its queue belongs to what was done.
        self.flush().await;
        let mut entries = self.database.audit_entries(query).await?;
        let limit = wanted.limit as usize;
        let mut more = entries.len() > limit;
        entries.truncate(limit);
        let most = wanted.bytes.unwrap_or(usize::MAX);
        let (mut bytes, mut last, mut page) = (0, None, Vec::new());
        for entry in &entries {
            let mut shown = shown(principal, entry, wanted.values);
            let mut size = shown.to_string().len();
            if size > most {
                shorten(&mut shown, most);
                size = shown.to_string().len();
            }
            bytes += size;
            if bytes > most && !page.is_empty() {
                more = true;
                break;
            }
            page.push(shown);
            last = Some(entry.begun.seq);
        }
        Ok(Page {
            next_cursor: last.filter(|_| more).and_then(|seq| sealed(principal, seq)),
            entries: page,
        })
    }
}

/// An entry that is too long by itself says how long its parts are, and where they can be had.
fn shorten(entry: &mut Value, most: usize) {
    let Some(entry) = entry.as_object_mut() else {
        return;
    };
    let long = |value: &Value| value.to_string().len() > most / 4;
    if let Some(Value::Array(paths)) = entry.get_mut("changed")
        && paths
            .iter()
            .map(|path| path.to_string().len())
            .sum::<usize>()
            > most / 4
    {
        let all = paths.len();
        let mut bytes = 0;
        paths.retain(|path| {
            bytes += path.to_string().len();
            bytes <= most / 4
        });
        paths.push(format!("… and {} more", all - paths.len()).into());
    }
    for part in ["arguments", "values"] {
        if let Some(value) = entry.get_mut(part).filter(|value| long(value)) {
            let bytes = value.to_string().len();
            let told = format!(
                "{bytes} bytes, too long to be shown here: the operator's `orderdesk-mcp audit export` has it"
            );
            *value = json!({ "left_out": told });
        }
    }
}

/// Numbers of rows tell how much others do, so nobody sees them.
fn sealed(principal: &Principal, seq: i64) -> Option<String> {
    let bytes = principal
        .data_key
        .seal(CURSOR_PURPOSE, &[], &seq.to_be_bytes())
        .ok()?;
    Some(crate::store::hex(&bytes))
}

fn opened(principal: &Principal, cursor: &str) -> Option<i64> {
    if !cursor.is_ascii() || !cursor.len().is_multiple_of(2) || cursor.len() > 200 {
        return None;
    }
    let bytes: Vec<u8> = (0..cursor.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&cursor[at..at + 2], 16))
        .collect::<Result<_, _>>()
        .ok()?;
    let seq = principal.data_key.open(CURSOR_PURPOSE, &[], &bytes).ok()?;
    Some(i64::from_be_bytes(seq.as_slice().try_into().ok()?))
}

fn shown(principal: &Principal, entry: &AuditEntry, values: bool) -> Value {
    let (begun, ended) = (&entry.begun.record, entry.ended.as_ref());
    let told = ended.map_or(begun, |row| &row.record);
    let json_of = |text: &Option<String>| {
        text.as_deref()
            .and_then(|text| serde_json::from_str::<Value>(text).ok())
    };
    let mut shown = json!({
        "at": begun.at.rfc3339(),
        "kind": begun.kind,
        "tool": begun.action,
        // A change of which nobody told what came of it: the process was killed, or it is under way.
        "outcome": told.outcome.as_deref().unwrap_or("unknown"),
        "key_id": begun.access_key,
        "source": begun.source,
    });
    let fields = [
        ("plugin", begun.plugin.clone().map(Value::from)),
        (
            "subject",
            told.subject
                .clone()
                .or_else(|| begun.subject.clone())
                .map(Value::from),
        ),
        ("error_code", told.code.clone().map(Value::from)),
        ("duration_ms", told.duration_ms.map(Value::from)),
        (
            "correlation_id",
            begun.correlation_id.clone().map(Value::from),
        ),
        ("arguments", json_of(&begun.arguments)),
        ("changed", json_of(&told.changed)),
    ];
    if let Some(object) = shown.as_object_mut() {
        for (name, value) in fields {
            if let Some(value) = value {
                object.insert(name.to_owned(), value);
            }
        }
        if values {
            let mut all = Map::new();
            for row in [Some(&entry.begun), ended].into_iter().flatten() {
                all.extend(values_of(principal, row).unwrap_or_default());
            }
            object.insert("values".to_owned(), all.into());
        }
    }
    shown
}

/// What stands encrypted in a row, if this tenant can open it.
fn values_of(principal: &Principal, row: &AuditRow) -> Option<Map<String, Value>> {
    let record = &row.record;
    let correlation_id = record.correlation_id.as_deref().unwrap_or_default();
    let bound = binding(principal.tenant.as_str(), &record.action, correlation_id);
    let bytes = principal
        .data_key
        .open(VALUES_PURPOSE, &bound, record.sealed.as_deref()?)
        .ok()?;
    serde_json::from_slice(&bytes).ok()
}
