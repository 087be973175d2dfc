//! `orders_changes` and `orders_undo`.

use orderdesk_plugin::ErrorKind;

use super::shop::Shop;
use super::writing::{answered, asked, confirm, open, preview, warnings};
use super::*;

fn update(host: &FakeHost, changes: Value) -> String {
    host.advance(std::time::Duration::from_millis(1));
    let arguments = json!({ "order_id": 5, "changes": changes });
    let written = call(host, "orders_update", arguments).unwrap();
    written["change_id"].as_str().unwrap().to_owned()
}

fn undo(host: &FakeHost, change_id: &str) -> Result<Value, ToolError> {
    host.advance(std::time::Duration::from_millis(1));
    call(host, "orders_undo", json!({ "change_id": change_id }))
}

/// How two orders differ, however Order Desk writes them.
fn difference(one: &Value, other: &Value) -> Vec<String> {
    let found =
        orderdesk_client::difference::edits(one.as_object().unwrap(), other.as_object().unwrap());
    found.iter().map(|edit| edit.shown().path).collect()
}

fn content(shop: &Shop) -> Value {
    let mut order = shop.order("5");
    order["date_updated"] = json!("");
    order
}

#[test]
fn changes_are_listed_with_their_differences_newest_first_and_page_by_page() {
    let (host, _) = open();
    let first = update(&host, json!({ "email": "a@example.com" }));
    let second = update(&host, json!({ "tag_name": "x" }));
    call(
        &host,
        "orders_add_note",
        json!({ "order_id": 6, "note": "n" }),
    )
    .unwrap();
    let listed = call(&host, "orders_changes", json!({ "order_id": "5" })).unwrap();
    let changes = listed["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 2);
    assert_eq!(
        (&changes[0]["change_id"], &changes[1]["change_id"]),
        (&json!(second), &json!(first))
    );
    assert_eq!(
        changes[0]["diff"],
        json!([{ "path": "tag_name", "before": "", "after": "x" }])
    );
    assert_eq!(changes[0]["state"], "made");
    assert_eq!(changes[0]["by"], "key-1");
    assert_eq!(changes[0]["at"], "2026-03-02T17:40:00.002Z");
    assert_eq!(listed["next_cursor"], Value::Null);
    let mut seen = 0;
    let mut cursor = Value::Null;
    loop {
        let mut arguments = json!({ "limit": 1 });
        if cursor.is_string() {
            arguments["cursor"] = cursor;
        }
        let page = call(&host, "orders_changes", arguments).unwrap();
        seen += page["changes"].as_array().unwrap().len();
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(seen, 3);
}

#[test]
fn an_undo_brings_back_every_kind_of_field() {
    let (host, shop) = open();
    let before = content(&shop);
    let change = update(
        &host,
        json!({
            "email": "a@example.com", "shipping": { "city": "Bath" }, "order_metadata": { "risk": 1 },
            "checkout_data": { "Gift Message": null }, "cc_number": "4242", "folder_id": 31002,
            "order_items": [{ "code": "ORG-WAL", "quantity": 7 }, { "action": "add", "code": "N", "name": "New" }],
            "order_notes": ["hold"], "discount_list": [],
        }),
    );
    assert_ne!(content(&shop), before);
    let undone = undo(&host, &change).unwrap();
    assert_eq!(undone["changed"], true);
    assert_eq!(undone.get("conflicts"), None);
    assert_eq!(difference(&before, &content(&shop)), Vec::<String>::new());
}

#[test]
fn a_removed_item_comes_back_under_a_new_id() {
    let (host, shop) = open();
    let change = update(
        &host,
        json!({ "order_items": [{ "action": "remove", "code": "LBL-BRS" }] }),
    );
    assert_eq!(shop.order("5")["order_items"].as_array().unwrap().len(), 1);
    let undone = undo(&host, &change).unwrap();
    assert!(warnings(&undone).contains("new id"));
    let items = shop.order("5")["order_items"].clone();
    assert_eq!(items[1]["code"], "LBL-BRS");
    assert_ne!(items[1]["id"], "90232");
}

#[test]
fn what_others_changed_since_stays_and_is_told() {
    let (host, shop) = open();
    let change = update(
        &host,
        json!({ "email": "a@example.com", "tag_name": "x", "order_notes": ["ours"] }),
    );
    shop.edit(
        "5",
        json!({ "email": "theirs@example.com", "shipping_method": "Overnight" }),
    );
    call(
        &host,
        "orders_add_note",
        json!({ "order_id": 5, "note": "theirs" }),
    )
    .unwrap();
    let undone = undo(&host, &change).unwrap();
    assert_eq!(
        undone["conflicts"],
        json!([
            { "path": "email", "theirs": "theirs@example.com", "ours": "r.okafor@example.com" }
        ])
    );
    let order = shop.order("5");
    assert_eq!(order["email"], "theirs@example.com");
    assert_eq!(order["shipping_method"], "Overnight");
    assert_eq!(order["tag_name"], "");
    let notes: Vec<&Value> = order["order_notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| &note["content"])
        .collect();
    assert_eq!(notes, ["theirs"]);
}

#[test]
fn an_undo_is_a_change_that_can_be_undone_and_is_done_once() {
    let (host, shop) = open();
    let change = update(
        &host,
        json!({ "email": "a@example.com", "order_notes": ["n"] }),
    );
    let undone = undo(&host, &change).unwrap();
    let again = undo(&host, &change).unwrap();
    assert_eq!(again["changed"], false);
    assert!(warnings(&again).contains("taken back before"));
    undo(&host, undone["change_id"].as_str().unwrap()).unwrap();
    assert_eq!(shop.order("5")["email"], "a@example.com");
    assert_eq!(shop.order("5")["order_notes"][0]["content"], "n");
}

#[test]
fn a_dry_run_of_an_undo_answers_its_difference() {
    let (host, shop) = open();
    let change = update(&host, json!({ "email": "a@example.com" }));
    let arguments = json!({ "change_id": change });
    let shown = preview(&host, "orders_undo", &arguments).unwrap();
    assert_eq!(shop.order("5")["email"], "a@example.com");
    let written = confirm(&host, "orders_undo", &arguments, &shown.basis.unwrap()).unwrap();
    assert_eq!(written["diff"], shown.structured["diff"]);
    assert_eq!(shop.order("5")["email"], "r.okafor@example.com");
}

#[test]
fn an_unknown_change_is_not_found() {
    let (host, _) = open();
    for id in ["", "no such", "../x", "abc"] {
        let error = undo(&host, id).unwrap_err();
        assert!(
            error.kind == ErrorKind::NotFound && error.message.contains("orders_changes"),
            "{error}"
        );
    }
}

#[test]
fn a_deleted_order_is_created_again_once_somebody_agreed() {
    let (host, shop) = open();
    let arguments = json!({ "order_id": 5 });
    let deleted = answered(&host, "orders_delete", &arguments, true).unwrap();
    assert_eq!(shop.ids(), ["6"]);
    let arguments = json!({ "change_id": deleted["change_id"] });
    let pause = asked(&host, "orders_undo", &arguments);
    let message = pause.questions[0].parameters["message"].as_str().unwrap();
    assert!(message.contains("shipments"), "{message}");
    assert!(
        answered(&host, "orders_undo", &arguments, false)
            .unwrap_err()
            .has_code("not-confirmed")
    );
    assert_eq!(shop.ids(), ["6"]);
    let written = answered(&host, "orders_undo", &arguments, true).unwrap();
    let id = written["order"]["id"].as_str().unwrap().to_owned();
    assert!(warnings(&written).contains("new ids") && warnings(&written).contains("1 shipments"));
    let (was, is) = (order(5), shop.order(&id));
    for field in [
        "source_id",
        "email",
        "shipping",
        "checkout_data",
        "cc_number_masked",
        "discount_list",
        "order_total",
    ] {
        assert_eq!(is[field], was[field], "{field}");
    }
    assert_eq!(is["order_items"][0]["code"], "ORG-WAL");
    let again = call(&host, "orders_undo", arguments).unwrap();
    assert_eq!(again["changed"], false);
}

#[test]
fn a_created_order_is_deleted_again_once_somebody_agreed() {
    let (host, shop) = open();
    let data = json!({ "source_id": "W-1", "shipping": { "company": "Acme" }, "order_items": [{ "name": "Desk" }] });
    let created = call(&host, "orders_create", json!({ "order_data": data })).unwrap();
    assert_eq!(shop.ids().len(), 3);
    let arguments = json!({ "change_id": created["change_id"] });
    answered(&host, "orders_undo", &arguments, true).unwrap();
    assert_eq!(shop.ids(), ["5", "6"]);
}

#[test]
fn what_was_taken_back_in_part_can_be_taken_back_once_more() {
    let (host, shop) = open();
    let change = update(&host, json!({ "email": "a@example.com", "tag_name": "x" }));
    shop.edit("5", json!({ "email": "theirs@example.com" }));
    assert!(undo(&host, &change).unwrap()["conflicts"].is_array());
    shop.edit("5", json!({ "email": "a@example.com" }));
    let undone = undo(&host, &change).unwrap();
    assert_eq!(undone["diff"][0]["path"], "email");
    assert_eq!(shop.order("5")["email"], "r.okafor@example.com");
}

#[test]
fn all_changes_of_one_call_are_taken_back_once_somebody_agreed() {
    let (host, shop) = open();
    let bulk = json!({ "filter": { "folder_id": 31001 }, "changes": { "tag_name": "x", "order_notes": ["n"] } });
    let changed = answered(&host, "orders_bulk_update", &bulk, true).unwrap();
    shop.edit("6", json!({ "tag_name": "theirs" }));
    let arguments = json!({ "change_id": changed["results"][1]["change_id"], "whole_call": true });
    let shown = preview(&host, "orders_undo", &arguments).unwrap();
    let undone = answered(&host, "orders_undo", &arguments, true).unwrap();
    assert_eq!(undone["diff"], shown.structured["diff"]);
    assert_eq!(undone["results"].as_array().unwrap().len(), 2);
    assert_eq!(undone["conflicts"][0]["path"], "6.tag_name");
    assert_eq!(
        (&shop.order("5")["tag_name"], &shop.order("6")["tag_name"]),
        (&json!(""), &json!("theirs"))
    );
    for id in ["5", "6"] {
        assert_eq!(shop.order(id)["order_notes"], json!([]));
    }
    let moved = json!({ "order_id_list": [5, 6], "destination_folder_id": 31002 });
    let moved = answered(&host, "orders_move", &moved, true).unwrap();
    let arguments = json!({ "change_id": moved["results"][0]["change_id"], "whole_call": true });
    answered(&host, "orders_undo", &arguments, true).unwrap();
    assert_eq!(shop.order("6")["folder_id"], 31001);
}
