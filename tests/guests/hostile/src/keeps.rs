//! Ways to keep something from one call to the next, or to leave it for another tenant.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use orderdesk_plugin::cache::Lookup;
use orderdesk_plugin::serde_json::json;
use orderdesk_plugin::storage::Write;
use orderdesk_plugin::webhooks::{Event, Happening, Request, Verdict};
use orderdesk_plugin::{Context, NoArguments, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::declares::Settings;

static CALLS: AtomicU32 = AtomicU32::new(0);

#[derive(Serialize, JsonSchema)]
pub(crate) struct Kept {
    seen: String,
}

fn kept(seen: impl ToString) -> Kept {
    Kept {
        seen: seen.to_string(),
    }
}

/// How many calls this memory has seen.
pub(crate) fn remember(_: NoArguments, _: &Context) -> Result<Kept, ToolError> {
    Ok(kept(CALLS.fetch_add(1, Ordering::Relaxed) + 1))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Cached {
    slot: String,
    put: Option<String>,
    act_on: Option<String>,
}

/// What stands in the cache; puts something where nothing does.
pub(crate) fn cache(arguments: Cached, context: &Context) -> Result<Kept, ToolError> {
    if let Some(subject) = &arguments.act_on {
        context.session().act_on(subject)?;
    }
    match context.cache().get(&arguments.slot)? {
        Lookup::Hit(value) => Ok(kept(String::from_utf8_lossy(&value))),
        Lookup::Miss(ticket) => {
            if let Some(value) = arguments.put {
                let value = value.into_bytes();
                context
                    .cache()
                    .put(ticket, value, Duration::from_secs(600), ["all"])?;
            }
            Ok(kept(""))
        }
    }
}

/// Who the tenant is, as far as a plugin may know.
pub(crate) fn session(_: NoArguments, context: &Context) -> Result<Kept, ToolError> {
    let caller = context.session().current();
    Ok(kept(caller.map_or(String::new(), |caller| caller.tenant)))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Fill {
    slot: String,
    bytes: usize,
}

/// Keeps a document.
pub(crate) fn fill(arguments: Fill, context: &Context) -> Result<Kept, ToolError> {
    let value = vec![b'x'; arguments.bytes];
    context
        .storage()
        .commit(vec![Write::put(arguments.slot, value)])?;
    Ok(kept("kept"))
}

/// Removes a document.
pub(crate) fn empty(arguments: Fill, context: &Context) -> Result<Kept, ToolError> {
    context
        .storage()
        .commit(vec![Write::remove(arguments.slot)])?;
    Ok(kept("removed"))
}

pub(crate) fn judge(_: &Request, _: &Context) -> Result<Verdict, ToolError> {
    Settings::read().reached("webhook");
    Ok(Verdict::Accepted(Happening::new("told", "once", json!({}))))
}

pub(crate) fn hear(_: &Event, _: &Context) -> Result<(), ToolError> {
    Settings::read().reached("event");
    Ok(())
}
