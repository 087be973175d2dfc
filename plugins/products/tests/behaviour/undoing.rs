//! `products_undo`.

use orderdesk_plugin::testing::Invocation;
use orderdesk_plugin::{Outcome, Resumption};

use super::desk::{Desk, Fault};
use super::*;

fn update(desk: &Desk, changes: Value) -> Value {
    let arguments = json!({ "product_id": 5, "changes": changes });
    desk.call("products_update", arguments).unwrap()
}

fn undo(desk: &Desk, change: &Value) -> Result<Value, ToolError> {
    desk.call("products_undo", json!({ "change_id": change["change_id"] }))
}

/// The same with a yes to its question.
fn agreed(desk: &Desk, tool: &str, arguments: Value) -> (String, Value) {
    let Outcome::Pause(pause) = desk.run(Invocation::new(tool, &arguments)).unwrap() else {
        panic!("{tool} asks first");
    };
    let question = &pause.questions[0];
    let message = question.parameters["message"].as_str().unwrap().to_owned();
    let resumption = Resumption {
        state: pause.state,
        answers: vec![(question.id.clone(), json!(true))],
    };
    let call = Invocation::new(tool, &arguments).resumed(resumption);
    let Outcome::Complete(output) = desk.run(call).unwrap() else {
        panic!("{tool} asks once");
    };
    (message, output.structured)
}

#[test]
fn a_change_is_taken_back_and_what_others_changed_since_stays() {
    let desk = Desk::with(&[5]);
    let change = update(
        &desk,
        json!({ "price": 36, "location": "", "metadata": { "own": 1, "print_sku": null } }),
    );
    desk.edit(5, json!({ "stock": 90, "name": "Organizer" }));
    let undone = undo(&desk, &change).unwrap();
    assert_eq!(undone["changed"], true, "{undone:#}");
    let mut wanted = product(5);
    wanted["stock"] = json!(90);
    wanted["name"] = json!("Organizer");
    for (name, value) in wanted.as_object().unwrap() {
        if !name.starts_with("date_") && name != "id" {
            assert_eq!(&desk.item(5)[name], value, "{name}");
        }
    }
    // Once: and the undo is a change that can be taken back itself.
    let again = undo(&desk, &change).unwrap();
    assert_eq!(again["changed"], false);
    assert!(again["warnings"][0].as_str().unwrap().contains("before"));
    undo(&desk, &undone).unwrap();
    assert_eq!(desk.item(5)["price"], 36);
}

#[test]
fn what_somebody_changed_later_is_told_and_stays() {
    let desk = Desk::with(&[5]);
    let change = update(&desk, json!({ "price": 36, "location": "Aisle 9" }));
    desk.edit(5, json!({ "price": 40 }));
    let undone = undo(&desk, &change).unwrap();
    assert_eq!(
        undone["conflicts"],
        json!([{ "path": "price", "theirs": 40, "ours": 34.5 }])
    );
    assert_eq!(
        (&desk.item(5)["price"], &desk.item(5)["location"]),
        (&json!(40), &json!("Aisle 4"))
    );
    // A part only: the rest can be taken back once it is as it was left.
    desk.edit(5, json!({ "price": 36 }));
    undo(&desk, &change).unwrap();
    assert_eq!(desk.item(5)["price"], 34.5);
}

#[test]
fn stock_goes_back_by_as_much_as_it_was_adjusted() {
    let desk = Desk::with(&[5, 6]);
    let rows = json!([{ "code": "ORG-5", "by": 12 }, { "code": "ORG-6", "by": -2 }]);
    let adjusted = desk
        .call("products_adjust_stock", json!({ "adjustments": rows }))
        .unwrap();
    desk.edit(5, json!({ "stock": 100 }));
    let change = &adjusted["results"][0];
    undo(&desk, change).unwrap();
    assert_eq!((desk.stock(5), desk.stock(6)), (88, 116));
    let adjusted = desk
        .call(
            "products_adjust_stock",
            json!({ "adjustments": [{ "code": "ORG-5", "by": 50 }] }),
        )
        .unwrap();
    desk.edit(5, json!({ "stock": 10 }));
    let error = undo(&desk, &adjusted["results"][0]).unwrap_err();
    assert!(error.has_code("below-zero"), "{error}");
    assert_eq!(desk.stock(5), 10);
}

