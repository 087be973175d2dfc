//! Every process follows what any of them was told through a hook, so that its own listeners hear of it. (Its cache forgets by
//! itself: what to drop stands in the database, see `capabilities/cache.rs`.)

use std::sync::Arc;
use std::time::Duration;

use super::hooks::ResourcesChanged;
use super::host::PluginHost;
use crate::store::StoreError;
use crate::tenancy::{Followed, Hook, HookEvent};

/// So long another process's event may go unnoticed.
const LOOK: Duration = Duration::from_secs(1);
/// Events read at once.
const BATCH: u32 = 100;

impl PluginHost {
    /// Follows until the server stops, from the event after `last` on; one's own wake it at once.
    pub async fn follow_events(self: Arc<Self>, mut last: i64) {
        loop {
            if let Err(error) = self.catch_up(&mut last).await {
                tracing::warn!(cause = %error, "events of other processes cannot be followed");
            }
            tokio::select! {
                () = self.events_kept.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
                () = self.stopping.cancelled() => return,
            }
        }
    }

    /// Where to begin to follow; taken before anything is served.
    ///
    /// # Errors
    /// The database failed.
    pub async fn last_event(&self) -> Result<i64, StoreError> {
        self.services.hooks.last_event().await
    }

    async fn catch_up(&self, last: &mut i64) -> Result<(), StoreError> {
        loop {
            let events = self.services.hooks.events_after(*last, BATCH).await?;
            let is_all = events.len() < BATCH as usize;
            for Followed { id, event } in events {
                *last = id;
                match event {
                    Ok((hook, event)) => self.hear(hook, event),
                    Err(error) => {
                        tracing::warn!(event = id, cause = %error, "an event cannot be read");
                    }
                }
            }
            if is_all {
                return Ok(());
            }
        }
    }

    fn hear(&self, hook: Hook, event: HookEvent) {
        if !event.resources.is_empty() {
            // Nobody listening is no error.
            let _ = self.changes.send(ResourcesChanged {
                tenant: hook.tenant,
                plugin: hook.plugin,
                subject: hook.subject,
                uris: event.resources,
            });
        }
    }
}
