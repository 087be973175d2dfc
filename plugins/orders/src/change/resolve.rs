//! Changes whose end was not recorded: the server was killed in the middle, or the answer was lost for good. The order
//! itself tells what became of them.

use std::time::Duration;

use orderdesk_client::journal::{Change, Journal, State};
use orderdesk_client::likeness::folded;
use orderdesk_client::{ApiRequest, Store, take_object, take_rows};
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, ErrorKind, ToolError};

use super::outcome::{LONGEST, SETTLED};
use super::place::{Standing, standing};
use super::whole::{Sort, sort};
use crate::creating::{CANDIDATES, DEFAULT_SOURCE};
use crate::fields::HISTORY;
use crate::history::is_history;
use crate::shipments;

/// An order as a fresh read shows it.
pub(crate) enum Seen<'a> {
    There(&'a Map<String, Value>),
    Gone,
}

/// How a change ended, as far as the order shows it. None if there is nothing new to know. With `settled`, what looks
/// untouched is believed to be so.
fn judge(change: &Change, seen: &Seen<'_>, settled: bool) -> Option<State> {
    let state = match (sort(&change.edits), seen) {
        (Sort::Deleted, Seen::Gone) => State::Made,
        (Sort::Deleted, Seen::There(_)) if settled => State::NotMade,
        (Sort::Changed, Seen::There(order)) if !is_history(&change.edits) => {
            let nothing = Map::new();
            let origin = change.before.as_ref().and_then(Value::as_object);
            let origin = origin.unwrap_or(&nothing);
            let all = |wanted: Standing| {
                change.edits.iter().all(|edit| {
                    let stands = match change.kind == shipments::KIND {
                        true => shipments::standing(edit, order),
                        false => Some(standing(origin, edit, order)),
                    };
                    stands == Some(wanted)
                })
            };
            if all(Standing::After) {
                State::Made
            } else if !settled {
                return None;
            } else if all(Standing::Before) {
                State::NotMade
            } else {
                State::Unknown
            }
        }
        _ if settled => State::Unknown,
        _ => return None,
    };
    (state != change.state).then_some(state)
}

/// The change as it ended, if `seen` shows that.
fn ended(change: &Change, seen: &Seen<'_>, settled: bool) -> Option<Change> {
    let mut change = change.clone();
    change.state = judge(&change, seen, settled)?;
    if let (State::Made, Seen::There(order)) = (change.state, seen) {
        change.after = Some(Value::Object((*order).clone()));
        // Whether all of it came back is not known any more: it may be asked for once more, which changes nothing then.
        change.partial = change.undoes.is_some();
    }
    Some(change)
}

fn age(context: &Context, change: &Change) -> Duration {
    Duration::from_millis(context.clock().now_ms().saturating_sub(change.at_ms))
}

/// Under the order's lock: records how its open changes ended, and answers what there is to tell of them. Not to know it
/// hinders nothing.
pub(crate) fn settle(
    context: &Context,
    journal: &Journal<'_>,
    order_id: &str,
    seen: &Seen<'_>,
) -> Vec<String> {
    let open = ["order", shipments::KIND].into_iter().flat_map(|kind| {
        journal.open(kind, order_id).unwrap_or_else(|error| {
            let reason = error.to_string();
            context.log().warn(
                "open changes of an order were not looked at",
                &[("reason", &reason)],
            );
            Vec::new()
        })
    });
    let mut told = Vec::new();
    for change in open {
        // Whoever began it has given the lock back, or its lease ended: only what was sent just now may still arrive.
        let settled = age(context, &change) >= SETTLED;
        let Some(change) = ended(&change, seen, settled) else {
            continue;
        };
        told.extend(journal.settle(&change));
        let what = match change.state {
            State::Made => "was made after all",
            State::NotMade => "was not made",
            State::UnderWay | State::Unknown => continue,
        };
        told.push(format!(
            "The earlier change {} of this order ({}), whose answer was lost, {what}.",
            change.change_id, change.tool
        ));
    }
    told
}

/// Without a lock: the change as it ended, as far as a fresh read shows it. None if that is not known.
///
/// # Errors
/// What the host and Order Desk refuse.
pub(crate) fn look(
    context: &Context,
    store: &Store,
    change: &Change,
) -> Result<Option<Change>, ToolError> {
    // Until then the call may still be under way.
    let settled = age(context, change) >= LONGEST;
    if sort(&change.edits) == Sort::Created {
        return look_for_new(context, store, change, settled);
    }
    let read = store
        .client(context)
        .send(ApiRequest::get(["orders", &change.thing_id]))
        .and_then(|mut answer| take_object(&mut answer, "order"));
    match read {
        Ok(mut order) => {
            order.remove(HISTORY);
            Ok(ended(change, &Seen::There(&order), settled))
        }
        Err(error) if error.kind == ErrorKind::NotFound => Ok(ended(change, &Seen::Gone, settled)),
        Err(error) => Err(error),
    }
}

/// An order that was to be created is found by the shop's number, which none had before.
fn look_for_new(
    context: &Context,
    store: &Store,
    change: &Change,
    settled: bool,
) -> Result<Option<Change>, ToolError> {
    let Some(source_id) = number_of(change) else {
        return Ok(None);
    };
    let search = ApiRequest::get(["orders"])
        .query("source_id", source_id)
        .query("limit", CANDIDATES);
    let mut answer = store.client(context).send(search)?;
    let text = |order: &Map<String, Value>, name: &str| {
        let text = order.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let mut found = take_rows(&mut answer, "orders")?;
    found.retain(|order| text(order, "source_id") == source_id);
    let none = found.is_empty();
    let source = folded(sent(change, "source_name").unwrap_or(DEFAULT_SOURCE));
    let found = found
        .into_iter()
        .find(|order| folded(&text(order, "source_name")) == source);
    let mut change = change.clone();
    change.state = match &found {
        Some(_) => State::Made,
        None if settled && none => State::NotMade,
        None => return Ok(None),
    };
    if let Some(mut order) = found {
        order.remove(HISTORY);
        change.thing_id = text(&order, "id");
        change.after = Some(Value::Object(order));
    }
    Ok(Some(change))
}

/// The shop's number of an order that was to be created.
pub(crate) fn number_of(change: &Change) -> Option<&str> {
    sent(change, "source_id").filter(|number| !number.is_empty())
}

fn sent<'a>(change: &'a Change, name: &str) -> Option<&'a str> {
    change.edits.first()?.after.as_ref()?.get(name)?.as_str()
}
