//! What a plugin's instance carries: who calls, what the call may do, and what it has used.
//!
//! A [`CallContext`] is made once, at the top, and travels in the wasmtime store: nothing is looked up again on the way,
//! and there are no globals.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::contract::{Error, ErrorKind};
use super::http::{HttpGrant, ResponseBudget};
use super::log::LogBudget;
use super::questions::Askable;
use super::usage::Usage;
use super::{Services, sealing::CallSecrets};
use crate::tenancy::{Principal, Source, Terms};

/// A plugin as the operator configured it: its name and what it may reach.
#[derive(Debug, Default)]
pub struct Grantee {
    /// The name in the config, on which namespace, grants, cache and locks hang.
    pub name: String,
    /// Endpoints, narrowed to methods and paths.
    pub http: Vec<HttpGrant>,
    /// Other plugins' namespaces that it may read.
    pub read: Vec<String>,
    /// Other plugins' tools that it may call.
    pub tools: Vec<String>,
    /// Whether it may take locks.
    pub locks: bool,
    /// Other plugins whose events it is handed.
    pub events: Vec<String>,
    /// Bytes that it may keep for one tenant.
    pub stored_limit: u64,
    /// The plugin's settings, a JSON object.
    pub settings: String,
    /// What each tenant has to agree to first; none: the operator's word is enough.
    pub consent: Option<Terms>,
}

/// Who calls, and by what way. Made where a request enters.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Tenant, access key and its scopes.
    pub principal: Principal,
    /// One process serves one client (stdio).
    pub single_client: bool,
    /// What the client says it is.
    pub client: Option<String>,
    /// The address that the call came from; none where the caller sits at this machine.
    pub source: Option<IpAddr>,
    /// By which way it came, for the audit trail.
    pub way: Source,
}

/// Takes the progress that a plugin reports.
pub trait ProgressSink: Send + Sync {
    /// `done` of `total`, in units of the plugin's choice.
    fn progress(&self, done: f64, total: Option<f64>, message: &str);

    /// A line of the plugin's log, for the caller to see.
    #[cfg(feature = "conformance")]
    fn logged(&self, level: super::contract::log::Level, text: &str);
}

/// Calls another plugin's tool; implemented by what runs plugins.
#[async_trait]
pub trait PeerCalls: Send + Sync {
    /// Runs `tool` with the rights, mode and deadline of `parent` and answers its structured result.
    async fn call_peer(
        &self,
        parent: &CallContext,
        tool: &str,
        arguments: &str,
    ) -> Result<String, Error>;
}

/// One call of one tool.
pub struct CallContext {
    /// The plugin that runs.
    pub grantee: Arc<Grantee>,
    /// Who calls.
    pub caller: Caller,
    /// Whether this call may only read: the tool says so, the key is read-only, or it is a preview.
    pub read_only: bool,
    /// On every log line and in every error.
    pub correlation_id: Arc<str>,
    /// Holds the locks of this call; a peer's call has another.
    pub lock_holder: String,
    /// When this step of the call is ended; most calls have one.
    pub deadline: Instant,
    /// When the call is ended, however many steps it has.
    pub ends: Instant,
    /// When what runs is dropped, once the server stops.
    pub stops_by: Arc<OnceLock<Instant>>,
    /// The plugin has this step to say what it did.
    pub winds_up: bool,
    /// The caller gave up: a plugin may end where it likes. Calls that may write are not dropped for it.
    pub cancelled: CancellationToken,
    /// The work is dropped where it is: a read at shutdown, a write at the end of the grace.
    pub stopped: CancellationToken,
    /// Where progress goes, if the caller asked for it.
    pub progress: Option<Arc<dyn ProgressSink>>,
    /// Secrets that came in as arguments of this call.
    pub secrets: Arc<CallSecrets>,
    /// Processor time of the steps so far, in nanoseconds; with that of the tools that they called.
    pub computed: Arc<AtomicU64>,
    /// What HTTP may still use in this step.
    pub budget: ResponseBudget,
    /// What may still be written into the log.
    pub log: Arc<LogBudget>,
    /// How many plugins are above this one.
    pub depth: u8,
    /// The way to other plugins' tools.
    pub peers: Arc<dyn PeerCalls>,
    /// The questions that can be put to the caller.
    pub askable: Askable,
    /// What the call is about, once the plugin said so.
    pub subject: Mutex<Option<String>>,
}

