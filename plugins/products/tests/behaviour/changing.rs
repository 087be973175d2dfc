//! `products_update` and `products_delete`.

use orderdesk_plugin::testing::Invocation;
use orderdesk_plugin::{Outcome, Resumption};

use super::desk::{Desk, Fault};
use super::*;

fn update(desk: &Desk, changes: Value) -> Result<Value, ToolError> {
    desk.call(
        "products_update",
        json!({ "product_id": 5, "changes": changes }),
    )
}

#[test]
fn only_what_is_mentioned_changes_since_the_whole_is_sent() {
    let desk = Desk::with(&[5]);
    let changed = update(
        &desk,
        json!({ "price": 36, "metadata": { "own": 1 }, "location": "" }),
    )
    .unwrap();
    let paths: Vec<_> = changed["diff"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["path"].clone())
        .collect();
    assert_eq!(paths, ["price", "location", "metadata.own"]);
    let now = desk.item(5);
    assert_eq!(
        now["metadata"],
        json!({ "print_sku": "ORG-WAL-L", "own": 1 })
    );
    for kept in [
        "name",
        "code",
        "cost",
        "weight",
        "stock",
        "update_source",
        "manufacturer_sku",
    ] {
        assert_eq!(now[kept], product(5)[kept], "{kept}");
    }
    assert_eq!(now["location"], "");
    let sent = desk.host().requests();
    let methods: Vec<_> = sent
        .iter()
        .map(|it| (it.method.as_str(), it.hold))
        .collect();
    assert_eq!(methods, [("GET", 2), ("PUT", 0), ("GET", 0)]);
    assert!(sent[1].lock.is_some());
    let change = &desk.changes()[0];
    assert_eq!(
        (&change["before"]["price"], &change["after"]["price"]),
        (&json!(34.5), &json!(36))
    );
}

#[test]
fn what_is_so_already_is_not_sent() {
    let desk = Desk::with(&[5]);
    let changed = update(&desk, json!({ "price": 34.50, "manufacturer_sku": "" })).unwrap();
    assert_eq!(
        (&changed["changed"], &changed["diff"]),
        (&json!(false), &json!([]))
    );
    assert_eq!(desk.writes(), 0);
    for (changes, code) in [
        (json!({}), "no-changes"),
        (json!({ "name": " " }), "bad-value"),
    ] {
        assert!(update(&desk, changes).unwrap_err().has_code(code));
    }
}

#[test]
fn a_read_that_was_kept_is_stale_after_a_change() {
    let desk = Desk::with(&[5]);
    let get = || {
        desk.call("products_get", json!({ "product_id": 5 }))
            .unwrap()
    };
    get();
    assert_eq!(get()["cached"], true);
    update(&desk, json!({ "price": 36 })).unwrap();
    let read = get();
    assert_eq!(
        (&read["cached"], &read["product"]["price"]),
        (&json!(false), &json!(36))
    );
}

#[test]
fn what_the_caller_saw_must_still_hold() {
    let desk = Desk::with(&[5]);
    let version = desk
        .call("products_get", json!({ "product_id": 5 }))
        .unwrap()["version"]
        .clone();
    let since = |changes: Value| json!({ "product_id": 5, "changes": changes, "if_unchanged_since": version });
    desk.edit(5, json!({ "stock": 3 }));
    let error = desk
        .call("products_update", since(json!({ "price": 36 })))
        .unwrap_err();
    assert!(error.has_code("changed-since"), "{error}");
    assert_eq!(error.extra.unwrap()["theirs"]["stock"], 3);
    let expecting = |expected: Value| json!({ "product_id": 5, "changes": { "price": 36, "metadata": { "print_sku": "S" } }, "expected": expected });
    let error = desk
        .call(
            "products_update",
            expecting(json!({ "metadata": { "print_sku": "M" } })),
        )
        .unwrap_err();
    assert!(
        error.has_code("changed-since") && error.message.contains("metadata.print_sku"),
        "{error}"
    );
    assert_eq!(desk.writes(), 0);
    // Only the fields that change count.
    desk.call(
        "products_update",
        expecting(json!({ "price": "34.5", "stock": 118 })),
    )
    .unwrap();
}

