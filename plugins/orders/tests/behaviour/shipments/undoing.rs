//! Changes of shipments in `orders_changes`, and taken back by `orders_undo`.

use std::time::Duration;

use super::*;

fn undo_call(change: &Value) -> Value {
    json!({ "change_id": change["change_id"] })
}

/// Takes a change back, by the token of a preview; the two show the same difference.
fn undo(desk: &Desk, change: &Value) -> Result<Value, ToolError> {
    desk.host().advance(Duration::from_millis(5));
    let arguments = undo_call(change);
    let invocation = Invocation::new("orders_undo", &arguments).preview();
    let Outcome::Complete(shown) = run(desk.host(), invocation)? else {
        panic!("a preview asks nothing");
    };
    let made = confirm(
        desk.host(),
        "orders_undo",
        &arguments,
        &shown.basis.unwrap(),
    )?;
    assert_eq!(made["diff"], shown.structured["diff"]);
    Ok(made)
}

fn added(desk: &Desk) -> Value {
    let arguments =
        json!({ "order_id": 5, "tracking_number": "A", "carrier_code": "UPS", "cost": 3.5 });
    call(desk.host(), "shipments_add", arguments).unwrap()
}

#[test]
fn an_orders_changes_hold_those_of_its_shipments() {
    let desk = Desk::with_orders(&[5, 6]);
    let first = added(&desk);
    desk.host().advance(Duration::from_millis(5));
    call(
        desk.host(),
        "shipments_add",
        json!({ "order_id": 6, "tracking_number": "A" }),
    )
    .unwrap();
    let id = &first["shipment"]["id"];
    let update = json!({ "order_id": 5, "shipment_id": id, "changes": { "cost": 4 } });
    desk.host().advance(Duration::from_millis(5));
    let second = call(desk.host(), "shipments_update", update).unwrap();
    let listed = call(desk.host(), "orders_changes", json!({ "order_id": 5 })).unwrap();
    let ids: Vec<_> = listed["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["change_id"])
        .collect();
    assert_eq!(ids, [&second["change_id"], &first["change_id"]]);
    let page = call(
        desk.host(),
        "orders_changes",
        json!({ "order_id": 5, "limit": 1 }),
    )
    .unwrap();
    let rest = json!({ "order_id": 5, "limit": 1, "cursor": page["next_cursor"] });
    let rest = call(desk.host(), "orders_changes", rest).unwrap();
    assert_eq!(rest["changes"][0]["change_id"], first["change_id"]);
    assert_eq!(rest["changes"][0]["diff"][0]["path"], "order_shipments.+1");
}

#[test]
fn an_added_shipment_is_removed_after_a_confirmation() {
    let desk = Desk::with_orders(&[5]);
    let change = added(&desk);
    desk.enter(5, json!({ "tracking_number": "B" }));
    let asked = run(
        desk.host(),
        Invocation::new("orders_undo", &undo_call(&change)),
    )
    .unwrap();
    assert!(matches!(asked, Outcome::Pause(_)));
    let undone = undo(&desk, &change).unwrap();
    assert_eq!(undone["changed"], true);
    let left = desk.shipments(5);
    assert_eq!((left.len(), &left[0]["tracking_number"]), (1, &json!("B")));
    assert_eq!(changes(desk.host())[0]["undoes"], change["change_id"]);
    assert_eq!(changes(desk.host())[1]["undone_by"], undone["change_id"]);
}

#[test]
fn a_shipment_of_a_batch_is_found_by_its_number() {
    let desk = Desk::with_orders(&[5]);
    let rows =
        json!({ "shipments": [{ "order_id": 5, "tracking_number": "A", "carrier_code": "UPS" }] });
    let added = call(desk.host(), "shipments_add_batch", rows).unwrap();
    undo(&desk, &added["results"][0]).unwrap();
    assert!(desk.shipments(5).is_empty());
}

#[test]
fn a_whole_batch_is_taken_back_order_by_order() {
    let desk = Desk::with_orders(&[5, 6, 7]);
    let rows: Vec<Value> = [5, 6, 7]
        .iter()
        .map(|id| json!({ "order_id": id, "tracking_number": "A", "carrier_code": "UPS" }))
        .collect();
    let added = call(
        desk.host(),
        "shipments_add_batch",
        json!({ "shipments": rows }),
    )
    .unwrap();
    desk.enter(6, json!({ "tracking_number": "B" }));
    desk.edit(7, |shipments| shipments[0]["carrier_code"] = json!("DHL"));
    desk.host().advance(Duration::from_millis(5));
    let arguments = json!({ "change_id": added["results"][0]["change_id"], "whole_call": true });
    let (shown, basis) = preview(desk.host(), "orders_undo", &arguments);
    let undone = confirm(desk.host(), "orders_undo", &arguments, &basis).unwrap();
    assert_eq!(undone["diff"], shown["diff"]);
    let mut ok: Vec<(&str, bool)> = undone["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["order_id"].as_str().unwrap(), row["ok"] == true))
        .collect();
    ok.sort_unstable();
    assert_eq!(ok, [("5", true), ("6", true), ("7", false)]);
    assert!(desk.shipments(5).is_empty());
    assert_eq!(desk.shipments(6)[0]["tracking_number"], "B");
    assert_eq!(desk.shipments(7).len(), 1);
}

#[test]
fn what_somebody_changed_since_stays() {
    let desk = Desk::with_orders(&[5]);
    let change = added(&desk);
    desk.edit(5, |shipments| shipments[0]["cost"] = json!("9"));
    let error = undo(&desk, &change).unwrap_err();
    assert!(
        error.has_code("changed-since") && error.message.contains("cost"),
        "{error}"
    );
    assert_eq!(desk.shipments(5).len(), 1);
}

#[test]
fn changed_fields_get_their_old_values_back_and_no_other_field_moves() {
    let desk = Desk::with_orders(&[5]);
    let id = added(&desk)["shipment"]["id"].clone();
    let before = desk.shipments(5)[0].clone();
    let update = json!({
        "order_id": 5, "shipment_id": id, "changes": { "tracking_number": "B", "weight": 2 }
    });
    desk.host().advance(Duration::from_millis(5));
    let change = call(desk.host(), "shipments_update", update).unwrap();
    desk.edit(5, |shipments| shipments[0]["status"] = json!("in transit"));
    let undone = undo(&desk, &change).unwrap();
    assert_eq!(undone["shipment"]["tracking_number"], "A");
    let expected = but(before, json!({ "status": "in transit" }));
    assert_eq!(desk.shipments(5)[0], expected);
    // Taken back twice changes nothing more.
    let again = call(desk.host(), "orders_undo", undo_call(&change)).unwrap();
    assert_eq!(again["changed"], false);
}

#[test]
fn a_removed_shipment_comes_back_once_with_what_order_desk_takes() {
    let desk = Desk::with_orders(&[5]);
    let id = added(&desk)["shipment"]["id"].clone();
    desk.host().advance(Duration::from_millis(5));
    let arguments = json!({ "order_id": 5, "shipment_id": id });
    let (_, basis) = preview(desk.host(), "shipments_delete", &arguments);
    let change = confirm(desk.host(), "shipments_delete", &arguments, &basis).unwrap();
    let undone = undo(&desk, &change).unwrap();
    assert!(undone["warnings"][0].as_str().unwrap().contains("new id"));
    let now = &desk.shipments(5)[0];
    assert_eq!(
        (&now["tracking_number"], &now["carrier_code"], &now["cost"]),
        (&json!("A"), &json!("UPS"), &json!("3.5"))
    );
}
