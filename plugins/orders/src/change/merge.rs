//! A caller's changes, merged into an order as it is: what they do not mention stays.
//!
//! Maps and addresses take an RFC 7396 merge patch, so that changing a city keeps the street; `null` clears. Notes are
//! appended, items are told apart by id or code ([`super::items`]), a list of discounts is replaced. Merging the same
//! changes twice changes nothing more.

use orderdesk_client::merge_patch;
use orderdesk_plugin::ToolError;
use orderdesk_plugin::serde_json::{Map, Value, json};

use super::shape::{self, Kind};
use super::{items, limits, notes};

/// An order with the changes in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Merged {
    /// The order as it shall be.
    pub(crate) order: Map<String, Value>,
    /// What was asked for and is not to be done, such as a note that is there already.
    pub(crate) remarks: Vec<String>,
}

/// Merges changes into an order.
///
/// # Errors
/// `read-only-field`, `unknown-field`, `bad-value`, `item-not-found`, `item-ambiguous`, `notes-full`, `too-long`: each says
/// which field and what to do.
pub(crate) fn merge(
    order: &Map<String, Value>,
    changes: &Map<String, Value>,
) -> Result<Merged, ToolError> {
    shape::check_names(changes, false)?;
    let mut merged = Merged {
        order: order.clone(),
        remarks: Vec::new(),
    };
    for (name, value) in changes {
        let Some(kind) = shape::of_order(name) else {
            continue;
        };
        match kind {
            Kind::Items => items::merge(&mut merged, value)?,
            Kind::Notes => notes::append(&mut merged, value)?,
            Kind::Card => {
                let masked = shape::plain(name, kind, value)?;
                merged.order.insert("cc_number_masked".to_owned(), masked);
            }
            Kind::Map => {
                let map = patched(name, merged.order.get(name), value)?;
                merged.order.insert(name.clone(), map);
            }
            Kind::Address => {
                let address = address(name, merged.order.get(name), value)?;
                merged.order.insert(name.clone(), address);
            }
            Kind::Discounts => {
                merged.order.insert(name.clone(), discounts(value)?);
            }
            plain => {
                let value = shape::plain(name, plain, value)?;
                merged.order.insert(name.clone(), value);
            }
        }
    }
    limits::check(order, &merged.order)?;
    Ok(merged)
}

/// A map with a merge patch applied; `null` for the whole empties it.
pub(crate) fn patched(path: &str, map: Option<&Value>, patch: &Value) -> Result<Value, ToolError> {
    let mut target = match map {
        Some(Value::Object(map)) => map.clone(),
        _ => Map::new(),
    };
    match patch {
        Value::Null => target.clear(),
        Value::Object(patch) => merge_patch(&mut target, patch),
        // How Order Desk itself writes an empty map.
        Value::Array(none) if none.is_empty() => {}
        other => {
            return Err(shape::bad(
                path,
                "an object of the keys to change (null removes one)",
                other,
            ));
        }
    }
    Ok(Value::Object(target))
}

/// An address with its parts changed; `null` blanks a part, or all of them.
fn address(field: &str, address: Option<&Value>, patch: &Value) -> Result<Value, ToolError> {
    let known = shape::names_in(field);
    let mut target = match address {
        Some(Value::Object(address)) => address.clone(),
        _ => Map::new(),
    };
    match patch {
        Value::Null => target.values_mut().for_each(|part| *part = json!("")),
        Value::Object(patch) => {
            for (part, value) in patch {
                let path = format!("{field}.{part}");
                if !known.contains(&part.as_str()) {
                    return Err(ToolError::invalid_input(
                        "unknown-field",
                        format!(
                            "'{path}' does not exist: {field} has {}. Nothing was changed.",
                            known.join(", ")
                        ),
                    ));
                }
                target.insert(part.clone(), shape::plain(&path, Kind::Text, value)?);
            }
        }
        other => return Err(shape::bad(field, "an object of the parts to change", other)),
    }
    Ok(Value::Object(target))
}

fn discounts(value: &Value) -> Result<Value, ToolError> {
    let rows = match value {
        Value::Null => return Ok(json!([])),
        Value::Array(rows) => rows,
        other => {
            return Err(shape::bad(
                "discount_list",
                "a list, which replaces the one that is there",
                other,
            ));
        }
    };
    let mut list = Vec::new();
    for row in rows {
        let Value::Object(row) = row else {
            return Err(shape::bad(
                "discount_list",
                "rows with name, code and amount",
                row,
            ));
        };
        let mut discount = Map::new();
        for (name, value) in row {
            let path = format!("discount_list.{name}");
            let kind = match name.as_str() {
                "name" | "code" => Kind::Text,
                "amount" => Kind::Number,
                _ => {
                    return Err(shape::bad(
                        &path,
                        "nothing: a discount has name, code and amount",
                        value,
                    ));
                }
            };
            discount.insert(name.clone(), shape::plain(&path, kind, value)?);
        }
        list.push(Value::Object(discount));
    }
    Ok(Value::Array(list))
}
