//! `orders_changes`: what was changed through this server.

use orderdesk_client::difference::{self, Difference};
use orderdesk_client::journal::{Change, Journal, State};
use orderdesk_client::{ChangesPage, Notice, Store, StoreReference, own_id};
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, Id, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::change::resolve;
use crate::get::by_shop_number;
use crate::settings::Settings;
use crate::shipments;

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
    let page = ChangesPage::new(arguments.limit, arguments.cursor.as_deref())?;
    let store = Store::for_read(context, arguments.store_identifier.as_ref())?;
    let settings = Settings::of(context)?;
    let journal = Journal::new(context, &store, settings.writing.keep());
    let things = order_id.map(|id| [("order", id), (shipments::KIND, id)]);
    let things = things.as_ref().map_or(&[][..], |things| &things[..]);
    let (changes, more) = page.read(&journal, things, |change| {
        resolve::look(context, &store, change)
    })?;
    let fitted = page.fit(changes, more, shown)?;
    Ok(Listed {
        store: store.reference(),
        notice: Notice,
        changes: fitted.changes,
        next_cursor: fitted.next_cursor,
        note: fitted.note,
    })
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
