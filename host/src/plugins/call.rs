//! One tool call from its arguments to its answer.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::admission::Admitted;
use super::answer::{Answer, bounded, checked_within};
use super::confirm::{Answered, Reply, outcome_word};
use super::host::PluginHost;
use super::instance::LoadedPlugin;
use super::intent::{Begun, Intent};
use super::nesting;
use super::person::Visit;
use super::preview;
use super::question::AskedQuestion;
use super::registry::{Listed, Runner};
use super::selection::Selection;
use super::steps::Ended;
use super::trail::Trail;
use crate::capabilities::context::{CallContext, Caller, ProgressSink};
use crate::capabilities::contract::tools::Mode;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::capabilities::http::ResponseBudget;
use crate::capabilities::questions::Askable;
use crate::config::Limits;

/// What an agent asks for.
#[derive(Clone)]
pub struct CallRequest {
    /// Who asks.
    pub caller: Caller,
    /// The tool's arguments as they came.
    pub arguments: Map<String, Value>,
    /// On every log line of this call, and in its error.
    pub correlation_id: Arc<str>,
    /// Cancelled when the caller gives up.
    pub cancelled: CancellationToken,
    /// Where progress goes, if the caller asked for it.
    pub progress: Option<Arc<dyn ProgressSink>>,
    /// Which tools are in use.
    pub selection: Selection,
    /// The questions with which the call may end.
    pub askable: Askable,
    /// The answers to those of an earlier call, which this one goes on with.
    pub answered: Option<Answered>,
    /// What the client tells of a link that an earlier call ended with.
    pub visit: Option<Visit>,
    /// Secret arguments were entered by a person, or stand in this server's own environment: no client and no model saw them.
    pub entered_by_person: bool,
    /// What a person said yes to at a page.
    pub agreed: Vec<AskedQuestion>,
}

impl CallRequest {
    /// A call of a tool of the default list, by whoever cannot be asked anything.
    pub fn new(caller: Caller, arguments: Map<String, Value>, correlation_id: Arc<str>) -> Self {
        Self {
            caller,
            arguments,
            correlation_id,
            cancelled: CancellationToken::new(),
            progress: None,
            selection: Selection::default(),
            askable: Askable::default(),
            answered: None,
            visit: None,
            entered_by_person: false,
            agreed: Vec::new(),
        }
    }
}

impl PluginHost {
    /// Runs a tool for a caller who cannot be asked anything.
    ///
    /// # Errors
    /// As [`Self::call_or_ask`].
    pub async fn call(
        self: &Arc<Self>,
        listed: &Listed,
        mut request: CallRequest,
    ) -> Result<Answer, Error> {
        request.askable = Askable::default();
        match self.call_or_ask(listed, request).await? {
            Reply::Done(answer) => Ok(answer),
            Reply::Linked(linked) => Err(linked.error),
            Reply::Asked(_) => Err(Error::internal("A call", &"it asked where nobody answers")),
        }
    }

    /// Runs a tool, which may end with questions to a person. A call that may write runs to its end even if the caller goes
    /// away.
    ///
    /// # Errors
    /// What the caller reads: what is wrong, with which argument, what to do next.
    pub async fn call_or_ask(
        self: &Arc<Self>,
        listed: &Listed,
        request: CallRequest,
    ) -> Result<Reply, Error> {
        let arrived = Instant::now();
        let reply = self.admit_and_run(listed, request).await;
        let outcome = outcome_word(&reply);
        let (plugin, tool) = (listed.plugin_name(), &listed.tool.name);
        self.services
            .metrics
            .called(plugin, tool, outcome, arrived.elapsed());
        reply
    }

