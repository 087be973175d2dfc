//! The exact difference between two states of a record: what a preview shows, a write reports and an undo takes back.
//!
//! A map differs key by key. A list whose rows have an `id` differs row by row, whatever their sequence. A list without
//! ids differs by what was appended or removed, else as a whole.

use std::borrow::Cow;

use orderdesk_plugin::serde_json;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::likeness::{blank, same};

/// One place that differs. [`Difference`] is how it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// The names on the way to it. A row of a list is named by its id; a row that is added by `+1`, `+2`, …, and a row
    /// without an id that is removed by `-` and its place.
    pub at: Vec<String>,
    /// What was there; none if nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there afterwards; none if nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// One place that differs, as results show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Such as `shipping.city`; items by their id: `order_items.90231.quantity`; what is added: `order_notes.+1`.
    pub path: String,
    /// Null: nothing was there.
    pub before: Value,
    /// Null: nothing is there any more.
    pub after: Value,
}

/// In few words: every writing tool's definition has it.
impl JsonSchema for Difference {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Difference".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": { "path": { "type": "string" }, "before": {}, "after": {} },
            "required": ["path", "before", "after"],
        })
    }
}

impl Edit {
    /// As results show it.
    #[must_use]
    pub fn shown(&self) -> Difference {
        Difference {
            path: path(&self.at),
            before: self.before.clone().unwrap_or_default(),
            after: self.after.clone().unwrap_or_default(),
        }
    }

    /// The names on the way to it, to match on.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.at.iter().map(String::as_str).collect()
    }
}

/// As results show them.
#[must_use]
pub fn shown(edits: &[Edit]) -> Vec<Difference> {
    edits.iter().map(Edit::shown).collect()
}

/// Names joined by points; one that could be misread stands as `["…"]`.
#[must_use]
pub fn path(at: &[String]) -> String {
    let mut path = String::new();
    for name in at {
        let odd = name.is_empty()
            || name
                .chars()
                .any(|character| ".[]\"".contains(character) || character.is_control());
        if odd {
            path.push_str(&format!("[{}]", Value::from(name.as_str())));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(name);
        }
    }
    path
}

