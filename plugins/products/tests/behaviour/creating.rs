//! `products_create`.

use super::desk::{Desk, Fault};
use super::*;

fn organizer() -> Value {
    json!({ "product_data": {
        "code": "ORG-NEW", "name": "Organizer", "price": 34.5, "stock": 100, "metadata": { "print_sku": "L" },
    } })
}

#[test]
fn a_product_is_created_with_what_was_said() {
    for shows in [true, false] {
        let desk = Desk::with(&[5]);
        desk.shows_created(shows);
        let created = desk.call("products_create", organizer()).unwrap();
        assert_eq!(created["product"]["id"], "6");
        assert_eq!(created["product"]["metadata"], json!({ "print_sku": "L" }));
        assert_eq!(created["diff"][0]["path"], "product");
        assert_eq!(created["diff"][0]["before"], Value::Null);
        assert_eq!(
            (&created["changed"], created.get("warnings")),
            (&json!(true), None)
        );
        let change = &desk.changes()[0];
        assert_eq!(
            (&change["thing_id"], &change["state"]),
            (&json!("6"), &json!("made"))
        );
        let listed = desk
            .call("products_get", json!({ "product_id": 6 }))
            .unwrap();
        assert_eq!(listed["version"], created["version"]);
    }
}

#[test]
fn the_same_product_is_created_once_even_after_some_were_sold() {
    let desk = Desk::with(&[]);
    desk.call("products_create", organizer()).unwrap();
    desk.edit(1, json!({ "stock": 97 }));
    let again = desk.call("products_create", organizer()).unwrap();
    assert_eq!(
        (&again["already_there"], &again["changed"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(again["product"]["stock"], 97);
    assert_eq!((desk.count(), desk.writes()), (1, 1));
}

#[test]
fn another_product_of_the_same_code_is_left_alone() {
    let desk = Desk::with(&[]);
    desk.call("products_create", organizer()).unwrap();
    let mut other = organizer();
    other["product_data"]["code"] = json!("org-new");
    other["product_data"]["price"] = json!(40);
    let error = desk.call("products_create", other).unwrap_err();
    assert!(
        error.has_code("product-code-taken") && error.message.contains("price"),
        "{error}"
    );
    assert_eq!(error.extra.unwrap()["theirs"]["price"], 34.5);
    assert_eq!(desk.writes(), 1);
}

#[test]
fn after_a_lost_answer_it_looks_by_code_before_it_speaks() {
    for (fault, landed) in [(Fault::LostAfter, true), (Fault::LostBefore, false)] {
        let desk = Desk::with(&[5]);
        desk.fail(fault);
        let answer = desk.call("products_create", organizer());
        assert_eq!(answer.is_ok(), landed, "{fault:?}");
        if let Err(error) = answer {
            assert!(
                !error.outcome_unknown && error.message.contains("safe to repeat"),
                "{error}"
            );
        }
        assert_eq!(desk.writes(), 1);
        desk.call("products_create", organizer()).unwrap();
        assert_eq!(desk.count(), 2);
    }
    let desk = Desk::with(&[5]);
    desk.fail(Fault::LostAfter);
    desk.go_blind();
    let error = desk.call("products_create", organizer()).unwrap_err();
    assert!(
        error.outcome_unknown && error.message.contains("\"ORG-NEW\""),
        "{error}"
    );
    assert_eq!(desk.changes()[0]["state"], "unknown");
}

#[test]
fn a_preview_shows_what_the_write_then_does_or_conflicts() {
    let desk = Desk::with(&[5]);
    let (shown, basis) = desk.preview("products_create", &organizer());
    assert_eq!((&shown["dry_run"], desk.writes()), (&json!(true), 0));
    let made = desk
        .confirm("products_create", &organizer(), &basis)
        .unwrap();
    assert_eq!(made["diff"], shown["diff"]);
    let error = desk
        .confirm("products_create", &organizer(), &basis)
        .unwrap_err();
    assert!(error.has_code("changed-since-preview"));
}

#[test]
fn a_code_that_cannot_be_looked_up_is_refused() {
    let desk = Desk::with(&[]);
    for (field, value, code) in [
        ("code", "A,B", "comma-in-code"),
        ("code", " ", "blank-code"),
        ("name", " ", "blank-name"),
    ] {
        let mut arguments = organizer();
        arguments["product_data"][field] = json!(value);
        let error = desk.call("products_create", arguments).unwrap_err();
        assert!(
            error.has_code(code) && error.message.contains(field),
            "{error}"
        );
    }
    assert!(desk.host().requests().is_empty());
}
