//! What plugins did: counted in memory, written down now and then and at the end, so that `plugins list --usage` knows it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::host::PluginHost;
use crate::store::PluginDeeds;

/// How often.
const EVERY: Duration = Duration::from_secs(15);

/// What plugins did since it was written down last.
#[derive(Default)]
pub(super) struct Deeds(Mutex<HashMap<String, PluginDeeds>>);

impl Deeds {
    /// Counts a call that ended.
    pub(super) fn count(&self, plugin: &str, failed: bool, elapsed: Duration, requests: u32) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let did = match all.get_mut(plugin) {
            Some(did) => did,
            None => all.entry(plugin.to_owned()).or_default(),
        };
        did.calls += 1;
        did.failed += u64::from(failed);
        did.elapsed_ms += u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        did.http_requests += u64::from(requests);
    }

    fn take(&self) -> Vec<(String, PluginDeeds)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.drain().collect()
    }
}

impl PluginHost {
    /// Writes down what plugins did, until the server stops.
    pub async fn keep_counting(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => self.write_down_deeds().await,
                () = self.stopping.cancelled() => return,
            }
        }
    }

    /// Writes down what plugins did since the last time.
    pub(super) async fn write_down_deeds(&self) {
        let deeds = self.deeds.take();
        if deeds.is_empty() {
            return;
        }
        if let Err(error) = self.services.tenancy.count_deeds(deeds).await {
            tracing::warn!(cause = %error, "what plugins did was not counted");
        }
    }
}
