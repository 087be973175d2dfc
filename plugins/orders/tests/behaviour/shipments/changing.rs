//! `shipments_update` and `shipments_delete`.

use super::*;

fn one() -> (Desk, String) {
    let desk = Desk::with_orders(&[5]);
    let id = desk.enter(
        5,
        json!({ "tracking_number": "A", "carrier_code": "UPS", "weight": 2, "cost": "3.50" }),
    );
    (desk, id)
}

fn update(desk: &Desk, id: &str, rest: Value) -> Result<Value, ToolError> {
    let arguments = but(json!({ "order_id": 5, "shipment_id": id }), rest);
    call(desk.host(), "shipments_update", arguments)
}

#[test]
fn only_what_is_mentioned_changes_since_the_whole_is_sent() {
    let (desk, id) = one();
    let changed = update(
        &desk,
        &id,
        json!({ "changes": { "carrier_code": "DHL", "cost": 4 } }),
    )
    .unwrap();
    let paths: Vec<_> = changed["diff"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["path"].as_str().unwrap().to_owned())
        .collect();
    let at = |field: &str| format!("order_shipments.{id}.{field}");
    assert_eq!(paths, [at("carrier_code"), at("cost"), at("tracking_url")]);
    let now = &desk.shipments(5)[0];
    assert_eq!(
        (
            &now["carrier_code"],
            &now["cost"],
            &now["weight"],
            &now["tracking_number"]
        ),
        (&json!("DHL"), &json!("4"), &json!("2"), &json!("A"))
    );
    let change = &changes(desk.host())[0];
    assert_eq!(change["before"]["cost"], "3.50");
    assert_eq!(change["after"]["cost"], "4");
}

#[test]
fn a_link_to_the_old_parcel_is_made_anew_and_reported() {
    let (desk, id) = one();
    let changed = update(&desk, &id, json!({ "changes": { "tracking_number": "B" } })).unwrap();
    assert_eq!(
        changed["normalised"],
        json!([{
            "path": format!("order_shipments.{id}.tracking_url"), "sent": "",
            "stored": "https://carrier.example.com/track?n=B"
        }])
    );
    assert_eq!(changed.get("warnings"), None);
}

#[test]
fn what_is_so_already_is_not_sent() {
    let (desk, id) = one();
    let changed = update(
        &desk,
        &id,
        json!({ "changes": { "weight": 2.0, "cost": 3.5 } }),
    )
    .unwrap();
    assert_eq!(
        (&changed["diff"], &changed["change_id"]),
        (&json!([]), &Value::Null)
    );
    assert_eq!(writes(desk.host()), 0);
    let error = update(&desk, &id, json!({ "changes": {} })).unwrap_err();
    assert!(error.has_code("no-changes"));
}

#[test]
fn what_the_caller_saw_must_still_hold() {
    let (desk, id) = one();
    let listed = call(desk.host(), "shipments_list", json!({ "order_id": 5 })).unwrap();
    let wanted = json!({ "changes": { "cost": 4 }, "if_unchanged_since": listed["version"], "expected": { "cost": 3.5 } });
    desk.edit(5, |shipments| shipments[0]["weight"] = json!("9"));
    let error = update(&desk, &id, wanted.clone()).unwrap_err();
    assert!(error.has_code("changed-since"));
    assert_eq!(error.extra.unwrap()["theirs"]["weight"], "9");
    // Only the fields that change count for `expected`.
    let seen = json!({ "changes": { "cost": 4 }, "expected": { "cost": 3.5, "weight": "2" } });
    update(&desk, &id, seen.clone()).unwrap();
    let error = update(&desk, &id, but(seen, json!({ "changes": { "cost": 5 } }))).unwrap_err();
    assert!(
        error.message.contains("'cost' is not what was expected"),
        "{error}"
    );
    assert_eq!(writes(desk.host()), 1);
}

#[test]
fn after_a_lost_answer_the_shipment_tells_which_of_the_two_it_is() {
    for (fault, landed) in [
        (Fault::LostAfter, true),
        (Fault::PageAfter, true),
        (Fault::LostBefore, false),
        (Fault::PageBefore, false),
    ] {
        let (desk, id) = one();
        desk.fail(&[Some(fault)]);
        let answer = update(&desk, &id, json!({ "changes": { "tracking_number": "B" } }));
        assert_eq!(answer.is_ok(), landed, "{fault:?}");
        if let Err(error) = answer {
            assert!(
                !error.outcome_unknown && error.message.contains("as it was before"),
                "{error}"
            );
        }
        assert_eq!(writes(desk.host()), 1);
    }
}

