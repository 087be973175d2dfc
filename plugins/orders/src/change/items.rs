//! Items among an order's changes: each row says by `action` whether it changes (the default), adds or removes one.
//!
//! An item is found by its `id`, else by its `code`, which must then be that of one item only. What no row names stays:
//! Order Desk itself would remove it (order-desk-api.md §2.5).

use orderdesk_client::difference::id;
use orderdesk_client::likeness::alike;
use orderdesk_plugin::ToolError;
use orderdesk_plugin::serde_json::{Map, Value};

use super::merge::{Merged, patched};
use super::shape::{self, Kind};

const ITEMS: &str = "order_items";

/// Merges rows into the order's items.
pub(crate) fn merge(merged: &mut Merged, rows: &Value) -> Result<(), ToolError> {
    let Value::Array(rows) = rows else {
        return Err(shape::bad(
            ITEMS,
            "a list of rows, each with the id or code of an item and what changes, or with action \"add\" or \"remove\"",
            rows,
        ));
    };
    let mut items = of(&merged.order).to_vec();
    for row in rows {
        let Value::Object(row) = row else {
            return Err(shape::bad(ITEMS, "objects", row));
        };
        match row.get("action").map(Value::as_str) {
            None | Some(Some("change")) => change(&mut items, row)?,
            Some(Some("add")) => add(&mut items, row, &mut merged.remarks)?,
            Some(Some("remove")) => remove(&mut items, row, &mut merged.remarks)?,
            Some(_) => {
                let action = row.get("action").unwrap_or(&Value::Null);
                return Err(shape::bad(
                    "order_items.action",
                    "\"change\", \"add\" or \"remove\"",
                    action,
                ));
            }
        }
    }
    merged.order.insert(ITEMS.to_owned(), Value::Array(items));
    Ok(())
}

/// The items of an order.
pub(crate) fn of(order: &Map<String, Value>) -> &[Value] {
    order
        .get(ITEMS)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn change(items: &mut [Value], row: &Map<String, Value>) -> Result<(), ToolError> {
    let (place, by_code) = find(items, row)?
        .ok_or_else(|| missing(items, row, "To add a new one, say action: \"add\"."))?;
    let Some(item) = items[place].as_object_mut() else {
        return Ok(());
    };
    for (name, value) in row {
        if name == "id" || name == "action" || (by_code && name == "code") {
            continue;
        }
        let value = field(name, item.get(name), value)?;
        item.insert(name.clone(), value);
    }
    Ok(())
}

fn add(
    items: &mut Vec<Value>,
    row: &Map<String, Value>,
    remarks: &mut Vec<String>,
) -> Result<(), ToolError> {
    if row.contains_key("id") {
        return Err(ToolError::invalid_input(
            "bad-value",
            "'order_items': Order Desk gives a new item its id. Leave id out to add one, or leave action out to change \
             the item with that id. Nothing was changed.",
        ));
    }
    let item = fresh(row)?;
    // So that the same call, made twice, does not double an order.
    match items.iter().find(|there| covers(there, &item)) {
        Some(there) => remarks.push(format!(
            "The item {} is on the order already and was not added once more: change its quantity for more of it.",
            label(there)
        )),
        None => items.push(Value::Object(item)),
    }
    Ok(())
}

/// A new item from a row.
///
/// # Errors
/// `bad-value`, `unknown-field`.
pub(crate) fn fresh(row: &Map<String, Value>) -> Result<Map<String, Value>, ToolError> {
    let mut item = Map::new();
    for (name, value) in row {
        if name != "action" {
            item.insert(name.clone(), field(name, None, value)?);
        }
    }
    let named = ["name", "code"].iter().any(|name| {
        item.get(*name)
            .is_some_and(|text| text.as_str() != Some(""))
    });
    if named {
        Ok(item)
    } else {
        Err(ToolError::invalid_input(
            "bad-value",
            "'order_items': a new item has at least a name or a code. Nothing was changed.",
        ))
    }
}

fn remove(
    items: &mut Vec<Value>,
    row: &Map<String, Value>,
    remarks: &mut Vec<String>,
) -> Result<(), ToolError> {
    match find(items, row)? {
        Some((place, _)) => {
            items.remove(place);
        }
        None => remarks.push(missing(items, row, "It was not removed.").message),
    }
    Ok(())
}

/// The place of the item that a row names, and whether it was found by its code.
fn find(items: &[Value], row: &Map<String, Value>) -> Result<Option<(usize, bool)>, ToolError> {
    let given = |name: &str| {
        row.get(name)
            .and_then(shape::text)
            .filter(|text| !text.is_empty())
    };
    if let Some(wanted) = given("id") {
        let place = items.iter().position(|item| id(item) == Some(&wanted));
        return Ok(place.map(|place| (place, false)));
    }
    let Some(code) = given("code") else {
        return Err(ToolError::invalid_input(
            "item-not-named",
            "'order_items': every row names its item by id or code (orders_get shows both), or says action: \"add\". \
             Nothing was changed.",
        ));
    };
    let places: Vec<usize> = (0..items.len())
        .filter(|place| items[*place].get("code").and_then(Value::as_str) == Some(&code))
        .collect();
    match places.as_slice() {
        [] => Ok(None),
        [place] => Ok(Some((*place, true))),
        several => {
            let ids: Vec<&str> = several
                .iter()
                .filter_map(|place| id(&items[*place]))
                .collect();
            Err(ToolError::invalid_input(
                "item-ambiguous",
                format!(
                    "'order_items': {} items have the code {code:?}. Name one by its id: {}. Nothing was changed.",
                    several.len(),
                    ids.join(", ")
                ),
            ))
        }
    }
}

fn missing(items: &[Value], row: &Map<String, Value>, then: &str) -> ToolError {
    let wanted = ["id", "code"]
        .iter()
        .find_map(|name| {
            row.get(*name)
                .and_then(shape::text)
                .map(|text| format!("{name} {text:?}"))
        })
        .unwrap_or_default();
    let there: Vec<String> = items.iter().take(20).map(label).collect();
    ToolError::not_found(
        "item-not-found",
        format!(
            "'order_items': the order has no item with {wanted}. {then} Its items: {}.",
            there.join(", ")
        ),
    )
}

fn label(item: &Value) -> String {
    let code = item.get("code").and_then(Value::as_str).unwrap_or_default();
    format!("{} ({code:?})", id(item).unwrap_or("new"))
}

/// A field of an item as it shall be.
fn field(name: &str, current: Option<&Value>, value: &Value) -> Result<Value, ToolError> {
    let path = format!("order_items.{name}");
    match shape::of_item(name) {
        Some(Kind::Map) => patched(&path, current, value),
        Some(kind) => shape::plain(&path, kind, value),
        None => Err(ToolError::invalid_input(
            "unknown-field",
            format!(
                "'{path}' cannot be written: an item has {}. Nothing was changed.",
                shape::names_in(ITEMS)[1..].join(", ")
            ),
        )),
    }
}

/// True if an item has everything that the fields say.
pub(crate) fn covers(item: &Value, fields: &Map<String, Value>) -> bool {
    fields
        .iter()
        .filter(|(name, _)| *name != "id")
        .all(|(name, value)| alike(item.get(name), Some(value)))
}
