//! `orders_changes`: what was changed through this server.

use orderdesk_client::brief::{self, LARGE, SMALL};
use orderdesk_client::difference::{self, Difference};
use orderdesk_client::journal::{Change, Journal, State};
use orderdesk_client::tokens::estimate;
use orderdesk_client::{Notice, Store, StoreReference, own_id};
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{Context, Id, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::change::resolve;
use crate::get::by_shop_number;
use crate::settings::Settings;
use crate::shipments;

/// Changes of an answer unless asked otherwise.
const DEFAULT_LIMIT: u32 = 20;
const LARGEST_LIMIT: u32 = 100;
/// Tokens of what stands beside the changes.
const FRAME: usize = 150;

/// Changes of which nobody saw the end, for each of which the order is read.
const LOOKED_AT: usize = 5;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Only this order's.
    order_id: Option<Id>,
    /// The store's id or name; without it, the only or the active one.
    store_identifier: Option<Id>,
    /// Default 20.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// next_cursor of the last answer.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Listed {
    store: StoreReference,
    notice: Notice,
    /// Newest first.
    #[schemars(with = "Vec<Shown>")]
    changes: Vec<Map<String, Value>>,
    /// Continues after these; null at the end.
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    note: Option<String>,
}

/// A change as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Shown {
    change_id: String,
    order_id: String,
    tool: String,
    /// UTC.
    at: String,
    /// The access key that made it.
    by: String,
    state: State,
    diff: Vec<Difference>,
    /// The change that it took back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    undoes: Option<String>,
    /// The change that took it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    undone_by: Option<String>,
}

pub(crate) fn changes(arguments: Arguments, context: &Context) -> Result<Listed, ToolError> {
    let order_id = match &arguments.order_id {
        Some(id) => Some(own_id("order_id", id, "bad-order-id", || {
            by_shop_number(id.as_str())
        })?),
        None => None,
    };
    let well_formed = |cursor: &String| cursor.bytes().all(|byte| byte.is_ascii_hexdigit());
    if arguments
        .cursor
        .as_ref()
        .is_some_and(|cursor| !well_formed(cursor))
    {
        return Err(ToolError::invalid_input(
            "bad-cursor",
            "'cursor' is not one of this tool. Pass the next_cursor of its last answer, or none to begin anew.",
        ));
    }
    let store = Store::for_read(context, arguments.store_identifier.as_ref())?;
    let settings = Settings::of(context)?;
    let journal = Journal::new(context, &store, settings.writing.keep());
    let limit = arguments
        .limit
        .unwrap_or(DEFAULT_LIMIT)
        .clamp(1, LARGEST_LIMIT);
    let cursor = arguments.cursor.as_deref();
    let mut found = journal.list(order_id.map(|id| ("order", id)), cursor, limit + 1)?;
    if let Some(id) = order_id {
        let shipments = journal.list(Some((shipments::KIND, id)), cursor, limit + 1)?;
        found.extend(shipments);
        // An id begins with the time, inverted.
        found.sort_by(|one, other| one.change_id.cmp(&other.change_id));
    }
    let mut more = found.len() > limit as usize;
    found.truncate(limit as usize);
    look_at_open(&mut found, context, &store);
    let budget = match arguments.limit {
        Some(_) => LARGE,
        None => SMALL,
    } - FRAME;
    let mut tokens = 0;
    let mut changes = Vec::new();
    let (mut last, mut note) = (None, None);
    for change in found {
        let id = change.change_id.clone();
        let change = match json!(shown(change)) {
            Value::Object(change) => change,
            _ => Map::new(),
        };
        tokens += estimate(&json!(change).to_string());
        if tokens > budget && !changes.is_empty() {
            more = true;
            break;
        }
        last = Some(id);
        let (change, left_out) = match tokens > budget {
            true => brief::row(change, budget, false),
            false => (change, Vec::new()),
        };
        if !left_out.is_empty() {
            note = Some(format!(
                "The first change alone is too long and was shortened: {}. With a 'limit' more of it is shown.",
                left_out.join("; ")
            ));
        }
        changes.push(change);
    }
    Ok(Listed {
        store: store.reference(),
        notice: Notice,
        changes,
        next_cursor: last.filter(|_| more),
        note,
    })
}

/// What the orders themselves tell of changes that were not seen to end. This tool only reads: the next change of the order
/// records it.
fn look_at_open(changes: &mut [Change], context: &Context, store: &Store) {
    let open = changes.iter_mut().filter(|change| change.state.is_open());
    for change in open.take(LOOKED_AT) {
        if let Ok(Some(ended)) = resolve::look(context, store, change) {
            *change = ended;
        }
    }
}

fn shown(change: Change) -> Shown {
    Shown {
        at: change.at(),
        change_id: change.change_id,
        order_id: change.thing_id,
        tool: change.tool,
        by: change.by,
        state: change.state,
        diff: difference::shown(&change.edits),
        undoes: change.undoes,
        undone_by: change.undone_by,
    }
}
