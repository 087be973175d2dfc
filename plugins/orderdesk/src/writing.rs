//! What every writing tool takes and answers.

use std::borrow::Cow;
use std::time::Duration;

use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::{Context, ErrorKind, Id, Mode, Pause, Question, ToolError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use orderdesk_plugin::serde_json;

use crate::notice::Notice;

/// The arguments that every writing tool has beside its own: flatten it into them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct WriteArguments {
    /// The store's id or name; needed where several are registered.
    pub store_identifier: Option<Id>,
    /// True: change nothing, answer the exact difference and a confirm_token.
    pub dry_run: Option<bool>,
    /// Of a dry_run with these arguments: makes exactly that difference, or none.
    // The host takes it: a tool sees `Context::confirmation`.
    #[allow(dead_code)]
    pub confirm_token: Option<String>,
}

impl WriteArguments {
    /// True if nothing is to be changed.
    #[must_use]
    pub fn preview(&self, context: &Context) -> bool {
        // The mode is the host's reading of the argument; a host that does not know it must not make it a write.
        context.mode() == Mode::Preview || self.dry_run == Some(true)
    }
}

/// The settings that every writing plugin has: flatten it into its own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct WriteSettings {
    /// Days for which changes can be shown and undone; default 30.
    #[schemars(range(min = 1, max = 365))]
    pub keep_changes_days: Option<u32>,
}

impl WriteSettings {
    /// How long before-images are kept.
    #[must_use]
    pub fn keep(&self) -> Duration {
        let days = self.keep_changes_days.unwrap_or(30).clamp(1, 365);
        Duration::from_secs(u64::from(days) * 24 * 60 * 60)
    }
}

/// A value that Order Desk stored in another form than it was sent, or computed anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalised {
    /// Where.
    pub path: String,
    /// As it was sent.
    pub sent: Value,
    /// As it is stored.
    pub stored: Value,
}

/// In few words: every writing tool's definition has it.
impl JsonSchema for Normalised {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Normalised".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": { "path": { "type": "string" }, "sent": {}, "stored": {} },
        })
    }
}

/// The id of the one question that writing tools ask.
const CONFIRM: &str = "confirm";

/// The basis to which a person or a preview's token agreed; none where nobody was asked yet.
///
/// # Errors
/// `not-confirmed` if the person said no.
pub fn agreed_basis(context: &Context) -> Result<Option<String>, ToolError> {
    if let Some(confirmation) = context.confirmation() {
        return Ok(Some(confirmation.basis.clone()));
    }
    match context.resumption() {
        None => Ok(None),
        Some(resumption) if resumption.confirmed(CONFIRM) => Ok(Some(
            String::from_utf8_lossy(&resumption.state).into_owned(),
        )),
        Some(_) => Err(ToolError::cancelled(
            "not-confirmed",
            "This was not confirmed, so nothing was changed.",
        )),
    }
}

/// Asks whether something that rests on `basis` may be done. When the tool is called again, [`agreed_basis`] has it.
#[must_use]
pub fn ask(basis: &str, message: impl Into<String>) -> Pause {
    Pause {
        state: basis.as_bytes().to_vec(),
        questions: vec![Question::confirm(CONFIRM, message)],
        message: None,
    }
}

/// What to answer where a preview or a consent no longer holds: `theirs` is what is there now, `ours` what was wanted.
#[must_use]
pub fn changed_since(what: &str, theirs: Value, ours: Value) -> ToolError {
    ToolError::conflict(
        "changed-since-preview",
        format!(
            "{what} has changed since the preview, so nothing was changed. See `theirs` (there now) and `ours` (wanted), \
             then ask for a new preview (dry_run: true)."
        ),
    )
    .with_extra(serde_json::json!({ "notice": Notice::TEXT, "theirs": theirs, "ours": ours }))
}

/// After a write of unknown outcome the lock stays for so long: nobody builds on what may still change.
const KEPT: Duration = Duration::from_secs(60);

/// After a write of unknown outcome: leaves the lock behind until it can be known. Not to be able to is only logged.
pub fn keep_lock(context: &Context, lock: Lock) {
    if let Err(error) = lock.keep(KEPT) {
        let reason = error.to_string();
        context
            .log()
            .warn("a lock was not kept", &[("reason", &reason)]);
    }
}

/// True if Order Desk refused a request for want of tokens, after the wait that it asked for, and the call has time for
/// another attempt, which takes `work`. Nothing was done then, so a repetition does nothing twice; but what was read before
/// is out of date.
#[must_use]
pub fn wait_for_turn(context: &Context, error: &ToolError, work: Duration) -> bool {
    let (ErrorKind::RateLimited, Some(wait)) = (error.kind, error.retry_after_ms) else {
        return false;
    };
    let wait = Duration::from_millis(wait.into());
    let worthwhile = context.session().time_left() > wait + work;
    if worthwhile {
        context.clock().sleep(wait);
    }
    worthwhile
}

/// Who has no token after waiting twice is one of too many.
const ATTEMPTS: usize = 3;
/// What one more attempt may take, the caller's answer included.
const WORK: Duration = Duration::from_secs(35);

/// Does `work`, and does it again from its start, reading included, where Order Desk refused one of its requests for want of
/// tokens: nothing was done then (see [`wait_for_turn`]).
///
/// # Errors
/// Those of the last attempt.
pub fn in_turn<T>(
    context: &Context,
    mut work: impl FnMut() -> Result<T, ToolError>,
) -> Result<T, ToolError> {
    for _ in 1..ATTEMPTS {
        match work() {
            Err(error) if !error.outcome_unknown && wait_for_turn(context, &error, WORK) => {}
            answer => return answer,
        }
    }
    work()
}

/// Time within one call, by the clock that never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    left: Duration,
}

impl Stopwatch {
    /// Starts now.
    #[must_use]
    pub fn start(context: &Context) -> Self {
        Self {
            left: context.session().time_left(),
        }
    }

    /// What has passed since the start.
    #[must_use]
    pub fn elapsed(&self, context: &Context) -> Duration {
        self.left.saturating_sub(context.session().time_left())
    }
}
