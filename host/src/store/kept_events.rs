//! Events as every process sees them: whichever kept one, all follow.

use async_trait::async_trait;

use super::{HookRecord, StoreError};

/// An event that was kept, by whichever process.
#[derive(Debug, Clone)]
pub struct KeptEvent {
    /// Its number; later ones have higher ones.
    pub id: i64,
    /// The ciphertext.
    pub sealed: Vec<u8>,
    /// What makes the event the same as another; the ciphertext is bound to it.
    pub identity: Vec<u8>,
    /// The hook that it came through.
    pub hook: HookRecord,
    /// The name of the tenant.
    pub tenant_name: String,
}

/// The part of a database that processes follow.
#[async_trait]
pub trait KeptEventDatabase: Send + Sync {
    /// The number of the newest event; 0 if there is none.
    async fn last_event(&self) -> Result<i64, StoreError>;

    /// Up to `limit` events after this number, in their order.
    async fn events_after(&self, id: i64, limit: u32) -> Result<Vec<KeptEvent>, StoreError>;
}
