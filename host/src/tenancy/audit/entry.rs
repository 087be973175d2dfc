//! What is told to the audit trail, before it is a row.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::redaction::{self, Redacted};
use crate::clock::Timestamp;
use crate::store::{AuditRecord, KeyId, TenantId};
use crate::tenancy::data_key::DataKey;
use crate::tenancy::principal::Principal;

/// What the values are encrypted for.
pub(super) const VALUES_PURPOSE: &str = "v1 values of an audit row";
/// Bytes of a row's encrypted values.
const VALUES_BYTES: usize = 32 << 10;

/// The kind of what operators and their commands do.
pub(super) const ADMINISTRATION: &str = "administration";

/// By which way something came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// Over HTTP, from this address.
    Http(Option<IpAddr>),
    /// From a person at a page of this server, at this address; none where they sit at this machine.
    Page(Option<IpAddr>),
    /// From the client at stdin and stdout.
    Stdio,
    /// From the command line.
    Terminal,
    /// Through this hook.
    Webhook(String),
    /// From this plugin.
    Peer(String),
    /// From this program itself.
    #[default]
    Host,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(Some(address)) => write!(formatter, "http {address}"),
            Self::Http(None) => formatter.write_str("http"),
            Self::Page(Some(address)) => write!(formatter, "page {address}"),
            Self::Page(None) => formatter.write_str("page"),
            Self::Stdio => formatter.write_str("stdio"),
            Self::Terminal => formatter.write_str("terminal"),
            Self::Webhook(label) => write!(formatter, "webhook {label}"),
            Self::Peer(plugin) => write!(formatter, "peer {plugin}"),
            Self::Host => formatter.write_str("host"),
        }
    }
}

/// A call's arguments as they came, and what tells how to redact them.
#[derive(Debug, Clone)]
pub struct Given {
    /// Of the tool.
    pub schema: Arc<Map<String, Value>>,
    /// Names of arguments that hold secrets.
    pub sealed: Vec<String>,
    /// The arguments.
    pub arguments: Map<String, Value>,
}

/// Something that is done.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// For whom; none: for the installation.
    pub tenant: Option<TenantId>,
    /// With which access key.
    pub access_key: Option<KeyId>,
    /// What it is about.
    pub subject: Option<String>,
    /// Whose tool it is.
    pub plugin: Option<String>,
    /// Such as `call`.
    pub kind: &'static str,
    /// The tool, or the administrative act.
    pub action: String,
    /// As in the log.
    pub correlation_id: Option<Arc<str>>,
    /// By which way it came.
    pub source: Source,
    /// What it was called with.
    pub given: Option<Given>,
    /// More that may stand in clear: ids and names that an operator gave.
    pub details: Option<Value>,
    /// Under which the values are encrypted; none: there are none.
    pub(crate) data_key: Option<Arc<DataKey>>,
}

impl Entry {
    /// Of a caller.
    pub fn of(principal: &Principal, kind: &'static str, action: impl Into<String>) -> Self {
        Self {
            tenant: Some(principal.tenant.clone()),
            access_key: Some(principal.key.clone()),
            data_key: (!principal.is_unattended()).then(|| principal.data_key.clone()),
            kind,
            action: action.into(),
            ..Self::default()
        }
    }

    /// Of an administrative act, such as `keys.revoke`. `details` are ids and names that an operator gave.
    pub fn act(action: &str, tenant: Option<&TenantId>, details: Value) -> Self {
        Self {
            kind: ADMINISTRATION,
            action: action.to_owned(),
            tenant: tenant.cloned(),
            details: Some(details),
            ..Self::default()
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// Such as `ok` or `error`.
    pub outcome: &'static str,
    /// The machine word of an error.
    pub code: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// What it turned out to be about.
    pub subject: Option<String>,
    /// Changes, each with `path`, `before` and `after`.
    pub diffs: Vec<Value>,
    /// The tenant that was made.
    pub tenant: Option<TenantId>,
    /// Ids of what was made.
    pub details: Option<Value>,
}

impl Ending {
    /// Without more to say.
    pub fn of(outcome: &'static str) -> Self {
        Self {
            outcome,
            ..Self::default()
        }
    }
}

/// A row to be: of what is meant, of what came of it, or of both at once.
pub(super) fn record(entry: &Entry, ending: Option<&Ending>, intent: Option<i64>) -> AuditRecord {
    // What an intent told is not told again.
    let redacted = match (&entry.given, intent) {
        (Some(given), None) => Some(redaction::redact(
            &given.schema,
            &given.sealed,
            &given.arguments,
        )),
        _ => None,
    };
    let diffs = ending.map_or(&[][..], |ending| &ending.diffs);
    let changed = redaction::changed_fields(diffs);
    let clear = match (&redacted, intent) {
        (Some(redacted), _) => Some(&redacted.clear),
        (None, None) => entry.details.as_ref(),
        (None, Some(_)) => ending.and_then(|ending| ending.details.as_ref()),
    };
    AuditRecord {
        at: entry.at,
        tenant: ending
            .and_then(|ending| ending.tenant.clone())
            .or_else(|| entry.tenant.clone()),
        access_key: entry.access_key.clone(),
        subject: ending
            .and_then(|ending| ending.subject.clone())
            .or_else(|| entry.subject.clone()),
        plugin: entry.plugin.clone(),
        kind: entry.kind.into(),
        action: entry.action.clone(),
        intent,
        outcome: ending.map(|ending| ending.outcome.into()),
        code: ending.and_then(|ending| ending.code.clone()),
        duration_ms: ending.map(|ending| ending.duration_ms),
        correlation_id: entry.correlation_id.as_deref().map(str::to_owned),
        source: entry.source.to_string(),
        arguments: clear.map(Value::to_string),
        changed: (!changed.is_empty()).then(|| json!(changed).to_string()),
        sealed: sealed(entry, redacted.as_ref(), diffs),
    }
}

/// What a row's ciphertext is bound to.
pub(super) fn binding<'a>(
    tenant: &'a str,
    action: &'a str,
    correlation_id: &'a str,
) -> [&'a [u8]; 3] {
    [
        tenant.as_bytes(),
        action.as_bytes(),
        correlation_id.as_bytes(),
    ]
}

fn sealed(entry: &Entry, redacted: Option<&Redacted>, diffs: &[Value]) -> Option<Vec<u8>> {
    let (data_key, tenant) = (entry.data_key.as_ref()?, entry.tenant.as_ref()?);
    let mut values = Map::new();
    if let Some(redacted) = redacted
        && redacted.full.as_object().is_some_and(|it| !it.is_empty())
    {
        values.insert("arguments".into(), redacted.full.clone());
    }
    if !diffs.is_empty() {
        values.insert("diff".into(), diffs.to_vec().into());
    }
    if values.is_empty() {
        return None;
    }
    let values = Value::Object(values);
    // Ever shorter, until it fits.
    let text = [500, 100, 20]
        .into_iter()
        .map(|characters| redaction::shortened(&values, characters, 8).to_string())
        .find(|text| text.len() <= VALUES_BYTES)
        .unwrap_or_else(|| r#"{"left_out":"too long"}"#.to_owned());
    let correlation_id = entry.correlation_id.as_deref().unwrap_or_default();
    let bound = binding(tenant.as_str(), &entry.action, correlation_id);
    data_key
        .seal(VALUES_PURPOSE, &bound, text.as_bytes())
        .inspect_err(|error| tracing::warn!(cause = %error, "an audit row has no values"))
        .ok()
}
