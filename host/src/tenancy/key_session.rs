//! What checks keys that people chose: bcrypt, once, and a short memory of its verdicts.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use moka::sync::Cache;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::cipher::{KeyBytes, hmac_sha256};

/// 2^12 rounds: a quarter of a second.
const COST: u32 = 12;
/// How long a verdict counts.
const SESSION: Duration = Duration::from_secs(900);
const SESSIONS: u64 = 10_000;

/// Why a key was not hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// bcrypt refuses.
    #[error("bcrypt failed: {0}")]
    Bcrypt(#[from] bcrypt::BcryptError),
    /// The program ends.
    #[error("checking a key was cut short: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
    /// The program ends.
    #[error("checking a key was cut short")]
    Closed(#[from] tokio::sync::AcquireError),
}

/// Hashes and checks chosen keys.
pub(super) struct KeySessions {
    /// What is hashed is a digest under this key: the database alone says nothing about a key.
    pepper: KeyBytes,
    /// Each bcrypt keeps a processor busy; others have work to do, too.
    turns: Arc<Semaphore>,
    /// Which hash a key was found right for. The rows of key and tenant are read at each request all the same: a key that was
    /// revoked or renewed is not found, or has another hash.
    verdicts: Cache<SessionName, Arc<str>>,
}

/// The look-up of a key: the same for the same key, and worth as much as it to who has the database's index.
#[derive(PartialEq, Eq)]
struct SessionName(KeyBytes);

impl Hash for SessionName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_slice().hash(state);
    }
}

impl KeySessions {
    pub(super) fn new(pepper: KeyBytes) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            pepper,
            turns: Arc::new(Semaphore::new((processors / 2).max(1))),
            verdicts: Cache::builder()
                .max_capacity(SESSIONS)
                .time_to_live(SESSION)
                .build(),
        }
    }

    /// The hash of a key, to be stored.
    pub(super) async fn hash(&self, key: &str) -> Result<String, HashingError> {
        let digest = self.digest(key);
        let _turn = self.turns.clone().acquire_owned().await?;
        Ok(tokio::task::spawn_blocking(move || bcrypt::hash(digest.as_bytes(), COST)).await??)
    }

    /// Whether this is the key of the hash. `lookup` is how it was found.
    pub(super) async fn verify(
        &self,
        key: &str,
        lookup: &KeyBytes,
        hash: &str,
    ) -> Result<bool, HashingError> {
        let name = SessionName(lookup.clone());
        if self.verdicts.get(&name).as_deref() == Some(hash) {
            return Ok(true);
        }
        let turn = self.turns.clone().acquire_owned().await?;
        // Another request with the same key may have had its turn meanwhile.
        if self.verdicts.get(&name).as_deref() == Some(hash) {
            return Ok(true);
        }
        let (digest, hash) = (self.digest(key), Arc::<str>::from(hash));
        let wanted = hash.clone();
        // The turn goes along: a caller that gives up does not make room for another while this one still computes.
        let right = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            bcrypt::verify(digest.as_bytes(), &wanted)
        })
        .await??;
        if right {
            self.verdicts.insert(name, hash);
        }
        Ok(right)
    }

    /// bcrypt stops at 72 bytes and at the first zero: it gets 44 characters of base64.
    fn digest(&self, key: &str) -> Zeroizing<String> {
        let digest = Zeroizing::new(hmac_sha256(&self.pepper, key.as_bytes()));
        Zeroizing::new(STANDARD.encode(digest.as_slice()))
    }
}
