//! All plugins of the config: loading them side by side, and ending what runs at shutdown.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::Admission;
use super::compiled::CompiledCode;
use super::deeds::Deeds;
use super::engine::PluginEngine;
use super::hooks::ResourcesChanged;
use super::imitation::Imitations;
use super::load::{Loaded, Loader};
use super::native::Native;
use super::person::Pages;
use super::source::Downloads;
use super::{PluginError, Registry};
use crate::capabilities::Services;
use crate::config::{Config, Confirm, Plugin};

/// Changes that a slow listener may be behind.
const CHANGES: usize = 256;

/// How far a plugin is.
pub(super) enum Slot {
    /// Being read, compiled or listed for the first time.
    Loading,
    /// Served.
    Loaded(Arc<Loaded>),
    /// Not served, and why.
    Failed(PluginError),
}

/// A plugin, as an operator sees it.
pub struct PluginOverview {
    /// In the configuration.
    pub name: String,
    /// `loading`, `loaded` or `refused`.
    pub state: &'static str,
    /// As it says itself.
    pub version: Option<String>,
    /// Of its file, in hexadecimal.
    pub sha256: Option<String>,
    /// How many it serves.
    pub tools: usize,
}

/// The plugins of one process.
pub struct PluginHost {
    pub(super) services: Arc<Services>,
    pub(super) admission: Admission,
    /// Calls that may write; shutdown waits for them.
    pub(super) writes: TaskTracker,
    /// Cancelled when the server stops: reads end.
    pub(super) stopping: CancellationToken,
    /// Cancelled when the grace is over: everything ends.
    pub(super) stopped: CancellationToken,
    /// When that will be, once the server stops.
    pub(super) stops_by: Arc<OnceLock<Instant>>,
    /// What counts where a tool asks whether it may.
    pub(super) confirm: Confirm,
    /// Whether callers may send secrets as arguments.
    pub(super) secrets_in_arguments: bool,
    /// Whether only reading is allowed to everybody.
    pub(super) read_only: bool,
    /// Where this process shows pages to people.
    pub(super) pages: OnceLock<Arc<dyn Pages>>,
    /// What no plugin may say.
    pub(super) imitations: Arc<Imitations>,
    /// Wakes whoever hands out events.
    pub(super) events_waiting: Notify,
    /// How long events are kept.
    pub(super) keep_events: Duration,
    /// Wakes whoever follows what the processes of this installation did: this one did something.
    pub(super) to_follow: Notify,
    /// Resources that changed outside of calls.
    pub(super) changes: broadcast::Sender<ResourcesChanged>,
    /// What it runs by; another one after a reload.
    pub(super) config: ArcSwap<Config>,
    pub(super) loader: Loader,
    pub(super) registry: ArcSwap<Registry>,
    pub(super) slots: Mutex<BTreeMap<String, Slot>>,
    pub(super) still_loading: watch::Sender<usize>,
    pub(super) revision: watch::Sender<u64>,
    pub(super) native: Vec<Native>,
    /// What plugins did since it was written down last.
    pub(super) deeds: Deeds,
    /// One reload at a time.
    pub(super) reloading: tokio::sync::Mutex<()>,
}

impl PluginHost {
    /// Starts to load every enabled plugin in the background, and answers at once; `native` tools are there already.
    pub fn start(
        config: &Config,
        engine: PluginEngine,
        compiled: CompiledCode,
        services: Arc<Services>,
        native: Vec<Native>,
    ) -> Arc<Self> {
        let enabled = enabled(config);
        let config = Arc::new(config.clone());
        let stopped = CancellationToken::new();
        let admission = Admission::new(services.guest_memory.clone(), services.metrics.clone());
        let host = Arc::new(Self {
            services: services.clone(),
            admission,
            writes: TaskTracker::new(),
            stopping: stopped.child_token(),
            stopped,
            stops_by: Arc::default(),
            confirm: config.mcp.confirm,
            secrets_in_arguments: config.security.secrets_in_arguments,
            read_only: config.mcp.read_only,
            pages: OnceLock::new(),
            imitations: Arc::new(Imitations::of(&config)),
            events_waiting: Notify::new(),
            to_follow: Notify::new(),
            keep_events: config.webhooks.keep,
            changes: broadcast::Sender::new(CHANGES),
            loader: Loader {
                engine,
                compiled: Arc::new(compiled),
                services,
                downloads: Downloads::within(&config.server.data_dir),
            },
            config: ArcSwap::new(config.clone()),
            deeds: Deeds::default(),
            reloading: tokio::sync::Mutex::default(),
            registry: ArcSwap::from_pointee(Registry::build(&native, &BTreeMap::new())),
            native,
            slots: Mutex::new(
                enabled
                    .iter()
                    .map(|(name, _)| (name.clone(), Slot::Loading))
                    .collect(),
            ),
            still_loading: watch::Sender::new(enabled.len()),
            revision: watch::Sender::new(0),
        });
        for (name, plugin) in enabled {
            tokio::spawn(host.clone().load(name, plugin, config.clone()));
        }
        host
    }

