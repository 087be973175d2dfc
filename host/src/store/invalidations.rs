//! What one process no longer keeps in its cache, told to the others.

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;

/// Tags of one plugin's cache whose entries are out of date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheInvalidation {
    /// The tenant's id.
    pub tenant: String,
    /// The plugin's name in the config.
    pub plugin: String,
    /// What the entries are about.
    pub subject: Option<String>,
    /// A tag of the entries.
    pub tag: String,
}

/// What other processes did since a look before.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct InvalidationsSeen {
    /// In their sequence.
    pub invalidations: Vec<CacheInvalidation>,
    /// The last one that there is: to look on from.
    pub last: i64,
}

/// The part of a database through which processes tell each other what is out of date.
#[async_trait]
pub trait CacheDatabase: Send + Sync {
    /// A number that is another one after anybody wrote anything; none where it cannot be told at once. It costs no access
    /// to the disk.
    fn change_number(&self) -> Option<i64>;

    /// Tells the other processes. `process` is a random name of this one.
    async fn add_invalidations(
        &self,
        process: [u8; 16],
        invalidations: Vec<CacheInvalidation>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// What others told after the one with this id; without one nothing, but where to look on from.
    async fn invalidations_since(
        &self,
        process: [u8; 16],
        last: Option<i64>,
    ) -> Result<InvalidationsSeen, StoreError>;
}
