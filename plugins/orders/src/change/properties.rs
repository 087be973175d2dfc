//! What holds for every order and every change, whatever their shapes.
#![allow(clippy::unwrap_used)]

use orderdesk_client::difference::{Edit, edits};
use orderdesk_client::normalise;
use orderdesk_plugin::serde_json::{Map, Value, json};
use proptest::prelude::*;

use super::merge::merge;
use super::place::{Standing, at, list, standing};
use super::put::body;
use super::undo::undo;

fn text() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        "",
        "a",
        "B",
        "Ruth Okafor",
        "04101",
        "é ü",
        "207-555-0144",
        "x/y",
    ])
    .prop_map(Value::from)
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..500_u32).prop_map(Value::from),
        (0..5_000_u32).prop_map(|cents| json!(f64::from(cents) / 100.0)),
    ]
}

fn map() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec!["Gift Message", "a.b", "risk", "0", "1"]);
    prop_oneof![
        // As PHP writes an empty map, and one with the keys 0, 1, ….
        Just(json!([])),
        Just(json!(["x", "y"])),
        prop::collection::btree_map(names, prop_oneof![text(), number()], 0..4).prop_map(|map| map
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()),
    ]
}

fn address() -> impl Strategy<Value = Value> {
    (text(), text(), text()).prop_map(|(name, street, city)| {
        json!({"first_name": name, "address1": street, "address2": "", "city": city, "phone": "207-555-0144"})
    })
}

fn note() -> impl Strategy<Value = Value> {
    (text(), "[a-c]{1,3}").prop_map(|(user, content)| {
        json!({"date_added": "2026-03-02 17:41:12", "username": user, "content": content})
    })
}

fn item(id: usize) -> impl Strategy<Value = Value> {
    (prop::sample::select(vec!["A", "B", "C", "D"]), 0..9_u32, number(), map(), map()).prop_map(
        move |(code, quantity, price, variations, metadata)| {
            json!({"id": (100 + id).to_string(), "name": format!("item {code}"), "code": code, "quantity": quantity,
                   "price": price, "weight": 1, "delivery_type": "ship", "category_code": "",
                   "variation_list": variations, "metadata": metadata})
        },
    )
}

/// Orders of all shapes, as they are read.
fn order() -> impl Strategy<Value = Map<String, Value>> {
    let parts = (
        (text(), number(), number(), text()),
        (address(), prop::option::of(address())),
        (map(), map()),
        prop::collection::vec(note(), 0..4),
        (0..4_usize).prop_flat_map(|count| (0..count).map(item).collect::<Vec<_>>()),
        prop::bool::ANY,
    );
    parts.prop_map(|((email, shipping_total, tax, tag), (shipping, customer), (data, metadata), notes, items, unknown)| {
        let mut order = json!({
            "id": "5", "email": email, "shipping_total": shipping_total, "tax_total": tax, "tag_name": tag,
            "cc_number_masked": "xxxxxxxxxxxx1881", "folder_id": 31001, "shipping": shipping,
            "checkout_data": data, "order_metadata": metadata, "order_notes": notes, "order_items": items,
            "discount_list": [{"name": "Spring", "code": "S", "amount": "9.40"}],
            "order_shipments": [{"id": "7", "tracking_number": "1Z"}], "order_total": 12.5,
        });
        if let Some(customer) = customer {
            order["customer"] = customer;
        }
        if unknown {
            order["something_new"] = json!({"kept": [1, 2]});
        }
        normalise::order(&mut order);
        order.as_object().unwrap().clone()
    })
}

fn row() -> impl Strategy<Value = Value> {
    let named = prop_oneof![
        (100..104_u32).prop_map(|id| json!({"id": id})),
        prop::sample::select(vec!["A", "B", "C", "D"]).prop_map(|code| json!({"code": code})),
    ];
    prop_oneof![
        (named.clone(), 0..9_u32, map()).prop_map(|(mut row, quantity, metadata)| {
            row["quantity"] = json!(quantity);
            if metadata.is_object() {
                row["metadata"] = metadata;
            }
            row
        }),
        named.prop_map(|mut row| {
            row["action"] = json!("remove");
            row
        }),
        (prop::sample::select(vec!["N", "M"]), 1..9_u32)
            .prop_map(|(code, quantity)| json!({"action": "add", "code": code, "name": "new", "quantity": quantity})),
    ]
}

/// Changes of all shapes; some do not fit the order, and are refused.
fn changes() -> impl Strategy<Value = Map<String, Value>> {
    let patch = prop_oneof![
        map().prop_filter("a patch is an object", Value::is_object),
        Just(json!({"risk": null, "Gift Message": null})),
        Just(Value::Null),
    ];
    let field = prop_oneof![
        text().prop_map(|value| ("email", value)),
        Just(("tag_name", Value::Null)),
        number().prop_map(|value| ("shipping_total", value)),
        Just(("cc_number", json!("4242"))),
        Just(("folder_id", json!("31002"))),
        text().prop_map(|city| ("shipping", json!({"city": city}))),
        text().prop_map(|name| ("customer", json!({"first_name": name, "address2": null}))),
        patch.clone().prop_map(|patch| ("checkout_data", patch)),
        patch.prop_map(|patch| ("order_metadata", patch)),
        prop::collection::vec("[a-d]{1,3}".prop_map(Value::from), 1..3)
            .prop_map(|notes| ("order_notes", json!(notes))),
        prop::collection::vec(row(), 1..3).prop_map(|rows| ("order_items", json!(rows))),
        Just(("discount_list", json!([]))),
    ];
    prop::collection::vec(field, 1..4).prop_map(|fields| {
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    })
}