    async fn load(self: Arc<Self>, name: String, plugin: Plugin, config: Arc<Config>) {
        let started = Instant::now();
        let loaded = self.loader.load(&name, &plugin, &config).await;
        self.services
            .metrics
            .loaded(&name, loaded.is_ok(), started.elapsed());
        if let Err(error) = &loaded {
            tracing::error!(plugin = name, "not served: {}", error.line());
        }
        {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.insert(
                name,
                match loaded {
                    Ok(loaded) => Slot::Loaded(Arc::new(loaded)),
                    Err(error) => Slot::Failed(error),
                },
            );
            self.registry
                .store(Arc::new(Registry::build(&self.native, &slots)));
        }
        self.revision.send_modify(|revision| *revision += 1);
        // Last: whoever waited for it sees the revision that it made.
        self.still_loading.send_modify(|loading| *loading -= 1);
        // Events may have waited for it.
        self.events_waiting.notify_one();
    }

    /// Changes with every change of the registry.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Tells clients that the lists may have changed, although the registry has not: after a tenant's consent, for instance.
    pub fn lists_changed(&self) {
        self.revision.send_modify(|revision| *revision += 1);
    }

    /// Resources that change outside of calls, from now on.
    pub fn changes(&self) -> broadcast::Receiver<ResourcesChanged> {
        self.changes.subscribe()
    }

    /// The plugins that are granted the events of this one.
    pub(super) fn handlers_of(&self, plugin: &str) -> Vec<String> {
        // Whether loaded yet or not.
        enabled(&self.config.load())
            .into_iter()
            .filter(|(_, its)| its.grants.events.iter().any(|whose| whose == plugin))
            .map(|(who, _)| who)
            .collect()
    }

    /// Cancelled when the server begins to stop.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Whether plugins are still being loaded.
    pub fn is_loading(&self) -> bool {
        *self.still_loading.borrow() > 0
    }

    /// Knows links that look like those of this server's pages.
    pub fn imitations(&self) -> Arc<Imitations> {
        self.imitations.clone()
    }

    /// What all calls share.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The tools that are served right now.
    pub fn registry(&self) -> Arc<Registry> {
        self.registry.load_full()
    }

    /// How often the registry changed since the start.
    pub fn revision(&self) -> u64 {
        *self.revision.borrow()
    }

    /// Every plugin of the configuration that is enabled, and how far it is.
    pub fn overview(&self) -> Vec<PluginOverview> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let overview = slots.iter().map(|(name, slot)| {
            let (state, loaded) = match slot {
                Slot::Loading => ("loading", None),
                Slot::Loaded(loaded) => ("loaded", Some(loaded)),
                Slot::Failed(_) => ("refused", None),
            };
            PluginOverview {
                name: name.clone(),
                state,
                version: loaded.map(|loaded| loaded.about.version.clone()),
                sha256: loaded.map(|loaded| loaded.about.digest.clone()),
                tools: loaded.map_or(0, |loaded| loaded.tools.len()),
            }
        });
        overview.collect()
    }

    /// Calls that run, and calls that wait, of each plugin that has any.
    pub fn queues(&self) -> BTreeMap<String, (usize, usize)> {
        self.admission.lengths()
    }

    /// Waits until every plugin is loaded or has failed, at most this long. True: none is loading any more.
    pub async fn loaded(&self, wait: Duration) -> bool {
        let mut still_loading = self.still_loading.subscribe();
        let all = still_loading.wait_for(|loading| *loading == 0);
        let in_time = tokio::time::timeout(wait, all).await.is_ok();
        if !in_time && !wait.is_zero() {
            tracing::warn!(
                plugins = ?self.loading(),
                waited = ?wait,
                "plugins that are seen for the first time are still being compiled; answering without them"
            );
        }
        in_time
    }

    /// The plugins that are still being loaded for the first time.
    fn loading(&self) -> Vec<String> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots
            .iter()
            .filter(|(_, slot)| matches!(slot, Slot::Loading))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Looks at the plugins that are served, by their names.
    pub(super) fn with_loaded<T>(&self, look: impl FnOnce(&BTreeMap<String, &Loaded>) -> T) -> T {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = slots.iter().filter_map(|(name, slot)| match slot {
            Slot::Loaded(loaded) => Some((name.clone(), &**loaded)),
            _ => None,
        });
        look(&loaded.collect())
    }

    /// The plugin of this name, if it is served.
    pub fn about(&self, name: &str) -> Option<Arc<Loaded>> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.get(name) {
            Some(Slot::Loaded(loaded)) => Some(loaded.clone()),
            _ => None,
        }
    }

    /// Ends reads at once, lets writes that are under way finish within `grace`, then ends those too. Work in steps sees how
    /// little time there is, and comes to an end.
    pub async fn shut_down(&self, grace: Duration) {
        // The first shutdown counts.
        let _ = self.stops_by.set(Instant::now() + grace);
        self.stopping.cancel();
        self.writes.close();
        if !self.writes.is_empty() {
            tracing::info!(writes = self.writes.len(), grace = ?grace, "letting writes that are under way finish");
        }
        if tokio::time::timeout(grace, self.writes.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                writes = self.writes.len(),
                "the grace is over; stopping writes whose outcome is unknown"
            );
            self.stopped.cancel();
            self.writes.wait().await;
        }
        self.write_down_deeds().await;
        self.services.tenancy.audit().flush().await;
    }
}

/// The plugins that are to be served.
pub(super) fn enabled(config: &Config) -> Vec<(String, Plugin)> {
    config
        .plugins
        .iter()
        .filter(|(_, plugin)| plugin.enabled)
        .map(|(name, plugin)| (name.clone(), plugin.clone()))
        .collect()
}
