//! The queue of what is written in batches: one commit for many rows, and next to no time in the calls themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::chain::Chain;
use super::counts::Counts;
use super::entry::{self, Ending, Entry};
use super::logins::FailedLogins;
use crate::clock::Clock;
use crate::store::Database;

/// Rows that wait. Whoever finds it full waits for the database.
const QUEUE: usize = 4_096;
/// Rows of one commit.
const BATCH: usize = 512;
/// How long the first of a batch waits for others: together with the commit well below a second.
const GATHER: Duration = Duration::from_millis(250);
/// How often a batch is tried; the database itself waits for other writers.
const ATTEMPTS: u32 = 3;
/// How often failed logins are told.
const LOGINS: Duration = Duration::from_secs(60);

enum Message {
    Row(Box<(Entry, Ending, Option<i64>)>),
    Flush(oneshot::Sender<()>),
}

#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    /// Rows that found no place.
    missing: Arc<AtomicU64>,
    counts: Counts,
}

struct Task {
    queue: mpsc::Receiver<Message>,
    database: Arc<dyn Database>,
    chain: Arc<Chain>,
    clock: Arc<dyn Clock>,
    logins: Arc<FailedLogins>,
    missing: Arc<AtomicU64>,
    counts: Counts,
}

impl Writer {
    /// Starts the task that writes; it ends, with nothing left, when the last clone of this is dropped.
    pub(super) fn start(
        database: Arc<dyn Database>,
        chain: Arc<Chain>,
        logins: Arc<FailedLogins>,
        clock: Arc<dyn Clock>,
        counts: Counts,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let missing = Arc::<AtomicU64>::default();
        let task = Task {
            queue: receiver,
            database,
            chain,
            clock,
            logins,
            missing: missing.clone(),
            counts: counts.clone(),
        };
        tokio::spawn(task.run());
        Self {
            queue: sender,
            missing,
            counts,
        }
    }

    pub(super) async fn put(&self, entry: Entry, ending: Ending, intent: Option<i64>) {
        let row = Message::Row(Box::new((entry, ending, intent)));
        if self.queue.send(row).await.is_err() {
            self.lose_one();
        }
    }

    pub(super) fn put_now(&self, entry: Entry, ending: Ending, intent: Option<i64>) {
        let row = Message::Row(Box::new((entry, ending, intent)));
        if self.queue.try_send(row).is_err() {
            self.lose_one();
        }
    }

    fn lose_one(&self) {
        self.missing.fetch_add(1, Ordering::Relaxed);
        self.counts.lost(1);
    }

    pub(super) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }
}

impl Task {
    async fn run(mut self) {
        let mut next_logins = Instant::now() + LOGINS;
        loop {
            let mut messages = Vec::new();
            let received = tokio::select! {
                received = self.queue.recv_many(&mut messages, BATCH) => received,
                () = tokio::time::sleep_until(next_logins) => {
                    next_logins = Instant::now() + LOGINS;
                    self.write(Vec::new(), true).await;
                    continue;
                }
            };
            if received == 0 {
                self.write(Vec::new(), true).await;
                return;
            }
            self.gather(&mut messages).await;
            let mut waiting = Vec::new();
            let mut rows = Vec::new();
            for message in messages {
                match message {
                    Message::Row(row) => rows.push(*row),
                    Message::Flush(done) => waiting.push(done),
                }
            }
            self.write(rows, !waiting.is_empty()).await;
            for done in waiting {
                // Nobody waiting any more is no error.
                let _ = done.send(());
            }
        }
    }

    /// Waits for more, but not long, and not at all where somebody waits.
    async fn gather(&mut self, messages: &mut Vec<Message>) {
        let until = Instant::now() + GATHER;
        loop {
            let hurry = messages
                .iter()
                .any(|message| matches!(message, Message::Flush(_)));
            if hurry || messages.len() >= BATCH {
                return;
            }
            let room = BATCH - messages.len();
            match tokio::time::timeout_at(until, self.queue.recv_many(messages, room)).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    async fn write(&self, rows: Vec<(Entry, Ending, Option<i64>)>, logins: bool) {
        let mut records: Vec<_> = rows
            .iter()
            .map(|(entry, ending, intent)| entry::record(entry, Some(ending), *intent))
            .collect();
        let mut host = |action: &str, details| {
            let entry = Entry {
                at: self.clock.now(),
                ..Entry::act(action, None, details)
            };
            records.push(entry::record(&entry, Some(&Ending::of("ok")), None));
        };
        let missing = self.missing.swap(0, Ordering::Relaxed);
        if missing > 0 {
            host("audit.rows_missing", json!({"count": missing}));
        }
        if logins && let Some(counts) = self.logins.take() {
            host("login.failed", counts);
        }
        if records.is_empty() {
            return;
        }
        let lost = rows.len() as u64 + missing;
        for attempt in 1..=ATTEMPTS {
            let chain = self.chain.clone();
            match self
                .database
                .append_audit(records.clone(), chain, false)
                .await
            {
                Ok(_) => return self.counts.written(records.len()),
                Err(error) => {
                    self.counts.failed(records.len());
                    tracing::error!(cause = %error, attempt, rows = records.len(), "rows of the audit trail cannot be written");
                }
            }
        }
        self.counts.lost(rows.len());
        // The next batch says so, if it can be written.
        self.missing.fetch_add(lost, Ordering::Relaxed);
    }
}
