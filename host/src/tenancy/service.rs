//! The tenancy of one installation: a database and the server key that belongs to it.

use std::sync::Arc;

use super::audit::{self, Audit};
use super::cipher::{self, KEY_BYTES, KeyBytes};
use super::failed_logins::Watch;
use super::key_session::KeySessions;
use super::keyring::{Keyring, KeyringError};
use super::server_key_file::ServerKeySource;
use crate::clock::Clock;
use crate::store::{Database, PluginDeeds, StoreError, TenantId, hex};
use zeroize::Zeroizing;

const PEPPER_PURPOSE: &str = "v1 digest of chosen keys";
const COMPILED_CODE_PURPOSE: &str = "v1 seal of compiled plugins";
const FINGERPRINT_PURPOSE: &str = "v1 fingerprint of secrets";
const SETUP_PURPOSE: &str = "v1 digest of set-up arguments";

/// Tenants and their access keys.
pub struct Tenancy {
    pub(super) database: Arc<dyn Database>,
    pub(super) clock: Arc<dyn Clock>,
    /// What the server key wraps.
    pub(super) keyring: Arc<Keyring>,
    /// Under which access keys are looked up.
    pub(super) index_key: KeyBytes,
    /// What was done.
    pub(super) audit: Audit,
    pub(super) installation_key: KeyBytes,
    pub(super) sessions: KeySessions,
    pub(super) watch: Watch,
    setup_key: KeyBytes,
    fingerprint_key: KeyBytes,
}

/// Why tenancy does not work as a whole.
pub type TenancyError = KeyringError;

impl Tenancy {
    /// Opens the tenancy in a database, making its keys if this is the first time.
    ///
    /// # Errors
    /// The database belongs to another server key, or fails.
    pub async fn open(
        database: Arc<dyn Database>,
        server_key: impl Into<ServerKeySource>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TenancyError> {
        let (keyring, standing) = Keyring::open(database.clone(), server_key.into()).await?;
        let derive = |purpose| cipher::derive(standing.installation.as_slice(), None, purpose);
        Ok(Self {
            audit: Audit::open(
                database.clone(),
                &derive(audit::CHAIN_PURPOSE),
                clock.clone(),
            ),
            keyring: Arc::new(keyring),
            index_key: standing.index,
            sessions: KeySessions::new(derive(PEPPER_PURPOSE)),
            watch: Watch::default(),
            setup_key: derive(SETUP_PURPOSE),
            fingerprint_key: derive(FINGERPRINT_PURPOSE),
            installation_key: standing.installation,
            database,
            clock,
        })
    }

    /// A key of this installation for one purpose. It stays when the server key is changed.
    pub(super) fn derive(&self, purpose: &str) -> KeyBytes {
        cipher::derive(self.installation_key.as_slice(), None, purpose)
    }

    /// The key under which compiled plugins are sealed, so that only code of this installation's own making is run.
    pub fn compiled_code_key(&self) -> Zeroizing<[u8; KEY_BYTES]> {
        self.derive(COMPILED_CODE_PURPOSE)
    }

    /// Adds to what plugins did, over all tenants.
    ///
    /// # Errors
    /// The database failed.
    pub async fn count_deeds(&self, deeds: Vec<(String, PluginDeeds)>) -> Result<(), StoreError> {
        self.database.count_deeds(deeds).await
    }

    /// What was done here, and by whom.
    pub fn audit(&self) -> &Audit {
        &self.audit
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
