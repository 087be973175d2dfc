//! One plugin, ready to be instantiated: a fresh instance for each call, and none survives it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::Instrument;
use wasmtime::component::ResourceTable;
use wasmtime::{PoolConcurrencyLimitError, Store, UpdateDeadline};
use wasmtime_wasi::WasiCtxBuilder;

use super::exports::Exports;
use super::giving_back::{Held, PoolQueue};
use super::resource::Declared as DeclaredResource;
use super::stdio::PluginOutput;
use crate::capabilities::Services;
use crate::capabilities::context::{CallContext, CallState, Grantee};
use crate::capabilities::contract::prompts::Prompt as DeclaredPrompt;
use crate::capabilities::contract::tools::{Call, Manifest, Outcome, Tool as Declared};
use crate::capabilities::contract::{Error, ErrorKind, PluginPre};
use crate::capabilities::log::LogBudget;
use crate::capabilities::usage::{Exceeded, Usage};
use crate::config::Limits;

/// Bytes that the host takes from the guest in one call of a function, at the least: as much as the largest commit that
/// makes sense. Lists in a guest's memory can point to one text a million times.
const LIFTED_BYTES: usize = 16 << 20;
/// How wasmtime says that there were more; the type of its error is not public.
const LIFTED_TOO_MUCH: &str = "fuel allocated for hostcalls has been exhausted";
/// WASI handles that a guest may hold.
const HANDLES: usize = 1_000;

/// A plugin that was found, verified and compiled.
pub struct LoadedPlugin {
    /// Its name in the config and what it may reach.
    pub grantee: Arc<Grantee>,
    /// What one call may use.
    pub limits: Limits,
    /// Linked, type-checked, ready to instantiate.
    pub pre: PluginPre<CallState>,
    /// What it gives beside tools.
    pub exports: Exports,
    /// Where its instances go.
    pub queue: PoolQueue,
}

/// What a plugin says of itself.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Described {
    /// What it is.
    pub manifest: Manifest,
    /// Its tools.
    pub tools: Vec<Declared>,
    /// What it has to read.
    pub resources: Vec<DeclaredResource>,
    /// Its texts to start work with.
    pub prompts: Vec<DeclaredPrompt>,
}

impl LoadedPlugin {
    /// What the plugin says of itself and of all that it gives; every import but `log` and `session.settings` is denied.
    ///
    /// # Errors
    /// It trapped, or ran into a limit.
    pub async fn describe(&self, services: &Arc<Services>) -> Result<Described, String> {
        let deadline = Instant::now() + self.limits.time;
        let (manifest, tools) = self
            .listed(services, deadline, async |store| {
                let plugin = self.pre.instantiate_async(&mut *store).await?;
                let tools = plugin.orderdesk_plugin_tools();
                let manifest = tools.call_describe(&mut *store).await?;
                Ok((manifest, tools.call_list_tools(store).await?))
            })
            .await?;
        let mut described = Described {
            manifest,
            tools,
            resources: Vec::new(),
            prompts: Vec::new(),
        };
        if let Some(resources) = &self.exports.resources {
            let listing = self
                .listed(services, deadline, async |store| {
                    let plugin = resources.instantiate_async(&mut *store).await?;
                    let resources = plugin.orderdesk_plugin_resources();
                    resources.call_list_resources(store).await
                })
                .await?;
            let fixed = listing.fixed.into_iter().map(Into::into);
            let templates = listing.templates.into_iter().map(Into::into);
            described.resources = fixed.chain(templates).collect();
        }
        if let Some(prompts) = &self.exports.prompts {
            described.prompts = self
                .listed(services, deadline, async |store| {
                    let plugin = prompts.instantiate_async(&mut *store).await?;
                    plugin
                        .orderdesk_plugin_prompts()
                        .call_list_prompts(store)
                        .await
                })
                .await?;
        }
        Ok(described)
    }

