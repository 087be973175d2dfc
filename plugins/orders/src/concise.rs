//! An order in a few lines: what is mostly looked at, under a hundred tokens.

use orderdesk_plugin::serde_json::{Map, Value, json};

use crate::fields::HISTORY;

/// Items named one by one; further ones are counted. Texts rather than lists, which cost a model twice the tokens.
const ITEMS: usize = 4;

/// A payment_status that asks nothing of anybody (order-desk-api.md §2.1).
const PAID: [&str; 2] = ["Captured", "Approved"];

/// A row's bytes are counted in every list that a model reads: blank fields are left out, and what is usual; `fields` gives
/// more where it is wanted, such as the e-mail address or the time of the day.
pub(crate) fn concise(order: &Map<String, Value>) -> Map<String, Value> {
    let mut short = Map::new();
    let mut put = |name: &str, value: Value| {
        if !blank(&value) {
            short.insert(name.to_owned(), value);
        }
    };
    let given = |name: &str| order.get(name).cloned().unwrap_or_default();
    put("id", given("id"));
    put("source_id", given("source_id"));
    put("date_added", day(given("date_added")));
    put("folder_id", given("folder_id"));
    put("order_total", given("order_total"));
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
    let status = given("payment_status");
    if !status.as_str().is_some_and(|status| PAID.contains(&status)) {
        put("payment_status", status);
    }
    put("tag_name", given("tag_name"));
    put("tracking", tracking(order).into());
    // Only there if it was asked for.
    put(HISTORY, given(HISTORY));
    short
}

/// Of a date and a time the date.
fn day(date: Value) -> Value {
    match date.as_str().and_then(|date| date.split_once(' ')) {
        Some((day, _)) => day.into(),
        None => date,
    }
}

/// Name (of the person, else of the company), city and country of an address.
fn receiver(order: &Map<String, Value>, address: &str) -> String {
    let text = |name: &str| {
        order
            .get(address)
            .and_then(|address| address.get(name)?.as_str())
            .unwrap_or_default()
    };
    let person = joined(&[text("first_name"), text("last_name")], " ");
    let name = match person.is_empty() {
        true => text("company"),
        false => &person,
    };
    joined(&[name, text("city"), text("country")], ", ")
}

/// Such as `4x LMP-GLB, CRT-PIN`.
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
            let name = name.unwrap_or("?");
            match item.get("quantity") {
                Some(quantity) if *quantity != json!(1) => format!("{quantity}x {name}"),
                _ => name.to_owned(),
            }
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
    let numbers: Vec<&str> = shipments
        .iter()
        .filter_map(|shipment| shipment.get("tracking_number")?.as_str())
        .filter(|number| !number.is_empty())
        .collect();
    numbers.join(", ")
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
                "items": "2x A, 2x B, 2x x, 2x D, and 2 more", "tracking": "1Z",
            })
        );
    }
}
