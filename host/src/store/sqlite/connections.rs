//! One connection that writes and a few that read. SQLite's calls block, so they run on tokio's blocking threads.
//!
//! With one writer for each process, writes wait in tokio's fair queue instead of in SQLite's busy handler, which sleeps and
//! is not fair; the busy handler only meets other processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::store::StoreError;

/// How long emptying the log waits for readers.
const LOG_PATIENCE: Duration = Duration::from_millis(500);

/// The connections to one file.
pub(super) struct Connections {
    writer: Arc<Mutex<Connection>>,
    readers: Vec<Arc<Mutex<Connection>>>,
    next_reader: AtomicUsize,
}

impl Connections {
    pub(super) fn new(writer: Connection, readers: Vec<Connection>) -> Self {
        Self {
            writer: Arc::new(Mutex::new(writer)),
            readers: readers
                .into_iter()
                .map(|reader| Arc::new(Mutex::new(reader)))
                .collect(),
            next_reader: AtomicUsize::new(0),
        }
    }

    /// Reads. A job of several statements that must see one state opens its own transaction.
    pub(super) async fn read<T, J>(&self, job: J) -> Result<T, StoreError>
    where
        T: Send + 'static,
        J: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let connection = self.free_reader().await;
        tokio::task::spawn_blocking(move || job(&connection))
            .await
            .map_err(StoreError::Interrupted)?
    }

    /// Writes, in a transaction that has the file's write lock from its beginning: a transaction that read first and then
    /// wrote would fail at once, without waiting, if another process wrote in between. An error rolls everything back.
    ///
    /// Once begun, the job runs to its end even if the caller gives up waiting.
    pub(super) async fn write<T, E, J>(&self, job: J) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        J: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        let mut connection = Arc::clone(&self.writer).lock_owned().await;
        tokio::task::spawn_blocking(move || in_transaction(&mut connection, job))
            .await
            .map_err(|error| E::from(StoreError::Interrupted(error)))?
    }

    /// As [`Self::write`], and what it wrote is on the disk when it answers, whatever happens to the machine then.
    pub(super) async fn write_durably<T, E, J>(&self, job: J) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        J: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        let mut connection = Arc::clone(&self.writer).lock_owned().await;
        tokio::task::spawn_blocking(move || {
            let durable = |connection: &Connection, how: &str| {
                connection
                    .pragma_update(None, "synchronous", how)
                    .map_err(StoreError::from)
            };
            durable(&connection, "FULL")?;
            let done = in_transaction(&mut connection, job);
            durable(&connection, "NORMAL")?;
            done
        })
        .await
        .map_err(|error| E::from(StoreError::Interrupted(error)))?
    }

    /// Moves the log into the file and empties it, so that what was overwritten there stands nowhere. Where a reader of
    /// another process is in the way, the next time does.
    pub(super) async fn truncate_log(&self) {
        let connection = Arc::clone(&self.writer).lock_owned().await;
        let emptied = tokio::task::spawn_blocking(move || {
            connection.busy_timeout(LOG_PATIENCE)?;
            let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                row.get::<_, bool>(0)
            });
            connection.busy_timeout(super::open::BUSY_TIMEOUT)?;
            busy
        })
        .await;
        match emptied {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => tracing::debug!("the database's log is in use and was not emptied"),
            Ok(Err(error)) => tracing::debug!(cause = %error, "the log was not emptied"),
            Err(error) => tracing::debug!(cause = %error, "the log was not emptied"),
        }
    }

    async fn free_reader(&self) -> OwnedMutexGuard<Connection> {
        for reader in &self.readers {
            if let Ok(free) = Arc::clone(reader).try_lock_owned() {
                return free;
            }
        }
        // All are busy: queue up at one, in turn.
        let turn = self.next_reader.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        Arc::clone(&self.readers[turn]).lock_owned().await
    }
}

fn in_transaction<T, E: From<StoreError>>(
    connection: &mut Connection,
    job: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(StoreError::from)?;
    let answer = job(&transaction)?;
    transaction.commit().map_err(StoreError::from)?;
    Ok(answer)
}
