//! A new order as a caller gives it, checked before it is sent (order-desk-api.md §2.4).

use orderdesk_plugin::ToolError;
use orderdesk_plugin::serde_json::{Map, Value, json};

use super::merge::{Merged, merge};
use super::shape::{self, Kind};
use super::{items, limits};

/// Reads a new order.
///
/// # Errors
/// `read-only-field`, `unknown-field`, `bad-value`, `no-items`, `no-name`, `notes-full`, `too-long`.
pub(crate) fn read(data: &Map<String, Value>) -> Result<Map<String, Value>, ToolError> {
    shape::check_names(data, true)?;
    let mut fields = data.clone();
    let source_id = fields.shift_remove("source_id");
    let rows = fields.shift_remove("order_items").unwrap_or_default();
    let Merged { mut order, .. } = merge(&Map::new(), &fields)?;
    if let Some(source_id) = source_id {
        let source_id = shape::plain("source_id", Kind::Text, &source_id)?;
        order.insert(
            "source_id".to_owned(),
            json!(source_id.as_str().unwrap_or_default().trim()),
        );
    }
    let rows = rows.as_array().cloned().unwrap_or_default();
    let mut fresh = Vec::new();
    for row in &rows {
        match row {
            Value::Object(row) if row.contains_key("id") => {
                return Err(shape::bad(
                    "order_items.id",
                    "nothing: Order Desk gives items their ids",
                    &row["id"],
                ));
            }
            Value::Object(row) => fresh.push(Value::Object(items::fresh(row)?)),
            other => return Err(shape::bad("order_items", "objects", other)),
        }
    }
    if fresh.is_empty() {
        return Err(ToolError::invalid_input(
            "no-items",
            "'order_data.order_items': an order has at least one item, such as {\"name\": \"Desk\", \"code\": \"D-1\", \
             \"price\": 10, \"quantity\": 1}. Nothing was created.",
        ));
    }
    order.insert("order_items".to_owned(), Value::Array(fresh));
    if !["shipping", "customer"]
        .iter()
        .any(|side| named(order.get(*side)))
    {
        return Err(ToolError::invalid_input(
            "no-name",
            "'order_data.shipping' or 'order_data.customer' needs first_name and last_name, or company. Nothing was \
             created.",
        ));
    }
    limits::check(&Map::new(), &order)?;
    Ok(order)
}

/// First and last name, or a company: the stricter of two wordings in Order Desk's documentation.
fn named(address: Option<&Value>) -> bool {
    let filled = |part: &str| {
        address
            .and_then(|address| address.get(part)?.as_str())
            .is_some_and(|text| !text.trim().is_empty())
    };
    (filled("first_name") && filled("last_name")) || filled("company")
}

/// A new order from one that was deleted, and what of that one cannot come back.
pub(crate) fn again(before: &Map<String, Value>) -> (Map<String, Value>, Vec<String>) {
    let mut order: Map<String, Value> = before
        .iter()
        .filter(|(name, _)| {
            shape::of_order(name).is_some() || *name == "source_id" || *name == "cc_number_masked"
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if let Some(Value::Array(items)) = order.get_mut("order_items") {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.shift_remove("id");
        }
    }
    let mut lost = vec![
        "The order and its items have new ids, and its history does not come back.".to_owned(),
    ];
    let shipments = before
        .get("order_shipments")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if shipments > 0 {
        lost.push(format!(
            "Its {shipments} shipments do not come back with it: add them with shipments_add if they still count."
        ));
    }
    (order, lost)
}
