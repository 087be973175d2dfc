//! A change under an idempotency key: made once, however often it is asked for.

use orderdesk_client::repeat::{self, Attempt};
use orderdesk_client::{Store, basis};
use orderdesk_plugin::serde_json::{self, Value};
use orderdesk_plugin::{Context, ToolError};

use crate::change::engine::LEASE;
use crate::settings::Settings;
use crate::written::Written;

/// Makes a change, unless it was made under this key before; then its result is answered once more. A call that began
/// under the key and was not seen to end is made again: the same changes, merged twice, change nothing more.
///
/// # Errors
/// `idempotency-key-reused`; what `make` answers.
pub(crate) fn once(
    context: &Context,
    store: &Store,
    settings: &Settings,
    tool: &str,
    key: Option<&str>,
    arguments: &Value,
    make: impl FnOnce() -> Result<Written, ToolError>,
) -> Result<Written, ToolError> {
    let Some(key) = key else {
        return make();
    };
    let wait = context.session().time_left() / 2;
    let name = repeat::lock_name(context, store, tool, key);
    let _lock = context.locks().acquire(&name, wait, LEASE)?;
    let digest = basis::digest(context, arguments);
    let keep = settings.writing.keep();
    let ticket = match repeat::begin(context, store, tool, key, &digest, keep)? {
        Attempt::Done(result, _) => {
            let mut written: Written = serde_json::from_value(result).map_err(|error| {
                ToolError::internal(
                    "document-malformed",
                    format!("The earlier result cannot be read: {error}"),
                )
            })?;
            written.warnings.push(
                "This was done before under the same idempotency_key: this is the result of then, and nothing was changed \
                 now."
                    .to_owned(),
            );
            return Ok(written);
        }
        Attempt::First(ticket) | Attempt::Again(ticket) => ticket,
    };
    match make() {
        Ok(written) => {
            ticket.done(context, &serde_json::to_value(&written).unwrap_or_default());
            Ok(written)
        }
        Err(error) => {
            if !error.outcome_unknown {
                ticket.forget(context);
            }
            Err(error)
        }
    }
}
