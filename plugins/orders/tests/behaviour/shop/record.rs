//! What becomes of an order's record when it is written.

use serde_json::{Map, Value, json};

use super::Orders;

impl Orders {
    /// A PUT: what is not in the body becomes blank.
    pub(super) fn replace(&mut self, id: &str, body: &Value) {
        const TEXTS: [&str; 13] = [
            "email",
            "shipping_method",
            "cc_exp",
            "processor_response",
            "payment_type",
            "payment_status",
            "customer_id",
            "ip_address",
            "source_name",
            "tag_name",
            "fulfillment_name",
            "fulfillment_id",
            "date_added",
        ];
        const NUMBERS: [&str; 5] = [
            "shipping_total",
            "handling_total",
            "tax_total",
            "processor_balance",
            "refund_total",
        ];
        let old = self.by_id[id].clone();
        let mut new = old.clone();
        for name in TEXTS {
            new.insert(name.to_owned(), json!(text(body, name)));
        }
        for name in NUMBERS {
            new.insert(
                name.to_owned(),
                body.get(name)
                    .filter(|value| value.is_number())
                    .cloned()
                    .unwrap_or(json!(0)),
            );
        }
        for name in ["shipping", "customer", "return_address"] {
            new.insert(
                name.to_owned(),
                body.get(name).cloned().unwrap_or(json!({})),
            );
        }
        for name in ["checkout_data", "order_metadata"] {
            let map = body
                .get(name)
                .filter(|map| map.as_object().is_some_and(|map| !map.is_empty()));
            new.insert(name.to_owned(), map.cloned().unwrap_or(json!([])));
        }
        new.insert(
            "discount_list".to_owned(),
            body.get("discount_list").cloned().unwrap_or(json!([])),
        );
        let card = text(body, "cc_number");
        let masked = if card.is_empty() {
            String::new()
        } else {
            format!("xxxxxxxxxxxx{card}")
        };
        new.insert("cc_number_masked".to_owned(), json!(masked));
        if let Some(folder) = body["folder_id"]
            .as_u64()
            .filter(|folder| (31_001..=31_003).contains(folder))
        {
            new.insert("folder_id".to_owned(), json!(folder));
        }
        let mut room = 2_000_usize;
        let mut notes = Vec::new();
        for note in body["order_notes"].as_array().into_iter().flatten() {
            let (date, user, content) = (
                text(note, "date_added"),
                text(note, "username"),
                text(note, "content"),
            );
            let length = date.chars().count() + user.chars().count() + content.chars().count();
            if length <= room {
                room -= length;
                notes.push(json!({"date_added": date, "username": user, "content": content}));
            }
        }
        new.insert("order_notes".to_owned(), json!(notes));
        let known: Vec<&Value> = old
            .get("order_items")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .collect();
        let mut items = Vec::new();
        for item in body["order_items"].as_array().into_iter().flatten() {
            let mut item = item.clone();
            if !known.iter().any(|known| known["id"] == item["id"]) {
                self.next_id += 1;
                item["id"] = json!(self.next_id.to_string());
            }
            for (name, default) in [
                ("quantity", json!(1)),
                ("price", json!(0)),
                ("weight", json!(0)),
                ("name", json!("")),
                ("code", json!("")),
                ("delivery_type", json!("ship")),
            ] {
                if item.get(name).is_none() {
                    item[name] = default;
                }
            }
            items.push(item);
        }
        new.insert("order_items".to_owned(), json!(items));
        self.by_id.insert(id.to_owned(), new);
        self.touch(id, "API", "Order Updated");
    }
}

pub(super) fn recompute(order: &mut Map<String, Value>) {
    let number = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.parse().unwrap_or_default(),
        Some(value) => value.as_f64().unwrap_or_default(),
        None => 0.0,
    };
    let rows = |name: &str| {
        order
            .get(name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let product: f64 = rows("order_items")
        .iter()
        .map(|item| number(item.get("price")) * number(item.get("quantity")))
        .sum();
    let discount: f64 = rows("discount_list")
        .iter()
        .map(|row| number(row.get("amount")))
        .sum();
    let more: f64 = ["shipping_total", "handling_total", "tax_total"]
        .iter()
        .map(|name| number(order.get(*name)))
        .sum();
    for (name, value) in [
        ("product_total", product),
        ("discount_total", discount),
        ("order_total", product + more - discount),
    ] {
        order.insert(name.to_owned(), json!((value * 100.0).round() / 100.0));
    }
}

pub(super) fn text(body: &Value, name: &str) -> String {
    match body.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}
