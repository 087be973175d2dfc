//! Another configuration, or other files under the same: build, verify, list, swap.
//!
//! A call keeps the revision that it started with. What cannot be loaded leaves what is served as it is, and says so. Nothing is
//! swapped, and nobody told, where nothing changed.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::host::{PluginHost, Slot, enabled};
use super::load::Loaded;
use super::{PluginError, Registry};
use crate::config::Config;

/// The longest that plugins are waited for that are still being compiled for the first time.
const FIRST: Duration = Duration::from_secs(600);

/// What came of a reload.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Served now, and not before or otherwise.
    pub changed: Vec<String>,
    /// Not served any more.
    pub removed: Vec<String>,
    /// Could not be loaded, and why; where an earlier version was served, it still is.
    pub failed: Vec<(String, String)>,
}

impl PluginHost {
    /// Loads all plugins of this configuration anew and serves what changed.
    pub async fn reload(self: &Arc<Self>, config: &Config) -> Reloaded {
        let _one = self.reloading.lock().await;
        // Otherwise what is still being loaded for the first time could come after what is loaded here.
        self.loaded(FIRST).await;
        let config = Arc::new(config.clone());
        let wanted = enabled(&config);
        let loading = wanted.iter().map(|(name, plugin)| {
            let (host, config) = (self.clone(), config.clone());
            let (name, plugin) = (name.clone(), plugin.clone());
            // Each in a task of its own: they are compiled side by side.
            tokio::spawn(async move {
                let loaded = host.loader.load(&name, &plugin, &config).await;
                (name, loaded)
            })
        });
        let loading: Vec<_> = loading.collect();
        let mut loaded = BTreeMap::new();
        for task in loading {
            if let Ok((name, result)) = task.await {
                loaded.insert(name, result);
            }
        }
        let before = self.config.load_full();
        let outcome = self.swap(loaded, &before, &config);
        self.config.store(config);
        if outcome.changed.is_empty() && outcome.removed.is_empty() {
            tracing::info!("reloaded: nothing else is served than before");
        } else {
            tracing::info!(changed = ?outcome.changed, removed = ?outcome.removed, "reloaded");
            self.revision.send_modify(|revision| *revision += 1);
            self.events_waiting.notify_one();
        }
        outcome
    }

    fn swap(
        &self,
        loaded: BTreeMap<String, Result<Loaded, PluginError>>,
        before: &Config,
        after: &Config,
    ) -> Reloaded {
        let mut outcome = Reloaded::default();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<String> = slots
            .keys()
            .filter(|name| !loaded.contains_key(*name))
            .cloned()
            .collect();
        for name in gone {
            // One that is still being loaded for the first time comes in later and goes with the next reload.
            if matches!(slots.get(&name), Some(Slot::Loading)) {
                continue;
            }
            slots.remove(&name);
            outcome.removed.push(name);
        }
        for (name, result) in loaded {
            let served = match slots.get(&name) {
                Some(Slot::Loaded(served)) => Some(served.clone()),
                _ => None,
            };
            match (result, served) {
                (Ok(new), served) => {
                    let same = served.is_some_and(|old| {
                        old.about.digest == new.about.digest
                            && old.about.publisher == new.about.publisher
                            && old.about.grants == new.about.grants
                            && old.plugin.grantee.consent == new.plugin.grantee.consent
                            && before.plugins.get(&name) == after.plugins.get(&name)
                            && before.limits == after.limits
                    });
                    if !same {
                        slots.insert(name.clone(), Slot::Loaded(Arc::new(new)));
                        outcome.changed.push(name);
                    }
                }
                (Err(error), Some(_)) => {
                    let what = error.line();
                    tracing::error!(
                        plugin = name,
                        "the new version cannot be served; the one before still is: {what}"
                    );
                    outcome.failed.push((name, what));
                }
                (Err(error), None) => {
                    let what = error.line();
                    tracing::error!(plugin = name, "not served: {what}");
                    outcome.failed.push((name.clone(), what));
                    if !matches!(slots.get(&name), Some(Slot::Loading)) {
                        slots.insert(name, Slot::Failed(error));
                    }
                }
            }
        }
        self.registry
            .store(Arc::new(Registry::build(&self.native, &slots)));
        outcome
    }
}
