//! How much a plugin keeps for a tenant, held against its limit before it keeps more.
//!
//! To add up all documents at every commit would cost more than the commit. So the sum is taken from the database now and then,
//! and what was written since is added to it: it may count a replaced document twice until then, and processes that share a
//! database see each other's documents at the next look.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;

use super::context::CallContext;
use super::contract::{Error, ErrorKind};
use crate::store::{Change, Database, Write};

/// After this the database is asked again.
const FRESH: Duration = Duration::from_secs(60);
/// Pairs of tenant and plugin that are remembered.
const PAIRS: u64 = 10_000;

/// What plugins keep, by tenant and plugin.
pub struct StoredBytes {
    database: Arc<dyn Database>,
    known: Cache<(String, String), Arc<AtomicU64>>,
}

impl StoredBytes {
    /// Of this database.
    pub fn new(database: Arc<dyn Database>) -> Self {
        Self {
            database,
            known: Cache::builder()
                .max_capacity(PAIRS)
                .time_to_live(FRESH)
                .build(),
        }
    }

    /// Counts what is about to be written.
    ///
    /// # Errors
    /// It would be more than the plugin may keep; the database failed.
    pub(super) async fn take(&self, call: &CallContext, writes: &[Write]) -> Result<(), Error> {
        let new: u64 = writes
            .iter()
            .map(|write| match &write.change {
                Change::Put(content) => content.value.len() as u64,
                Change::Remove => 0,
            })
            .sum();
        // Removing is always possible.
        if new == 0 {
            return Ok(());
        }
        let limit = call.grantee.stored_limit;
        let pair = (call.tenant().to_owned(), call.grantee.name.clone());
        let sum = self.sum(call, &pair).await?;
        if sum.fetch_add(new, Ordering::Relaxed).saturating_add(new) <= limit {
            return Ok(());
        }
        // It may be less: something was removed or replaced.
        self.known.invalidate(&pair).await;
        let sum = self.sum(call, &pair).await?;
        let kept = sum.fetch_add(new, Ordering::Relaxed);
        if kept.saturating_add(new) <= limit {
            return Ok(());
        }
        self.known.invalidate(&pair).await;
        let name = &call.grantee.name;
        Err(Error::new(
            ErrorKind::TooLarge,
            "stored-limit",
            format!(
                "The plugin '{name}' keeps {kept} bytes for this tenant and may keep {limit} (plugins.{name}.limits.stored). Nothing was stored; remove something, or ask the operator."
            ),
        ))
    }

    async fn sum(
        &self,
        call: &CallContext,
        pair: &(String, String),
    ) -> Result<Arc<AtomicU64>, Error> {
        let database = &self.database;
        let reading = async {
            let bytes = database
                .stored_bytes(&call.caller.principal.tenant, &pair.1)
                .await?;
            Ok::<_, crate::store::StoreError>(Arc::new(AtomicU64::new(bytes)))
        };
        self.known
            .try_get_with_by_ref(pair, reading)
            .await
            .map_err(|error| Error::internal("Looking how much is stored", &error))
    }
}
