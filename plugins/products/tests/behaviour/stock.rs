//! `products_adjust_stock`.

use std::time::Duration;

use proptest::prelude::*;

use super::desk::{Desk, Fault};
use super::*;

fn by(rows: &[(u64, i64)]) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(|(id, by)| json!({ "code": format!("ORG-{id}"), "by": by }))
        .collect();
    json!({ "adjustments": rows })
}

fn keyed(mut arguments: Value, key: &str) -> Value {
    arguments["idempotency_key"] = json!(key);
    arguments
}

fn adjust(desk: &Desk, arguments: Value) -> Result<Value, ToolError> {
    desk.call("products_adjust_stock", arguments)
}

#[test]
fn stock_moves_relative_to_what_is_there_and_nothing_else_does() {
    let desk = Desk::with(&[5, 6]);
    desk.edit(6, json!({ "stock": 10 }));
    let adjusted = adjust(&desk, by(&[(6, 5), (5, -18)])).unwrap();
    assert_eq!((desk.stock(5), desk.stock(6)), (100, 15));
    assert_eq!(
        adjusted["diff"],
        json!([
            { "path": "products.5.stock", "before": 118, "after": 100 },
            { "path": "products.6.stock", "before": 10, "after": 15 },
        ])
    );
    let row = &adjusted["results"][0];
    assert_eq!(
        (&row["code"], &row["ok"], &row["stock_after"]),
        (&json!("ORG-5"), &json!(true), &json!(100))
    );
    let mut before = product(5);
    before["stock"] = json!(100);
    before["date_updated"] = desk.item(5)["date_updated"].clone();
    assert_eq!(desk.item(5), before);
    let put = desk
        .host()
        .requests()
        .into_iter()
        .find(|it| !it.method.is_safe())
        .unwrap();
    assert_eq!(put.path, ["batch-inventory-items"]);
    assert!(put.lock.is_some());
    let body: Value = serde_json::from_slice(&put.body.unwrap()).unwrap();
    assert_eq!(
        (&body[0]["id"], &body[0]["name"]),
        (&json!(5), &json!("Walnut Desk Organizer"))
    );
    let changes = desk.changes();
    assert_eq!(changes.len(), 2);
    assert_eq!(changes[0]["call_id"], changes[1]["call_id"]);
    assert!(
        changes
            .iter()
            .all(|it| it["state"] == "made" && it["before"].is_object())
    );
}

#[test]
fn one_product_goes_by_its_documented_route() {
    let desk = Desk::with(&[5]);
    adjust(&desk, by(&[(5, -1)])).unwrap();
    let put = desk
        .host()
        .requests()
        .into_iter()
        .find(|it| !it.method.is_safe())
        .unwrap();
    assert_eq!(put.path, ["inventory-items", "5"]);
    assert_eq!(desk.stock(5), 117);
}

#[test]
fn all_or_none_and_never_below_zero_unless_said_so() {
    let desk = Desk::with(&[5, 6]);
    let error = adjust(&desk, by(&[(5, 1), (6, -119)])).unwrap_err();
    assert!(
        error.has_code("stock-too-low") && error.message.contains("ORG-6"),
        "{error}"
    );
    let error = adjust(&desk, by(&[(5, 1), (9, 1)])).unwrap_err();
    assert!(
        error.has_code("product-not-found") && error.message.contains("ORG-9"),
        "{error}"
    );
    assert_eq!((desk.stock(5), desk.writes()), (118, 0));
    let mut below = by(&[(6, -119)]);
    below["allow_negative"] = json!(true);
    adjust(&desk, below).unwrap();
    assert_eq!(desk.stock(6), -1);
}

#[test]
fn the_stock_is_read_under_the_locks_so_nobodys_change_is_lost() {
    let desk = Desk::with(&[5, 6]);
    desk.host()
        .hold_lock("products", "product/9021/6", Duration::from_secs(2));
    // Another call sells three between the look for ids and the locks.
    let other = desk.clone();
    desk.after_read(move || other.edit(5, json!({ "stock": 115 })));
    let adjusted = adjust(&desk, by(&[(5, -10), (6, -1)])).unwrap();
    assert_eq!(adjusted["results"][0]["stock_before"], 115);
    assert_eq!(desk.stock(5), 105);
    assert!(desk.host().locks_held("products").is_empty());
    desk.host()
        .hold_lock("products", "product/9021/5", Duration::from_secs(600));
    let error = adjust(&desk, by(&[(5, -10)])).unwrap_err();
    assert!(error.message.contains("Nothing was changed"), "{error}");
}

