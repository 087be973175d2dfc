//! Which store a call is about when it names none, and what to say when that cannot be known.

use orderdesk_plugin::ToolError;

use crate::registry::{StoreRecord, fold};

/// Stores named in a message; the rest is counted.
const LISTED: usize = 20;
/// Jaro-Winkler similarity from which a name counts as a likely misspelling.
const ALIKE: f64 = 0.8;

/// What a call wants to do with its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Look.
    Read,
    /// Change something.
    Write,
}

/// The store of a call that names none: the only one, else the active one where that can be trusted.
pub(crate) fn unnamed(
    mut stores: Vec<StoreRecord>,
    access: Access,
    single_client: bool,
    active: impl FnOnce() -> Result<Option<String>, ToolError>,
) -> Result<StoreRecord, ToolError> {
    if stores.len() > 1 && (access == Access::Read || single_client) {
        // An active store that was deleted counts as none.
        if let Some(active) = active()?
            && let Some(place) = stores.iter().position(|store| store.store_id == active)
        {
            return Ok(stores.swap_remove(place));
        }
    }
    match stores.len() {
        0 => Err(no_store()),
        1 => Ok(stores.swap_remove(0)),
        _ => Err(not_named(&stores, access)),
    }
}

fn not_named(stores: &[StoreRecord], access: Access) -> ToolError {
    let also = match access {
        Access::Read => ", or choose one for later calls with stores_use_store",
        Access::Write => ": a change is never made in a store that the call does not name",
    };
    ToolError::invalid_input(
        "store-not-named",
        format!(
            "Several stores are registered, and this call names none. Pass store_identifier with an id or a name{also}. \
             Stores: {}.",
            list(stores)
        ),
    )
}

pub(crate) fn not_found(identifier: &str, stores: &[StoreRecord]) -> ToolError {
    if stores.is_empty() {
        return no_store();
    }
    let hint = nearest(identifier, stores)
        .map(|store| format!(" Did you mean {}?", name(store)))
        .unwrap_or_default();
    ToolError::not_found(
        "store-not-found",
        format!(
            "No store with the id or name {identifier:?} is registered.{hint} Stores: {}.",
            list(stores)
        ),
    )
}

fn no_store() -> ToolError {
    ToolError::not_found(
        "no-store",
        "No store is registered yet. Register one with stores_register (store_id and api_key; both are found in Order \
         Desk under Settings, Store Settings, API).",
    )
}

fn nearest<'a>(identifier: &str, stores: &'a [StoreRecord]) -> Option<&'a StoreRecord> {
    let wanted = fold(identifier);
    let likeness = |store: &StoreRecord| {
        strsim::jaro_winkler(&wanted, &fold(&store.store_name))
            .max(strsim::jaro_winkler(&wanted, &store.store_id))
    };
    stores
        .iter()
        .map(|store| (store, likeness(store)))
        .filter(|(_, likeness)| *likeness >= ALIKE)
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(store, _)| store)
}

fn list(stores: &[StoreRecord]) -> String {
    let mut text = stores
        .iter()
        .take(LISTED)
        .map(name)
        .collect::<Vec<_>>()
        .join(", ");
    if stores.len() > LISTED {
        text.push_str(&format!(
            " and {} more (see stores_list)",
            stores.len() - LISTED
        ));
    }
    text
}

fn name(store: &StoreRecord) -> String {
    format!("{:?} ({})", store.store_name, store.store_id)
}