#[test]
fn a_deleted_product_comes_back_and_a_created_one_goes_after_a_question() {
    let desk = Desk::with(&[5]);
    let (_, deleted) = agreed(&desk, "products_delete", json!({ "product_id": 5 }));
    assert_eq!(desk.count(), 0);
    let change = json!({ "change_id": deleted["change_id"] });
    let (question, again) = agreed(&desk, "products_undo", change);
    assert!(question.contains("ORG-5"), "{question}");
    let warnings = again["warnings"].to_string();
    assert!(warnings.contains("id does not come back"), "{warnings}");
    let created = &again["product"];
    for kept in [
        "name", "code", "price", "cost", "weight", "stock", "location", "metadata",
    ] {
        assert_eq!(created[kept], product(5)[kept], "{kept}");
    }
    assert_eq!(desk.count(), 1);

    let data = json!({ "product_data": { "code": "NEW-1", "name": "New" } });
    let created = desk.call("products_create", data).unwrap();
    assert_eq!(desk.count(), 2);
    let change = json!({ "change_id": created["change_id"] });
    agreed(&desk, "products_undo", change);
    assert_eq!(desk.count(), 1);
}

#[test]
fn a_preview_shows_the_difference_that_the_write_makes_or_conflicts() {
    let desk = Desk::with(&[5]);
    let change = update(&desk, json!({ "price": 36 }));
    let arguments = json!({ "change_id": change["change_id"] });
    let call = || Invocation::new("products_undo", &arguments);
    let Outcome::Complete(shown) = desk.run(call().preview()).unwrap() else {
        panic!("a preview asks nothing");
    };
    assert_eq!(shown.structured["diff"][0]["after"], 34.5);
    let basis = shown.basis.unwrap();
    desk.edit(5, json!({ "price": 40 }));
    let error = desk.run(call().confirming(&basis)).unwrap_err();
    assert!(error.has_code("changed-since-preview"), "{error}");
    desk.edit(5, json!({ "price": 36, "stock": 1 }));
    let Outcome::Complete(made) = desk.run(call().confirming(&basis)).unwrap() else {
        panic!("it was confirmed");
    };
    assert_eq!(made.structured["diff"], shown.structured["diff"]);
    assert_eq!(desk.stock(5), 1);
}

#[test]
fn after_a_lost_answer_it_is_looked_for() {
    for (fault, price) in [
        (Fault::LostAfter, json!(34.5)),
        (Fault::LostBefore, json!(36)),
    ] {
        let desk = Desk::with(&[5]);
        let change = update(&desk, json!({ "price": 36 }));
        desk.fail(fault);
        let undone = undo(&desk, &change);
        assert_eq!(undone.is_ok(), fault == Fault::LostAfter);
        assert_eq!(desk.item(5)["price"], price);
    }
}

#[test]
fn all_adjustments_of_one_call_go_back_together_or_not_at_all() {
    let desk = Desk::with(&[5, 6, 7]);
    let rows = json!([{ "code": "ORG-5", "by": 12 }, { "code": "ORG-6", "by": -2 }, { "code": "ORG-7", "by": 40 }]);
    let adjusted = desk
        .call("products_adjust_stock", json!({ "adjustments": rows }))
        .unwrap();
    let change = adjusted["results"][1]["change_id"].clone();
    let arguments = json!({ "change_id": change, "whole_call": true });
    // Too much was sold of one of them: then none goes back.
    desk.edit(7, json!({ "stock": 10 }));
    let error = desk.call("products_undo", arguments.clone()).unwrap_err();
    assert!(
        error.has_code("below-zero") && error.message.contains("\"ORG-7\" has 10"),
        "{error}"
    );
    let both = error.extra.unwrap();
    assert_eq!(both["theirs"][2], json!({ "code": "ORG-7", "stock": 10 }));
    assert_eq!(both["ours"][2], json!({ "code": "ORG-7", "stock": -30 }));
    assert_eq!((desk.stock(5), desk.stock(6)), (130, 116));
    // Sold meanwhile: that stays sold.
    desk.edit(7, json!({ "stock": 100 }));
    let call = || Invocation::new("products_undo", &arguments);
    let Outcome::Complete(shown) = desk.run(call().preview()).unwrap() else {
        panic!("a preview asks nothing");
    };
    assert_eq!(desk.stock(7), 100);
    let confirmed = call().confirming(shown.basis.unwrap());
    let Outcome::Complete(undone) = desk.run(confirmed).unwrap() else {
        panic!("it was confirmed");
    };
    assert_eq!(undone.structured["diff"], shown.structured["diff"]);
    assert_eq!(
        (desk.stock(5), desk.stock(6), desk.stock(7)),
        (118, 118, 60)
    );
    let rows = undone.structured["results"].as_array().unwrap();
    assert!(
        rows.len() == 3 && rows.iter().all(|row| row["ok"] == true),
        "{rows:?}"
    );
    // Each is marked, so none goes back twice.
    let (_, again) = agreed(&desk, "products_undo", arguments);
    assert_eq!((&again["changed"], desk.stock(7)), (&json!(false), 60));
    let error = desk
        .call("products_undo", json!({ "change_id": change }))
        .unwrap();
    assert!(error["warnings"][0].as_str().unwrap().contains("before"));
}

