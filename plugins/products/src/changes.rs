//! `products_changes`: what was changed through this server.

use orderdesk_client::difference::{self, Difference};
use orderdesk_client::journal::{Change, Journal, State};
use orderdesk_client::{ChangesPage, Notice, Store, StoreReference, WriteSettings};
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, Id, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::deed::KIND;
use crate::ended::ended;
use crate::shelf::own_id;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Only this product's.
    product_id: Option<Id>,
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
    /// Blank where nobody knows yet whether the product was created.
    product_id: String,
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
    let product_id = arguments.product_id.as_ref().map(own_id).transpose()?;
    let page = ChangesPage::new(arguments.limit, arguments.cursor.as_deref())?;
    let store = Store::for_read(context, arguments.store_identifier.as_ref())?;
    let keep = context.settings::<WriteSettings>()?.keep();
    let journal = Journal::new(context, &store, keep);
    let thing = product_id.map(|id| [(KIND, id)]);
    let things = thing.as_ref().map_or(&[][..], |thing| &thing[..]);
    let (changes, more) = page.read(&journal, things, |change| ended(context, &store, change))?;
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
        product_id: change.thing_id,
        tool: change.tool,
        by: change.by,
        state: change.state,
        diff: difference::shown(&change.edits),
        undoes: change.undoes,
        undone_by: change.undone_by,
    }
}
