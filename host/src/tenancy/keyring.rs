//! The server key as a running process has it: what it wraps, by number, and how a new one is noticed.
//!
//! `server-key rotate` wraps everything anew while servers run. Each wrapping stands with the number of the server key that
//! made it, which is part of what the ciphertext is bound to. A process that meets a number it does not know looks for the
//! new key where it found its own (the file, or a second variable), and goes on with it.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use zeroize::Zeroizing;

use super::access_key::AccessKey;
use super::cipher::{self, Binding, CipherError, KEY_BYTES, KeyBytes};
use super::data_key::DataKey;
use super::server_key::{ServerKey, ServerKeyError};
use super::server_key_file::{KeyChange, ServerKeySource};
use crate::store::{Database, KeyId, StoreError, TenantId, Wrapped};

/// The row of the wrapped index key.
pub(super) const INDEX_KEY: &str = "index_key";
/// The row of the wrapped installation key.
pub(super) const INSTALLATION_KEY: &str = "installation_key";
/// The rows that the server key wraps.
pub(super) const WRAPPED_METAS: &[&str] = &[INDEX_KEY, INSTALLATION_KEY];
/// The row of the server key's number.
const VERSION: &str = "server_key_version";
/// The number of a new installation's first server key. 0 belongs to wrappings from before keys were counted.
const FIRST: u32 = 1;

const INDEX_PURPOSE: &str = "v1 index key wrapped by server key";
const INSTALLATION_PURPOSE: &str = "v1 installation key wrapped by server key";
const DATA_PURPOSE: &str = "v1 data key wrapped by server key";
const HOOK_PURPOSE: &str = "v1 hook key wrapped by server key";
/// How often a look is repeated that a change of the key may have come between.
const LOOKS: usize = 5;

