//! What callers say of a product, and how it is merged into one.

use orderdesk_client::likeness::blank;
use orderdesk_client::merge_patch;
use orderdesk_plugin::serde_json::{Map, Number, Value};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Product;

/// Everything that Order Desk documents as writable, beside name and code (order-desk-api.md §5).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Details {
    /// In the store's currency.
    price: Option<Number>,
    /// What it costs you.
    cost: Option<Number>,
    /// Of one unit.
    weight: Option<Number>,
    /// Units available, in all.
    stock: Option<i64>,
    /// Warehouse or fulfilment method.
    location: Option<String>,
    /// The system that this comes from.
    update_source: Option<String>,
    /// The manufacturer's number.
    manufacturer_sku: Option<String>,
    /// Keys and values of your own; null removes a key.
    metadata: Option<Map<String, Value>>,
    /// Such as {"Size": "L"}; null removes a key.
    variation_list: Option<Map<String, Value>>,
}

impl Details {
    /// The fields that were given, with Order Desk's names.
    pub(crate) fn fields(&self) -> Product {
        let text = |value: &Option<String>| value.clone().map(Value::String);
        let number = |value: &Option<Number>| value.clone().map(Value::Number);
        let map = |value: &Option<Map<String, Value>>| value.clone().map(Value::Object);
        [
            ("price", number(&self.price)),
            ("cost", number(&self.cost)),
            ("weight", number(&self.weight)),
            ("stock", self.stock.map(Value::from)),
            ("location", text(&self.location)),
            ("update_source", text(&self.update_source)),
            ("manufacturer_sku", text(&self.manufacturer_sku)),
            ("metadata", map(&self.metadata)),
            ("variation_list", map(&self.variation_list)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
    }
}

/// A product with the changes in it, whole: what a PUT leaves out becomes blank. Maps take a merge patch (RFC 7396), every
/// other field is replaced.
pub(crate) fn merged(current: &Product, changes: &Product) -> Product {
    let mut whole = current.clone();
    for (name, value) in changes {
        match value {
            Value::Object(patch) => {
                let mut map = match whole.get(name) {
                    Some(Value::Object(map)) => map.clone(),
                    _ => Map::new(),
                };
                merge_patch(&mut map, patch);
                whole.insert(name.clone(), Value::Object(map));
            }
            // Order Desk's own blank of a number without a manufacturer is null: not a difference.
            value if blank(value) && whole.get(name).is_none_or(blank) => {}
            value => {
                whole.insert(name.clone(), value.clone());
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use orderdesk_client::difference::{Edit, edits};
    use orderdesk_client::journal::{Change, State};
    use orderdesk_plugin::serde_json::json;
    use proptest::prelude::*;

    use super::*;
    use crate::undo::taken_back;

    fn map(value: Value) -> Product {
        value.as_object().unwrap().clone()
    }

    fn product() -> Product {
        map(json!({
            "id": "5", "name": "Desk", "code": "ORG-5", "price": 34.5, "stock": 118, "manufacturer_sku": null,
            "metadata": { "print_sku": "ORG-WAL-L", "own": { "a": 1, "b": 2 } }, "variation_list": {},
        }))
    }

    #[test]
    fn maps_are_merged_key_by_key_and_fields_replaced() {
        let changes = map(json!({
            "price": 30, "metadata": { "print_sku": null, "own": { "b": null, "c": 3 } }, "manufacturer_sku": ""
        }));
        let whole = merged(&product(), &changes);
        assert_eq!(whole["metadata"], json!({ "own": { "a": 1, "c": 3 } }));
        assert_eq!(whole["price"], 30);
        assert_eq!(whole["manufacturer_sku"], Value::Null);
        assert_eq!(whole["name"], "Desk");
    }

    fn change(edits: Vec<Edit>, after: Option<Product>) -> Change {
        Change {
            change_id: "1".to_owned(),
            call_id: "1".to_owned(),
            tool: "products_update".to_owned(),
            kind: "product".to_owned(),
            thing_id: "5".to_owned(),
            at_ms: 0,
            by: "k".to_owned(),
            state: State::Made,
            edits,
            before: None,
            after: after.map(Value::Object),
            undoes: None,
            undone_by: None,
            partial: false,
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(Value::from),
            "[a-z]{0,4}".prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop::collection::btree_map("[a-c]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect()))
        })
    }

    fn any_changes() -> impl Strategy<Value = Product> {
        let plain = prop::sample::select(vec![
            "price",
            "stock",
            "location",
            "manufacturer_sku",
            "name",
        ]);
        let maps = prop::sample::select(vec!["metadata", "variation_list"]);
        let map_value = prop::collection::btree_map("[a-c]|print_sku|own", any_value(), 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect()));
        let plain_value = prop_oneof![
            any::<i32>().prop_map(Value::from),
            "[a-z]{0,4}".prop_map(Value::from)
        ];
        (
            prop::collection::btree_map(plain, plain_value, 0..4),
            prop::collection::btree_map(maps, map_value, 0..3),
        )
            .prop_map(|(plain, maps)| {
                plain
                    .into_iter()
                    .chain(maps)
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            })
    }

    proptest! {
        #[test]
        fn merging_twice_changes_nothing_more(changes in any_changes()) {
            let once = merged(&product(), &changes);
            prop_assert_eq!(merged(&once, &changes), once);
        }

        #[test]
        fn undoing_a_change_gives_back_what_was_there(
            changes in any_changes(), known in any::<bool>(), sold in 0..5_i64,
        ) {
            let before = product();
            let mut after = merged(&before, &changes);
            let change = change(edits(&before, &after), known.then(|| after.clone()));
            // What others do meanwhile, elsewhere, stays.
            after.insert("weight".to_owned(), json!(sold));
            let (undone, conflicts) = taken_back(&change, &after).unwrap();
            prop_assert!(conflicts.is_empty(), "{:?}", conflicts);
            let left = edits(&before, &undone);
            prop_assert!(left.iter().all(|edit| edit.at == ["weight"]), "{:?}", left);
            prop_assert_eq!(&undone["weight"], &json!(sold));
        }

        #[test]
        fn merging_changes_only_what_was_asked_and_drops_no_field(changes in any_changes()) {
            let before = product();
            let after = merged(&before, &changes);
            for name in before.keys() {
                prop_assert!(after.contains_key(name));
            }
            for edit in edits(&before, &after) {
                prop_assert!(changes.contains_key(&edit.at[0]), "{:?}", edit);
                if let (Some(Value::Object(patch)), Some(key)) = (changes.get(&edit.at[0]), edit.at.get(1)) {
                    prop_assert!(patch.contains_key(key), "{:?}", edit);
                }
            }
        }
    }
}
