//! The steps of a call. A plugin that pauses without a question is called again, in a fresh instance and with time and
//! requests of its own: so long work goes on while it moves, within `limits.total_time`.
//!
//! Between two steps a call has no place: those that wait for one go first. And it computes for `limits.cpu` as any other, and from
//! then on for a small part of the time that it takes: a plugin that pauses without end is at rest for most of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::admission::Admitted;
use super::call::budget;
use super::confirm::{Asked, Next};
use super::host::PluginHost;
use super::instance::LoadedPlugin;
use super::intent::Intent;
use super::person::Linked;
use super::registry::Listed;
use crate::capabilities::context::CallContext;
use crate::capabilities::contract::tools::{self, Outcome, Output};
use crate::capabilities::contract::types::Resumption;
use crate::capabilities::contract::{Error, ErrorKind};

/// Beyond `limits.cpu`, steps compute for one part of this many of the call's time.
const REST: u32 = 10;

/// How the steps of a call ended.
pub(super) enum Ended {
    /// With the plugin's result.
    With(Output),
    /// With questions to a person.
    Asking(Asked),
    /// With a link for a person.
    AtPage(Linked),
}

impl PluginHost {
    /// Runs one step after the other. `context` is that of the step under way.
    pub(super) async fn steps(
        &self,
        listed: &Listed,
        plugin: &LoadedPlugin,
        context: &mut Arc<CallContext>,
        arguments: String,
        intent: Intent,
        mut place: Option<Admitted>,
    ) -> Result<Ended, Error> {
        let started = Instant::now();
        let mut call = tools::Call {
            tool: listed.tool.name.clone(),
            arguments,
            mode: intent.mode,
            confirmation: intent.confirmation.clone(),
            resumption: intent.resumption.clone(),
            extra: None,
        };
        let mut step: u32 = 0;
        loop {
            let mut pause = match plugin.call(&self.services, context.clone(), &call).await? {
                Outcome::Complete(output) => {
                    let principal = &context.caller.principal;
                    let output = intent.finish(&self.services, principal, listed, output);
                    return output.await.map(Ended::With);
                }
                Outcome::Pause(pause) => pause,
            };
            self.imitations.clean_pause(&mut pause);
            let answers = if pause.questions.is_empty() {
                Vec::new()
            } else {
                let principal = &context.caller.principal;
                let next = intent.decide(&self.services, self.confirm, principal, listed, &pause);
                match next.await? {
                    Next::On(answers) => answers,
                    Next::Ask(asked) => return Ok(Ended::Asking(asked)),
                    Next::AskAtPage(questions) => {
                        let bound = intent.bound.as_ref();
                        let asked = self.ask_at_page(listed, principal, bound, questions);
                        return asked.await.map(Ended::AtPage);
                    }
                }
            };
            step += 1;
            // It was asked to come to an end, and wants to go on.
            if context.winds_up
                && let Some(error) = self.given_up(context, step)
            {
                return Err(error);
            }
            if let (Some(sink), Some(message)) = (&context.progress, &pause.message) {
                sink.progress(step.into(), None, message);
            }
            call.resumption = Some(Resumption {
                state: pause.state,
                answers,
            });
            // However short its steps are, others get the thread between them.
            tokio::task::yield_now().await;
            if let Some(admitted) = place.take() {
                place = self.rest(admitted, context, plugin, started).await;
            }
            *context = Arc::new(self.next_step(context, plugin));
        }
    }

    /// Leaves the call's place to those that wait, and answers another when it is time for its next step; none where it is to come
    /// to an end, which it does without.
    async fn rest(
        &self,
        admitted: Admitted,
        context: &CallContext,
        plugin: &LoadedPlugin,
        started: Instant,
    ) -> Option<Admitted> {
        let limits = &plugin.limits;
        let resting = self.admission.rest(admitted);
        let latest = context.ends - limits.time.min(limits.total_time) / 2;
        let again = async {
            let due = started.checked_add(rest(context.computed_so_far(), limits.cpu));
            tokio::time::sleep_until(due.map_or(latest, |due| due.min(latest))).await;
            self.admission
                .enter_again(resting, limits.calls, latest)
                .await
        };
        tokio::select! {
            biased;
            () = context.cancelled.cancelled() => None,
            () = self.stopping.cancelled() => None,
            again = again => again,
        }
    }

    /// Where nobody waits any more, or too little time is left for a whole step, the plugin gets one to say what it did.
    fn next_step(&self, context: &CallContext, plugin: &LoadedPlugin) -> CallContext {
        let (now, limits) = (Instant::now(), &plugin.limits);
        let short = context.ends.saturating_duration_since(now) < limits.time / 2;
        let given_up = context.cancelled.is_cancelled() || self.stopping.is_cancelled();
        context.next_step(
            context.ends.min(now + limits.time),
            budget(limits),
            short || given_up,
        )
    }

    fn given_up(&self, context: &CallContext, steps: u32) -> Option<Error> {
        let (kind, code, why) = if context.cancelled.is_cancelled() {
            (ErrorKind::Cancelled, "cancelled", "The call was cancelled")
        } else if self.stopping.is_cancelled() {
            let why = "The server is stopping, and ended the call";
            (ErrorKind::Unavailable, "stopping", why)
        } else {
            return None;
        };
        Some(Error {
            outcome_unknown: !context.read_only,
            ..Error::new(kind, code, format!("{why} after {steps} steps."))
        })
    }
}

/// When, after its start, a call that computed for so long may go on.
fn rest(computed: Duration, at_once: Duration) -> Duration {
    computed.saturating_sub(at_once).saturating_mul(REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_compute_at_once_what_a_call_may_and_a_part_of_the_time_from_then_on() {
        let of = |computed| rest(Duration::from_millis(computed), Duration::from_secs(2));
        assert_eq!(of(1_999), Duration::ZERO);
        assert_eq!(of(2_000), Duration::ZERO);
        assert_eq!(of(2_500), Duration::from_secs(5));
        assert_eq!(rest(Duration::MAX, Duration::ZERO), Duration::MAX);
    }
}
