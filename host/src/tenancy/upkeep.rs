//! The job that takes off what is old, from every table that grows ([`crate::store::RETENTION`] says how).

use std::sync::Arc;
use std::time::Duration;

use super::audit::Audit;
use super::service::Tenancy;
use crate::clock::Clock;
use crate::store::{Database, Purged, StoreError};

/// How often.
const EVERY: Duration = Duration::from_secs(600);

/// Takes off what is old.
pub struct Upkeep {
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
    audit: Audit,
    keep_audit: Duration,
}

/// What one round took off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// Of most tables.
    pub purged: Purged,
    /// Rows of the audit trail.
    pub audit: usize,
}

impl Upkeep {
    /// For this database, whose audit trail is kept for so long.
    pub fn new(database: Arc<dyn Database>, tenancy: &Tenancy, keep_audit: Duration) -> Self {
        Self {
            database,
            clock: tenancy.clock.clone(),
            audit: tenancy.audit().clone(),
            keep_audit,
        }
    }

    /// One round.
    ///
    /// # Errors
    /// The database failed; what is left is taken off next time.
    pub async fn once(&self) -> Result<Removed, StoreError> {
        Ok(Removed {
            purged: self.database.purge(self.clock.now()).await?,
            audit: self.audit.trim(self.keep_audit).await?,
        })
    }

    /// A round at once and then every ten minutes, until `stopped` resolves.
    pub async fn until(&self, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        let mut interval = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                _ = interval.tick() => {}
                () = &mut stopped => return,
            }
            match self.once().await {
                Ok(removed) => tracing::debug!(?removed, "removed what is old"),
                Err(error) => tracing::warn!(cause = %error, "old rows could not be removed"),
            }
        }
    }
}
