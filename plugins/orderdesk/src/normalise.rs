//! Order Desk's oddities, made even: what is a map is an object, what is an id is text, what is a count is a number.
//!
//! Order Desk is written in PHP, where one array type serves lists and maps: an empty map arrives as `[]`, and one with
//! the keys 0, 1, 2… as a list. Ids arrive as text in some places and as numbers in others, `total_records` the other
//! way round. Only the places that Order Desk documents are touched; what stores put into their own maps stays as it
//! is. Nothing is dropped, and doing it twice changes nothing more.

use orderdesk_plugin::serde_json;
use serde_json::{Map, Value};

const COUNTS: [&str; 5] = [
    "total_records",
    "records_returned",
    "initial_records_returned",
    "offset",
    "limit",
];

/// An answer with everything in it.
pub fn envelope(value: &mut Value) {
    let Some(envelope) = value.as_object_mut() else {
        return;
    };
    for count in COUNTS {
        if let Some(value) = envelope.get_mut(count) {
            number(value);
        }
    }
    part(envelope, "order", "orders", order);
    part(envelope, "order_item", "order_items", item);
    part(envelope, "shipment", "shipments", shipment);
    part(envelope, "inventory_item", "inventory_items", item);
    part(envelope, "store", "stores", store);
    each(envelope, "results", ids);
}

/// An order, with its items and shipments.
pub fn order(value: &mut Value) {
    ids(value);
    maps(value, &["checkout_data", "order_metadata"]);
    if let Some(order) = value.as_object_mut() {
        each(order, "order_items", item);
        each(order, "order_shipments", shipment);
    }
}

/// An item, of an order or of the inventory.
pub fn item(value: &mut Value) {
    ids(value);
    maps(value, &["variation_list", "metadata"]);
}

/// A shipment. Its `order_items` are a list, an object or, when empty, the text `""`.
pub fn shipment(value: &mut Value) {
    ids(value);
    let Some(shipment) = value.as_object_mut() else {
        return;
    };
    if let Some(items) = shipment.get_mut("order_items")
        && items.as_str() == Some("")
    {
        *items = Value::Array(Vec::new());
    }
    each(shipment, "order_items", ids);
}

/// A store with its folders.
pub fn store(value: &mut Value) {
    ids(value);
    maps(value, &["folders"]);
}

fn part(envelope: &mut Map<String, Value>, one: &str, many: &str, normalise: fn(&mut Value)) {
    if let Some(value) = envelope.get_mut(one) {
        normalise(value);
    }
    each(envelope, many, normalise);
}

fn each(object: &mut Map<String, Value>, list: &str, normalise: fn(&mut Value)) {
    if let Some(Value::Array(values)) = object.get_mut(list) {
        values.iter_mut().for_each(normalise);
    }
}

/// `id` and everything that ends in `_id`, of this object only.
fn ids(value: &mut Value) {
    for (key, value) in value.as_object_mut().into_iter().flatten() {
        if (key == "id" || key.ends_with("_id"))
            && let Value::Number(number) = value
            && (number.is_i64() || number.is_u64())
        {
            *value = Value::String(number.to_string());
        }
    }
}

fn maps(value: &mut Value, keys: &[&str]) {
    for key in keys {
        if let Some(Value::Array(list)) = value.get_mut(*key) {
            let map = std::mem::take(list)
                .into_iter()
                .enumerate()
                .map(|(place, value)| (place.to_string(), value))
                .collect();
            if let Some(value) = value.get_mut(*key) {
                *value = Value::Object(map);
            }
        }
    }
}

