//! Where the server key comes from, and how another takes its place.
//!
//! In a directory, the key is the file `server.key`. Another is first written beside it as `server.key.next`, then everything
//! in the database is wrapped anew in one transaction, then the file takes the old one's name. Whoever dies in between leaves
//! two files of which exactly one opens the database, and the next start tells which: no moment loses the key. Both steps
//! are on the disk before the next one begins.
//!
//! Only the holder of `server.key.lock` writes or renames these files, so that a start that finds the change half done never
//! gives the old name to a key that is not in use yet.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::server_key::{FILE_NAME, ServerKey, ServerKeyError, read, write_new};

const NEXT: &str = "server.key.next";
const LOCK: &str = "server.key.lock";

/// Where server keys are looked for.
pub enum ServerKeySource {
    /// These, such as from the environment. Where there are two, the second is to take the first one's place.
    Given(Vec<ServerKey>),
    /// The files in this directory; one is made where nothing was kept yet.
    Directory(PathBuf),
}

/// A key that may be the one.
pub(super) struct Offered {
    pub(super) key: ServerKey,
    /// It waits to take the other's place.
    pub(super) next: bool,
}

/// The right to change the key.
pub(super) struct KeyChange {
    directory: PathBuf,
    /// Held until this is dropped, or the process dies.
    lock: File,
}

impl From<ServerKey> for ServerKeySource {
    fn from(key: ServerKey) -> Self {
        Self::Given(vec![key])
    }
}

impl ServerKeySource {
    /// The key of a new installation.
    pub(super) fn first(&self) -> Result<ServerKey, ServerKeyError> {
        match self {
            Self::Given(keys) => keys
                .first()
                .map(ServerKey::copy)
                .ok_or(ServerKeyError::None),
            Self::Directory(directory) => ServerKey::load_or_create(directory),
        }
    }

    /// The keys that there are.
    pub(super) fn offered(&self) -> Result<Vec<Offered>, ServerKeyError> {
        match self {
            Self::Given(keys) => Ok(keys
                .iter()
                .enumerate()
                .map(|(at, key)| Offered {
                    key: key.copy(),
                    next: at > 0,
                })
                .collect()),
            Self::Directory(directory) => {
                let files = [(FILE_NAME, false), (NEXT, true)];
                let mut offered = Vec::new();
                for (name, next) in files {
                    match read(&directory.join(name)) {
                        Ok(key) => offered.push(Offered { key, next }),
                        Err(error) if error.is_not_found() && next => {}
                        // The next one alone will do.
                        Err(error) if error.is_not_found() && directory.join(NEXT).exists() => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(offered)
            }
        }
    }

    /// Ends a change that was cut off: the key that opens the database gets the key's name.
    pub(super) fn settle(&self, found: &Offered) -> Result<(), ServerKeyError> {
        let Self::Directory(directory) = self else {
            return Ok(());
        };
        if !found.next {
            return Ok(());
        }
        // Who has the lock is about to do it.
        match KeyChange::try_begin(directory)? {
            Some(change) => change.finish_if(&found.key),
            None => Ok(()),
        }
    }

    /// The right to change the key in the directory; none for keys that somebody else keeps.
    pub(super) fn begin_change(&self) -> Result<Option<KeyChange>, ServerKeyError> {
        match self {
            Self::Given(_) => Ok(None),
            Self::Directory(directory) => {
                let lock = lock_file(directory)?;
                lock.lock().map_err(file_error(&directory.join(LOCK)))?;
                Ok(Some(KeyChange {
                    directory: directory.clone(),
                    lock,
                }))
            }
        }
    }
}

impl KeyChange {
    fn try_begin(directory: &Path) -> Result<Option<Self>, ServerKeyError> {
        let lock = lock_file(directory)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self {
                directory: directory.to_owned(),
                lock,
            })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(source)) => Err(file_error(&directory.join(LOCK))(source)),
        }
    }

    /// Makes the next key and keeps it beside the one in use. One that a change left behind that came to nothing is replaced.
    pub(super) fn write_next(&self) -> Result<ServerKey, ServerKeyError> {
        write_new(&self.directory, &self.directory.join(NEXT), true)?;
        read(&self.directory.join(NEXT))
    }

    /// Gives the next key the name of the one in use.
    pub(super) fn finish(&self) -> Result<(), ServerKeyError> {
        let next = self.directory.join(NEXT);
        fs::rename(&next, self.directory.join(FILE_NAME)).map_err(file_error(&next))?;
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(file_error(&self.directory))
    }

    /// The same, if the next key is this one.
    pub(super) fn finish_if(&self, key: &ServerKey) -> Result<(), ServerKeyError> {
        match read(&self.directory.join(NEXT)) {
            Ok(next) if next.is(key) => self.finish(),
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Drop for KeyChange {
    fn drop(&mut self) {
        // Closing the file gives the lock back too; said so that the field has its reason.
        let _ = self.lock.unlock();
    }
}

fn lock_file(directory: &Path) -> Result<File, ServerKeyError> {
    let path = directory.join(LOCK);
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(file_error(&path))
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> ServerKeyError + use<> {
    let path = path.to_owned();
    move |source| ServerKeyError::File { path, source }
}
