//! `order_items_add`, `order_items_update` and `order_items_remove`: items alone, by the same safe change of the order.
//!
//! Order Desk's own item requests answer no id and no order (order-desk-api.md §3), and its totals change with every item:
//! the order is what must be locked, compared and kept.

use orderdesk_client::WriteArguments;
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{Context, Id, Output, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::guards::Guards;
use crate::update::change;
use crate::written::Written;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Add {
    /// Order Desk's id of the order.
    order_id: Id,
    /// New items: name, code, price, quantity, weight, delivery_type, category_code, fulfillment_method, variation_list,
    /// metadata; name or code is needed.
    #[schemars(length(min = 1))]
    items: Vec<Map<String, Value>>,
    #[serde(flatten)]
    write: WriteArguments,
    /// The same key does it only once.
    idempotency_key: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Update {
    /// Order Desk's id of the order.
    order_id: Id,
    /// Rows with the item's id, or else its code, and the fields to change; variation_list and metadata are merged.
    #[schemars(length(min = 1))]
    items: Vec<Map<String, Value>>,
    #[serde(flatten)]
    guards: Guards,
    #[serde(flatten)]
    write: WriteArguments,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Remove {
    /// Order Desk's id of the order.
    order_id: Id,
    /// Rows with the item's id, or else its code.
    #[schemars(length(min = 1))]
    items: Vec<Map<String, Value>>,
    #[serde(flatten)]
    guards: Guards,
    #[serde(flatten)]
    write: WriteArguments,
}

pub(crate) fn add(arguments: Add, context: &Context) -> Result<Output<Written>, ToolError> {
    let key = arguments.idempotency_key.as_deref();
    let changes = rows(arguments.items, "add");
    let (id, write) = (&arguments.order_id, &arguments.write);
    change(
        context,
        "order_items_add",
        id,
        write,
        &Guards::default(),
        key,
        &changes,
    )
}

pub(crate) fn update(arguments: Update, context: &Context) -> Result<Output<Written>, ToolError> {
    let changes = rows(arguments.items, "change");
    let (id, write) = (&arguments.order_id, &arguments.write);
    change(
        context,
        "order_items_update",
        id,
        write,
        &arguments.guards,
        None,
        &changes,
    )
}

pub(crate) fn remove(arguments: Remove, context: &Context) -> Result<Output<Written>, ToolError> {
    let changes = rows(arguments.items, "remove");
    let (id, write) = (&arguments.order_id, &arguments.write);
    change(
        context,
        "order_items_remove",
        id,
        write,
        &arguments.guards,
        None,
        &changes,
    )
}

fn rows(items: Vec<Map<String, Value>>, action: &str) -> Map<String, Value> {
    let rows: Vec<Value> = items
        .into_iter()
        .map(|mut row| {
            row.insert("action".to_owned(), json!(action));
            Value::Object(row)
        })
        .collect();
    Map::from_iter([("order_items".to_owned(), Value::Array(rows))])
}
