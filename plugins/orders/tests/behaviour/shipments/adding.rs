//! `shipments_list` and `shipments_add`.

use std::time::Duration;

use super::*;

fn ups() -> Value {
    json!({
        "order_id": 5, "tracking_number": NUMBER, "carrier_code": "UPS", "shipment_method": "Ground", "weight": 4.2
    })
}

fn add(host: &FakeHost, arguments: Value) -> Result<Value, ToolError> {
    call(host, "shipments_add", arguments)
}

#[test]
fn shipments_are_listed_from_the_cache_until_one_is_added() {
    let desk = Desk::with_orders(&[5]);
    desk.enter(5, json!({ "tracking_number": "A" }));
    let list = || call(desk.host(), "shipments_list", json!({ "order_id": "5" })).unwrap();
    let first = list();
    assert_eq!(first["order_id"], "5");
    assert_eq!(first["shipments"][0]["tracking_number"], "A");
    assert_eq!(first["shipments"][0]["order_items"], json!([]));
    assert_eq!(first["cached"], false);
    assert_eq!(list()["cached"], true);
    add(desk.host(), ups()).unwrap();
    let second = list();
    assert_eq!(second["cached"], false);
    assert_ne!(second["version"], first["version"]);
}

#[test]
fn a_shipment_is_added_with_what_was_said_and_shown_as_it_is_stored() {
    let desk = Desk::with_orders(&[5]);
    let added = add(desk.host(), ups()).unwrap();
    assert_eq!(added["store"]["store_id"], "9021");
    assert_eq!(added["shipment"]["id"], "40877");
    assert_eq!(added["diff"][0]["path"], "order_shipments.+1");
    assert_eq!(added["diff"][0]["before"], Value::Null);
    assert_eq!(added["diff"][0]["after"]["weight"], 4.2);
    assert_eq!(added.get("already_there"), None);
    assert_eq!(added.get("warnings"), None);
    let sent = desk.host().requests();
    let methods: Vec<_> = sent
        .iter()
        .map(|it| (it.method.as_str(), it.hold))
        .collect();
    assert_eq!(methods, [("GET", 2), ("POST", 0), ("GET", 0)]);
    assert!(sent[1].lock.is_some() && !sent[1].safe_to_repeat);
    let change = &changes(desk.host())[0];
    assert_eq!(change["change_id"], added["change_id"]);
    assert_eq!(
        (&change["kind"], &change["thing_id"], &change["state"]),
        (&json!("shipment"), &json!("5"), &json!("made"))
    );
    assert_eq!(change["after"]["id"], "40877");
}

#[test]
fn a_tracking_number_that_is_there_is_not_added_twice() {
    let desk = Desk::with_orders(&[5]);
    add(desk.host(), ups()).unwrap();
    let again = add(
        desk.host(),
        but(ups(), json!({ "tracking_number": " 1zx4420a0390011187" })),
    )
    .unwrap();
    assert_eq!(again["already_there"], true);
    assert_eq!(again["shipment"]["id"], "40877");
    assert_eq!(
        (&again["diff"], &again["change_id"]),
        (&json!([]), &Value::Null)
    );
    assert_eq!(writes(desk.host()), 1);
    let other = add(desk.host(), but(ups(), json!({ "carrier_code": "DHL" }))).unwrap();
    let warning = other["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("carrier_code") && warning.contains("shipments_update"),
        "{warning}"
    );
}

#[test]
fn a_refusal_because_of_the_same_parcel_is_success_whatever_its_status() {
    for status in [200, 400, 409, 422] {
        let desk = Desk::with_orders(&[5]);
        desk.dup_status(status);
        let (racing, first) = (desk.clone(), std::cell::Cell::new(true));
        // Somebody enters it in Order Desk between our read and our write.
        desk.host().before_commit(move |_| {
            if first.replace(false) {
                racing.enter(
                    5,
                    json!({ "tracking_number": NUMBER, "carrier_code": "UPS" }),
                );
            }
            Ok(())
        });
        let added = add(desk.host(), ups()).unwrap();
        assert_eq!(added["already_there"], true, "{status}");
        assert_eq!(added["change_id"], Value::Null);
        assert_eq!(desk.shipments(5).len(), 1);
        assert_eq!(changes(desk.host())[0]["state"], "not_made");
    }
}

