//! The key of the chain: random, and kept wrapped by the server key.
//!
//! It is not derived from the server key, so that a new server key only wraps it anew and old rows can still be verified.

use std::sync::Arc;

use crate::store::{AuditChain, Database};
use crate::tenancy::cipher::{self, Binding, KEY_BYTES, KeyBytes, hmac_sha256};
use crate::tenancy::server_key::ServerKey;
use crate::tenancy::service::TenancyError;
use zeroize::Zeroizing;

/// The row of `meta` that holds the wrapped key.
pub const CHAIN_KEY: &str = "audit_chain_key";
/// What it is wrapped for: the purpose under which the wrapping key is derived from the server key, and its binding.
pub const CHAIN_KEY_PURPOSE: &str = "v1 audit chain key wrapped by server key";

/// Links rows of the audit trail.
pub(super) struct Chain {
    links: KeyBytes,
    checkpoints: KeyBytes,
}

impl Chain {
    /// The chain of this database, whose key is made if this is the first time.
    ///
    /// # Errors
    /// The database belongs to another server key, or fails.
    pub(super) async fn open(
        database: &dyn Database,
        server_key: &ServerKey,
    ) -> Result<Arc<Self>, TenancyError> {
        let wrapping = server_key.derive(CHAIN_KEY_PURPOSE);
        let binding = Binding::to(CHAIN_KEY_PURPOSE);
        let standing = match database.meta(CHAIN_KEY).await? {
            Some(standing) => standing,
            None => {
                let new = cipher::seal(&wrapping, &binding, cipher::random_key()?.as_slice())?;
                database.meta_or_insert(CHAIN_KEY, new).await?
            }
        };
        let key = cipher::open(&wrapping, &binding, &standing)
            .ok()
            .and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok())
            .map(Zeroizing::new)
            .ok_or(TenancyError::WrongServerKey)?;
        Ok(Arc::new(Self {
            links: cipher::derive(key.as_slice(), None, "v1 audit link"),
            checkpoints: cipher::derive(key.as_slice(), None, "v1 audit checkpoint"),
        }))
    }
}

impl AuditChain for Chain {
    fn link(&self, previous: &[u8], row: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(8 + previous.len() + row.len());
        message.extend_from_slice(&(previous.len() as u64).to_be_bytes());
        message.extend_from_slice(previous);
        message.extend_from_slice(row);
        hmac_sha256(&self.links, &message).to_vec()
    }

    fn sign(&self, checkpoint: &[u8]) -> Vec<u8> {
        hmac_sha256(&self.checkpoints, checkpoint).to_vec()
    }
}
