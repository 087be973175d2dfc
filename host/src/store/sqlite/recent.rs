//! Rows of documents that were read lately, good for as long as nobody writes the database.
//!
//! Most calls begin with the same few small documents, and fetching them on a thread that may block costs far more than
//! reading them. Whether anybody has written since, in this process or in another, SQLite tells from shared memory, without
//! touching the disk (`PRAGMA data_version`, <https://sqlite.org/pragma.html#pragma_data_version>). Values are kept as they
//! are stored: encrypted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use rusqlite::Connection;

use crate::clock::Timestamp;
use crate::store::{Document, Scan, TenantId};

/// All rows together.
const TOTAL_BYTES: u64 = 16 << 20;
/// One answer's rows; what is larger is rarely wanted twice.
const ANSWER_BYTES: usize = 64 << 10;
/// What a row and a question cost beside their texts.
const OVERHEAD: usize = 128;
/// What nobody asked for in this time makes room.
const IDLE: Duration = Duration::from_secs(600);

/// What was asked.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Question {
    /// One document.
    One {
        tenant: TenantId,
        namespace: String,
        key: String,
    },
    /// The documents of a scan.
    Scan(Scan),
}

/// A state of the database: two that are equal saw the same rows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct State(i64);

impl State {
    /// Another one after anybody wrote.
    pub(super) fn number(self) -> i64 {
        self.0
    }
}

struct Answer {
    state: State,
    rows: Vec<Document>,
}

/// Answers and the state in which they were right.
pub(super) struct Recent {
    /// A connection of its own, since the number that it tells is its own; it waits for nobody.
    watch: Mutex<Connection>,
    answers: Cache<Question, Arc<Answer>>,
}

impl Recent {
    /// Watches the file through this connection, which must be used for nothing else.
    pub(super) fn new(watch: Connection) -> Self {
        Self {
            watch: Mutex::new(watch),
            answers: Cache::builder()
                .max_capacity(TOTAL_BYTES)
                .weigher(|_, answer: &Arc<Answer>| {
                    u32::try_from(size(&answer.rows)).unwrap_or(u32::MAX)
                })
                .time_to_idle(IDLE)
                .build(),
        }
    }

    /// The state now; none where that cannot be told at once, as while another process recovers the file.
    pub(super) fn state(&self) -> Option<State> {
        let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let version = watch
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)));
        version.ok().map(State)
    }

    /// The rows that answer the question in this state, if they are known.
    pub(super) fn get(
        &self,
        question: &Question,
        state: State,
        now: Timestamp,
    ) -> Option<Vec<Document>> {
        let answer = self.answers.get(question)?;
        let lives = |row: &Document| row.expires_at.is_none_or(|end| end > now);
        // One that has ended makes room for others in a page: that is for SQLite to find out.
        (answer.state == state && answer.rows.iter().all(lives)).then(|| answer.rows.clone())
    }

    /// Keeps rows that were read after the state was told: whatever came in between ends that state.
    pub(super) fn keep(&self, question: Question, state: State, rows: &[Document]) {
        if size(rows) <= ANSWER_BYTES {
            let rows = rows.to_vec();
            self.answers
                .insert(question, Arc::new(Answer { state, rows }));
        }
    }
}

fn size(rows: &[Document]) -> usize {
    let row = |row: &Document| row.key.len() + row.value.len() + OVERHEAD;
    OVERHEAD + rows.iter().map(row).sum::<usize>()
}
