//! A place in a record: what is there, another value put there, and one taken back.

use orderdesk_plugin::serde_json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::difference::{self, Edit, id};
use crate::likeness::{alike, same};

/// A place that was not taken back, since somebody changed it after the change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// Where.
    pub path: String,
    /// What is there now, and stays.
    pub theirs: Value,
    /// What would have come back.
    pub ours: Value,
}

impl Conflict {
    /// At the place of an edit that cannot be taken back.
    #[must_use]
    pub fn at(edit: &Edit, theirs: Option<Value>) -> Self {
        Self {
            path: difference::path(&edit.at),
            theirs: theirs.unwrap_or_default(),
            ours: edit.before.clone().unwrap_or_default(),
        }
    }
}

/// Takes an edit of a value back, if the value is as the edit left it; `after` is the record as Order Desk gave it back after
/// the change, where that is known. Answers what stays because somebody changed it since.
#[must_use]
pub fn take_back(
    record: &mut Map<String, Value>,
    edit: &Edit,
    after: Option<&Map<String, Value>>,
) -> Option<Conflict> {
    let now = at(record, &edit.at);
    if same(now, edit.before.as_ref()) {
        return None;
    }
    let as_left = match after.and_then(|after| at(after, &edit.at)) {
        Some(stored) => same(now, Some(stored)),
        None => alike(now, edit.after.as_ref()),
    };
    if !as_left {
        return Some(Conflict::at(edit, now.cloned()));
    }
    put(record, &edit.at, edit.before.as_ref());
    None
}

/// The value at a place that is no whole row; rows are named by their ids.
#[must_use]
pub fn at<'a>(order: &'a Map<String, Value>, names: &[String]) -> Option<&'a Value> {
    let (first, rest) = names.split_first()?;
    rest.iter()
        .try_fold(order.get(first)?, |value, name| match value {
            Value::Object(map) => map.get(name),
            Value::Array(rows) => rows.iter().find(|row| id(row) == Some(name)),
            _ => None,
        })
}

/// Puts a value at such a place, or takes it away. False if the row on the way is gone.
pub fn put(order: &mut Map<String, Value>, names: &[String], value: Option<&Value>) -> bool {
    let Some((last, way)) = names.split_last() else {
        return false;
    };
    let mut map = order;
    let mut way = way.iter();
    while let Some(name) = way.next() {
        let inner = map
            .entry(name.clone())
            .or_insert_with(|| Value::Object(Map::new()));
        let inner = match inner {
            Value::Array(rows) => {
                let wanted = way.next();
                let row = rows
                    .iter_mut()
                    .find(|row| id(row) == wanted.map(String::as_str));
                match row {
                    Some(row) => row,
                    None => return false,
                }
            }
            other => other,
        };
        if !inner.is_object() {
            *inner = Value::Object(Map::new());
        }
        map = match inner {
            Value::Object(inner) => inner,
            _ => return false,
        };
    }
    match value {
        Some(value) => {
            map.insert(last.clone(), value.clone());
        }
        None => {
            map.shift_remove(last);
        }
    }
    true
}
