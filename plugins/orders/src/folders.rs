//! The folder that a move is into.

use std::time::Duration;

use orderdesk_client::{ApiRequest, Caching, Store, TextOrNumber, take_object};
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Folders hardly ever change.
const FRESH: Duration = Duration::from_secs(60);

/// A folder of the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Folder {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// The folder that is meant. A wrong name is easy to miss in Order Desk's own answer, so it is looked up.
///
/// # Errors
/// `one-folder` unless exactly one of id and name is given; `folder-not-found` with those that there are.
pub(crate) fn find(
    id: Option<&TextOrNumber>,
    name: Option<&str>,
    context: &Context,
    store: &Store,
) -> Result<Folder, ToolError> {
    let id = id.map(|id| id.text().trim().to_owned());
    let name = name.map(str::trim);
    if id.is_some() == name.is_some() {
        return Err(ToolError::invalid_input(
            "one-folder",
            "Give exactly one of 'destination_folder_id' and 'destination_folder_name'.",
        ));
    }
    let meant = |folder: &Folder| id.as_deref() == Some(&folder.id) || name == Some(&folder.name);
    let (folders, cached) = store.client(context).get_reduced(
        "folders",
        ApiRequest::get(["store"]),
        &Caching::new(FRESH).tag("store"),
        |mut answer| {
            // Of a store's settings nothing else belongs into a cache.
            let mut store = take_object(&mut answer, "store")?;
            store.retain(|name, _| name == "folders");
            Ok(store)
        },
    )?;
    let mut folders = read(folders);
    if cached && !folders.iter().any(meant) {
        // It may be new.
        let mut answer = store.client(context).send(ApiRequest::get(["store"]))?;
        folders = read(take_object(&mut answer, "store")?);
    }
    folders
        .iter()
        .find(|folder| meant(folder))
        .cloned()
        .ok_or_else(|| {
            let names: Vec<String> = folders
                .iter()
                .map(|folder| format!("{:?} ({})", folder.name, folder.id))
                .collect();
            ToolError::not_found(
                "folder-not-found",
                format!(
                    "The store {:?} has no folder {:?}. Nothing was moved. Its folders: {}.",
                    store.name(),
                    id.as_deref().or(name).unwrap_or_default(),
                    names.join(", ")
                ),
            )
        })
}

fn read(mut store: Map<String, Value>) -> Vec<Folder> {
    let folders = match store.remove("folders") {
        Some(Value::Object(folders)) => folders,
        _ => Map::new(),
    };
    folders
        .into_iter()
        .map(|(id, name)| Folder {
            id,
            name: name.as_str().unwrap_or_default().to_owned(),
        })
        .collect()
}
