//! `stores_folders`.

use std::time::Duration;

use orderdesk_client::{Access, ApiRequest, Caching, Registry, StoreReference, take};
use orderdesk_plugin::serde_json::Value;
use orderdesk_plugin::{Context, Id, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Folders change when somebody sets up a store anew: rarely.
pub(crate) const FRESH: Duration = Duration::from_secs(300);
/// What a newly registered key makes stale.
pub(crate) const TAG: &str = "store";

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The store's id or name. May be left out where only one store is registered or one is active.
    store_identifier: Option<Id>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Folders {
    /// The store that they are of.
    store: StoreReference,
    /// The folders, in Order Desk's order: new orders start in the first.
    folders: Vec<Folder>,
    /// True if the answer was kept from an earlier call, at most five minutes ago.
    cached: bool,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Folder {
    /// The folder's id.
    id: String,
    /// The folder's name.
    name: String,
}

pub(crate) fn folders(arguments: Arguments, context: &Context) -> Result<Folders, ToolError> {
    of(arguments.store_identifier.as_ref(), context)
}

/// The folders of the store that is meant.
pub(crate) fn of(identifier: Option<&Id>, context: &Context) -> Result<Folders, ToolError> {
    let store = Registry::own(context).choose(identifier, Access::Read)?;
    let caching = Caching::new(FRESH).tag(TAG);
    // Of the whole answer only the folders are kept: the rest are settings.
    let (folders, cached) = store.client(context).get_reduced(
        "folders",
        ApiRequest::get(["store"]),
        &caching,
        |mut answer| {
            let folders = take(&mut answer, "store").and_then(|mut it| take(&mut it, "folders"))?;
            Ok(read(folders))
        },
    )?;
    Ok(Folders {
        store: store.reference(),
        folders,
        cached,
    })
}

fn read(folders: Value) -> Vec<Folder> {
    let Value::Object(folders) = folders else {
        return Vec::new();
    };
    folders
        .into_iter()
        .map(|(id, name)| Folder {
            id,
            name: match name {
                Value::String(name) => name,
                other => other.to_string(),
            },
        })
        .collect()
}
