//! All plugins of the config: loading them side by side, and ending what runs at shutdown.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::Admission;
use super::compiled::CompiledCode;
use super::engine::PluginEngine;
use super::hooks::ResourcesChanged;
use super::load::{self, Loaded};
use super::native::Native;
use super::person::Pages;
use super::{PluginError, Registry};
use crate::capabilities::Services;
use crate::config::{Config, Confirm, Limits, Plugin};

/// Changes that a slow listener may be behind.
const CHANGES: usize = 256;

/// How far a plugin is.
pub(super) enum Slot {
    /// Being read, compiled or listed.
    Loading,
    /// Served.
    Loaded(Loaded),
    /// Not served, and why.
    Failed(PluginError),
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
    /// What counts where a tool asks whether it may.
    pub(super) confirm: Confirm,
    /// Whether callers may send secrets as arguments.
    pub(super) secrets_in_arguments: bool,
    /// Whether only reading is allowed to everybody.
    pub(super) read_only: bool,
    /// Where this process shows pages to people.
    pub(super) pages: OnceLock<Arc<dyn Pages>>,
    /// Wakes whoever hands out events.
    pub(super) events_waiting: Notify,
    /// How long events are kept.
    pub(super) keep_events: Duration,
    /// Resources that changed outside of calls.
    /// An event was kept by this process.
    pub(super) events_kept: Notify,
    pub(super) changes: broadcast::Sender<ResourcesChanged>,
    /// Who is granted whose events, whether loaded yet or not: (whose, who).
    event_grants: Vec<(String, String)>,
    engine: PluginEngine,
    compiled: Arc<CompiledCode>,
    registry: ArcSwap<Registry>,
    slots: Mutex<BTreeMap<String, Slot>>,
    still_loading: watch::Sender<usize>,
    revision: watch::Sender<u64>,
    native: Vec<Native>,
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
        let enabled: Vec<(String, Plugin)> = config
            .plugins
            .iter()
            .filter(|(_, plugin)| plugin.enabled)
            .map(|(name, plugin)| (name.clone(), plugin.clone()))
            .collect();
        let stopped = CancellationToken::new();
        let host = Arc::new(Self {
            services,
            admission: Admission::default(),
            writes: TaskTracker::new(),
            stopping: stopped.child_token(),
            stopped,
            confirm: config.mcp.confirm,
            secrets_in_arguments: config.security.secrets_in_arguments,
            read_only: config.mcp.read_only,
            pages: OnceLock::new(),
            events_waiting: Notify::new(),
            events_kept: Notify::new(),
            keep_events: config.webhooks.keep,
            changes: broadcast::Sender::new(CHANGES),
            event_grants: enabled
                .iter()
                .flat_map(|(name, plugin)| {
                    let whose = plugin.grants.events.iter();
                    whose.map(|whose| (whose.clone(), name.clone()))
                })
                .collect(),
            engine,
            compiled: Arc::new(compiled),
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
            tokio::spawn(host.clone().load(name, plugin, config.limits.clone()));
        }
        host
    }

    async fn load(self: Arc<Self>, name: String, plugin: Plugin, limits: Limits) {
        let loaded = load::load(
            &name,
            &plugin,
            &limits,
            &self.engine,
            &self.compiled,
            &self.services,
            self.secrets_in_arguments,
        )
        .await;
        if let Err(error) = &loaded {
            tracing::error!(plugin = name, "not served: {}", error.line());
        }
        {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.insert(
                name,
                match loaded {
                    Ok(loaded) => Slot::Loaded(loaded),
                    Err(error) => Slot::Failed(error),
                },
            );
            self.registry
                .store(Arc::new(Registry::build(&self.native, &slots)));
        }
        self.still_loading.send_modify(|loading| *loading -= 1);
        self.revision.send_modify(|revision| *revision += 1);
        // Events may have waited for it.
        self.events_waiting.notify_one();
    }

    /// Changes with every change of the registry.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Tells clients that the lists have changed, although they have not: what the conformance suite wants to see.
    #[cfg(feature = "conformance")]
    pub fn lists_changed(&self) {
        self.revision.send_modify(|revision| *revision += 1);
    }

    /// Resources that change outside of calls, from now on.
    pub fn changes(&self) -> broadcast::Receiver<ResourcesChanged> {
        self.changes.subscribe()
    }

    /// The plugins that are granted the events of this one.
    pub(super) fn handlers_of(&self, plugin: &str) -> Vec<String> {
        self.event_grants
            .iter()
            .filter(|(whose, _)| whose == plugin)
            .map(|(_, who)| who.clone())
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

    /// What all calls share.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The tools that are served right now.
    pub fn registry(&self) -> Arc<Registry> {
        self.registry.load_full()
    }

    /// Waits until every plugin is loaded or has failed, at most this long. True: none is loading any more.
    pub async fn loaded(&self, wait: Duration) -> bool {
        let mut still_loading = self.still_loading.subscribe();
        let all = still_loading.wait_for(|loading| *loading == 0);
        tokio::time::timeout(wait, all).await.is_ok()
    }

    /// Ends reads at once, lets writes that are under way finish within `grace`, then ends those too.
    pub async fn shut_down(&self, grace: Duration) {
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
        self.services.tenancy.audit().flush().await;
    }
}