    /// Runs `ask` on the store of a fresh instance that belongs to no call.
    async fn listed<T>(
        &self,
        services: &Arc<Services>,
        deadline: Instant,
        ask: impl AsyncFnOnce(&mut Store<CallState>) -> wasmtime::Result<T>,
    ) -> Result<T, String> {
        let mut store = Held::new(self.store(services, None), &self.queue);
        let counter = store.data().usage.counter();
        match timeout_at(deadline, counter.counted(ask(&mut store))).await {
            Ok(Ok(listed)) => Ok(listed),
            Ok(Err(error)) => Err(match store.data().usage.exceeded() {
                Some(exceeded) => self.exceeded(exceeded).message,
                // Before it stands the backtrace, which says nothing to an operator.
                None => error.root_cause().to_string(),
            }),
            Err(_) => Err(self.too_long("limits.time", self.limits.time).message),
        }
    }

    /// Runs one step of a call in a fresh instance.
    ///
    /// # Errors
    /// The plugin's own error, or the limit that it ran into, or that it failed.
    pub async fn call(
        &self,
        services: &Arc<Services>,
        context: Arc<CallContext>,
        call: &Call,
    ) -> Result<Outcome, Error> {
        self.within(services, context, async |store| {
            let plugin = self.pre.instantiate_async(&mut *store).await?;
            let tools = plugin.orderdesk_plugin_tools();
            tools.call_call_tool(store, call).await
        })
        .await
    }

