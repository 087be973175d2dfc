//! What can go wrong with the database.

use std::path::PathBuf;

/// A failure of the database itself. Its text is for the log and the operator, not for callers.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory or the file cannot be made, opened or locked.
    #[error(
        "cannot use the database at {path}: {source}; check that the directory exists and belongs to this user"
    )]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// SQLite cannot open or read the file.
    #[error("cannot open the database at {path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A later version of this program has used the file.
    #[error(
        "the database at {path} has schema {found}, this program knows up to {known}: it was used by a newer version; \
         run that one, or restore a backup"
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// The schema in the file.
        found: usize,
        /// The newest schema of this program.
        known: usize,
    },
    /// Bringing the schema up to date failed; nothing of that step was kept.
    #[error("cannot bring the database at {path} up to date: {source}")]
    Migration {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: rusqlite_migration::Error,
    },
    /// Another process kept the write lock for too long.
    #[error("the database is busy: another process holds its write lock; try again")]
    Busy,
    /// Something was wrapped by a server key that is no longer the one of this database.
    #[error("the server key was changed meanwhile; its number is {stands} now")]
    ServerKeyChanged {
        /// The number of the one that stands.
        stands: u32,
    },
    /// A row holds what this program never writes.
    #[error("the database holds a damaged row in {table}: {problem}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// SQLite refused a statement.
    #[error("the database failed: {0}")]
    Sqlite(#[source] rusqlite::Error),
    /// The work on the database was cut short because the program ends (or by a defect in it).
    #[error("the database work was cut short: {0}")]
    Interrupted(#[source] tokio::task::JoinError),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Self::Busy
            }
            _ => Self::Sqlite(error),
        }
    }
}
