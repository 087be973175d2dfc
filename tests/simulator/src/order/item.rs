//! Order items (order-desk-api.md §3).

use serde_json::{Map, Value, json};

use super::totals;
use crate::ids::Ids;
use crate::{loose, php_json};

/// An item as the service keeps it. Whatever the request leaves out becomes its default or blank: writing an
/// item is a full replace (§3).
pub(crate) fn written(id: u64, input: &Map<String, Value>) -> Value {
    let or_default = |field: &str, default: &str| match loose::text(input, field) {
        text if text.is_empty() => default.to_owned(),
        text => text,
    };
    let quantity = if loose::is_blank(input, "quantity") {
        1
    } else {
        loose::integer(input, "quantity")
    };
    json!({
        "id": id.to_string(),
        "name": loose::text(input, "name"),
        "price": loose::number(loose::amount(input, "price"), totals::MONEY),
        "quantity": quantity,
        "weight": loose::number(loose::amount(input, "weight"), totals::WEIGHT),
        "code": loose::text(input, "code"),
        "delivery_type": or_default("delivery_type", "ship"),
        "category_code": loose::text(input, "category_code"),
        "fulfillment_method": loose::text(input, "fulfillment_method"),
        "variation_list": php_json::map(input.get("variation_list")),
        "metadata": php_json::map(input.get("metadata")),
    })
}

/// The items of a request against those that the order has (§2.5, §11.16): with a known `id` an update, else an
/// addition under a new id; what the request does not name is gone.
pub(crate) fn list(input: Option<&Value>, existing: &[Value], ids: &mut Ids) -> Vec<Value> {
    let known: Vec<u64> = existing
        .iter()
        .filter_map(|item| item.get("id").and_then(loose::id))
        .collect();
    let sent = input
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object);
    sent.map(|item| {
        let named = item
            .get("id")
            .and_then(loose::id)
            .filter(|id| known.contains(id));
        written(named.unwrap_or_else(|| ids.next_item()), item)
    })
    .collect()
}
