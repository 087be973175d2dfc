//! A copy of the database while it is in use, and the way back.
//!
//! A copy holds what the database holds, and nothing more: whatever is confidential in it stays closed without the server key,
//! which is no part of it, and without the access keys.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::open::STEPS;

/// How long a copy waits for a writer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tables that each of our databases has, since its first version.
const OURS: [&str; 4] = ["meta", "tenants", "access_keys", "secrets"];

/// Why there is no copy, or no way back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file that must not be overwritten.
    #[error("{0} exists already; choose another name, or remove it first")]
    Exists(PathBuf),
    /// There is nothing to copy.
    #[error("there is no database at {0}")]
    NoDatabase(PathBuf),
    /// The system refuses.
    #[error("cannot use {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// SQLite refuses.
    #[error("cannot copy the database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The database is written all the time.
    #[error("the database is busy; try again")]
    Busy,
    /// The copy is not sound.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// It is something else.
    #[error("{0} is no backup of this program")]
    NotOurs(PathBuf),
    /// A later version of this program made it.
    #[error(
        "{path} has schema {found}, this program knows up to {known}: a newer version made it; restore it with that one"
    )]
    TooNew {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: usize,
        /// Ours.
        known: usize,
    },
    /// Data would be lost.
    #[error(
        "{0} holds data already, so nothing was changed; --replace puts the backup in its place and keeps it beside"
    )]
    NotEmpty(PathBuf),
    /// Somebody uses what would be replaced.
    #[error("{0} is in use, so nothing was changed; stop the server (and stdio clients) first")]
    InUse(PathBuf),
}

/// What came of a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where what was there before is kept.
    pub kept: Option<PathBuf>,
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { path, source }
}

/// Copies the database at `source`, in whatever use it is, to the new file `target`, for this user alone. The copy is what the
/// database was at one moment; its schema is checked and every page read before this answers. Answers its bytes.
///
/// Blocks: not for async threads.
///
/// # Errors
/// There is no such database, `target` exists, or the copy is not sound.
pub fn backup(source: &Path, target: &Path) -> Result<u64, BackupError> {
    if !source.is_file() {
        return Err(BackupError::NoDatabase(source.to_owned()));
    }
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let half = beside(target, ".partial");
    let _ = fs::remove_file(&half);
    let copied = copy_and_check(source, &half).and_then(|()| {
        // Another may have been faster: a hard link never overwrites.
        fs::hard_link(&half, target).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists(target.to_owned()),
            _ => file_error(target)(error),
        })?;
        sync_folder(target)?;
        Ok(fs::metadata(target).map_err(file_error(target))?.len())
    });
    let _ = fs::remove_file(&half);
    copied
}

/// Puts a backup in the place of the database at `database`. Before anything is changed, a copy of it is checked, and `accept`
/// looks at it (as a file that may be opened and written) and may refuse. What was there is kept beside. A database that is in
/// use, in this process too, is left alone.
///
/// Blocks: not for async threads.
///
/// # Errors
/// The backup is not sound, or from a newer version, or refused; data is there and `replace` is not given; somebody uses it.
pub fn restore<E: From<BackupError>>(
    from: &Path,
    database: &Path,
    replace: bool,
    accept: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<Restored, E> {
    if !from.is_file() {
        return Err(BackupError::NoDatabase(from.to_owned()).into());
    }
    // Whoever opens the database holds this lock meanwhile, so nobody begins to use what is being replaced.
    let lock_path = beside(database, ".lock");
    let lock = private(&lock_path, false).map_err(file_error(&lock_path))?;
    lock.lock().map_err(file_error(&lock_path))?;
    let there = database.exists();
    if there && !replace && holds_data(database) {
        return Err(BackupError::NotEmpty(database.to_owned()).into());
    }
    let new = beside(database, ".restoring");
    let tidy = || {
        for suffix in ["", "-wal", "-shm", "-journal", ".lock"] {
            let _ = fs::remove_file(beside(&new, suffix));
        }
    };
    tidy();
    let restored = (|| {
        copy_and_check(from, &new)?;
        accept(&new)?;
        // It may have been opened and brought up to date: all of that goes into the one file again.
        closed(&new).map_err(BackupError::from)?;
        if there {
            closed(database).map_err(|_| BackupError::InUse(database.to_owned()))?;
        }
        Ok(swap(&new, database, there)?)
    })();
    tidy();
    restored
}

fn swap(new: &Path, database: &Path, there: bool) -> Result<Restored, BackupError> {
    let kept = there.then(|| {
        (1..)
            .map(|number| beside(database, &format!(".before-restore-{number}")))
            .find(|name| !name.exists())
            .unwrap_or_else(|| beside(database, ".before-restore"))
    });
    if let Some(kept) = &kept {
        fs::hard_link(database, kept).map_err(file_error(kept))?;
    }
    fs::rename(new, database).map_err(file_error(database))?;
    sync_folder(database)?;
    Ok(Restored { kept })
}

/// Whether there is a tenant, or anything that cannot be read as one of our databases.
fn holds_data(database: &Path) -> bool {
    let tenants = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .and_then(|it| {
            it.query_row("SELECT count(*) FROM tenants", [], |row| {
                row.get::<_, i64>(0)
            })
        });
    let empty = fs::metadata(database).is_ok_and(|it| it.len() == 0);
    !empty && tenants.ok() != Some(0)
}

/// Leaves nothing beside the file: only who is alone with a database can end its write-ahead log.
fn closed(database: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(Duration::ZERO)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("delete") {
        Ok(())
    } else {
        Err(rusqlite::Error::InvalidQuery)
    }
}

/// The copy is one file: no log beside it.
fn copy_and_check(source: &Path, target: &Path) -> Result<(), BackupError> {
    drop(private(target, true).map_err(file_error(target))?);
    let from = Connection::open_with_flags(source, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    from.busy_timeout(PATIENCE)?;
    let mut to = Connection::open(target)?;
    {
        let copy = Backup::new(&from, &mut to)?;
        // All pages in one step hold one state: with several, each write of another process would begin the copy anew.
        if !matches!(copy.step(-1)?, StepResult::Done) {
            return Err(BackupError::Busy);
        }
    }
    let mode: String =
        to.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get(0))?;
    tracing::debug!(mode, "a copy was made");
    check(&to, target)?;
    drop(to);
    File::open(target)
        .and_then(|file| file.sync_all())
        .map_err(file_error(target))
}

fn check(connection: &Connection, path: &Path) -> Result<(), BackupError> {
    let damaged = |what: String| BackupError::Damaged {
        path: path.to_owned(),
        what,
    };
    let verdict: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged(error.to_string()))?;
    if verdict != "ok" {
        return Err(damaged(verdict));
    }
    for table in OURS {
        let found = connection
            .prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?
            .exists([table])?;
        if !found {
            return Err(BackupError::NotOurs(path.to_owned()));
        }
    }
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let found = usize::try_from(version).unwrap_or(usize::MAX);
    if found > STEPS.len() {
        return Err(BackupError::TooNew {
            path: path.to_owned(),
            found,
            known: STEPS.len(),
        });
    }
    Ok(())
}

fn private(path: &Path, new: bool) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .create_new(new)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A new name must survive a power failure.
fn sync_folder(path: &Path) -> Result<(), BackupError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(file_error(folder))
}
