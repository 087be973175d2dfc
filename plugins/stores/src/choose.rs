//! `stores_list`, `stores_use_store`, `stores_resolve`: which stores there are, and which one is meant.

use orderdesk_client::{Registry, ResolvedBy, Store, StoreReference, active_key};
use orderdesk_plugin::storage::Write;
use orderdesk_plugin::{Context, Id, NoArguments, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, JsonSchema)]
pub(crate) struct Stores {
    /// The registered stores within reach of this access key.
    stores: Vec<Listed>,
    /// How many there are.
    total: usize,
}

#[derive(Serialize, JsonSchema)]
struct Listed {
    /// Order Desk's id of the store.
    store_id: String,
    /// The name that it is registered under.
    store_name: String,
    /// The remark that it was registered with.
    label: Option<String>,
    /// True for the store that a read uses when it names none: the one chosen with stores_use_store, or the only one.
    active: bool,
}

pub(crate) fn list(_: NoArguments, context: &Context) -> Result<Stores, ToolError> {
    let registry = Registry::own(context);
    let records = registry.all()?;
    let active = match records.as_slice() {
        [only] => Some(only.store_id.clone()),
        _ => registry.active()?,
    };
    let stores: Vec<_> = records
        .into_iter()
        .map(|record| Listed {
            active: active.as_deref() == Some(&record.store_id),
            store_id: record.store_id,
            store_name: record.store_name,
            label: record.label,
        })
        .collect();
    Ok(Stores {
        total: stores.len(),
        stores,
    })
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Identifier {
    /// The store's id, or its name in any letter case.
    identifier: Id,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Chosen {
    /// The store that is active now.
    store: StoreReference,
    /// Order Desk's id of the store.
    store_id: String,
    /// The name that it is registered under.
    store_name: String,
    /// What this means, in a sentence.
    message: String,
}

pub(crate) fn use_store(arguments: Identifier, context: &Context) -> Result<Chosen, ToolError> {
    let (record, _) = Registry::own(context).resolve(&arguments.identifier)?;
    let store = Store::act_on(context, record)?;
    let caller = context.session().caller()?;
    let write = Write::put_json(
        active_key(&caller.key_id),
        &Registry::pointer_to(store.id()),
    )?;
    context.storage().commit(vec![write])?;
    let what = if caller.single_client {
        "Tools"
    } else {
        "Tools that read"
    };
    Ok(Chosen {
        message: format!(
            "{what} now use {:?} ({}) when they are given no store_identifier. This holds for every client with this \
             access key.",
            store.name(),
            store.id()
        ),
        store: store.reference(),
        store_id: store.id().to_owned(),
        store_name: store.name().to_owned(),
    })
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Resolved {
    /// The store that is meant.
    store: StoreReference,
    /// Order Desk's id of the store.
    store_id: String,
    /// The name that it is registered under.
    store_name: String,
    /// The remark that it was registered with.
    label: Option<String>,
    /// What the identifier was taken for.
    resolved_by: ResolvedBy,
}

pub(crate) fn resolve(arguments: Identifier, context: &Context) -> Result<Resolved, ToolError> {
    let (record, resolved_by) = Registry::own(context).resolve(&arguments.identifier)?;
    let store = Store::act_on(context, record)?;
    Ok(Resolved {
        store: store.reference(),
        store_id: store.id().to_owned(),
        store_name: store.name().to_owned(),
        label: store.label().map(str::to_owned),
        resolved_by,
    })
}
