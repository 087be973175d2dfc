//! The audit trail: rows that are chained, so that one that was altered or removed shows.
//!
//! This layer gives each row its number and the hash before it, both while it holds the write lock, so that one chain runs
//! through the writes of all processes. Under which key a link is made is not its business ([`AuditChain`]).

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use super::identifiers::{KeyId, TenantId};
use crate::clock::Timestamp;

/// What stands before the first row of all.
pub const AUDIT_GENESIS: &[u8] = b"";

/// Makes the links of the chain.
pub trait AuditChain: Send + Sync {
    /// The hash of a row that follows the one with the hash `previous`.
    fn link(&self, previous: &[u8], row: &[u8]) -> Vec<u8>;

    /// Signs that the chain goes on after a row that is gone.
    fn sign(&self, checkpoint: &[u8]) -> Vec<u8>;
}

/// A row to be added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditRecord {
    /// When it was done.
    pub at: Timestamp,
    /// For whom; none: for the installation.
    pub tenant: Option<TenantId>,
    /// With which access key.
    pub access_key: Option<KeyId>,
    /// What it was about, such as `store:9021`.
    pub subject: Option<String>,
    /// Whose tool it was.
    pub plugin: Option<String>,
    /// Such as `call` or `administration`.
    pub kind: Cow<'static, str>,
    /// The tool, or what was done.
    pub action: String,
    /// The row that told what was meant, if this one tells what came of it.
    pub intent: Option<i64>,
    /// What came of it; none: this row tells what was meant.
    pub outcome: Option<Cow<'static, str>>,
    /// The machine word of an error.
    pub code: Option<String>,
    /// How long it took.
    pub duration_ms: Option<u64>,
    /// As in the log.
    pub correlation_id: Option<String>,
    /// By which way it came.
    pub source: String,
    /// A JSON object, without anything personal.
    pub arguments: Option<String>,
    /// A JSON array of the paths of changed fields.
    pub changed: Option<String>,
    /// The ciphertext of the values.
    pub sealed: Option<Vec<u8>>,
}

/// A row as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number.
    pub seq: i64,
    /// What it tells.
    pub record: AuditRecord,
    /// What links it to the one before.
    pub hash: Vec<u8>,
}

/// Where the chain begins once old rows were taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCheckpoint {
    /// The number of the newest row that was taken off.
    pub seq: i64,
    /// Its hash.
    pub hash: Vec<u8>,
    /// When that was.
    pub trimmed_at: Timestamp,
    /// What [`AuditChain::sign`] made of it.
    pub signature: Vec<u8>,
}

impl AuditCheckpoint {
    /// What is signed.
    pub fn canonical(seq: i64, hash: &[u8], trimmed_at: Timestamp) -> Vec<u8> {
        let mut bytes = Canonical::default();
        bytes.number(Some(seq));
        bytes.field(Some(hash));
        bytes.number(i64::try_from(trimmed_at.as_millis()).ok());
        bytes.0
    }
}

impl AuditRecord {
    /// The same bytes for the same row, and no two rows with the same bytes.
    pub fn canonical(&self, seq: i64) -> Vec<u8> {
        let text = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
        let mut bytes = Canonical::default();
        bytes.number(Some(seq));
        bytes.number(i64::try_from(self.at.as_millis()).ok());
        bytes.field(self.tenant.as_ref().map(|it| it.as_str().as_bytes()));
        bytes.field(self.access_key.as_ref().map(|it| it.as_str().as_bytes()));
        bytes.field(text(&self.subject).as_deref());
        bytes.field(text(&self.plugin).as_deref());
        bytes.field(Some(self.kind.as_bytes()));
        bytes.field(Some(self.action.as_bytes()));
        bytes.number(self.intent);
        bytes.field(self.outcome.as_ref().map(|it| it.as_bytes()));
        bytes.field(text(&self.code).as_deref());
        bytes.number(self.duration_ms.and_then(|it| i64::try_from(it).ok()));
        bytes.field(text(&self.correlation_id).as_deref());
        bytes.field(Some(self.source.as_bytes()));
        bytes.field(text(&self.arguments).as_deref());
        bytes.field(text(&self.changed).as_deref());
        bytes.field(self.sealed.as_deref());
        bytes.0
    }
}

/// Fields one after another, each with its length before it.
#[derive(Default)]
struct Canonical(Vec<u8>);

impl Canonical {
    fn field(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => self.0.push(0),
            Some(bytes) => {
                self.0.push(1);
                self.0
                    .extend_from_slice(&(bytes.len() as u64).to_be_bytes());
                self.0.extend_from_slice(bytes);
            }
        }
    }

    fn number(&mut self, number: Option<i64>) {
        self.field(number.map(i64::to_be_bytes).as_ref().map(|it| &it[..]));
    }
}

/// Which entries are wanted, newest first.
#[derive(Debug, Clone)]
pub struct AuditQuery {
    /// Whose.
    pub tenant: TenantId,
    /// Only those made with this access key.
    pub access_key: Option<KeyId>,
    /// Only those about one of these subjects, or about none.
    pub subjects: Option<Vec<String>>,
    /// Only those about this subject.
    pub subject: Option<String>,
    /// Only those of this tool, or of this administrative act.
    pub action: Option<String>,
    /// Only those that ended like this.
    pub outcome: Option<String>,
    /// Only those that may have changed something.
    pub changes_only: bool,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    /// Only those before this one.
    pub before: Option<i64>,
    /// So many.
    pub limit: u32,
}

/// Something that was done: the row that told what was meant, with what came of it.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// The first row.
    pub begun: AuditRow,
    /// The second, where there are two.
    pub ended: Option<AuditRow>,
}

/// Part of a walk along the chain.
pub enum AuditStep {
    /// What the chain begins with; always the first step.
    Begin(Option<AuditCheckpoint>),
    /// The next row.
    Row(Box<AuditRow>),
}

/// Looks at each step of a walk.
pub type AuditVisitor = Box<dyn FnMut(AuditStep) -> ControlFlow<()> + Send>;

/// The part of a database that keeps the audit trail.
#[async_trait]
pub trait AuditDatabase: Send + Sync {
    /// Adds rows at the end of the chain, in order, and answers their numbers. With `durably`, they outlast a power failure
    /// once this answers.
    async fn append_audit(
        &self,
        records: Vec<AuditRecord>,
        chain: Arc<dyn AuditChain>,
        durably: bool,
    ) -> Result<Vec<i64>, StoreError>;

    /// What was done by a tenant, newest first.
    async fn audit_entries(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, StoreError>;

    /// Rows after this one, oldest first, at most `limit`; of all tenants, or one.
    async fn audit_after(
        &self,
        seq: i64,
        tenant: Option<TenantId>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError>;

    /// The newest rows, oldest first, at most `limit`; of all tenants, or one.
    async fn audit_newest(
        &self,
        tenant: Option<TenantId>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError>;

    /// Walks the whole chain, oldest first, as it stands at one moment.
    async fn walk_audit(&self, visitor: AuditVisitor) -> Result<(), StoreError>;

    /// Takes off rows from the old end that are all older than `before`, at most `limit`, and signs where the chain begins
    /// from now on. Answers how many.
    async fn trim_audit(
        &self,
        before: Timestamp,
        limit: u32,
        chain: Arc<dyn AuditChain>,
        now: Timestamp,
    ) -> Result<usize, StoreError>;
}
