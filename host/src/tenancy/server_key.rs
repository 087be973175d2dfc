//! The server key: the outer layer around every tenant's data key, kept outside the database.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::cipher::{self, CipherError, KEY_BYTES, KeyBytes};
use crate::store::prepare_data_directory;

/// The key's file in the data directory.
pub(super) const FILE_NAME: &str = "server.key";

/// Takes padding or none; the URL-safe alphabet is translated first.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// 32 random bytes that belong to one installation. Whoever has them and the database can still read nothing without a
/// tenant's access key, apart from the local tenant, whose access key is derived from them.
pub struct ServerKey(KeyBytes);

/// Why there is no server key.
#[derive(Debug, thiserror::Error)]
pub enum ServerKeyError {
    /// The text is not base64.
    #[error("the server key is not base64; make one with: openssl rand -base64 32")]
    NotBase64,
    /// The text is base64 of something else.
    #[error("the server key has {0} bytes and needs 32; make one with: openssl rand -base64 32")]
    WrongLength(usize),
    /// Others on this machine could have read it.
    #[error(
        "{path} can be read by other users (mode {mode:03o}); if nobody else has read it, run: chmod 600 {path}"
    )]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file cannot be read or made.
    #[error("cannot use the server key in {path}: {source}")]
    File {
        /// The file or its directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No key was given at all.
    #[error("there is no server key")]
    None,
    /// No key can be made.
    #[error(transparent)]
    Cipher(#[from] CipherError),
}

impl ServerKey {
    /// Reads a key from text: 32 bytes in base64, standard or URL-safe, with or without padding.
    ///
    /// # Errors
    /// The text is something else.
    pub fn from_base64(text: &str) -> Result<Self, ServerKeyError> {
        let standard: Zeroizing<String> = Zeroizing::new(
            text.trim()
                .chars()
                .map(|character| match character {
                    '-' => '+',
                    '_' => '/',
                    other => other,
                })
                .collect(),
        );
        let bytes = Zeroizing::new(
            BASE64
                .decode(standard.as_bytes())
                .map_err(|_| ServerKeyError::NotBase64)?,
        );
        let key: [u8; KEY_BYTES] = bytes
            .as_slice()
            .try_into()
            .map_err(|_| ServerKeyError::WrongLength(bytes.len()))?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// Reads the key in `data_directory`, or makes one there. Processes that start together get the same.
    ///
    /// # Errors
    /// The file cannot be read or made, holds something else, or can be read by others.
    pub fn load_or_create(data_directory: &Path) -> Result<Self, ServerKeyError> {
        let path = data_directory.join(FILE_NAME);
        match read(&path) {
            Err(error) if error.is_not_found() => {
                write_new(data_directory, &path, false)?;
                read(&path)
            }
            read => read,
        }
    }

    /// Whether a data directory has a key.
    pub fn is_in(data_directory: &Path) -> bool {
        data_directory.join(FILE_NAME).exists()
    }

    /// A second one of the same, for a process that holds several.
    pub(super) fn copy(&self) -> Self {
        Self(self.0.clone())
    }

    /// Whether both are the same key; in constant time.
    pub(super) fn is(&self, other: &Self) -> bool {
        bool::from(self.0.as_slice().ct_eq(other.0.as_slice()))
    }

    /// The key itself, to be kept encrypted.
    pub(super) fn copy_bytes(&self) -> KeyBytes {
        self.0.clone()
    }

    /// A key for one purpose, derived from this one.
    pub(super) fn derive(&self, purpose: &str) -> KeyBytes {
        cipher::derive(self.0.as_slice(), None, purpose)
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ServerKey")
    }
}

impl ServerKeyError {
    /// Whether there is no such file.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

pub(super) fn read(path: &Path) -> Result<ServerKey, ServerKeyError> {
    let file_error = |source| ServerKeyError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(file_error)?;
    // The mode of the open file, so that it cannot be exchanged between look and read.
    let mode = file.metadata().map_err(file_error)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(ServerKeyError::ReadableByOthers {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = Zeroizing::new(String::with_capacity(64));
    file.read_to_string(&mut text).map_err(file_error)?;
    ServerKey::from_base64(&text)
}

/// Makes the file whole and under another name, and then gives it its name, if nobody was faster or `replace` is set: no
/// process ever sees half a key, and none replaces a key that is in use.
pub(super) fn write_new(
    data_directory: &Path,
    path: &Path,
    replace: bool,
) -> Result<(), ServerKeyError> {
    let file_error = |source| ServerKeyError::File {
        path: path.to_owned(),
        source,
    };
    prepare_data_directory(data_directory).map_err(file_error)?;
    let key = cipher::random_key()?;
    let mut text = BASE64.encode(key.as_slice());
    let mut file = tempfile::Builder::new()
        .prefix(FILE_NAME)
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(data_directory)
        .map_err(file_error)?;
    let written = writeln!(file, "{text}");
    text.zeroize();
    written
        .and_then(|()| file.as_file().sync_all())
        .map_err(file_error)?;
    let named = if replace {
        file.persist(path)
    } else {
        file.persist_noclobber(path)
    };
    match named {
        Ok(_) => {}
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(refused) => return Err(file_error(refused.error)),
    }
    // The name must survive a power failure before anything is encrypted with the key.
    File::open(data_directory)
        .and_then(|directory| directory.sync_all())
        .map_err(file_error)
}