#[test]
fn a_preview_shows_the_difference_that_the_write_makes_or_conflicts() {
    let (desk, id) = one();
    let arguments = json!({ "order_id": 5, "shipment_id": id, "changes": { "cost": 4 } });
    let (shown, basis) = preview(desk.host(), "shipments_update", &arguments);
    desk.edit(5, |shipments| shipments[0]["cost"] = json!("9"));
    let error = confirm(desk.host(), "shipments_update", &arguments, &basis).unwrap_err();
    assert!(error.has_code("changed-since-preview"));
    assert_eq!(error.extra.unwrap()["theirs"]["cost"], "9");
    desk.edit(5, |shipments| shipments[0]["cost"] = json!("3.50"));
    // What it does not touch may change.
    desk.edit(5, |shipments| shipments[0]["status"] = json!("in transit"));
    let made = confirm(desk.host(), "shipments_update", &arguments, &basis).unwrap();
    assert_eq!(made["diff"], shown["diff"]);
    assert_eq!(desk.shipments(5)[0]["status"], "in transit");
}

fn delete(desk: &Desk, id: &str) -> Invocation {
    let _ = desk;
    Invocation::new(
        "shipments_delete",
        &json!({ "order_id": 5, "shipment_id": id }),
    )
}

#[test]
fn a_removal_is_confirmed_first() {
    let (desk, id) = one();
    let Outcome::Pause(pause) = run(desk.host(), delete(&desk, &id)).unwrap() else {
        panic!("asks first");
    };
    let message = pause.questions[0].parameters["message"].as_str().unwrap();
    assert!(
        message.contains(&id) && message.contains("\"A\"") && message.contains("Alpha"),
        "{message}"
    );
    assert_eq!(writes(desk.host()), 0);
    let answered = |answer: bool| Resumption {
        state: pause.state.clone(),
        answers: vec![("confirm".to_owned(), json!(answer))],
    };
    let refused = run(desk.host(), delete(&desk, &id).resumed(answered(false))).unwrap_err();
    assert!(refused.has_code("not-confirmed"));
    let Outcome::Complete(done) =
        run(desk.host(), delete(&desk, &id).resumed(answered(true))).unwrap()
    else {
        panic!("asks once");
    };
    assert_eq!(done.structured["shipment"], Value::Null);
    assert_eq!(done.structured["diff"][0]["before"]["tracking_number"], "A");
    assert!(desk.shipments(5).is_empty());
    assert_eq!(changes(desk.host())[0]["before"]["tracking_number"], "A");
}

#[test]
fn a_consent_to_remove_is_for_the_shipment_as_it_was_shown() {
    let (desk, id) = one();
    let arguments = json!({ "order_id": 5, "shipment_id": id });
    let (shown, basis) = preview(desk.host(), "shipments_delete", &arguments);
    desk.edit(5, |shipments| shipments[0]["tracking_number"] = json!("B"));
    let error = confirm(desk.host(), "shipments_delete", &arguments, &basis).unwrap_err();
    assert!(error.has_code("changed-since-preview"));
    desk.edit(5, |shipments| shipments[0]["tracking_number"] = json!("A"));
    let made = confirm(desk.host(), "shipments_delete", &arguments, &basis).unwrap();
    assert_eq!(made["diff"], shown["diff"]);
    let gone = confirm(desk.host(), "shipments_delete", &arguments, &basis).unwrap_err();
    assert!(gone.has_code("changed-since-preview"));
    let error = run(desk.host(), delete(&desk, &id)).unwrap_err();
    assert!(error.has_code("shipment-not-found"), "{error}");
}

#[test]
fn a_removal_whose_answer_was_lost_is_looked_for() {
    for (fault, landed) in [(Fault::LostAfter, true), (Fault::LostBefore, false)] {
        let (desk, id) = one();
        let arguments = json!({ "order_id": 5, "shipment_id": id });
        let (_, basis) = preview(desk.host(), "shipments_delete", &arguments);
        desk.fail(&[Some(fault)]);
        let answer = confirm(desk.host(), "shipments_delete", &arguments, &basis);
        assert_eq!(answer.is_ok(), landed, "{fault:?}");
        assert_eq!(desk.shipments(5).is_empty(), landed);
    }
}