#[test]
fn without_a_preview_a_whole_call_is_asked_about() {
    let desk = Desk::with(&[5, 6]);
    let rows = json!([{ "code": "ORG-5", "by": 12 }, { "code": "ORG-6", "by": -2 }]);
    let adjusted = desk
        .call("products_adjust_stock", json!({ "adjustments": rows }))
        .unwrap();
    let change = &adjusted["results"][0]["change_id"];
    let arguments = json!({ "change_id": change, "whole_call": true });
    let (question, undone) = agreed(&desk, "products_undo", arguments);
    assert!(question.contains("2 products"), "{question}");
    assert_eq!(undone["results"].as_array().unwrap().len(), 2);
    assert_eq!((desk.stock(5), desk.stock(6)), (118, 118));
}

#[test]
fn of_a_whole_call_whose_answer_was_lost_the_rest_goes_back_by_a_repetition() {
    for fault in [Fault::LostAfter, Fault::LostBefore, Fault::HalfLost] {
        let desk = Desk::with(&[5, 6]);
        let rows = json!([{ "code": "ORG-5", "by": 12 }, { "code": "ORG-6", "by": -2 }]);
        let adjusted = desk
            .call("products_adjust_stock", json!({ "adjustments": rows }))
            .unwrap();
        let change = &adjusted["results"][0]["change_id"];
        let arguments = json!({ "change_id": change, "whole_call": true });
        let Outcome::Pause(pause) = desk
            .run(Invocation::new("products_undo", &arguments))
            .unwrap()
        else {
            panic!("it asks first");
        };
        desk.fail(fault);
        let resumption = Resumption {
            state: pause.state,
            answers: vec![(pause.questions[0].id.clone(), json!(true))],
        };
        let call = Invocation::new("products_undo", &arguments).resumed(resumption);
        let first = desk.run(call);
        assert_eq!(
            first.is_err(),
            fault == Fault::LostBefore,
            "{fault:?}: {first:?}"
        );
        let (_, again) = agreed(&desk, "products_undo", arguments);
        assert_eq!(
            (desk.stock(5), desk.stock(6)),
            (118, 118),
            "{fault:?}: {again:#}"
        );
    }
}

#[test]
fn a_product_that_got_another_code_keeps_the_whole_call_from_going_back() {
    let desk = Desk::with(&[5, 6]);
    let rows = json!([{ "code": "ORG-5", "by": 12 }, { "code": "ORG-6", "by": -2 }]);
    let adjusted = desk
        .call("products_adjust_stock", json!({ "adjustments": rows }))
        .unwrap();
    desk.edit(6, json!({ "code": "NEW-6" }));
    let change = &adjusted["results"][0]["change_id"];
    let arguments = json!({ "change_id": change, "whole_call": true });
    let error = desk.call("products_undo", arguments).unwrap_err();
    assert!(
        error.has_code("product-changed") && error.message.contains("6 (change"),
        "{error}"
    );
    assert_eq!(desk.stock(5), 130);
}

#[test]
fn what_is_no_change_of_a_product_is_not_found() {
    let desk = Desk::with(&[5]);
    for id in ["", "x", "00ff"] {
        let error = desk
            .call("products_undo", json!({ "change_id": id }))
            .unwrap_err();
        assert!(error.has_code("change-not-found"), "{error}");
    }
}