#[test]
fn after_a_lost_answer_the_product_tells_which_of_the_two_it_is() {
    for (fault, landed) in [(Fault::LostAfter, true), (Fault::LostBefore, false)] {
        let desk = Desk::with(&[5]);
        desk.fail(fault);
        let answer = update(&desk, json!({ "price": 36 }));
        assert_eq!(answer.is_ok(), landed, "{fault:?}");
        assert_eq!(
            desk.changes()[0]["state"],
            if landed { "made" } else { "not_made" }
        );
        assert_eq!(desk.writes(), 1);
    }
    let desk = Desk::with(&[5]);
    desk.fail(Fault::LostBefore);
    let other = desk.clone();
    // Somebody sets another price in the same moment.
    desk.host().before_commit(move |_| {
        other.edit(5, json!({ "price": 99 }));
        Ok(())
    });
    let error = update(&desk, json!({ "price": 36 })).unwrap_err();
    assert!(error.outcome_unknown, "{error}");
}

#[test]
fn a_preview_shows_the_difference_that_the_write_makes_or_conflicts() {
    let desk = Desk::with(&[5]);
    let arguments = json!({ "product_id": 5, "changes": { "price": 36 } });
    let (shown, basis) = desk.preview("products_update", &arguments);
    desk.edit(5, json!({ "price": 35 }));
    let error = desk
        .confirm("products_update", &arguments, &basis)
        .unwrap_err();
    assert!(error.has_code("changed-since-preview"));
    // What it does not touch may change.
    desk.edit(5, json!({ "price": 34.5, "stock": 7 }));
    let made = desk.confirm("products_update", &arguments, &basis).unwrap();
    assert_eq!(made["diff"], shown["diff"]);
    assert_eq!(desk.stock(5), 7);
}

#[test]
fn a_deletion_is_confirmed_first_and_for_the_product_as_it_was_shown() {
    let desk = Desk::with(&[5]);
    let call = || Invocation::new("products_delete", &json!({ "product_id": 5 }));
    let Outcome::Pause(pause) = desk.run(call()).unwrap() else {
        panic!("asks first");
    };
    let message = pause.questions[0].parameters["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.contains("ORG-5") && message.contains("stock 118"),
        "{message}"
    );
    let answered = |answer: bool| Resumption {
        state: pause.state.clone(),
        answers: vec![("confirm".to_owned(), json!(answer))],
    };
    assert!(
        desk.run(call().resumed(answered(false)))
            .unwrap_err()
            .has_code("not-confirmed")
    );
    desk.edit(5, json!({ "stock": 3 }));
    let error = desk.run(call().resumed(answered(true))).unwrap_err();
    assert!(error.has_code("changed-since-preview"));
    assert_eq!(desk.writes(), 0);
    desk.edit(5, json!({ "stock": 118 }));
    desk.run(call().resumed(answered(true))).unwrap();
    assert_eq!(desk.count(), 0);
    assert_eq!(desk.changes()[0]["before"]["code"], "ORG-5");
}

#[test]
fn a_deletion_whose_answer_was_lost_is_looked_for() {
    for (fault, landed) in [(Fault::LostAfter, true), (Fault::LostBefore, false)] {
        let desk = Desk::with(&[5]);
        let arguments = json!({ "product_id": 5 });
        let (shown, basis) = desk.preview("products_delete", &arguments);
        desk.fail(fault);
        let answer = desk.confirm("products_delete", &arguments, &basis);
        assert_eq!(
            (answer.is_ok(), desk.count() == 0),
            (landed, landed),
            "{fault:?}"
        );
        if let Ok(made) = answer {
            assert_eq!(made["diff"], shown["diff"]);
        }
    }
}