/// Text that is exactly how a count is written becomes that count.
fn number(value: &mut Value) {
    if let Value::String(text) = value
        && let Ok(count) = text.parse::<u64>()
        && count.to_string() == *text
    {
        *value = count.into();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn normalised(mut value: Value) -> Value {
        envelope(&mut value);
        value
    }

    #[test]
    fn an_empty_map_is_an_object_at_every_place_that_order_desk_documents() {
        let answer = normalised(json!({
            "order": {
                "checkout_data": [],
                "order_metadata": [],
                "order_notes": [],
                "order_items": [{ "variation_list": [], "metadata": [] }]
            },
            "orders": [{ "checkout_data": [] }],
            "inventory_items": [{ "metadata": [] }],
            "store": { "folders": [] }
        }));
        assert_eq!(
            answer,
            json!({
                "order": {
                    "checkout_data": {},
                    "order_metadata": {},
                    "order_notes": [],
                    "order_items": [{ "variation_list": {}, "metadata": {} }]
                },
                "orders": [{ "checkout_data": {} }],
                "inventory_items": [{ "metadata": {} }],
                "store": { "folders": {} }
            })
        );
    }

    #[test]
    fn a_map_that_php_wrote_as_a_list_gets_its_keys_back() {
        let answer = normalised(json!({ "order": { "order_metadata": ["a", "b"] } }));
        assert_eq!(
            answer["order"]["order_metadata"],
            json!({ "0": "a", "1": "b" })
        );
    }

    #[test]
    fn ids_are_text_and_counts_are_numbers_wherever_they_come_from() {
        let answer = normalised(json!({
            "total_records": "5",
            "records_returned": 3,
            "inventory_item": { "id": 771_204, "stock": 118 },
            "order": { "id": "5512034", "folder_id": 31001, "order_shipments": [{ "order_id": 7, "order_items": "" }] },
            "results": [{ "order_id": 5, "original_folder_id": 6 }]
        }));
        assert_eq!(
            answer,
            json!({
                "total_records": 5,
                "records_returned": 3,
                "inventory_item": { "id": "771204", "stock": 118 },
                "order": {
                    "id": "5512034",
                    "folder_id": "31001",
                    "order_shipments": [{ "order_id": "7", "order_items": [] }]
                },
                "results": [{ "order_id": "5", "original_folder_id": "6" }]
            })
        );
    }

    #[test]
    fn what_stores_keep_in_their_own_maps_stays_as_it_is() {
        let own = json!({ "customer_id": 5, "metadata": [], "total_records": "5" });
        let answer = normalised(json!({
            "order": { "order_metadata": own, "order_items": [{ "metadata": own }] }
        }));
        assert_eq!(answer["order"]["order_metadata"], own);
        assert_eq!(answer["order"]["order_items"][0]["metadata"], own);
    }

    #[test]
    fn a_count_that_is_not_one_stays_text() {
        for text in ["", "007", "-1", "many", "1.0"] {
            let answer = normalised(json!({ "total_records": text }));
            assert_eq!(answer["total_records"], text);
        }
    }

    /// Every leaf with the names on the way to it, as text: what may change is only how a leaf or a container is typed.
    fn leaves(value: &Value) -> Vec<String> {
        fn walk(value: &Value, path: &str, into: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    for (key, value) in map {
                        walk(value, &format!("{path}/{key}"), into);
                    }
                }
                Value::Array(list) => {
                    for (place, value) in list.iter().enumerate() {
                        walk(value, &format!("{path}/{place}"), into);
                    }
                }
                // A shipment's `order_items` that is blank, which becomes a list without leaves.
                Value::String(text) if text.is_empty() && path.ends_with("/order_items") => {}
                Value::String(text) => into.push(format!("{path}={text}")),
                other => into.push(format!("{path}={other}")),
            }
        }
        let mut into = Vec::new();
        walk(value, "", &mut into);
        into.sort();
        into
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let names = prop::sample::select(vec![
            "order",
            "orders",
            "order_item",
            "order_items",
            "shipment",
            "shipments",
            "order_shipments",
            "inventory_item",
            "inventory_items",
            "store",
            "results",
            "folders",
            "checkout_data",
            "order_metadata",
            "variation_list",
            "metadata",
            "id",
            "order_id",
            "folder_id",
            "total_records",
            "limit",
            "name",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[0-9]{0,4}".prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((names.clone(), inner), 0..5).prop_map(|pairs| pairs
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing_more(value in any_json()) {
            let once = normalised(value);
            prop_assert_eq!(normalised(once.clone()), once);
        }

        #[test]
        fn normalising_loses_and_invents_nothing(value in any_json()) {
            prop_assert_eq!(leaves(&normalised(value.clone())), leaves(&value));
        }
    }
}
