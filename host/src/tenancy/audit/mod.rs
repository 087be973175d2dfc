//! The audit trail: what was done, by whom, by which way, and what came of it. The host writes it; plugins cannot.
//!
//! A change is told before it is made ([`Audit::begin`]), durably, and does not begin if that fails; what came of it follows. What
//! only reads is told afterwards, in batches ([`Audit::tell`]): at most a second of it is lost with a killed process.
//!
//! Rows are chained by HMAC under a key of this installation, which stands wrapped by the server key, so that one that was altered or removed
//! shows ([`Audit::verify`]). What may be personal stands encrypted under the tenant's data key.
//!
//! Architecture Invariant: no access key, secret or token gets into a row; arguments go through [`redact`].

mod chain;
mod counts;
mod entry;
mod logins;
mod redaction;
mod verify;
mod view;
mod writer;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub(super) use chain::CHAIN_PURPOSE;
pub use entry::{Ending, Entry, Given, Source};
pub use redaction::{Redacted, SEALED, redact};
pub use verify::{Head, HeadError, Verdict};
pub use view::{Page, PageError, Wanted};

use chain::Chain;
use counts::Counts;
use logins::FailedLogins;
use writer::Writer;

use super::cipher::KeyBytes;
use crate::clock::Clock;
use crate::observe::Metrics;
use crate::store::{AuditRow, Database, StoreError, TenantId};

/// Rows that one trimming takes off at once, so that others get to write between.
const TRIMMED_AT_ONCE: u32 = 2_000;

/// The audit trail of one installation. Clones are the same.
#[derive(Clone)]
pub struct Audit {
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
    chain: Arc<Chain>,
    writer: Writer,
    logins: Arc<FailedLogins>,
    counts: Counts,
    acts_from: Arc<OnceLock<Source>>,
}

/// A change that was told of and is under way. What came of it is told even if this is dropped.
pub struct Begun {
    audit: Audit,
    entry: Option<Entry>,
    intent: i64,
    started: tokio::time::Instant,
}

impl Audit {
    /// The trail in a database, chained under this key.
    pub(super) fn open(
        database: Arc<dyn Database>,
        chain_key: &KeyBytes,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let chain = Arc::new(Chain::new(chain_key));
        let logins = Arc::<FailedLogins>::default();
        let counts = Counts::default();
        Self {
            writer: Writer::start(
                database.clone(),
                chain.clone(),
                logins.clone(),
                clock.clone(),
                counts.clone(),
            ),
            database,
            clock,
            chain,
            logins,
            counts,
            acts_from: Arc::default(),
        }
    }

    /// Tells of a change before it is made. Only when this answers may it begin.
    ///
    /// # Errors
    /// It could not be written: then the change must not be made.
    pub async fn begin(&self, mut entry: Entry) -> Result<Begun, StoreError> {
        entry.at = self.clock.now();
        let record = entry::record(&entry, None, None);
        let written = self
            .database
            .append_audit(vec![record], self.chain.clone(), true)
            .await;
        let numbers = match written {
            Ok(numbers) => numbers,
            Err(error) => {
                self.counts.failed(1);
                self.counts.refused();
                return Err(error);
            }
        };
        self.counts.written(1);
        Ok(Begun {
            audit: self.clone(),
            entry: Some(entry),
            intent: numbers.first().copied().unwrap_or_default(),
            started: tokio::time::Instant::now(),
        })
    }

    /// Tells of something that is over and changed nothing.
    pub async fn tell(&self, mut entry: Entry, ending: Ending) {
        entry.at = self.clock.now();
        self.writer.put(entry, ending, None).await;
    }

    /// As [`Self::tell`], for who cannot wait: where the queue is full, only that something is missing is told.
    pub fn tell_now(&self, mut entry: Entry, ending: Ending) {
        entry.at = self.clock.now();
        self.writer.put_now(entry, ending, None);
    }