    async fn admit_and_run(
        self: &Arc<Self>,
        listed: &Listed,
        mut request: CallRequest,
    ) -> Result<Reply, Error> {
        if self.stopping.is_cancelled() {
            return Err(stopping());
        }
        let mut trail = self.trail_of_call(listed, &request);
        let entered = async {
            self.agree(listed, &mut request).await?;
            let entering = self.enter(listed, &request).await?;
            if let Entering::Now(entered) = &entering
                && entered.writes
            {
                trail.begin().await?;
            }
            Ok(entering)
        };
        let entered = match entered.await {
            Ok(Entering::Now(entered)) => entered,
            Ok(Entering::Instead(reply)) => {
                let told = Ok(reply);
                trail.end(&told).await;
                return told;
            }
            Err(error) => {
                let refused = Err(error);
                trail.end(&refused).await;
                return refused;
            }
        };

        if !entered.writes {
            let stopped = self.stopping.child_token();
            let cancelled = request.cancelled.clone();
            // Dropping the future drops the instance and its requests.
            let answer = tokio::select! {
                answer = self.run(listed, request, entered, stopped, &trail) => answer,
                () = cancelled.cancelled() => Err(Error::new(ErrorKind::Cancelled, "cancelled", "The call was cancelled.")),
            };
            trail.end(&answer).await;
            answer
        } else {
            let (host, listed) = (self.clone(), listed.clone());
            let stopped = self.stopped.child_token();
            let running = async move {
                let run = host.run(&listed, request, entered, stopped, &trail);
                let answer = run.await;
                trail.end(&answer).await;
                answer
            };
            let running = self.writes.spawn(running.in_current_span());
            running
                .await
                .unwrap_or_else(|error| Err(Error::internal("A call", &error)))
        }
    }

    /// Whether the tool exists for the caller; the call goes on within what its tenant agreed to.
    async fn agree(&self, listed: &Listed, request: &mut CallRequest) -> Result<(), Error> {
        let principal = &request.caller.principal;
        request
            .selection
            .check(listed, &principal.scopes, &self.registry())?;
        if let Runner::Plugin(plugin) = &listed.runner {
            request.caller.principal = self.agreed_for(&plugin.grantee, principal).await?;
        }
        Ok(())
    }

    /// Whether a call may run, and as what; answers once there is a place for it, or at once where a person is needed first.
    async fn enter(&self, listed: &Listed, request: &CallRequest) -> Result<Entering, Error> {
        let tool = &listed.tool;
        self.check_secrets(listed, request)?;
        nesting::check_value(
            &request.arguments,
            listed.limits().nesting,
            listed.plugin_name(),
        )?;
        tool.arguments.check(&tool.name, &request.arguments)?;
        let mode = preview::mode(listed, &request.arguments)?;
        if let Some(reply) = self.waiting(listed, request, mode).await? {
            return Ok(Entering::Instead(reply));
        }
        let deadline = Instant::now() + listed.limits().time;
        let admitted = self
            .admission
            .enter(
                request.caller.principal.tenant.as_str(),
                listed.plugin_name(),
                listed.limits().calls,
                deadline,
            )
            .await?;
        Ok(Entering::Now(Entered {
            mode,
            writes: !tool.hints.read_only && mode != Mode::Preview,
            deadline,
            admitted,
        }))
    }

    async fn run(
        self: &Arc<Self>,
        listed: &Listed,
        mut request: CallRequest,
        entered: Entered,
        stopped: CancellationToken,
        trail: &Trail,
    ) -> Result<Reply, Error> {
        let Entered {
            mode,
            deadline,
            admitted,
            ..
        } = entered;
        let plugin = match &listed.runner {
            Runner::Plugin(plugin) => plugin,
            Runner::Native(native) => {
                return tokio::time::timeout_at(
                    deadline,
                    native.code.call(&request.caller, request.arguments),
                )
                .await
                .unwrap_or_else(|_| {
                    Err(Error::new(
                        ErrorKind::Timeout,
                        "time-limit",
                        "The call took too long.",
                    ))
                })
                .map(Reply::Done);
            }
        };
        let intent = match Intent::of(&self.services, listed, &mut request, mode).await? {
            Begun::Now(intent) => intent,
            Begun::AskedAgain(asked) => return Ok(Reply::Asked(asked)),
        };
        if let Some(by) = intent.confirmed_by() {
            let (caller, id) = (&request.caller, &request.correlation_id);
            trail.confirmed(caller, listed, id, by).await;
        }
        let secrets = self
            .services
            .seal_arguments(
                &request.caller.principal,
                &plugin.grantee,
                &listed.tool.sealed,
                &mut request.arguments,
            )
            .await?;
        let context = Arc::new(CallContext {
            grantee: plugin.grantee.clone(),
            caller: request.caller,
            read_only: listed.tool.hints.read_only || mode == Mode::Preview,
            correlation_id: request.correlation_id,
            lock_holder: lock_holder(),
            deadline,
            ends: deadline + plugin.limits.total_time.saturating_sub(plugin.limits.time),
            stops_by: self.stops_by.clone(),
            winds_up: false,
            cancelled: request.cancelled,
            stopped,
            progress: request.progress,
            secrets: Arc::new(secrets),
            computed: Arc::default(),
            budget: budget(&plugin.limits),
            log: plugin.log_budget(),
            depth: 0,
            peers: self.clone(),
            askable: request.askable,
            subject: std::sync::Mutex::default(),
        });
        trail.runs_in(&context);
        let arguments = request.arguments;
        self.finish(listed, plugin, context, arguments, intent, Some(admitted))
            .await
    }

