//! Every process follows what any of them was told through a hook, and what tenants agreed to by any of them or by the command
//! line, so that its own listeners hear of it. (Its cache forgets by itself: what to drop stands in the database, see
//! `capabilities/cache.rs`.)

use std::sync::Arc;
use std::time::Duration;

use super::hooks::ResourcesChanged;
use super::host::PluginHost;
use crate::store::StoreError;
use crate::tenancy::{Followed, Hook, HookEvent};

/// So long what another process did may go unnoticed.
const LOOK: Duration = Duration::from_secs(1);
/// Events read at once.
const BATCH: u32 = 100;

/// Up to where all was followed.
pub struct Seen {
    /// The last event.
    event: i64,
    /// What the consents were.
    consents: Option<Vec<u8>>,
}

impl PluginHost {
    /// Follows until the server stops, from what was seen on; what this process does itself wakes it at once.
    pub async fn follow(self: Arc<Self>, mut seen: Seen) {
        loop {
            if let Err(error) = self.catch_up(&mut seen).await {
                tracing::warn!(cause = %error, "other processes cannot be followed");
            }
            tokio::select! {
                () = self.to_follow.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
                () = self.stopping.cancelled() => return,
            }
        }
    }

    /// Where to begin to follow; taken before anything is served.
    ///
    /// # Errors
    /// The database failed.
    pub async fn seen(&self) -> Result<Seen, StoreError> {
        Ok(Seen {
            event: self.services.hooks.last_event().await?,
            consents: self.services.consents.state().await?,
        })
    }

    async fn catch_up(&self, seen: &mut Seen) -> Result<(), StoreError> {
        let consents = self.services.consents.state().await?;
        if consents != seen.consents {
            seen.consents = consents;
            self.lists_changed();
        }
        loop {
            let events = self.services.hooks.events_after(seen.event, BATCH).await?;
            let is_all = events.len() < BATCH as usize;
            for Followed { id, event } in events {
                seen.event = id;
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
