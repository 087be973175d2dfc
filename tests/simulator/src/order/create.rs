//! `POST /orders` (order-desk-api.md §2.4, §11.10).

use serde_json::{Map, Value, json};

use super::address::{self, Side};
use super::{Order, Writing, item, masked, totals, written_fields};
use crate::rejection::Rejection;
use crate::{dates, loose};

/// Makes an order from a request.
///
/// # Errors
/// When it has no items or no valid name.
pub(crate) fn create(
    input: &Map<String, Value>,
    writing: &mut Writing<'_>,
) -> Result<Order, Rejection> {
    check(input, writing)?;
    let id = writing.ids.next_order();
    let mut body = written_fields(input, writing.now);
    let mut set = |field: &str, value: Value| body.insert(field.to_owned(), value);

    set("id", json!(id.to_string()));
    for side in [Side::Shipping, Side::Customer] {
        set(
            side.field(),
            Value::Object(address::read_or_copy(input, side, writing.normalisation)),
        );
    }
    set(
        "cc_number_masked",
        json!(masked(&loose::text(input, "cc_number"))),
    );
    set(
        "order_items",
        Value::Array(item::list(input.get("order_items"), &[], writing.ids)),
    );
    let added = dates::normalised(&loose::text(input, "date_added"))
        .unwrap_or_else(|| dates::stamp(writing.now));
    set("date_added", json!(added));
    set("date_updated", json!(dates::stamp(writing.now)));

    // The five defaults of §2.4 rule 4; processor_balance has to wait for the totals.
    let folder = writing
        .requested_folder(input)
        .unwrap_or_else(|| writing.first_folder());
    set("folder_id", json!(folder));
    set(
        "source_id",
        json!(or(loose::text(input, "source_id"), &id.to_string())),
    );
    set(
        "source_name",
        json!(or(loose::text(input, "source_name"), "Order Desk")),
    );
    set(
        "payment_status",
        json!(or(loose::text(input, "payment_status"), "Captured")),
    );
    totals::recompute(&mut body);
    if loose::is_blank(input, "processor_balance") {
        let order_total = body.get("order_total").cloned().unwrap_or_default();
        body.insert("processor_balance".to_owned(), order_total);
    }

    let mut order = Order {
        body,
        history: Vec::new(),
    };
    order.add_history("API", "Order Added", writing.now);
    Ok(order)
}

fn check(input: &Map<String, Value>, writing: &Writing<'_>) -> Result<(), Rejection> {
    let mut errors = Vec::new();
    let has_items = input
        .get("order_items")
        .and_then(Value::as_array)
        .is_some_and(|items| {
            items
                .iter()
                .any(|item| item.as_object().is_some_and(|fields| !fields.is_empty()))
        });
    if !has_items {
        errors.push("At least one order item is required".to_owned());
    }
    let named = [Side::Shipping, Side::Customer]
        .into_iter()
        .filter_map(|side| address::read(input, side, writing.normalisation))
        .any(|address| address::has_valid_name(&address));
    if !named {
        errors.push(
            "A first and last name, or a company, is required in shipping or customer".to_owned(),
        );
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Rejection::Invalid {
        message: "Order Not Added".to_owned(),
        errors,
    })
}

fn or(text: String, default: &str) -> String {
    if text.trim().is_empty() {
        default.to_owned()
    } else {
        text
    }
}