/// All places in which `after` differs from `before`. How a value is typed makes no difference.
#[must_use]
pub fn edits(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Edit> {
    let mut found = Vec::new();
    maps(&mut Vec::new(), before, after, &mut found);
    found
}

fn maps(
    at: &mut Vec<String>,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    found: &mut Vec<Edit>,
) {
    let added = after.keys().filter(|name| !before.contains_key(*name));
    for name in before.keys().chain(added) {
        at.push(name.clone());
        values(at, before.get(name), after.get(name), found);
        at.pop();
    }
}

fn values(
    at: &mut Vec<String>,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<Edit>,
) {
    if same(before, after) {
        return;
    }
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => maps(at, before, after, found),
        // A map that is not there is an empty one.
        (Some(Value::Object(before)), after) if after.is_none_or(blank) => {
            maps(at, before, &Map::new(), found);
        }
        (before, Some(Value::Object(after))) if before.is_none_or(blank) => {
            maps(at, &Map::new(), after, found);
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => lists(at, before, after, found),
        (Some(Value::Array(before)), after) if after.is_none_or(blank) => {
            lists(at, before, &[], found);
        }
        (before, Some(Value::Array(after))) if before.is_none_or(blank) => {
            lists(at, &[], after, found);
        }
        (before, after) => found.push(Edit {
            at: at.clone(),
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}

fn lists(at: &mut Vec<String>, before: &[Value], after: &[Value], found: &mut Vec<Edit>) {
    if before.iter().chain(after).any(|row| id(row).is_some()) {
        keyed(at, before, after, found);
    } else if let Some(removed) = removed(before, after) {
        for place in removed {
            row(
                at,
                format!("-{}", place + 1),
                before.get(place),
                None,
                found,
            );
        }
    } else if after.len() > before.len() && same_rows(before, &after[..before.len()]) {
        for (place, added) in after[before.len()..].iter().enumerate() {
            row(at, format!("+{}", place + 1), None, Some(added), found);
        }
    } else {
        found.push(Edit {
            at: at.clone(),
            before: Some(Value::Array(before.to_vec())),
            after: Some(Value::Array(after.to_vec())),
        });
    }
}

fn keyed(at: &mut Vec<String>, before: &[Value], after: &[Value], found: &mut Vec<Edit>) {
    for (place, old) in before.iter().enumerate() {
        let name = id(old).map_or_else(|| format!("-{}", place + 1), str::to_owned);
        let new = after
            .iter()
            .find(|new| id(new).is_some() && id(new) == id(old));
        match new {
            Some(new) => {
                at.push(name);
                values(at, Some(old), Some(new), found);
                at.pop();
            }
            None => row(at, name, Some(old), None, found),
        }
    }
    let added = after
        .iter()
        .filter(|new| id(new).is_none() || !before.iter().any(|old| id(old) == id(new)));
    for (place, new) in added.enumerate() {
        row(at, format!("+{}", place + 1), None, Some(new), found);
    }
}

fn row(
    at: &[String],
    name: String,
    before: Option<&Value>,
    after: Option<&Value>,
    found: &mut Vec<Edit>,
) {
    let mut at = at.to_vec();
    at.push(name);
    found.push(Edit {
        at,
        before: before.cloned(),
        after: after.cloned(),
    });
}

/// Which rows are missing, if `after` is `before` without some.
fn removed(before: &[Value], after: &[Value]) -> Option<Vec<usize>> {
    let mut rest = after.iter().peekable();
    let mut missing = Vec::new();
    for (place, row) in before.iter().enumerate() {
        match rest.peek() {
            Some(next) if same(Some(row), Some(next)) => {
                rest.next();
            }
            _ => missing.push(place),
        }
    }
    (rest.next().is_none() && !missing.is_empty()).then_some(missing)
}

fn same_rows(one: &[Value], other: &[Value]) -> bool {
    one.iter()
        .zip(other)
        .all(|(one, other)| same(Some(one), Some(other)))
}

/// The id of a row that has one.
#[must_use]
pub fn id(row: &Value) -> Option<&str> {
    row.get("id")?.as_str().filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn between(before: Value, after: Value) -> Vec<(String, Value, Value)> {
        shown(&edits(
            before.as_object().unwrap(),
            after.as_object().unwrap(),
        ))
        .into_iter()
        .map(|difference| (difference.path, difference.before, difference.after))
        .collect()
    }

    fn one(path: &str, before: Value, after: Value) -> Vec<(String, Value, Value)> {
        vec![(path.to_owned(), before, after)]
    }

    #[test]
    fn a_map_differs_key_by_key() {
        assert_eq!(
            between(
                json!({"email": "a", "shipping": {"city": "x", "zip": "1"}, "m": {"a.b": 1}}),
                json!({"email": "a", "shipping": {"city": "y", "zip": "1"}, "m": {}}),
            ),
            [
                ("shipping.city".to_owned(), json!("x"), json!("y")),
                ("m[\"a.b\"]".to_owned(), json!(1), Value::Null)
            ]
        );
    }

    #[test]
    fn rows_with_ids_differ_row_by_row_whatever_their_sequence() {
        let (a, b) = (
            json!({"id": "1", "quantity": 1}),
            json!({"id": "2", "quantity": 1}),
        );
        assert!(between(json!({"l": [a, b]}), json!({"l": [b, a]})).is_empty());
        assert_eq!(
            between(
                json!({"l": [a, b]}),
                json!({"l": [{"id": "2", "quantity": 3}, {"code": "n"}]})
            ),
            [
                ("l.1".to_owned(), a, Value::Null),
                ("l.2.quantity".to_owned(), json!(1), json!(3)),
                ("l.+1".to_owned(), Value::Null, json!({"code": "n"})),
            ]
        );
    }

    #[test]
    fn a_list_without_ids_differs_by_what_was_appended_or_removed() {
        let note = |text: &str| json!({"content": text});
        let (a, b, c) = (note("a"), note("b"), note("c"));
        assert_eq!(
            between(json!({"n": [a]}), json!({"n": [a, b]})),
            one("n.+1", Value::Null, b.clone())
        );
        assert_eq!(
            between(json!({"n": [a, b, c]}), json!({"n": [a, c]})),
            one("n.-2", b.clone(), Value::Null)
        );
        assert_eq!(
            between(json!({"n": [a, b]}), json!({"n": [b, c]})),
            one("n", json!([a, b]), json!([b, c]))
        );
    }

    #[test]
    fn how_a_value_is_typed_is_no_difference() {
        assert!(
            between(
                json!({"a": "5", "m": [], "x": ""}),
                json!({"a": 5, "m": {}})
            )
            .is_empty()
        );
    }
}