impl CallContext {
    /// The same call's next step. Tokens that were taken in advance stay good.
    pub fn next_step(&self, deadline: Instant, budget: ResponseBudget, winds_up: bool) -> Self {
        Self {
            grantee: self.grantee.clone(),
            caller: self.caller.clone(),
            read_only: self.read_only,
            correlation_id: self.correlation_id.clone(),
            lock_holder: self.lock_holder.clone(),
            deadline,
            ends: self.ends,
            stops_by: self.stops_by.clone(),
            winds_up,
            cancelled: self.cancelled.clone(),
            stopped: self.stopped.clone(),
            progress: self.progress.clone(),
            secrets: self.secrets.clone(),
            computed: self.computed.clone(),
            budget: budget.with_prepaid_of(&self.budget),
            log: self.log.clone(),
            depth: self.depth,
            peers: self.peers.clone(),
            askable: self.askable,
            subject: Mutex::default(),
        }
    }

    /// An instance of this call is gone, which was at work for so long.
    pub fn computed(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.computed.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Processor time of all instances of this call that are gone.
    pub fn computed_so_far(&self) -> Duration {
        Duration::from_nanos(self.computed.load(Ordering::Relaxed))
    }

    /// What is left of this step.
    pub fn time_left(&self) -> Duration {
        let ends = match self.stops_by.get() {
            Some(stops_by) => self.deadline.min(*stops_by),
            None => self.deadline,
        };
        ends.saturating_duration_since(Instant::now())
    }

    /// What the call is about, if the plugin said so.
    pub fn subject(&self) -> Option<String> {
        self.subject
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The tenant's id.
    pub fn tenant(&self) -> &str {
        self.caller.principal.tenant.as_str()
    }

    /// The error of what needs the tenant's own key, if nobody of the tenant is present.
    ///
    /// # Errors
    /// The call came by a hook.
    pub fn attended(&self, what: &str) -> Result<(), Error> {
        if self.caller.principal.is_unattended() {
            return Err(Error::new(
                ErrorKind::Denied,
                "unattended",
                format!(
                    "{what} stays closed: this runs while nobody of the tenant is present, and only what was marked for that opens."
                ),
            ));
        }
        Ok(())
    }

    /// The error of a write, if this call may only read.
    ///
    /// # Errors
    /// The call is read-only.
    pub fn may_write(&self, what: &str) -> Result<(), Error> {
        if self.read_only {
            Err(Error::read_only(what))
        } else {
            Ok(())
        }
    }
}

/// The data of a wasmtime store: one instance, one call.
pub struct CallState {
    /// What all calls share.
    pub services: Arc<Services>,
    /// None while the plugin is being loaded: then every import but `log` and `session.settings` is denied.
    pub call: Option<Arc<CallContext>>,
    /// The plugin, for its log lines and settings.
    pub grantee: Arc<Grantee>,
    /// Memory and processor time.
    pub usage: Usage,
    /// What may still be written into the log.
    pub log: Arc<LogBudget>,
    /// WASI's empty world.
    pub wasi: WasiCtx,
    /// WASI's handles.
    pub table: ResourceTable,
}

impl CallState {
    /// The call, or the refusal of everything that needs one.
    ///
    /// # Errors
    /// The plugin is being loaded.
    pub fn call(&self) -> Result<Arc<CallContext>, Error> {
        self.call.clone().ok_or_else(|| {
            Error::new(
                ErrorKind::Denied,
                "loading",
                "While a plugin is being loaded it may only log and read its settings.",
            )
        })
    }
}

impl super::contract::types::Host for CallState {}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}
