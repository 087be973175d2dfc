//! `products_changes`.

use std::time::Duration;

use super::desk::{Desk, Fault};
use super::*;

fn changes(desk: &Desk, arguments: Value) -> Value {
    desk.call("products_changes", arguments).unwrap()
}

fn states(listed: &Value) -> Vec<(&str, &str)> {
    let listed = listed["changes"].as_array().unwrap();
    listed
        .iter()
        .map(|change| {
            (
                change["product_id"].as_str().unwrap(),
                change["state"].as_str().unwrap(),
            )
        })
        .collect()
}

fn update(desk: &Desk, id: u64, price: u64) -> Result<Value, ToolError> {
    desk.host().advance(Duration::from_millis(5));
    let arguments = json!({ "product_id": id, "changes": { "price": price } });
    desk.call("products_update", arguments)
}

#[test]
fn what_was_changed_is_listed_newest_first_with_what_undo_needs() {
    let desk = Desk::with(&[5, 6]);
    let first = update(&desk, 5, 36).unwrap();
    update(&desk, 6, 37).unwrap();
    let listed = changes(&desk, json!({}));
    assert_eq!(states(&listed), [("6", "made"), ("5", "made")]);
    let one = &listed["changes"][1];
    assert_eq!(one["change_id"], first["change_id"]);
    assert_eq!(
        (&one["tool"], &one["diff"]),
        (
            &json!("products_update"),
            &json!([{ "path": "price", "before": 34.5, "after": 36 }])
        )
    );
    let undone = desk
        .call("products_undo", json!({ "change_id": one["change_id"] }))
        .unwrap();
    let listed = changes(&desk, json!({ "product_id": "5" }));
    assert_eq!(states(&listed), [("5", "made"), ("5", "made")]);
    assert_eq!(listed["changes"][1]["undone_by"], undone["change_id"]);
    assert_eq!(listed["changes"][0]["undoes"], first["change_id"]);
}

#[test]
fn pages_follow_one_another_and_a_cursor_of_elsewhere_is_refused() {
    let desk = Desk::with(&[5]);
    for price in 1..=5 {
        update(&desk, 5, price).unwrap();
    }
    let mut seen = Vec::new();
    let mut arguments = json!({ "limit": 2 });
    loop {
        let page = changes(&desk, arguments.clone());
        for change in page["changes"].as_array().unwrap() {
            seen.push(change["diff"][0]["after"].as_u64().unwrap());
        }
        if page["next_cursor"].is_null() {
            break;
        }
        arguments["cursor"] = page["next_cursor"].clone();
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let error = desk
        .call("products_changes", json!({ "cursor": "next please" }))
        .unwrap_err();
    assert!(error.has_code("bad-cursor"), "{error}");
    let error = desk
        .call("products_changes", json!({ "product_id": "ORG-5" }))
        .unwrap_err();
    assert!(error.has_code("bad-product-id"), "{error}");
}

#[test]
fn a_change_that_nobody_saw_end_is_shown_as_the_product_tells_it() {
    for (fault, state) in [(Fault::LostAfter, "made"), (Fault::LostBefore, "not_made")] {
        let desk = Desk::with(&[5]);
        desk.fail(fault);
        desk.go_blind();
        update(&desk, 5, 36).unwrap_err();
        desk.see_again();
        desk.host().advance(Duration::from_secs(61));
        let listed = changes(&desk, json!({}));
        assert_eq!(states(&listed), [("5", state)], "{fault:?}");
        let change_id = &listed["changes"][0]["change_id"];
        let undone = desk
            .call("products_undo", json!({ "change_id": change_id }))
            .unwrap();
        assert_eq!(undone["changed"], state == "made");
        assert_eq!(desk.item(5)["price"], 34.5);
    }
}
