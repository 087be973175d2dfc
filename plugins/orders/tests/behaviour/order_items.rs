//! `order_items_add`, `order_items_update` and `order_items_remove`.

use super::writing::{confirm, open, preview};
use super::*;

#[test]
fn items_are_added_changed_and_removed_by_the_safe_change_of_their_order() {
    let (host, shop) = open();
    for (tool, rows, paths) in [
        (
            "order_items_add",
            json!([{ "name": "New", "code": "N", "price": 5, "quantity": 2 }]),
            json!(["order_items.+1"]),
        ),
        (
            "order_items_update",
            json!([{ "code": "N", "quantity": 3 }, { "id": 90231, "price": 30 }]),
            json!(["order_items.90231.price", "order_items.7001.quantity"]),
        ),
        (
            "order_items_remove",
            json!([{ "code": "N" }]),
            json!(["order_items.7001"]),
        ),
    ] {
        let arguments = json!({ "order_id": 5, "items": rows });
        let shown = preview(&host, tool, &arguments).unwrap();
        let written = confirm(&host, tool, &arguments, &shown.basis.unwrap()).unwrap();
        assert_eq!(written["diff"], shown.structured["diff"]);
        let shown: Vec<&Value> = written["diff"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| &row["path"])
            .collect();
        assert_eq!(json!(shown), paths, "{tool}");
        assert_eq!(written["warnings"], json!([]), "{tool}");
    }
    assert_eq!(shop.order("5")["order_items"].as_array().unwrap().len(), 2);
    assert_eq!(shop.order("5")["product_total"], 85.0);
}

#[test]
fn the_same_item_is_not_added_twice() {
    let (host, shop) = open();
    let arguments = json!({ "order_id": 5, "items": [{ "name": "New", "code": "N" }] });
    call(&host, "order_items_add", arguments.clone()).unwrap();
    assert_eq!(
        call(&host, "order_items_add", arguments).unwrap()["changed"],
        false
    );
    assert_eq!(shop.order("5")["order_items"].as_array().unwrap().len(), 3);
}
