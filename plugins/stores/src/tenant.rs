//! `tenant_use_master_key`.

use orderdesk_client::{Registry, StoreRecord, StoreReference};
use orderdesk_plugin::{Context, Sealed, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The master key to check.
    #[schemars(extend("x-sealed" = ["session"]))]
    master_key: Sealed,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Confirmed {
    /// How many stores are registered within reach of this connection.
    stores_count: usize,
    /// Those stores.
    stores: Vec<StoreReference>,
    /// What this means, in a sentence.
    message: String,
}

pub(crate) fn use_master_key(
    arguments: Arguments,
    context: &Context,
) -> Result<Confirmed, ToolError> {
    context.session().authenticate(&arguments.master_key)?;
    let stores: Vec<_> = Registry::own(context)
        .all()?
        .iter()
        .map(StoreRecord::reference)
        .collect();
    let next = match stores.as_slice() {
        [] => "No store is registered yet: stores_register does that.".to_owned(),
        [_] => "One store is registered; every tool uses it without being told.".to_owned(),
        stores => format!("{} stores are registered.", stores.len()),
    };
    Ok(Confirmed {
        stores_count: stores.len(),
        stores,
        message: format!("The key is valid, and is one of the account already in use. {next}"),
    })
}
