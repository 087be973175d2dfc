//! Work on many orders as a call begins it, goes on with it in its steps, and takes it up again after an interruption.
//!
//! Under an idempotency key it is recorded how far the work is: the same call goes on there, with what somebody agreed to,
//! and asks nobody again.

use std::time::Duration;

use orderdesk_client::repeat::{self, Attempt, Ticket};
use orderdesk_client::{Store, basis};
use orderdesk_plugin::serde_json::{self, Value, json};
use orderdesk_plugin::{Context, ErrorKind, Outcome, ToolError};
use serde::de::DeserializeOwned;

use crate::batch::{Agreed, Work};
use crate::change::engine::LEASE;

/// For a call with the same key to end its step.
const WAIT: Duration = Duration::from_secs(2);

/// The work of one call.
pub(crate) struct Long<'a> {
    pub(crate) context: &'a Context,
    pub(crate) store: &'a Store,
    /// How long it is kept what was done under a key.
    pub(crate) keep: Duration,
    pub(crate) tool: &'a str,
    pub(crate) key: Option<&'a str>,
}

impl Long<'_> {
    /// Begins, goes on where the last step or an earlier call with this key stopped, or answers what that did. `arguments` are
    /// what a key stands for; `begin` finds out whether somebody agreed; `go_on` does the work; `warnings` is where an answer
    /// tells that it is of an earlier call.
    ///
    /// # Errors
    /// `idempotency-key-reused`, `locked` while another call uses the key; what `begin` and `go_on` answer.
    pub(crate) fn run<A: DeserializeOwned>(
        &self,
        arguments: &Value,
        begin: impl FnOnce() -> Result<Agreed, ToolError>,
        go_on: impl FnOnce(Work, Option<Ticket>) -> Result<Outcome<A>, ToolError>,
        warnings: impl FnOnce(&mut A) -> &mut Vec<String>,
    ) -> Result<Outcome<A>, ToolError> {
        let Some(key) = self.key else {
            return match Work::resumed(self.context) {
                Some(work) => go_on(work, None),
                None => match begin()? {
                    Agreed::Yes(work) => go_on(work, None),
                    Agreed::Asking(pause) => Ok(pause.into()),
                },
            };
        };
        let name = repeat::lock_name(self.context, self.store, self.tool, key);
        let _lock = self
            .context
            .locks()
            .acquire(&name, WAIT, LEASE)
            .map_err(|error| match error.kind {
                ErrorKind::Conflict => ToolError {
                    message: "A call with this idempotency_key is still under way. Repeat it in a minute: it answers for \
                              every order then."
                        .to_owned(),
                    ..error
                },
                _ => error,
            })?;
        let digest = basis::digest(self.context, arguments);
        let attempt = repeat::begin(self.context, self.store, self.tool, key, &digest, self.keep)?;
        let mut ticket = match attempt {
            Attempt::Done(result, _) => {
                let mut answer: A =
                    serde_json::from_value(result).map_err(|error| malformed(&error))?;
                warnings(&mut answer).push(
                    "This was done before under the same idempotency_key: this is the result of then, and nothing was \
                     changed now."
                        .to_owned(),
                );
                return Ok(Outcome::complete(answer));
            }
            Attempt::First(ticket) | Attempt::Again(ticket) => ticket,
        };
        if let Some(progress) = ticket.progress().cloned() {
            let work: Work = serde_json::from_value(progress).map_err(|error| malformed(&error))?;
            return go_on(work.again(), Some(ticket));
        }
        let work = match begin() {
            Ok(Agreed::Yes(work)) => work,
            // Nothing began yet.
            Ok(Agreed::Asking(pause)) => {
                ticket.forget(self.context);
                return Ok(pause.into());
            }
            Err(error) => {
                ticket.forget(self.context);
                return Err(error);
            }
        };
        // Named before the first change, so that all changes of all attempts are of one call.
        let random = self.context.crypto().random(16)?;
        let work = work.of_call(self.context.crypto().sha256_hex(&random));
        ticket.keep(self.context, json!(work));
        go_on(work, Some(ticket))
    }
}

fn malformed(error: &serde_json::Error) -> ToolError {
    ToolError::internal(
        "document-malformed",
        format!("What was recorded of the earlier call cannot be read: {error}"),
    )
}