#[test]
fn of_two_calls_at_once_one_waits_and_neither_is_lost() {
    let desk = Desk::with(&[5, 6]);
    let (between, under_locks) = (desk.clone(), desk.clone());
    let refused = std::rc::Rc::new(std::cell::Cell::new(false));
    let seen = refused.clone();
    desk.after_read(move || {
        // Before the first call has its locks, the second one comes and goes.
        adjust(&between, by(&[(6, -4), (5, -3)])).unwrap();
        between.after_read(move || {
            // Under its locks, a third one cannot get in.
            let error = adjust(&under_locks, by(&[(6, -1)])).unwrap_err();
            seen.set(error.message.contains("Other calls are changing"));
        });
    });
    let adjusted = adjust(&desk, by(&[(5, -10), (6, -1)])).unwrap();
    assert!(refused.get());
    assert_eq!(adjusted["results"][0]["stock_before"], 115);
    assert_eq!((desk.stock(5), desk.stock(6)), (105, 113));
}

#[test]
fn a_key_adjusts_once_however_often_it_is_sent() {
    let desk = Desk::with(&[5, 6]);
    let call = keyed(by(&[(5, -1), (6, 2)]), "k");
    let first = adjust(&desk, call.clone()).unwrap();
    let again = adjust(&desk, call).unwrap();
    assert_eq!(again["results"], first["results"]);
    assert!(again["warnings"][0].as_str().unwrap().contains("before"));
    assert_eq!((desk.stock(5), desk.stock(6)), (117, 120));
    let error = adjust(&desk, keyed(by(&[(5, -2)]), "k")).unwrap_err();
    assert!(error.has_code("idempotency-key-reused"));
}

#[test]
fn a_key_under_which_nothing_was_done_is_good_again() {
    let desk = Desk::with(&[5]);
    adjust(&desk, keyed(by(&[(5, -500)]), "k")).unwrap_err();
    desk.edit(5, json!({ "stock": 600 }));
    adjust(&desk, keyed(by(&[(5, -500)]), "k")).unwrap();
    assert_eq!(desk.stock(5), 100);
}

#[test]
fn after_a_lost_answer_it_looks_before_it_speaks() {
    for (fault, landed) in [(Fault::LostAfter, true), (Fault::LostBefore, false)] {
        let desk = Desk::with(&[5, 6]);
        desk.fail(fault);
        let call = keyed(by(&[(5, -1), (6, -1)]), "k");
        let answer = adjust(&desk, call.clone());
        assert_eq!(answer.is_ok(), landed, "{fault:?}");
        if let Err(error) = answer {
            assert!(
                !error.outcome_unknown && error.message.contains("safe to repeat"),
                "{error}"
            );
        }
        assert_eq!(desk.writes(), 1);
        adjust(&desk, call).unwrap();
        assert_eq!((desk.stock(5), desk.stock(6)), (117, 117), "{fault:?}");
    }
}

#[test]
fn what_arrived_in_part_is_finished_by_the_same_call() {
    let desk = Desk::with(&[5, 6]);
    desk.fail(Fault::HalfLost);
    let call = keyed(by(&[(5, -1), (6, -1)]), "k");
    let part = adjust(&desk, call.clone()).unwrap();
    let ok: Vec<_> = part["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["ok"].clone())
        .collect();
    assert_eq!(ok, [true, false]);
    assert_eq!(part["diff"].as_array().unwrap().len(), 1);
    assert_eq!((desk.stock(5), desk.stock(6)), (117, 118));
    let rest = adjust(&desk, call.clone()).unwrap();
    assert!(
        rest["results"]
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["ok"] == true)
    );
    adjust(&desk, call).unwrap();
    assert_eq!((desk.stock(5), desk.stock(6)), (117, 117));
}

#[test]
fn where_looking_fails_too_the_key_tells_later_what_arrived() {
    for (fault, stock_meanwhile) in [
        (Fault::LostAfter, None),
        (Fault::LostBefore, None),
        (Fault::LostAfter, Some(40)),
    ] {
        let desk = Desk::with(&[5]);
        desk.fail(fault);
        desk.go_blind();
        let call = keyed(by(&[(5, -1)]), "k");
        let error = adjust(&desk, call.clone()).unwrap_err();
        assert!(error.outcome_unknown, "{error}");
        assert_eq!(desk.changes()[0]["state"], "unknown");
        desk.see_again();
        let held = adjust(&desk, call.clone()).unwrap_err();
        assert!(held.has_code("lock-kept"), "{held}");
        desk.host().advance(std::time::Duration::from_secs(60));
        match stock_meanwhile {
            None => {
                adjust(&desk, call).unwrap();
                assert_eq!(desk.stock(5), 117, "{fault:?}");
            }
            Some(stock) => {
                desk.edit(5, json!({ "stock": stock }));
                let error = adjust(&desk, call).unwrap_err();
                assert!(error.has_code("first-attempt-unknown"), "{error}");
                assert!(
                    error.message.contains("was 118, should become 117, is 40"),
                    "{error}"
                );
                assert_eq!(desk.stock(5), 40);
            }
        }
    }
}

