//! Order Desk's answer to a change, compared with what was sent: exactly the intended difference, and nothing else.

use orderdesk_client::Normalised;
use orderdesk_client::difference::{self, Edit, edits, id};
use orderdesk_client::likeness::{Likeness, compare};
use orderdesk_plugin::serde_json::{Map, Value};

use super::place::{self, Standing, is, position, standing};
use super::shape::COMPUTED;

/// What a PUT never changes, and what changes with every write.
const NOT_COMPARED: [&str; 4] = [
    "order_shipments",
    "order_history",
    "date_updated",
    "email_count",
];
/// Characters of a value in a warning.
const SHOWN: usize = 120;

/// How the stored order differs from the one that was sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Checked {
    /// Order Desk's own doing: tidied, or computed.
    pub(crate) normalised: Vec<Normalised>,
    /// Anything else.
    pub(crate) warnings: Vec<String>,
}

/// Compares the stored order with the one that was sent, which was `origin` before the edits.
pub(crate) fn check(
    origin: &Map<String, Value>,
    sent: &Map<String, Value>,
    stored: &Map<String, Value>,
    intended: &[Edit],
) -> Checked {
    let mut checked = Checked::default();
    let (mut sent, mut stored) = (sent.clone(), stored.clone());
    for name in NOT_COMPARED {
        sent.shift_remove(name);
        stored.shift_remove(name);
    }
    complete(&mut sent, &stored);
    for edit in edits(&sent, &stored) {
        let names = edit.names();
        let own = COMPUTED.contains(&names[0])
            // A note without a date gets one.
            || matches!(names.as_slice(), ["order_notes", .., "date_added"]);
        let likeness = compare(edit.before.as_ref(), edit.after.as_ref());
        let path = difference::path(&edit.at);
        if likeness == Likeness::Normalised || (own && names[0] != "cc_number_masked") {
            checked.normalised.push(Normalised {
                path,
                sent: edit.before.unwrap_or_default(),
                stored: edit.after.unwrap_or_default(),
            });
            continue;
        }
        let (sent, stored) = (shown(edit.before.as_ref()), shown(edit.after.as_ref()));
        let ours = intended
            .iter()
            .any(|intended| overlap(&intended.at, &edit.at));
        checked.warnings.push(if ours {
            format!("{path}: Order Desk stored {stored} instead of {sent}. See what it holds now before relying on it.")
        } else {
            format!("{path}: was sent as {sent} and is {stored} now, which this change did not ask for.")
        });
    }
    for edit in intended {
        let unseen =
            place::row(edit).is_some() && standing(origin, edit, &stored) != Standing::After;
        let path = difference::path(&edit.at);
        if unseen
            && !checked
                .warnings
                .iter()
                .any(|warning| warning.starts_with(&path))
        {
            checked.warnings.push(format!(
                "{path}: Order Desk accepted the change, and its answer does not show it."
            ));
        }
    }
    checked
}

/// Compares a new order with what was sent: what was left out is Order Desk's to fill in.
pub(crate) fn check_created(sent: &Map<String, Value>, stored: &Map<String, Value>) -> Checked {
    let mut stored = stored.clone();
    stored.retain(|name, _| sent.contains_key(name));
    for (name, inner) in &mut stored {
        if let (Value::Object(inner), Some(Value::Object(sent))) = (inner, sent.get(name)) {
            inner.retain(|name, _| sent.contains_key(name));
        }
    }
    check(&Map::new(), sent, &stored, &[])
}

/// Gives new items the ids that Order Desk gave them, and the fields that it filled in.
fn complete(sent: &mut Map<String, Value>, stored: &Map<String, Value>) {
    let known: Vec<String> = place::list(sent, "order_items")
        .iter()
        .filter_map(|item| id(item).map(str::to_owned))
        .collect();
    let mut fresh: Vec<&Value> = place::list(stored, "order_items")
        .iter()
        .filter(|item| id(item).is_some_and(|id| !known.iter().any(|known| known == id)))
        .collect();
    let Some(Value::Array(items)) = sent.get_mut("order_items") else {
        return;
    };
    for item in items.iter_mut().filter(|item| id(item).is_none()) {
        let found = fresh
            .iter()
            .position(|candidate| is("order_items", candidate, item))
            .or_else(|| {
                fresh
                    .iter()
                    .position(|candidate| candidate.get("code") == item.get("code"))
            });
        if let (Some(place), Value::Object(item)) = (found, item) {
            let stored = fresh.remove(place);
            for (name, value) in stored.as_object().into_iter().flatten() {
                item.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    debug_assert!(
        known
            .iter()
            .all(|id| position(sent, "order_items", id).is_some())
    );
}

fn overlap(one: &[String], other: &[String]) -> bool {
    let of_a_row = |names: &[String]| {
        names
            .get(1)
            .is_some_and(|name| name.starts_with(['+', '-']))
    };
    let same_list = one.first() == other.first();
    one.iter().zip(other).all(|(one, other)| one == other)
        || (same_list && (of_a_row(one) || of_a_row(other)))
}

fn shown(value: Option<&Value>) -> String {
    let text = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