#[test]
fn a_refusal_for_another_reason_names_what_is_there() {
    let host = with_stores(&[("9021", "Alpha")]);
    host.endpoint("orderdesk", |request| match request.method.is_safe() {
        true => Reply::json(
            200,
            &json!({ "status": "success", "shipments": [{ "id": "7", "tracking_number": "A" }] }),
        ),
        false => Reply::json(
            200,
            &json!({ "status": "error", "message": "Shipment Not Added" }),
        ),
    });
    let error = add(&host, ups()).unwrap_err();
    assert!(error.has_code("orderdesk-conflict") && !error.outcome_unknown);
    assert!(error.message.contains("7 (\"A\")"), "{error}");
}

#[test]
fn after_a_lost_answer_it_looks_before_it_speaks() {
    for (fault, landed) in [
        (Fault::LostAfter, true),
        (Fault::PageAfter, true),
        (Fault::LostBefore, false),
        (Fault::PageBefore, false),
    ] {
        let desk = Desk::with_orders(&[5]);
        desk.fail(&[Some(fault)]);
        let answer = add(desk.host(), ups());
        if landed {
            let added = answer.unwrap();
            assert_eq!(added["shipment"]["tracking_number"], NUMBER, "{fault:?}");
            assert!(added["change_id"].is_string());
            assert!(added["warnings"][0].as_str().unwrap().contains("lost"));
        } else {
            let error = answer.unwrap_err();
            assert!(!error.outcome_unknown, "{fault:?}: {error}");
            assert!(error.message.contains("safe to repeat"), "{error}");
            assert_eq!(changes(desk.host())[0]["state"], "not_made");
        }
        // Never a blind repetition of a POST, and a repetition by the caller does no harm.
        assert_eq!(writes(desk.host()), 1, "{fault:?}");
        add(desk.host(), ups()).unwrap();
        assert_eq!(desk.shipments(5).len(), 1, "{fault:?}");
    }
}

#[test]
fn where_looking_fails_too_the_outcome_stays_unknown_and_the_lock_stays() {
    let desk = Desk::with_orders(&[5]);
    desk.fail(&[Some(Fault::LostAfter)]);
    desk.go_blind();
    let error = add(desk.host(), ups()).unwrap_err();
    assert!(error.outcome_unknown, "{error}");
    assert!(
        error.message.contains("shipments_list of order 5"),
        "{error}"
    );
    assert_eq!(changes(desk.host())[0]["state"], "unknown");
    desk.see_again();
    let error = add(desk.host(), ups()).unwrap_err();
    assert!(error.has_code("lock-kept"), "{error}");
    desk.host().advance(Duration::from_secs(60));
    // The order itself tells how it ended.
    let listed = call(desk.host(), "orders_changes", json!({ "order_id": 5 })).unwrap();
    assert_eq!(listed["changes"][0]["state"], "made");
    assert_eq!(add(desk.host(), ups()).unwrap()["already_there"], true);
}

#[test]
fn a_preview_changes_nothing_and_shows_what_the_write_then_does() {
    let desk = Desk::with_orders(&[5]);
    let (shown, basis) = preview(desk.host(), "shipments_add", &ups());
    assert_eq!(shown["dry_run"], true);
    assert_eq!(writes(desk.host()), 0);
    let made = confirm(desk.host(), "shipments_add", &ups(), &basis).unwrap();
    assert_eq!(made["diff"], shown["diff"]);
    assert_eq!(desk.shipments(5).len(), 1);
}