    /// Counts a failed login from here; the counts are told together, at most a minute later.
    pub fn failed_login(&self, source: &Source) {
        self.logins.count(source);
    }

    /// Waits until everything that was told is written.
    pub async fn flush(&self) {
        self.writer.flush().await;
    }

    /// Does an administrative act, told of before and after; `tell` adds what is known only then.
    ///
    /// # Errors
    /// Those of the act; it is not done if it cannot be told of.
    pub async fn administer<T, E: From<StoreError>>(
        &self,
        mut entry: Entry,
        act: impl Future<Output = Result<T, E>>,
        tell: impl FnOnce(&T, &mut Ending),
    ) -> Result<T, E> {
        if entry.source == Source::Host {
            entry.source = self.acts_from.get().cloned().unwrap_or_default();
        }
        let begun = self.begin(entry).await?;
        let done = act.await;
        let ending = match &done {
            Ok(done) => {
                let mut ending = Ending::of("ok");
                tell(done, &mut ending);
                ending
            }
            Err(_) => Ending::of("error"),
        };
        begun.end_durably(ending).await;
        done
    }

    /// Counts what is written from now on, and what is not.
    pub fn count_in(&self, metrics: Arc<Metrics>) {
        self.counts.go_to(metrics);
    }

    /// Says by which way administrative acts come in this process.
    pub fn acts_come_from(&self, source: Source) {
        // The first counts.
        let _ = self.acts_from.set(source);
    }

    /// Takes off what is older than `keep`. Answers how many rows.
    ///
    /// # Errors
    /// The database failed.
    pub async fn trim(&self, keep: Duration) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut trimmed = 0;
        loop {
            let gone = self
                .database
                .trim_audit(now - keep, TRIMMED_AT_ONCE, self.chain.clone(), now)
                .await?;
            trimmed += gone;
            if gone < TRIMMED_AT_ONCE as usize {
                return Ok(trimmed);
            }
        }
    }

    /// The newest rows, oldest first, of all tenants or one. What is still in a queue of some process is not among them.
    ///
    /// # Errors
    /// The database failed.
    pub async fn newest(
        &self,
        tenant: Option<TenantId>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.database.audit_newest(tenant, limit).await
    }

    /// Rows after this number, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn after(
        &self,
        seq: i64,
        tenant: Option<TenantId>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.database.audit_after(seq, tenant, limit).await
    }
}

impl Begun {
    /// Tells what came of it, with the next batch.
    pub async fn end(mut self, mut ending: Ending) {
        if let Some(mut entry) = self.entry.take() {
            entry.at = self.audit.clock.now();
            ending.duration_ms = milliseconds(self.started);
            let intent = Some(self.intent);
            self.audit.writer.put(entry, ending, intent).await;
        }
    }

    /// Tells what came of it, and answers once that stands. A failure is logged: the intent stands without it.
    pub async fn end_durably(mut self, mut ending: Ending) {
        let Some(mut entry) = self.entry.take() else {
            return;
        };
        entry.at = self.audit.clock.now();
        ending.duration_ms = milliseconds(self.started);
        let record = entry::record(&entry, Some(&ending), Some(self.intent));
        let chain = self.audit.chain.clone();
        let told = self.audit.database.append_audit(vec![record], chain, false);
        match told.await {
            Ok(_) => self.audit.counts.written(1),
            Err(error) => {
                self.audit.counts.failed(1);
                self.audit.counts.lost(1);
                tracing::error!(cause = %error, intent = self.intent, "what came of a change is not in the audit trail");
            }
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(mut entry) = self.entry.take() {
            entry.at = self.audit.clock.now();
            let ending = Ending {
                duration_ms: milliseconds(self.started),
                ..Ending::of("unknown")
            };
            self.audit.writer.put_now(entry, ending, Some(self.intent));
        }
    }
}

fn milliseconds(since: tokio::time::Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
