//! Where an edit stands in an order: as it was before, as it shall be, or otherwise.

use orderdesk_client::difference::{Edit, id};
use orderdesk_client::likeness::{alike, same};
pub(crate) use orderdesk_client::record::at;
use orderdesk_plugin::serde_json::{Map, Value};

use super::items::covers;
use super::notes;

/// What an order holds at the place of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// What the edit found.
    Before,
    /// What the edit makes.
    After,
    /// Something else.
    Neither,
}

/// What `order` holds at the place of an edit that was made to `origin`.
pub(crate) fn standing(
    origin: &Map<String, Value>,
    edit: &Edit,
    order: &Map<String, Value>,
) -> Standing {
    if let Some((list, name)) = row(edit) {
        return rows(origin, edit, order, list, name);
    }
    let now = at(order, &edit.at);
    let (before, after) = (edit.before.as_ref(), edit.after.as_ref());
    if same(now, after) {
        Standing::After
    } else if same(now, before) {
        // Asked before the next: a change of letter case alone looks like what it changes.
        Standing::Before
    } else if alike(now, after) {
        Standing::After
    } else {
        Standing::Neither
    }
}

/// List and name of the row that an edit adds or removes as a whole.
pub(crate) fn row(edit: &Edit) -> Option<(&str, &str)> {
    let [list, name] = edit.at.as_slice() else {
        return None;
    };
    let whole = name.starts_with(['+', '-']) || list == "order_items";
    (whole && ["order_items", "order_notes", "discount_list"].contains(&list.as_str()))
        .then_some((list, name))
}

fn rows(
    origin: &Map<String, Value>,
    edit: &Edit,
    order: &Map<String, Value>,
    list: &str,
    name: &str,
) -> Standing {
    let made = match (&edit.before, &edit.after) {
        (_, Some(added)) => count(order, list, added) > count(origin, list, added),
        (Some(_), None) if !name.starts_with(['+', '-']) => position(order, list, name).is_none(),
        (Some(removed), None) => count(order, list, removed) < count(origin, list, removed),
        (None, None) => true,
    };
    if made {
        Standing::After
    } else {
        Standing::Before
    }
}

/// How many rows of a list are this one.
fn count(order: &Map<String, Value>, list: &str, wanted: &Value) -> usize {
    self::list(order, list)
        .iter()
        .filter(|row| is(list, row, wanted))
        .count()
}

/// True if a stored row is the one that was sent: what was not sent is left to Order Desk.
pub(crate) fn is(list: &str, row: &Value, sent: &Value) -> bool {
    match (list, sent) {
        ("order_notes", note) => {
            notes::content(row) == notes::content(note)
                && alike(row.get("username"), note.get("username"))
        }
        (_, Value::Object(fields)) => covers(row, fields),
        (_, sent) => alike(Some(row), Some(sent)),
    }
}

/// The place of the row with this id.
pub(crate) fn position(order: &Map<String, Value>, list: &str, wanted: &str) -> Option<usize> {
    self::list(order, list)
        .iter()
        .position(|row| id(row) == Some(wanted))
}

/// A list of an order, empty if it has none.
pub(crate) fn list<'a>(order: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    order
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