#[test]
fn a_preview_shows_the_difference_that_the_write_makes_or_conflicts() {
    let desk = Desk::with(&[5]);
    let call = by(&[(5, -1)]);
    let (shown, basis) = desk.preview("products_adjust_stock", &call);
    assert_eq!(
        (&shown["dry_run"], &shown["changed"], desk.writes()),
        (&json!(true), &json!(false), 0)
    );
    desk.edit(5, json!({ "stock": 100 }));
    let error = desk
        .confirm("products_adjust_stock", &call, &basis)
        .unwrap_err();
    assert!(error.has_code("changed-since-preview"));
    desk.edit(5, json!({ "stock": 118 }));
    let made = desk
        .confirm("products_adjust_stock", &call, &basis)
        .unwrap();
    assert_eq!(made["diff"], shown["diff"]);
}

#[test]
fn what_was_read_too_long_ago_is_not_written_back() {
    let slow = || {
        let desk = Desk::with(&[5]);
        let host = desk.host().clone();
        desk.host().before_commit(move |_| {
            host.advance(Duration::from_secs(3));
            Ok(())
        });
        desk
    };
    let desk = slow();
    let update = json!({ "product_id": 5, "changes": { "price": 36 } });
    let error = desk.call("products_update", update).unwrap_err();
    assert!(error.has_code("too-slow"), "{error}");
    assert_eq!(
        (desk.writes(), &desk.changes()[0]["state"]),
        (0, &json!("not_made"))
    );
    // Many products take long to record, so they are read once more.
    let desk = slow();
    desk.edit(5, json!({ "location": "Aisle 1" }));
    adjust(&desk, by(&[(5, -1)])).unwrap();
    assert_eq!(desk.stock(5), 117);
    // Somebody sells one while the change is being recorded.
    let desk = Desk::with(&[5]);
    let other = desk.clone();
    desk.host().before_commit(move |_| {
        other.host().advance(Duration::from_secs(3));
        other.edit(5, json!({ "stock": 110 }));
        Ok(())
    });
    let error = adjust(&desk, by(&[(5, -1)])).unwrap_err();
    assert!(error.has_code("stock-changed"), "{error}");
    assert_eq!((desk.stock(5), desk.writes()), (110, 0));
}

#[test]
fn rows_that_say_nothing_are_refused_or_no_change() {
    let desk = Desk::with(&[5]);
    for (arguments, code) in [
        (json!({ "adjustments": [] }), "too-many-adjustments"),
        (
            json!({ "adjustments": [{ "code": "A,B", "by": 1 }] }),
            "comma-in-code",
        ),
        (
            json!({ "adjustments": [{ "code": " ", "by": 1 }] }),
            "blank-code",
        ),
    ] {
        assert!(adjust(&desk, arguments).unwrap_err().has_code(code));
    }
    let nothing = adjust(&desk, by(&[(5, 2), (5, -2)])).unwrap();
    assert_eq!((&nothing["changed"], desk.writes()), (&json!(false), 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever is lost on the way, and however often a call is repeated: at the end every acknowledged adjustment is there
    /// once.
    #[test]
    fn every_acknowledged_adjustment_is_there_exactly_once(
        calls in prop::collection::vec(
            (prop::collection::vec((5_u64..8, -9_i64..9), 1..4), 0_u8..4, 1_usize..4),
            1..6,
        )
    ) {
        let desk = Desk::with(&[5, 6, 7]);
        let mut expected = [118_i64; 3];
        for (place, (rows, fault, repeats)) in calls.into_iter().enumerate() {
            match fault {
                1 => desk.fail(Fault::LostAfter),
                2 => desk.fail(Fault::LostBefore),
                3 => desk.fail(Fault::HalfLost),
                _ => {}
            }
            let call = keyed(by(&rows), &place.to_string());
            let mut done = false;
            // A call that changes nothing sends nothing and leaves its fault to a later one.
            for _ in 0..repeats + 2 + place {
                let answer = adjust(&desk, call.clone());
                done |= answer.is_ok_and(|it| it["results"].as_array().unwrap().iter().all(|row| row["ok"] == true));
            }
            prop_assert!(done);
            for (id, by) in rows {
                expected[id as usize - 5] += by;
            }
        }
        prop_assert_eq!([desk.stock(5), desk.stock(6), desk.stock(7)], expected);
    }
}
