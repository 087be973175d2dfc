//! Whether the audit trail is whole.

use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use subtle::ConstantTimeEq;

use super::Audit;
use super::chain::Chain;
use crate::store::{AUDIT_GENESIS, AuditChain, AuditCheckpoint, AuditRow, AuditStep, StoreError};

/// A row, as somebody outside remembers it: its number and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The row's number; none: only its hash is remembered.
    pub seq: Option<i64>,
    /// Its hash.
    pub hash: Vec<u8>,
}

/// The text is not that of a head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a head is a number, a colon and 64 hexadecimal digits, as 'audit export' prints it, or the digits alone"
)]
pub struct HeadError;

impl fmt::Display for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seq) = self.seq {
            write!(formatter, "{seq}:")?;
        }
        self.hash
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl FromStr for Head {
    type Err = HeadError;

    fn from_str(text: &str) -> Result<Self, HeadError> {
        let text = text.trim();
        let (seq, digits) = match text.split_once(':') {
            Some((seq, digits)) => (Some(seq.parse().map_err(|_| HeadError)?), digits),
            None => (None, text),
        };
        if digits.len() != 64 || !digits.is_ascii() {
            return Err(HeadError);
        }
        let hash = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16))
            .collect::<Result<_, _>>()
            .map_err(|_| HeadError)?;
        Ok(Self { seq, hash })
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How many rows were looked at.
    pub rows: u64,
    /// The number of the first row that is altered, or that is missing.
    pub first_bad: Option<i64>,
    /// What is wrong, in words.
    pub what: Option<String>,
    /// The newest row.
    pub head: Option<Head>,
    /// Rows up to this one were taken off by retention.
    pub trimmed_to: Option<i64>,
}

impl Verdict {
    /// Nothing was altered or removed.
    pub fn ok(&self) -> bool {
        self.what.is_none()
    }
}

struct Walk {
    chain: Arc<Chain>,
    expected: Option<Head>,
    /// The head that was expected stands where it should.
    met: bool,
    seq: i64,
    hash: Vec<u8>,
    verdict: Verdict,
}

impl Audit {
    /// Walks the whole trail. With `expected`, the head of an earlier export, it also shows if the newest rows were removed.
    ///
    /// # Errors
    /// The database failed.
    pub async fn verify(&self, expected: Option<Head>) -> Result<Verdict, StoreError> {
        let walk = Arc::new(Mutex::new(Walk {
            chain: self.chain.clone(),
            expected,
            met: false,
            seq: 0,
            hash: AUDIT_GENESIS.to_vec(),
            verdict: Verdict {
                rows: 0,
                first_bad: None,
                what: None,
                head: None,
                trimmed_to: None,
            },
        }));
        let visited = walk.clone();
        let visitor = move |step| {
            let mut walk = visited.lock().unwrap_or_else(PoisonError::into_inner);
            match step {
                AuditStep::Begin(checkpoint) => walk.begin(checkpoint),
                AuditStep::Row(row) => walk.step(&row),
            }
        };
        self.database.walk_audit(Box::new(visitor)).await?;
        let mut walk = walk.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(walk.end())
    }
}

impl Walk {
    fn bad(&mut self, seq: i64, what: String) -> ControlFlow<()> {
        self.verdict.first_bad = Some(seq);
        self.verdict.what = Some(what);
        ControlFlow::Break(())
    }

    fn begin(&mut self, checkpoint: Option<AuditCheckpoint>) -> ControlFlow<()> {
        let Some(checkpoint) = checkpoint else {
            return ControlFlow::Continue(());
        };
        let AuditCheckpoint {
            seq,
            hash,
            trimmed_at,
            signature,
        } = checkpoint;
        let signed = self
            .chain
            .sign(&AuditCheckpoint::canonical(seq, &hash, trimmed_at));
        if !bool::from(signed.ct_eq(&signature)) {
            return self.bad(
                seq,
                "the checkpoint of the trimmed part was not written by this server".to_owned(),
            );
        }
        self.verdict.trimmed_to = Some(seq);
        self.verdict.head = Some(Head {
            seq: Some(seq),
            hash: hash.clone(),
        });
        (self.seq, self.hash) = (seq, hash);
        self.meet()
    }

    fn step(&mut self, row: &AuditRow) -> ControlFlow<()> {
        let expected = self.seq + 1;
        if row.seq != expected {
            let what = format!(
                "row {expected} is missing: row {} follows row {}",
                row.seq, self.seq
            );
            return self.bad(expected, what);
        }
        let hash = self.chain.link(&self.hash, &row.record.canonical(row.seq));
        if !bool::from(hash.ct_eq(&row.hash)) {
            return self.bad(row.seq, format!("row {} was altered", row.seq));
        }
        self.verdict.rows += 1;
        self.verdict.head = Some(Head {
            seq: Some(row.seq),
            hash: hash.clone(),
        });
        (self.seq, self.hash) = (row.seq, hash);
        self.meet()
    }

    fn meet(&mut self) -> ControlFlow<()> {
        let Some(expected) = &self.expected else {
            return ControlFlow::Continue(());
        };
        if expected.hash == self.hash {
            self.met = true;
        } else if expected.seq == Some(self.seq) {
            let what = format!("row {} is another than the head that was given", self.seq);
            return self.bad(self.seq, what);
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self) -> Verdict {
        if let (true, false, Some(expected)) = (self.verdict.ok(), self.met, self.expected.clone())
        {
            // Older than what retention took off: that the chain went on from there is signed.
            let trimmed = expected
                .seq
                .is_some_and(|seq| self.verdict.trimmed_to.is_some_and(|to| seq < to));
            if !trimmed {
                let next = self.seq + 1;
                let what = format!(
                    "the head that was given ({expected}) is not there: the newest rows were removed, or an older database was restored"
                );
                let _ = self.bad(next, what);
            }
        }
        self.verdict.clone()
    }
}
