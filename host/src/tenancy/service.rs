//! The tenancy of one installation: a database and the server key that belongs to it.

use std::sync::Arc;

use super::cipher::{self, Binding, CipherError, KEY_BYTES, KeyBytes};
use super::data_key::server_layer;
use super::server_key::ServerKey;
use crate::clock::Clock;
use crate::store::{Database, PluginDeeds, StoreError, TenantId};
use zeroize::Zeroizing;

/// The row of the wrapped index key.
const INDEX_KEY: &str = "index_key";
const INDEX_KEY_PURPOSE: &str = "v1 index key wrapped by server key";
const COMPILED_CODE_PURPOSE: &str = "v1 seal of compiled plugins";
const FINGERPRINT_PURPOSE: &str = "v1 fingerprint of secrets";
const SETUP_PURPOSE: &str = "v1 digest of set-up arguments";

/// Tenants and their access keys.
pub struct Tenancy {
    pub(super) database: Arc<dyn Database>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) server_key: ServerKey,
    /// The outer layer of wrapped data keys, derived once.
    pub(super) server_layer: KeyBytes,
    /// Under which access keys are looked up.
    pub(super) index_key: KeyBytes,
    setup_key: KeyBytes,
    fingerprint_key: KeyBytes,
}

/// Why tenancy does not work as a whole.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    /// The server key does not belong to this database.
    #[error(
        "this data directory was made with another server key: start with the key it was made with (in ORDERDESK_MCP_SERVER_KEY \
         or server.key), or choose another data directory"
    )]
    WrongServerKey,
    /// Nothing can be encrypted.
    #[error(transparent)]
    Cipher(#[from] CipherError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Tenancy {
    /// Opens the tenancy in a database, making its index key if this is the first time.
    ///
    /// # Errors
    /// The database belongs to another server key, or fails.
    pub async fn open(
        database: Arc<dyn Database>,
        server_key: ServerKey,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TenancyError> {
        let wrapping = server_key.derive(INDEX_KEY_PURPOSE);
        let binding = Binding::to(INDEX_KEY_PURPOSE);
        let standing = match database.meta(INDEX_KEY).await? {
            Some(standing) => standing,
            None => {
                let new = cipher::seal(&wrapping, &binding, cipher::random_key()?.as_slice())?;
                database.meta_or_insert(INDEX_KEY, new).await?
            }
        };
        let index_key = cipher::open(&wrapping, &binding, &standing)
            .ok()
            .and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok())
            .ok_or(TenancyError::WrongServerKey)?;
        Ok(Self {
            server_layer: server_layer(&server_key),
            setup_key: server_key.derive(SETUP_PURPOSE),
            fingerprint_key: server_key.derive(FINGERPRINT_PURPOSE),
            index_key: Zeroizing::new(index_key),
            database,
            clock,
            server_key,
        })
    }

    /// The key under which compiled plugins are sealed, so that only code of this installation's own making is run.
    pub fn compiled_code_key(&self) -> Zeroizing<[u8; KEY_BYTES]> {
        self.server_key.derive(COMPILED_CODE_PURPOSE)
    }

    /// Adds to what plugins did, over all tenants.
    ///
    /// # Errors
    /// The database failed.
    pub async fn count_deeds(&self, deeds: Vec<(String, PluginDeeds)>) -> Result<(), StoreError> {
        self.database.count_deeds(deeds).await
    }

    /// Whether the database answers.
    pub async fn reachable(&self) -> bool {
        self.database.ping().await.is_ok()
    }

    /// The same for the same secret, however often it was sealed; tells nothing of it to who has not the server key.
    pub fn secret_fingerprint(&self, plaintext: &[u8]) -> String {
        hex(&cipher::hmac_sha256(&self.fingerprint_key, plaintext)[..16])
    }

    /// Names a set-up call by its arguments, which may be secret: only who has the server key can tell which they were.
    /// `canonical_arguments` must be the same bytes for the same call.
    pub fn setup_digest(&self, canonical_arguments: &[u8]) -> String {
        hex(&cipher::hmac_sha256(&self.setup_key, canonical_arguments))
    }

    /// Whether this set-up call was made for this tenant.
    ///
    /// # Errors
    /// The database failed.
    pub async fn setup_done(&self, tenant: &TenantId, digest: &str) -> Result<bool, StoreError> {
        self.database.first_call_done(tenant, digest).await
    }

    /// Notes that this set-up call was made; false if that was noted before.
    ///
    /// # Errors
    /// The database failed.
    pub async fn mark_setup_done(
        &self,
        tenant: &TenantId,
        digest: &str,
    ) -> Result<bool, StoreError> {
        self.database
            .mark_first_call(tenant, digest, self.clock.now())
            .await
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