    /// Runs `ask` on the store of a fresh instance, within the limits of a call.
    ///
    /// # Errors
    /// The plugin's own error, or the limit that it ran into, or that it failed.
    pub async fn within<T>(
        &self,
        services: &Arc<Services>,
        context: Arc<CallContext>,
        ask: impl AsyncFnOnce(&mut Store<CallState>) -> wasmtime::Result<Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut store = Held::new(self.store(services, Some(context.clone())), &self.queue);
        let span = tracing::debug_span!("plugin", plugin = self.grantee.name);
        let (counter, account) = (store.data().usage.counter(), store.data().usage.account());
        let work = async {
            if let Some(account) = account {
                account.may_work().await;
            }
            ask(&mut store).await
        };
        let running = counter.counted(work).instrument(span);
        let ended = tokio::select! {
            biased;
            ended = timeout_at(context.deadline, running) => ended,
            () = context.stopped.cancelled() => return Err(Error::new(ErrorKind::Cancelled, "cancelled", "The call was cancelled.")),
        };
        context.computed(store.data().usage.spent());
        let exceeded = store.data().usage.exceeded();
        store.give_back().await;
        match ended {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let error = self.failed(&error, exceeded, &context);
                match (exceeded, error.code.as_deref()) {
                    (Some(Exceeded::Memory), _) => services.metrics.refused("memory"),
                    (Some(Exceeded::Processor), _) => services.metrics.refused("cpu"),
                    (Some(Exceeded::Process), _) => services.metrics.refused("process-memory"),
                    (None, Some("output-limit")) => services.metrics.refused("output"),
                    (None, Some("busy")) => services.metrics.refused("calls-at-once"),
                    (None, _) => services.metrics.trapped(&self.grantee.name),
                }
                Err(error)
            }
            Err(_) => {
                services.metrics.refused("time");
                Err(self.timed_out(&context))
            }
        }
    }

    fn store(&self, services: &Arc<Services>, call: Option<Arc<CallContext>>) -> Store<CallState> {
        let log = call
            .as_ref()
            .map_or_else(|| self.log_budget(), |call| call.log.clone());
        let output = PluginOutput::new(&self.grantee.name, log.clone());
        let account = call.as_ref().map(|call| {
            let tenant = call.caller.principal.tenant.as_str();
            services.turns.account(tenant)
        });
        let state = CallState {
            services: services.clone(),
            grantee: self.grantee.clone(),
            usage: Usage::new(
                &self.grantee.name,
                usize::try_from(self.limits.memory.as_u64()).unwrap_or(usize::MAX),
                self.limits.cpu,
                services.guest_memory.clone(),
                account,
            ),
            log,
            // Nothing is inherited or opened; sockets exist and refuse every address.
            wasi: WasiCtxBuilder::new()
                .stdout(output.clone())
                .stderr(output)
                .build(),
            table: ResourceTable::new(),
            call,
        };
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.usage);
        store.set_hostcall_fuel(self.lifted_bytes());
        store.set_max_component_handles(HANDLES);
        store.set_epoch_deadline(1);
        // Yielding on every tick gives other calls the thread, and lets those that compute for long take turns; looking at the
        // time then bounds the plugin's own.
        store.epoch_deadline_callback(|mut store| {
            let usage = &mut store.data_mut().usage;
            Ok(match (usage.tick(), usage.account()) {
                (false, _) => UpdateDeadline::Interrupt,
                (true, Some(account)) => {
                    UpdateDeadline::YieldCustom(1, Box::pin(account.next_slice()))
                }
                (true, None) => UpdateDeadline::Yield(1),
            })
        });
        store
    }

    /// What one call may write into the log.
    pub(super) fn log_budget(&self) -> Arc<LogBudget> {
        Arc::new(LogBudget::new(self.limits.log_lines))
    }

    /// Answers have room in it beside what they are packed in, whatever the operator allows.
    fn lifted_bytes(&self) -> usize {
        let output = usize::try_from(self.limits.output.as_u64()).unwrap_or(usize::MAX);
        LIFTED_BYTES.max(output.saturating_mul(2))
    }

    fn failed(
        &self,
        error: &wasmtime::Error,
        exceeded: Option<Exceeded>,
        context: &CallContext,
    ) -> Error {
        if let Some(exceeded) = exceeded {
            return Error {
                outcome_unknown: !context.read_only,
                ..self.exceeded(exceeded)
            };
        }
        if error.root_cause().to_string().contains(LIFTED_TOO_MUCH) {
            let (name, output) = (&self.grantee.name, self.limits.output);
            let bytes = self.lifted_bytes();
            return Error {
                outcome_unknown: !context.read_only,
                ..Error::new(
                    ErrorKind::TooLarge,
                    "output-limit",
                    format!(
                        "The plugin '{name}' handed over more than {bytes} bytes at once; the limit of an answer is {output} (plugins.{name}.limits.output). Ask for less at once."
                    ),
                )
            };
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return Error::new(
                ErrorKind::RateLimited,
                "busy",
                "The server is busy. Nothing was done; try again in a few seconds.",
            )
            .retry_after(Duration::from_secs(2));
        }
        tracing::error!(
            plugin = self.grantee.name,
            correlation_id = &*context.correlation_id,
            cause = %format!("{error:#}"),
            "a plugin trapped"
        );
        Error {
            outcome_unknown: !context.read_only,
            ..Error::new(
                ErrorKind::Internal,
                "plugin-failed",
                format!(
                    "The plugin '{}' failed in this call. Other calls are not affected; tell the operator if it happens again.",
                    self.grantee.name
                ),
            )
        }
    }

    fn exceeded(&self, exceeded: Exceeded) -> Error {
        let name = &self.grantee.name;
        match exceeded {
            Exceeded::Memory => Error::new(
                ErrorKind::TooLarge,
                "memory-limit",
                format!(
                    "The plugin '{name}' needed more memory than {} (plugins.{name}.limits.memory). Ask for less at once.",
                    self.limits.memory
                ),
            ),
            Exceeded::Process => Error::new(
                ErrorKind::RateLimited,
                "process-memory",
                format!(
                    "All calls together need more memory than this server gives them, so this call of '{name}' was stopped. Try again in a few seconds."
                ),
            )
            .retry_after(std::time::Duration::from_secs(5)),
            Exceeded::Processor => Error::new(
                ErrorKind::Timeout,
                "cpu-limit",
                format!(
                    "The plugin '{name}' computed for longer than {:?} (plugins.{name}.limits.cpu) and was stopped.",
                    self.limits.cpu
                ),
            ),
        }
    }

    fn timed_out(&self, context: &CallContext) -> Error {
        let last = context.winds_up && context.deadline == context.ends;
        let error = match last {
            true => self.too_long("limits.total_time", self.limits.total_time),
            false => self.too_long("limits.time", self.limits.time),
        };
        Error {
            outcome_unknown: !context.read_only,
            ..error
        }
    }

    fn too_long(&self, limit: &str, time: Duration) -> Error {
        let name = &self.grantee.name;
        Error::new(
            ErrorKind::Timeout,
            "time-limit",
            format!("The call took longer than {time:?} (plugins.{name}.{limit}) and was stopped."),
        )
    }
}
