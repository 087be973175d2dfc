//! Opening the file: its mode, its schema, its connections.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations, SchemaVersion};

use super::SqliteDatabase;
use super::connections::Connections;
use super::recent::Recent;
use crate::store::StoreError;
use crate::store::directory::{prepare_data_directory, prepare_private_file};

/// How long a write waits for another process before it answers [`StoreError::Busy`].
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads take microseconds, so a few connections keep several cores busy; each costs two file handles and a page cache.
const READERS: usize = 4;

/// The steps of the schema, in order, forward only. A step that was released is never edited: its successor follows it.
pub(super) const STEPS: [&str; 10] = [
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_confirmations.sql"),
    include_str!("../migrations/0003_hooks.sql"),
    include_str!("../migrations/0004_keys.sql"),
    include_str!("../migrations/0005_one_time_links.sql"),
    include_str!("../migrations/0006_audit.sql"),
    include_str!("../migrations/0007_cache_invalidations.sql"),
    include_str!("../migrations/0008_consents.sql"),
    include_str!("../migrations/0009_identities.sql"),
    include_str!("../migrations/0010_keys_at_once.sql"),
];

impl SqliteDatabase {
    /// Opens the database at `path`, making it and its directory if they are not there, and brings its schema up to date.
    /// File and directory are made for this user alone.
    ///
    /// # Errors
    /// The file cannot be used, a newer version of this program has used it, or the schema cannot be brought up to date.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let (connections, recent) = tokio::task::spawn_blocking(move || open_file(&path))
            .await
            .map_err(StoreError::Interrupted)??;
        Ok(Self {
            connections,
            recent,
        })
    }
}

fn open_file(path: &Path) -> Result<(Connections, Recent), StoreError> {
    let file_error = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::File { path, source }
    };
    if let Some(directory) = path.parent() {
        prepare_data_directory(directory).map_err(file_error(directory))?;
    }
    prepare_private_file(path).map_err(file_error(path))?;

    // Two processes that start together must not both bring the schema up to date, and SQLite's busy handler does not cover
    // the switch to WAL. The lock goes when the file is closed, so at the latest when the process dies.
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);
    let opening = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_path)
        .map_err(file_error(&lock_path))?;
    opening.lock().map_err(file_error(&lock_path))?;

    let mut writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    migrate(path, &mut writer)?;
    let readers = (0..READERS)
        .map(|_| connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY))
        .collect::<Result<_, _>>()?;
    let watch = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    watch
        .busy_timeout(Duration::ZERO)
        .map_err(|source| StoreError::Open {
            path: path.to_owned(),
            source,
        })?;
    Ok((Connections::new(writer, readers), Recent::new(watch)))
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let open_error = |source| StoreError::Open {
        path: path.to_owned(),
        source,
    };
    // Connections are used by one thread at a time, so SQLite's own mutexes are not needed.
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(open_error)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(open_error)?;
    if access.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) {
        // NORMAL in WAL mode loses nothing when a process is killed; after a power failure the newest commits may be gone,
        // the file is whole (https://sqlite.org/pragma.html#pragma_synchronous). secure_delete: what is removed is
        // overwritten, so that a revoked key's wrapping does not linger. The size limit keeps one large write from leaving
        // a large log behind.
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = NORMAL;
                 PRAGMA foreign_keys = ON;
                 PRAGMA secure_delete = ON;
                 PRAGMA journal_size_limit = 67108864;",
            )
            .map_err(open_error)?;
    }
    Ok(connection)
}

fn migrate(path: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    let migration_error = |source| StoreError::Migration {
        path: path.to_owned(),
        source,
    };
    let migrations = Migrations::new(STEPS.map(M::up).to_vec());
    if let SchemaVersion::Outside(found) = migrations
        .current_version(connection)
        .map_err(migration_error)?
    {
        return Err(StoreError::TooNew {
            path: path.to_owned(),
            found: found.get(),
            known: STEPS.len(),
        });
    }
    migrations.to_latest(connection).map_err(migration_error)
}
