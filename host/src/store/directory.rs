//! The data directory and the files in it belong to one user.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Makes the data directory, for its user alone (mode 0700), if it is not there. One that exists keeps its mode, since an
/// operator chose it; each file in it is guarded by its own.
///
/// # Errors
/// The directory cannot be made.
pub fn prepare_data_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a file for its user alone (mode 0600) if it is not there, and narrows its mode if it is wider.
///
/// An existing file is not opened: closing it again would drop the POSIX locks that SQLite holds on it elsewhere in this
/// process (<https://sqlite.org/howtocorrupt.html>, section 2.2).
pub(crate) fn prepare_private_file(path: &Path) -> io::Result<()> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made.map(drop),
    }
    let mut permissions = fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o600);
        fs::set_permissions(path, permissions)?;
    }
    Ok(())
}