    /// Runs the steps of a call, checks the result, and leaves nothing behind. `admitted` is the call's own place; a peer's call
    /// has none.
    pub(super) async fn finish(
        &self,
        listed: &Listed,
        plugin: &LoadedPlugin,
        mut context: Arc<CallContext>,
        arguments: Map<String, Value>,
        intent: Intent,
        admitted: Option<Admitted>,
    ) -> Result<Reply, Error> {
        let previews = intent.mode == Mode::Preview;
        let started = Instant::now();
        let answer = self
            .steps(
                listed,
                plugin,
                &mut context,
                Value::Object(arguments).to_string(),
                intent,
                admitted,
            )
            .await;
        let answer = match answer {
            Ok(Ended::With(output)) => checked_within(listed, output, &context, &self.imitations)
                .await
                .map(Reply::Done),
            Ok(Ended::Asking(asked)) => Ok(Reply::Asked(asked)),
            Ok(Ended::AtPage(linked)) => Ok(Reply::Linked(linked)),
            Err(error) => Err(self.imitations.clean_error(bounded(listed, error))),
        };
        // The host let a preview write nothing.
        let answer = answer.map_err(|error| Error {
            outcome_unknown: error.outcome_unknown && !previews,
            ..error
        });
        self.deeds.count(
            listed.plugin_name(),
            answer.is_err(),
            started.elapsed(),
            plugin
                .limits
                .http_requests
                .saturating_sub(context.budget.requests_left()),
        );
        self.release_locks(plugin, &context).await;
        if previews || !matches!(answer, Ok(Reply::Done(_))) {
            // A secret that came with a failed call is of no use to anybody; with a preview or a question it comes again.
            for handle in context.secrets.take_kept() {
                if let Err(error) = self
                    .services
                    .secrets
                    .revoke(&context.caller.principal, listed.plugin_name(), &handle)
                    .await
                {
                    tracing::debug!(cause = %error, "a secret of a failed call was gone already");
                }
            }
        }
        answer
    }

    /// Locks end with the call at the latest.
    pub(super) async fn release_locks(&self, plugin: &LoadedPlugin, context: &CallContext) {
        if !plugin.grantee.locks || context.read_only {
            return;
        }
        let released = self
            .services
            .locks
            .release_all(
                &context.caller.principal,
                &plugin.grantee.name,
                &context.lock_holder,
            )
            .await;
        if let Err(error) = released {
            tracing::warn!(cause = %error, "locks of an ended call stay until their leases run out");
        }
    }
}

/// What becomes of a call before anything runs.
enum Entering {
    /// It runs.
    Now(Entered),
    /// It waits for a person, or this is what a person brought about.
    Instead(Reply),
}

/// A call that may run.
struct Entered {
    mode: Mode,
    /// It may change something.
    writes: bool,
    deadline: Instant,
    admitted: Admitted,
}

pub(super) fn budget(limits: &Limits) -> ResponseBudget {
    ResponseBudget::new(
        usize::try_from(limits.http_bytes.as_u64()).unwrap_or(usize::MAX),
        limits.http_requests,
    )
}

pub(super) fn stopping() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "stopping",
        "The server is stopping and takes no new calls. Nothing was done; try again in a minute.",
    )
}

/// Locks belong to one call, not to all that share a correlation id.
pub(super) fn lock_holder() -> String {
    format!("{:032x}", rand::random::<u128>())
}
