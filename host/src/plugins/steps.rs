//! The steps of a call. A plugin that pauses without a question is called again, in a fresh instance and with time and
//! requests of its own: so long work goes on while it moves, within `limits.total_time`.

use std::sync::Arc;

use tokio::time::Instant;

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
    ) -> Result<Ended, Error> {
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
            *context = Arc::new(self.next_step(context, plugin));
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
