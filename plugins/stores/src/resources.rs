//! Stores and their folders at URIs: what `stores_list` and `stores_folders` tell.

use orderdesk_client::Registry;
use orderdesk_plugin::{
    Completion, Contents, Context, Id, NoArguments, Resource, ResourceTemplate, ToolError, Typing,
};
use serde::Deserialize;

use crate::{choose, folders};

const JSON: &str = "application/json";

/// `orderdesk://stores`
pub(crate) fn stores() -> Resource {
    Resource::new("stores", "orderdesk://stores", |context: &Context| {
        Contents::json(&choose::list(NoArguments {}, context)?)
    })
    .title("The stores")
    .description("The registered Order Desk stores, and which one is active.")
    .mime(JSON)
    .tool("stores_list")
}

/// `orderdesk://{store}/folders`
pub(crate) fn folders() -> ResourceTemplate {
    ResourceTemplate::new("folders", "orderdesk://{store}/folders", read_folders)
        .title("A store's folders")
        .description("The folders of a store (its id or name), in Order Desk's order: an order's folder is its status.")
        .mime(JSON)
        .tool("stores_folders")
        .complete("store", complete_store)
}

#[derive(Deserialize)]
struct Variables {
    store: Id,
}

fn read_folders(variables: Variables, context: &Context) -> Result<Contents, ToolError> {
    let folders = folders::of(Some(&variables.store), context)?;
    Ok(Contents::json(&folders)?.fresh_for(folders::FRESH))
}

fn complete_store(typing: &Typing, context: &Context) -> Result<Completion, ToolError> {
    Registry::own(context).complete(typing)
}
