//! `stores_register`.

use orderdesk_client::{
    ApiRequest, Registry, Store, StoreRecord, StoreReference, name_key, store_key, take,
};
use orderdesk_plugin::serde_json::Value;
use orderdesk_plugin::storage::Write;
use orderdesk_plugin::{Context, ErrorKind, Id, Sealed, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::folders;

/// Characters of a store's name.
const NAME: usize = 100;
/// Another call may register the same store or name in between; more often than this it is not by chance.
const ATTEMPTS: usize = 3;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The store's id, from Order Desk: Settings, Store Settings, API.
    #[schemars(extend("pattern" = "^\\s*[A-Za-z0-9_-]{1,64}\\s*$"))]
    store_id: Id,
    /// The store's API key, from the same page. It is kept encrypted and never shown.
    #[schemars(extend("x-sealed" = ["endpoint:orderdesk", "hmac:orders"]))]
    api_key: Sealed,
    /// A name to call the store by. Without it, the name that the store has in Order Desk.
    #[schemars(length(min = 1, max = 100))]
    store_name: Option<String>,
    /// A remark, such as what the store is for.
    #[schemars(length(max = 200))]
    label: Option<String>,
    /// True to give a store that is already registered a new key, name or label. What is left out stays.
    replace: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Registered {
    /// The store that is registered now.
    store: StoreReference,
    /// Order Desk's id of the store.
    store_id: String,
    /// The name that it is registered under.
    store_name: String,
    /// The remark that it is registered with.
    label: Option<String>,
    /// True if the store was registered before and has a new key now.
    replaced: bool,
    /// What this means, in a sentence.
    message: String,
}

/// What the caller asked for, checked.
struct Wanted {
    store_id: String,
    api_key: Sealed,
    store_name: Option<String>,
    label: Option<String>,
    replace: bool,
}

pub(crate) fn register(arguments: Arguments, context: &Context) -> Result<Registered, ToolError> {
    let api_key = arguments.api_key.clone();
    let outcome = check(arguments).and_then(|wanted| verify_and_keep(wanted, context));
    // Nothing refers to the new key then, unless nobody knows whether the commit happened.
    if let Err(error) = &outcome
        && !error.outcome_unknown
    {
        revoke(context, &api_key);
    }
    outcome
}

fn check(arguments: Arguments) -> Result<Wanted, ToolError> {
    let store_id = String::from(arguments.store_id);
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if store_id.len() > 64 || !store_id.chars().all(plain) {
        return Err(ToolError::invalid_input(
            "bad-store-id",
            "store_id is a number such as 9021 (at most 64 letters, digits, - and _). It stands in Order Desk under \
             Settings, Store Settings, API.",
        ));
    }
    let store_name = arguments.store_name.map(|name| name.trim().to_owned());
    if let Some(name) = &store_name
        && (name.is_empty() || name.chars().count() > NAME || name.contains(char::is_control))
    {
        return Err(ToolError::invalid_input(
            "bad-store-name",
            format!(
                "store_name is a line of 1 to {NAME} characters, such as \"Main shop\"; or leave it out."
            ),
        ));
    }
    Ok(Wanted {
        store_id,
        api_key: arguments.api_key,
        store_name,
        label: arguments.label.map(|label| label.trim().to_owned()),
        replace: arguments.replace.unwrap_or_default(),
    })
}

fn verify_and_keep(wanted: Wanted, context: &Context) -> Result<Registered, ToolError> {
    let registry = Registry::own(context);
    // Refused before Order Desk is asked, where that is clear already.
    let before = existing(&registry, &wanted)?.map(|(record, _)| record);
    let candidate = StoreRecord {
        store_name: wanted
            .store_name
            .clone()
            .or_else(|| before.map(|record| record.store_name))
            .unwrap_or_else(|| wanted.store_id.clone()),
        store_id: wanted.store_id.clone(),
        label: wanted.label.clone(),
        api_key: wanted.api_key.clone(),
    };
    let given_name = verify(candidate, context)?;
    let kept = (0..ATTEMPTS)
        .find_map(|_| keep(&wanted, given_name.as_deref(), &registry, context).transpose());
    let (record, old_key) = kept.unwrap_or_else(|| {
        Err(ToolError::conflict(
            "store-changed",
            "The same store or name was registered by another call just now, or belongs to a store that is out of this \
             access key's reach. See stores_list, then repeat it or choose another store_name.",
        ))
    })?;
    let replaced = old_key.is_some();
    if let Some(old_key) = old_key {
        revoke(context, &old_key);
        // With the new key other things may be in sight.
        if let Err(error) = context.cache().invalidate([folders::TAG]) {
            let reason = error.to_string();
            context
                .log()
                .warn("what the old key read stays cached", &[("reason", &reason)]);
        }
    }
    Ok(registered(record, replaced))
}

/// Asks Order Desk whether id and key belong together, and for the store's name there.
fn verify(candidate: StoreRecord, context: &Context) -> Result<Option<String>, ToolError> {
    let store = Store::act_on(context, candidate)?;
    let mut answer = store.client(context).send(ApiRequest::get(["store"]))?;
    let found = take(&mut answer, "store")?;
    match found.get("id").and_then(Value::as_str) {
        Some(id) if id != store.id() => Err(ToolError::invalid_input(
            "store-id-mismatch",
            format!(
                "The API key is that of store {id}, not of {}. Nothing was registered. Use the id and the key of one \
                 store.",
                store.id()
            ),
        )),
        _ => Ok(found
            .get("name")
            .and_then(Value::as_str)
            .map(|name| name.trim().chars().take(NAME).collect::<String>())
            .filter(|name| !name.is_empty())),
    }
}

fn existing(
    registry: &Registry<'_>,
    wanted: &Wanted,
) -> Result<Option<(StoreRecord, String)>, ToolError> {
    match registry.by_id(&wanted.store_id)? {
        Some((record, _)) if !wanted.replace => Err(ToolError::conflict(
            "store-already-registered",
            format!(
                "The store {} is already registered, as {:?}. Nothing was changed. Pass replace: true to give it \
                 another key, name or label.",
                record.store_id, record.store_name
            ),
        )),
        found => Ok(found),
    }
}

/// Puts the store's documents, all or nothing, and answers the key that they held before. None: another call changed
/// them in between.
fn keep(
    wanted: &Wanted,
    given_name: Option<&str>,
    registry: &Registry<'_>,
    context: &Context,
) -> Result<Option<(StoreRecord, Option<Sealed>)>, ToolError> {
    let before = existing(registry, wanted)?;
    let old = before.as_ref().map(|(record, _)| record);
    let record = StoreRecord {
        store_id: wanted.store_id.clone(),
        store_name: wanted
            .store_name
            .clone()
            .or_else(|| old.map(|old| old.store_name.clone()))
            .or_else(|| given_name.map(str::to_owned))
            .unwrap_or_else(|| wanted.store_id.clone()),
        label: wanted
            .label
            .clone()
            .or_else(|| old.and_then(|old| old.label.clone())),
        api_key: wanted.api_key.clone(),
    };
    let bearer = free(registry, &record)?;

    let subject = record.subject();
    let put = Write::put_json(store_key(&record.store_id), &record)?.subject(&subject);
    let mut writes = vec![match &before {
        Some((_, version)) => put.if_version(version),
        None => put.if_absent(),
    }];
    let name = name_key(context, &record.store_name);
    let put = Write::put_json(&name, &Registry::pointer_to(&record.store_id))?.subject(&subject);
    writes.push(match &bearer {
        Some(version) => put.if_version(version),
        None => put.if_absent(),
    });
    if let Some(old) = old
        && let old_name = name_key(context, &old.store_name)
        && old_name != name
        && let Some((bearer, version)) = registry.bearer_of(&old.store_name)?
        && bearer == record.store_id
    {
        writes.push(Write::remove(old_name).if_version(version));
    }
    match context.storage().commit(writes) {
        Ok(_) => Ok(Some((record, before.map(|(old, _)| old.api_key)))),
        Err(error) if error.kind == ErrorKind::Conflict => Ok(None),
        Err(error) => Err(error),
    }
}

/// The version of the document by which the store already bears its name, or none if nobody does.
///
/// A store can be named by its id or by its name, so neither may be the other of another store.
fn free(registry: &Registry<'_>, record: &StoreRecord) -> Result<Option<String>, ToolError> {
    let taken = |other: &str| {
        ToolError::conflict(
            "store-name-taken",
            format!(
                "The name {:?} already stands for store {other} (names count in any letter case). Nothing was changed. \
                 Pass another store_name.",
                record.store_name
            ),
        )
    };
    let bearer = registry.bearer_of(&record.store_name)?;
    if let Some((other, _)) = &bearer
        && *other != record.store_id
    {
        return Err(taken(other));
    }
    if record.store_name != record.store_id && registry.by_id(&record.store_name)?.is_some() {
        return Err(taken(&record.store_name));
    }
    match registry.bearer_of(&record.store_id)? {
        Some((other, _)) if other != record.store_id => Err(ToolError::conflict(
            "store-id-is-a-name",
            format!(
                "The store {other} is registered under the name {:?}, which is the id of this store. Nothing was \
                 changed. Give that one another store_name first (stores_register with replace: true).",
                record.store_id
            ),
        )),
        _ => Ok(bearer.map(|(_, version)| version)),
    }
}

fn revoke(context: &Context, api_key: &Sealed) {
    if let Err(error) = context.crypto().revoke(api_key) {
        let reason = error.to_string();
        context
            .log()
            .error("an unused API key was not revoked", &[("reason", &reason)]);
    }
}

fn registered(record: StoreRecord, replaced: bool) -> Registered {
    let done = if replaced {
        "has its new key; the old one is destroyed"
    } else {
        "is registered; Order Desk accepted its key"
    };
    Registered {
        store: record.reference(),
        message: format!("{:?} ({}) {done}.", record.store_name, record.store_id),
        store_id: record.store_id,
        store_name: record.store_name,
        label: record.label,
        replaced,
    }
}