/// Why there is no server key that opens this database.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// None that this process knows of wraps the database.
    #[error(
        "this data directory belongs to another server key (number {stands} of it): start with that one, in \
         ORDERDESK_MCP_SERVER_KEY or as server.key. If the key was changed by 'server-key rotate', it is the new one"
    )]
    WrongServerKey {
        /// The number of the one that is needed.
        stands: u32,
    },
    /// The key cannot be read.
    #[error(transparent)]
    ServerKey(#[from] ServerKeyError),
    /// What is stored was altered, or nothing can be encrypted.
    #[error(transparent)]
    Cipher(#[from] CipherError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The keys that one server key gives, each for what it wraps.
pub(super) struct Layers {
    version: u32,
    index: KeyBytes,
    installation: KeyBytes,
    data: KeyBytes,
    hook: KeyBytes,
}

/// What the server key opens, and which server key that is now.
pub(super) struct Keyring {
    database: Arc<dyn Database>,
    source: ServerKeySource,
    layers: ArcSwap<Layers>,
}

/// The server key in use, before it is changed.
pub(super) struct Current {
    pub(super) layers: Layers,
    /// It is the one that was to take another's place.
    pub(super) given_second: bool,
    /// The other one that there is.
    pub(super) other: Option<ServerKey>,
}

/// The keys of the installation that stay when the server key is changed.
pub(super) struct StandingKeys {
    /// Under which access keys are looked up.
    pub(super) index: KeyBytes,
    /// From which keys for single purposes are derived.
    pub(super) installation: KeyBytes,
}

impl Layers {
    pub(super) fn of(key: &ServerKey, version: u32) -> Self {
        Self {
            version,
            index: key.derive(INDEX_PURPOSE),
            installation: key.derive(INSTALLATION_PURPOSE),
            data: key.derive(DATA_PURPOSE),
            hook: key.derive(HOOK_PURPOSE),
        }
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// The outer layer of a data key.
    pub(super) fn wrap_data_key(
        &self,
        data_key: &DataKey,
        tenant: &TenantId,
        salt: &[u8],
        access_key: &AccessKey,
    ) -> Result<Vec<u8>, CipherError> {
        let inner = data_key.wrap(tenant, salt, access_key)?;
        self.seal(Wrapped::AccessKey(tenant, access_key.id()), &inner)
    }

    pub(super) fn unwrap_data_key(
        &self,
        wrapped: &[u8],
        tenant: &TenantId,
        salt: &[u8],
        access_key: &AccessKey,
    ) -> Result<DataKey, CipherError> {
        let inner = self.open(Wrapped::AccessKey(tenant, access_key.id()), wrapped)?;
        DataKey::unwrap(&inner, tenant, salt, access_key)
    }

    pub(super) fn wrap_hook_key(
        &self,
        tenant: &TenantId,
        hash: &[u8],
        key: &KeyBytes,
    ) -> Result<Vec<u8>, CipherError> {
        self.seal(Wrapped::Hook(tenant, hash), key.as_slice())
    }

    pub(super) fn unwrap_hook_key(
        &self,
        tenant: &TenantId,
        hash: &[u8],
        wrapped: &[u8],
    ) -> Result<KeyBytes, CipherError> {
        key_bytes(&self.open(Wrapped::Hook(tenant, hash), wrapped)?)
    }

    /// What these keys wrapped, wrapped by others; none if it does not open.
    pub(super) fn anew(&self, next: &Self, what: &Wrapped<'_>, wrapped: &[u8]) -> Option<Vec<u8>> {
        let (key, binding) = self.place(what)?;
        let inner = cipher::open(key, &binding, wrapped).ok()?;
        let (key, binding) = next.place(what)?;
        cipher::seal(key, &binding, &inner).ok()
    }

    pub(super) fn seal(&self, what: Wrapped<'_>, inner: &[u8]) -> Result<Vec<u8>, CipherError> {
        let (key, binding) = self.place(&what).ok_or(CipherError::Refused)?;
        cipher::seal(key, &binding, inner)
    }

    pub(super) fn open(
        &self,
        what: Wrapped<'_>,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CipherError> {
        let (key, binding) = self.place(&what).ok_or(CipherError::Refused)?;
        cipher::open(key, &binding, wrapped)
    }

    /// The key for a value, and what its ciphertext is bound to: its purpose, its place, the number of the server key.
    fn place(&self, what: &Wrapped<'_>) -> Option<(&KeyBytes, Binding)> {
        let (key, binding) = match what {
            Wrapped::Meta(INDEX_KEY) => (&self.index, Binding::to(INDEX_PURPOSE)),
            Wrapped::Meta(INSTALLATION_KEY) => {
                (&self.installation, Binding::to(INSTALLATION_PURPOSE))
            }
            Wrapped::Meta(_) => return None,
            Wrapped::AccessKey(tenant, id) => (
                &self.data,
                Binding::to(DATA_PURPOSE)
                    .and(tenant.as_str().as_bytes())
                    .and(KeyId::as_str(id).as_bytes()),
            ),
            Wrapped::Hook(tenant, hash) => (
                &self.hook,
                Binding::to(HOOK_PURPOSE)
                    .and(tenant.as_str().as_bytes())
                    .and(hash),
            ),
        };
        Some(match self.version {
            0 => (key, binding),
            version => (key, binding.and(&version.to_be_bytes())),
        })
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Layers({})", self.version)
    }
}

impl Keyring {
    /// Finds the server key that belongs to this database; a new database takes the first that is offered.
    pub(super) async fn open(
        database: Arc<dyn Database>,
        source: ServerKeySource,
    ) -> Result<(Self, StandingKeys), KeyringError> {
        let index = match database.meta(INDEX_KEY).await? {
            Some(index) => index,
            None => begin(database.as_ref(), &source).await?,
        };
        let mut looks = 0;
        let (layers, standing) = loop {
            let (layers, index, key) = find(database.as_ref(), &source, index.clone()).await?;
            looks += 1;
            match installation(database.as_ref(), &layers, &key).await {
                Ok(installation) => {
                    let standing = StandingKeys {
                        index,
                        installation,
                    };
                    break (layers, standing);
                }
                // The key may have been changed between these looks.
                Err(KeyringError::Cipher(CipherError::Refused)) if looks < LOOKS => {}
                Err(error) => return Err(error),
            }
        };
        let keyring = Self {
            database,
            source,
            layers: ArcSwap::from_pointee(layers),
        };
        Ok((keyring, standing))
    }

    /// The keys that this process wraps with.
    pub(super) fn layers(&self) -> Arc<Layers> {
        self.layers.load_full()
    }

    /// The keys of this number, if it is the one that stands.
    ///
    /// # Errors
    /// This process cannot find that server key; the database failed.
    pub(super) async fn layers_of(&self, version: u32) -> Result<Arc<Layers>, KeyringError> {
        let known = self.layers();
        if known.version == version {
            return Ok(known);
        }
        let index = self.index().await?;
        let (layers, ..) = find(self.database.as_ref(), &self.source, index).await?;
        tracing::info!(
            from = known.version,
            to = layers.version,
            "the server key was changed; going on with the new one"
        );
        let layers = Arc::new(layers);
        self.layers.store(layers.clone());
        if layers.version == version {
            Ok(layers)
        } else {
            // It was wrapped before the last change and read after it, or it is a made-up row.
            Err(StoreError::ServerKeyChanged {
                stands: layers.version,
            }
            .into())
        }
    }

    /// The right to change the server key, where that is ours to write.
    pub(super) fn begin_change(&self) -> Result<Option<KeyChange>, ServerKeyError> {
        self.source.begin_change()
    }

    /// The key that is in use now; where a change was cut off, that is ended first.
    pub(super) async fn current(
        &self,
        change: Option<&KeyChange>,
    ) -> Result<Current, KeyringError> {
        let index = self.index().await?;
        let (layers, _, key) = find(self.database.as_ref(), &self.source, index).await?;
        if let Some(change) = change {
            change.finish_if(&key)?;
        }
        let mut offered = self.source.offered()?;
        let given_second = offered.iter().any(|it| it.next && it.key.is(&key));
        offered.retain(|it| !it.key.is(&key));
        Ok(Current {
            layers,
            given_second,
            other: offered.pop().map(|it| it.key),
        })
    }

    /// Wraps with these from now on.
    pub(super) fn go_on_with(&self, layers: Arc<Layers>) {
        self.layers.store(layers);
    }

    async fn index(&self) -> Result<Vec<u8>, KeyringError> {
        self.database.meta(INDEX_KEY).await?.ok_or_else(|| {
            StoreError::Damaged {
                table: "meta",
                problem: "the index key is gone".to_owned(),
            }
            .into()
        })
    }
}

/// The first start on a database: of processes that start together, all take what one of them keeps.
async fn begin(database: &dyn Database, source: &ServerKeySource) -> Result<Vec<u8>, KeyringError> {
    database
        .meta_or_insert(VERSION, FIRST.to_be_bytes().to_vec())
        .await?;
    let key = source.first()?;
    let new =
        Layers::of(&key, FIRST).seal(Wrapped::Meta(INDEX_KEY), cipher::random_key()?.as_slice())?;
    Ok(database.meta_or_insert(INDEX_KEY, new).await?)
}

/// The offered server key that opens the index key.
async fn find(
    database: &dyn Database,
    source: &ServerKeySource,
    mut index: Vec<u8>,
) -> Result<(Layers, KeyBytes, ServerKey), KeyringError> {
    let mut stands = 0;
    for _ in 0..LOOKS {
        stands = database.server_key_version().await?;
        for offered in source.offered()? {
            let layers = Layers::of(&offered.key, stands);
            if let Ok(opened) = layers.open(Wrapped::Meta(INDEX_KEY), &index) {
                source.settle(&offered)?;
                return Ok((layers, key_bytes(&opened)?, offered.key));
            }
        }
        // The key may have been changed between these looks.
        index = database.meta(INDEX_KEY).await?.unwrap_or(index);
    }
    Err(KeyringError::WrongServerKey { stands })
}

/// The key from which others are derived that stay when the server key is changed.
async fn installation(
    database: &dyn Database,
    layers: &Layers,
    key: &ServerKey,
) -> Result<KeyBytes, KeyringError> {
    let standing = match database.meta(INSTALLATION_KEY).await? {
        Some(standing) => standing,
        None => {
            // Before there was one, its purposes were derived from the server key itself; they keep their keys.
            let new = match layers.version {
                0 => key.copy_bytes(),
                _ => cipher::random_key()?,
            };
            let sealed = layers.seal(Wrapped::Meta(INSTALLATION_KEY), new.as_slice())?;
            database.meta_or_insert(INSTALLATION_KEY, sealed).await?
        }
    };
    Ok(key_bytes(
        &layers.open(Wrapped::Meta(INSTALLATION_KEY), &standing)?,
    )?)
}

fn key_bytes(bytes: &[u8]) -> Result<KeyBytes, CipherError> {
    <[u8; KEY_BYTES]>::try_from(bytes)
        .map(Zeroizing::new)
        .map_err(|_| CipherError::Refused)
}