/// What Order Desk makes of an order: new items get ids.
fn stored(mut order: Map<String, Value>) -> Map<String, Value> {
    let mut next = 900;
    if let Some(Value::Array(items)) = order.get_mut("order_items") {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            if !item.contains_key("id") {
                item.insert("id".to_owned(), json!(next.to_string()));
                next += 1;
            }
        }
    }
    order
}

fn without_ids(order: &Map<String, Value>) -> Map<String, Value> {
    let mut order = order.clone();
    if let Some(Value::Array(items)) = order.get_mut("order_items") {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.shift_remove("id");
        }
        items.sort_by_key(Value::to_string);
    }
    order
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn merging_twice_is_merging_once(order in order(), changes in changes()) {
        if let Ok(once) = merge(&order, &changes) {
            let once = stored(once.order);
            // A row that names an item by a code which the change itself removed finds nothing any more.
            if let Ok(twice) = merge(&once, &changes) {
                prop_assert_eq!(edits(&once, &twice.order), Vec::<Edit>::new());
            }
        }
    }

    #[test]
    fn a_merge_changes_only_what_was_asked(order in order(), changes in changes()) {
        if let Ok(merged) = merge(&order, &changes) {
            for edit in edits(&order, &merged.order) {
                let asked = match edit.at[0].as_str() {
                    "cc_number_masked" => "cc_number",
                    name => name,
                };
                prop_assert!(changes.contains_key(asked), "{:?}", edit);
                if let Some(Value::Object(patch)) = changes.get(asked) {
                    prop_assert!(patch.contains_key(&edit.at[1]), "{:?}", edit);
                }
            }
            for field in ["id", "order_shipments", "order_total", "something_new"] {
                prop_assert_eq!(order.get(field), merged.order.get(field));
            }
            for (before, after) in list(&order, "order_notes").iter().zip(list(&merged.order, "order_notes")) {
                prop_assert_eq!(before, after, "no note is dropped or moved");
            }
        }
    }

    #[test]
    fn everything_asked_stands_in_the_merged_order(order in order(), changes in changes()) {
        if let Ok(merged) = merge(&order, &changes) {
            let found = edits(&order, &merged.order);
            let after = stored(merged.order);
            for edit in &found {
                prop_assert_eq!(standing(&order, edit, &after), Standing::After, "{:?}", edit);
                prop_assert_eq!(standing(&order, edit, &order), Standing::Before, "{:?}", edit);
            }
        }
    }

    #[test]
    fn an_undo_brings_back_what_was_there(order in order(), changes in changes(), known in any::<bool>()) {
        if let Ok(merged) = merge(&order, &changes) {
            let found = edits(&order, &merged.order);
            let after = stored(merged.order);
            let undone = undo(&found, &order, known.then_some(&after), &after);
            prop_assert_eq!(&undone.conflicts, &Vec::new());
            let (was, is) = (without_ids(&order), without_ids(&stored(undone.order)));
            prop_assert_eq!(edits(&was, &is), Vec::<Edit>::new());
        }
    }

    #[test]
    fn an_undo_leaves_alone_what_others_changed_since(order in order(), changes in changes(), other in changes()) {
        let Ok(merged) = merge(&order, &changes) else { return Ok(()) };
        let found = edits(&order, &merged.order);
        let after = stored(merged.order);
        let Ok(theirs) = merge(&after, &other) else { return Ok(()) };
        let theirs_edits = edits(&after, &theirs.order);
        let current = stored(theirs.order);
        let undone = undo(&found, &order, Some(&after), &current);
        for edit in &theirs_edits {
            let touched = found.iter().any(|ours| ours.at.iter().zip(&edit.at).all(|(one, other)| one == other)
                || (ours.at[0] == edit.at[0] && ours.at.get(1).is_some_and(|name| name.starts_with(['+', '-']))));
            let row = edit.at.get(1).is_some_and(|name| name.starts_with(['+', '-'])) || edit.after.is_none();
            if !touched && !row {
                prop_assert_eq!(at(&undone.order, &edit.at), at(&current, &edit.at), "{:?}", edit);
            }
        }
    }

    #[test]
    fn undoing_a_note_removes_exactly_that_note(order in order(), content in "[e-h]{1,4}", later in "[i-k]{1,4}") {
        let with = |order: &Map<String, Value>, note: &str| {
            let changes = json!({"order_notes": [note]}).as_object().unwrap().clone();
            merge(order, &changes).unwrap().order
        };
        let after = with(&order, &content);
        let found = edits(&order, &after);
        let current = with(&after, &later);
        let undone = undo(&found, &order, Some(&after), &current);
        prop_assert_eq!(&undone.order, &with(&order, &later));
    }

    #[test]
    fn a_body_holds_the_whole_order_with_maps_as_maps_and_the_card(order in order()) {
        let body = body(&order);
        for (name, value) in &order {
            match name.as_str() {
                "order_shipments" => prop_assert!(body.get(name).is_none()),
                "cc_number_masked" => prop_assert_eq!(&body["cc_number"], "1881"),
                "folder_id" => prop_assert_eq!(&body["folder_id"], 31001),
                _ => prop_assert_eq!(body.get(name), Some(value)),
            }
        }
        for map in ["checkout_data", "order_metadata"] {
            prop_assert!(body[map].is_object());
        }
    }
}
