//! `orders_history` and `orders_add_history`.

use orderdesk_client::difference::Edit;
use orderdesk_client::journal::{Intent, Journal, State};
use orderdesk_client::{
    ApiRequest, Notice, Page, Store, StoreReference, WriteArguments, agreed_basis, basis,
    changed_since, difference, own_id, take_object, take_rows,
};
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{Context, ErrorKind, Id, Output, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::change::engine::forget;
use crate::change::outcome::until;
use crate::fields::HISTORY;
use crate::get::by_shop_number;
use crate::once::once;
use crate::settings::Settings;
use crate::written::Written;

/// What an entry holds (order-desk-api.md §2.7).
const NOTE: usize = 1_800;
/// Orders with a like number that a search may find beside the one wanted.
const CANDIDATES: u32 = 50;
/// Who wrote an entry, unless told otherwise.
const SOURCE: &str = "orderdesk-mcp";

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Order Desk's id of the order.
    order_id: Id,
    /// The store's id or name; without it, the only or the active one.
    store_identifier: Option<Id>,
    /// Entries at once; default 20.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// next_cursor of the last answer.
    cursor: Option<String>,
    /// Entries to skip; prefer cursor.
    offset: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Found {
    store: StoreReference,
    notice: Notice,
    order_id: String,
    /// Entries in all.
    total: Option<u64>,
    /// Continues after these; null at the end.
    next_cursor: Option<String>,
    /// What remains.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    note: Option<String>,
    /// Oldest first: source_name, note, date_added (UTC).
    history: Vec<Map<String, Value>>,
    /// Always false: history is read anew.
    cached: bool,
}

pub(crate) fn history(arguments: Arguments, context: &Context) -> Result<Found, ToolError> {
    let id = checked(&arguments.order_id)?;
    let store = Store::for_read(context, arguments.store_identifier.as_ref())?;
    let digest = Page::search_digest(context, &format!("history {} {id}", store.id()));
    let cursor = arguments.cursor.as_deref();
    let page = Page::read(arguments.limit, arguments.offset, cursor, digest)?;
    let page = match arguments.limit {
        Some(_) => page,
        None => page.small(),
    };
    let entries = page.of(read(context, &store, id)?);
    let shown = page.show(&entries, |_| true, Clone::clone, "entries", "");
    Ok(Found {
        store: store.reference(),
        notice: Notice,
        order_id: id.to_owned(),
        total: shown.total,
        next_cursor: shown.next_cursor,
        note: shown.note,
        history: shown.rows,
        cached: false,
    })
}

/// An order's history. Order Desk gives it with a search only (order-desk-api.md §2.7), so the order is searched for by the
/// shop's own number, and picked out by its id.
fn read(context: &Context, store: &Store, id: &str) -> Result<Vec<Map<String, Value>>, ToolError> {
    let client = store.client(context);
    let mut answer = client
        .send(ApiRequest::get(["orders", id]).hold(1))
        .map_err(|error| told(error, id))?;
    let order = take_object(&mut answer, "order")?;
    let source_id = order
        .get("source_id")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut search = ApiRequest::get(["orders"])
        .query("get_order_history", 1)
        .query("limit", CANDIDATES);
    // An order without a number of the shop's is found by when it was added.
    search = match (source_id, order.get("date_added").and_then(Value::as_str)) {
        ("", Some(date)) => search
            .query("search_start_date", date)
            .query("search_end_date", date),
        (source_id, _) => search.query("source_id", source_id),
    };
    let mut answer = client.send(search)?;
    let found = take_rows(&mut answer, "orders")?
        .into_iter()
        .find(|order| order.get("id").and_then(Value::as_str) == Some(id));
    match found {
        Some(mut order) => match order.remove(HISTORY) {
            Some(Value::Array(entries)) => Ok(entries
                .into_iter()
                .filter_map(|entry| entry.as_object().cloned())
                .collect()),
            _ => Ok(Vec::new()),
        },
        None => Err(ToolError::upstream(
            "history-not-found",
            format!(
                "Order Desk gives an order's history with a search only, and the search did not find the order {id}. Look \
                 into Order Desk itself."
            ),
        )),
    }
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Add {
    /// Order Desk's id of the order.
    order_id: Id,
    /// The entry's text, 1,800 characters at most.
    #[schemars(length(min = 1))]
    note: String,
    /// Who writes it; default "orderdesk-mcp".
    source_name: Option<String>,
    #[serde(flatten)]
    write: WriteArguments,
    /// The same key does it only once.
    idempotency_key: Option<String>,
}

pub(crate) fn add(arguments: Add, context: &Context) -> Result<Output<Written>, ToolError> {
    let id = checked(&arguments.order_id)?;
    let note = arguments.note.trim();
    let length = note.chars().count();
    if note.is_empty() || length > NOTE {
        return Err(ToolError::invalid_input(
            "bad-note",
            format!("'note' has 1 to {NOTE} characters: received {length}. Nothing was changed."),
        ));
    }
    let source_name = arguments.source_name.as_deref().unwrap_or(SOURCE);
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    let settings = Settings::of(context)?;
    let entry = json!({ "note": note, "source_name": source_name });
    let edits = vec![Edit {
        at: vec![HISTORY.to_owned(), "+1".to_owned()],
        before: None,
        after: Some(entry.clone()),
    }];
    let basis = basis::digest(context, &edits);
    if arguments.write.preview(context) {
        // An order that does not exist is no preview.
        store
            .client(context)
            .send(ApiRequest::get(["orders", id]))
            .map_err(|error| told(error, id))?;
        return Ok(Output::new(Written::preview(&store, &edits)).resting_on(basis));
    }
    if agreed_basis(context)?.is_some_and(|agreed| agreed != basis) {
        return Err(changed_since("The entry", Value::Null, entry));
    }
    let key = arguments.idempotency_key.as_deref();
    let named = json!({ "order_id": id, "entry": entry });
    once(
        context,
        &store,
        &settings,
        "orders_add_history",
        key,
        &named,
        || post(context, &store, &settings, id, &entry, edits),
    )
    .map(Output::new)
}

fn post(
    context: &Context,
    store: &Store,
    settings: &Settings,
    id: &str,
    entry: &Value,
    edits: Vec<Edit>,
) -> Result<Written, ToolError> {
    let journal = Journal::new(context, store, settings.writing.keep());
    // Only to tell afterwards whether a lost answer hides an entry; an order that is not there is told at once.
    let before = match read(context, store, id) {
        Ok(entries) => Some(entries),
        Err(error) if error.kind == ErrorKind::NotFound => return Err(error),
        Err(_) => None,
    };
    let mut change = journal.intend(Intent {
        tool: "orders_add_history",
        kind: "order",
        thing_id: id,
        edits,
        before: None,
        undoes: None,
        call_id: None,
    })?;
    let request = ApiRequest::post(["orders", id, "order-history"], entry.clone());
    forget(context, [id]);
    let answer = store.client(context).send(request);
    forget(context, [id]);
    let mut written = Written::preview(store, &change.edits);
    written.dry_run = None;
    written.changed = true;
    let order = match answer {
        Ok(mut answer) => take_object(&mut answer, "order").ok(),
        Err(error) if error.outcome_unknown => {
            let count = |entries: &[Map<String, Value>]| {
                entries
                    .iter()
                    .filter(|there| there.get("note") == entry.get("note"))
                    .count()
            };
            let seen = before.as_ref().and_then(|before| {
                until(context, |settled| match read(context, store, id) {
                    Ok(entries) if count(&entries) > count(before) => Some(true),
                    Ok(_) if settled => Some(false),
                    _ => None,
                })
            });
            match seen {
                Some(true) => written.warnings.push(
                    "Order Desk's answer was lost, and the order's history shows that the entry was added.".to_owned(),
                ),
                Some(false) => {
                    change.state = State::NotMade;
                    drop(journal.settle(&change));
                    return Err(ToolError {
                        message: format!(
                            "Order Desk's answer was lost, and the order's history shows that the entry was not added. It \
                             is safe to repeat it. ({})",
                            error.message
                        ),
                        outcome_unknown: false,
                        ..error
                    });
                }
                None => {
                    change.state = State::Unknown;
                    drop(journal.settle(&change));
                    return Err(ToolError {
                        message: format!(
                            "{} Nobody knows yet whether the entry was added: see orders_history before repeating it.",
                            error.message
                        ),
                        ..error
                    });
                }
            }
            None
        }
        Err(error) => {
            change.state = State::NotMade;
            drop(journal.settle(&change));
            return Err(told(error, id));
        }
    };
    change.state = State::Made;
    written.warnings.extend(journal.settle(&change));
    written.change_id = Some(change.change_id);
    Ok(match order {
        Some(mut order) => {
            order.remove(HISTORY);
            written.with_order(context, order)
        }
        None => written,
    })
}

/// True for a change that only wrote into the history: Order Desk has no way to take that back.
pub(crate) fn is_history(edits: &[Edit]) -> bool {
    edits
        .iter()
        .all(|edit| edit.names().first() == Some(&HISTORY))
        && !difference::shown(edits).is_empty()
}

fn checked(id: &Id) -> Result<&str, ToolError> {
    own_id("order_id", id, "bad-order-id", || {
        by_shop_number(id.as_str())
    })
}

fn told(mut error: ToolError, id: &str) -> ToolError {
    if error.kind == ErrorKind::NotFound {
        error.message = format!("{} {}", error.message, by_shop_number(id));
    }
    error
}