#[test]
fn a_confirmation_holds_while_the_parcel_is_missing() {
    let desk = Desk::with_orders(&[5]);
    let (_, basis) = preview(desk.host(), "shipments_add", &ups());
    desk.enter(5, json!({ "tracking_number": "another" }));
    confirm(desk.host(), "shipments_add", &ups(), &basis).unwrap();
    let desk = Desk::with_orders(&[5]);
    let (_, basis) = preview(desk.host(), "shipments_add", &ups());
    desk.enter(5, json!({ "tracking_number": NUMBER }));
    let error = confirm(desk.host(), "shipments_add", &ups(), &basis).unwrap_err();
    assert!(error.has_code("changed-since-preview"), "{error}");
    let extra = error.extra.unwrap();
    assert_eq!(extra["theirs"][0]["tracking_number"], NUMBER);
    assert_eq!(writes(desk.host()), 0);
}

#[test]
fn without_a_tracking_number_a_key_tells_a_repetition_from_a_further_shipment() {
    let desk = Desk::with_orders(&[5]);
    let none = json!({ "order_id": 5, "tracking_number": "n/a", "carrier_code": "Courier" });
    let error = add(desk.host(), none.clone()).unwrap_err();
    assert!(error.has_code("no-idempotency-key"));
    let keyed = |key: &str| {
        add(
            desk.host(),
            but(none.clone(), json!({ "idempotency_key": key })),
        )
    };
    let first = keyed("a").unwrap();
    let again = keyed("a").unwrap();
    assert_eq!(again["change_id"], first["change_id"]);
    assert!(
        again["warnings"][0]
            .as_str()
            .unwrap()
            .contains("nothing was changed now")
    );
    assert_ne!(
        keyed("b").unwrap()["shipment"]["id"],
        first["shipment"]["id"]
    );
    assert_eq!(desk.shipments(5).len(), 2);
    let other = but(
        none.clone(),
        json!({ "carrier_code": "DHL", "idempotency_key": "a" }),
    );
    let error = add(desk.host(), other).unwrap_err();
    assert!(error.has_code("idempotency-key-reused"));
}

#[test]
fn a_key_whose_first_call_came_to_nothing_is_good_again_and_one_of_unknown_outcome_asks_to_look() {
    let none = json!({ "order_id": 5, "tracking_number": "n/a", "idempotency_key": "k" });
    let desk = Desk::with_orders(&[5]);
    desk.fail(&[Some(Fault::LostBefore)]);
    add(desk.host(), none.clone()).unwrap_err();
    add(desk.host(), none.clone()).unwrap();
    assert_eq!(desk.shipments(5).len(), 1);

    let desk = Desk::with_orders(&[5]);
    desk.fail(&[Some(Fault::LostAfter)]);
    desk.go_blind();
    add(desk.host(), none.clone()).unwrap_err();
    desk.see_again();
    let error = add(desk.host(), none).unwrap_err();
    assert!(error.has_code("first-attempt-unknown"), "{error}");
    assert_eq!(desk.shipments(5).len(), 1);
}

#[test]
fn somebody_elses_change_of_the_order_is_waited_for() {
    let desk = Desk::with_orders(&[5]);
    let host = desk.host();
    host.hold_lock("orders", "order/9021/5", Duration::from_secs(3));
    add(host, ups()).unwrap();
    host.hold_lock("orders", "order/9021/5", Duration::from_secs(60));
    let error = add(host, but(ups(), json!({ "tracking_number": "B" }))).unwrap_err();
    assert!(error.has_code("locked"));
    assert_eq!(writes(host), 1);
}

#[test]
fn what_cannot_be_an_order_or_a_parcel_is_refused_before_anything_is_asked() {
    let desk = Desk::with_orders(&[5]);
    for (fields, code) in [
        (json!({ "order_id": "WEB-1" }), "bad-order-id"),
        (json!({ "tracking_number": " " }), "no-tracking-number"),
    ] {
        let error = add(desk.host(), but(ups(), fields)).unwrap_err();
        assert!(error.has_code(code), "{error}");
    }
    assert!(desk.host().requests().is_empty());
    let error = add(desk.host(), but(ups(), json!({ "order_id": 6 }))).unwrap_err();
    assert!(error.has_code("orderdesk-not-found"), "{error}");
    assert_eq!(writes(desk.host()), 0);
}
