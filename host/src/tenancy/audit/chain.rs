//! The key of the chain, derived from this installation's own: that one is random and stands wrapped by the server key, so that a
//! new server key changes nothing here and old rows can still be verified.

use crate::store::AuditChain;
use crate::tenancy::cipher::{self, KeyBytes, hmac_sha256};

/// What the key is derived for.
pub(in crate::tenancy) const CHAIN_PURPOSE: &str = "v1 chain of the audit trail";

/// Links rows of the audit trail.
pub(super) struct Chain {
    links: KeyBytes,
    checkpoints: KeyBytes,
}

impl Chain {
    pub(super) fn new(key: &KeyBytes) -> Self {
        Self {
            links: cipher::derive(key.as_slice(), None, "v1 audit link"),
            checkpoints: cipher::derive(key.as_slice(), None, "v1 audit checkpoint"),
        }
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
