//! An order in a few lines: what is mostly looked at, under a hundred tokens.

use orderdesk_plugin::serde_json::{Map, Value, json};

use crate::fields::HISTORY;

/// Items named one by one; further ones are counted. Texts rather than lists, which cost a model twice the tokens.
const ITEMS: usize = 4;

/// Blank fields are left out.
pub(crate) fn concise(order: &Map<String, Value>) -> Map<String, Value> {
    let mut short = Map::new();
    let mut put = |name: &str, value: Value| {
        if !blank(&value) {
            short.insert(name.to_owned(), value);
        }
    };
    for name in [
        "id",
        "source_id",
        "date_added",
        "folder_id",
        "email",
        "order_total",
        "payment_status",
        "tag_name",
    ] {
        put(name, order.get(name).cloned().unwrap_or_default());
    }
    let receivers = ["shipping", "customer"].map(|address| receiver(order, address));
    put(
        "ship_to",
        receivers
            .into_iter()
            .find(|line| !line.is_empty())
            .unwrap_or_default()
            .into(),
    );
    put("items", items(order).into());
    put("tracking", tracking(order).into());
    // Only there if it was asked for.
    put(HISTORY, order.get(HISTORY).cloned().unwrap_or_default());
    short
}

/// Name, company, city and country of an address.
fn receiver(order: &Map<String, Value>, address: &str) -> String {
    let text = |name: &str| {
        order
            .get(address)
            .and_then(|address| address.get(name)?.as_str())
            .unwrap_or_default()
    };
    let name = joined(&[text("first_name"), text("last_name")], " ");
    joined(
        &[&name, text("company"), text("city"), text("country")],
        ", ",
    )
}

fn items(order: &Map<String, Value>) -> String {
    let items = order
        .get("order_items")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let mut named: Vec<String> = items
        .iter()
        .take(ITEMS)
        .map(|item| {
            let name = ["code", "name"]
                .iter()
                .find_map(|key| item.get(*key)?.as_str().filter(|text| !text.is_empty()));
            format!(
                "{} x {}",
                item.get("quantity").unwrap_or(&json!(1)),
                name.unwrap_or("?")
            )
        })
        .collect();
    if items.len() > ITEMS {
        named.push(format!("and {} more", items.len() - ITEMS));
    }
    named.join(", ")
}

fn tracking(order: &Map<String, Value>) -> String {
    let shipments = order
        .get("order_shipments")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let lines: Vec<String> = shipments
        .iter()
        .filter_map(|shipment| {
            let text = |name: &str| {
                shipment
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let line = joined(&[text("carrier_code"), text("tracking_number")], " ");
            (!line.is_empty()).then_some(line)
        })
        .collect();
    lines.join(", ")
}

fn joined(parts: &[&str], separator: &str) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(separator)
}

fn blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn blank_fields_are_left_out_and_long_lists_counted() {
        let item = |code: &str| json!({"code": code, "quantity": 2, "name": "x"});
        let order = json!({
            "id": "5", "source_id": "", "order_total": 0, "tag_name": "",
            "shipping": {"first_name": "Ruth", "last_name": "Okafor", "company": "", "city": "Portland", "country": "US"},
            "order_items": [item("A"), item("B"), item(""), item("D"), item("E"), item("F")],
            "order_shipments": [{"carrier_code": "UPS", "tracking_number": "1Z"}],
        });
        assert_eq!(
            Value::Object(concise(order.as_object().unwrap())),
            json!({
                "id": "5", "order_total": 0, "ship_to": "Ruth Okafor, Portland, US",
                "items": "2 x A, 2 x B, 2 x x, 2 x D, and 2 more", "tracking": "UPS 1Z",
            })
        );
    }
}
