//! `stores_delete`.

use orderdesk_client::{Registry, Store, StoreReference, name_key, store_key};
use orderdesk_plugin::storage::Write;
use orderdesk_plugin::{Context, ErrorKind, Id, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Writes per commit that every host takes.
const COMMIT: usize = 100;
/// Another call may change the same documents in between; more often than this it is not by chance.
const ATTEMPTS: usize = 3;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The id of the store to forget; its name will do as well.
    store_id: Id,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Deleted {
    /// The store that is forgotten.
    store: StoreReference,
    /// True: the store is not registered any more.
    deleted: bool,
    /// True if the kept API key was destroyed. If not, revoke it in Order Desk.
    api_key_revoked: bool,
    /// What this means, in a sentence.
    message: String,
}

pub(crate) fn delete(arguments: Arguments, context: &Context) -> Result<Deleted, ToolError> {
    let forgotten = (0..ATTEMPTS).find_map(|_| forget(&arguments.store_id, context).transpose());
    let store = forgotten.unwrap_or_else(|| {
        Err(ToolError::conflict(
            "store-changed",
            format!(
                "Other calls keep changing the store {}. See stores_list, then repeat it.",
                arguments.store_id
            ),
        ))
    })?;
    let revoked = context.crypto().revoke(store.api_key());
    if let Err(error) = &revoked {
        let (store, reason) = (store.id(), error.to_string());
        context.log().error(
            "the API key of a deleted store was not revoked",
            &[("store", store), ("reason", &reason)],
        );
    }
    let key = match revoked {
        Ok(()) => "its kept API key is destroyed",
        Err(_) => "its kept API key could not be destroyed: revoke it in Order Desk",
    };
    Ok(Deleted {
        message: format!(
            "{:?} ({}) is not registered any more, and {key}. Nothing was changed in Order Desk.",
            store.name(),
            store.id()
        ),
        store: store.reference(),
        deleted: true,
        api_key_revoked: revoked.is_ok(),
    })
}

/// Removes the store's documents; everything that could name the store afterwards goes with it. None: another call
/// changed them in between.
fn forget(identifier: &Id, context: &Context) -> Result<Option<Store>, ToolError> {
    let registry = Registry::own(context);
    let (found, _) = registry.resolve(identifier)?;
    // Read again for its version: the name may have led here.
    let Some((record, version)) = registry.by_id(&found.store_id)? else {
        return Ok(None);
    };
    let store = Store::act_on(context, record)?;
    let mut writes = vec![Write::remove(store_key(store.id())).if_version(version)];
    if let Some((bearer, version)) = registry.bearer_of(store.name())?
        && bearer == store.id()
    {
        writes.push(Write::remove(name_key(context, store.name())).if_version(version));
    }
    for (key, version) in registry.active_for(store.id())? {
        writes.push(Write::remove(key).if_version(version));
    }
    while !writes.is_empty() {
        let rest = writes.split_off(writes.len().min(COMMIT));
        match context.storage().commit(writes) {
            Ok(_) => writes = rest,
            Err(error) if error.kind == ErrorKind::Conflict => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(store))
}
