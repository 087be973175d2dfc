//! `orders_bulk_update`.

use std::time::Duration;

use orderdesk_plugin::http::Method;
use orderdesk_plugin::testing::Invocation;
use orderdesk_plugin::{Outcome, Resumption};

use super::shop::{Fault, Shop};
use super::writing::{answered, asked, confirm, open, preview};
use super::*;

fn arguments() -> Value {
    json!({ "filter": { "folder_id": 31001 }, "changes": { "tag_name": "x", "checkout_data": { "Batch": "7" } } })
}

#[test]
fn every_order_found_is_changed_once_somebody_agreed() {
    let (host, shop) = open();
    let pause = asked(&host, "orders_bulk_update", &arguments());
    let message = pause.questions[0].parameters["message"].as_str().unwrap();
    assert!(
        message.contains("2 orders") && message.contains("tag_name, checkout_data"),
        "{message}"
    );
    assert_eq!(shop.order("5")["tag_name"], "");
    let changed = answered(&host, "orders_bulk_update", &arguments(), true).unwrap();
    assert_eq!(changed["matched"], 2);
    assert!(
        changed["results"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["ok"] == true)
    );
    for id in ["5", "6"] {
        assert_eq!(shop.order(id)["tag_name"], "x");
        assert_eq!(
            shop.order(id)["checkout_data"]["Gift Message"],
            "Enjoy the new desk"
        );
    }
    assert_eq!(changed["diff"][0]["path"], "5.tag_name");
}

#[test]
fn a_dry_run_answers_the_difference_of_each_order() {
    let (host, shop) = open();
    shop.edit("6", json!({ "tag_name": "x" }));
    let shown = preview(&host, "orders_bulk_update", &arguments()).unwrap();
    assert_eq!(shown.structured["diff"].as_array().unwrap().len(), 3);
    let changed = confirm(
        &host,
        "orders_bulk_update",
        &arguments(),
        &shown.basis.unwrap(),
    )
    .unwrap();
    assert_eq!(changed["diff"], shown.structured["diff"]);
}

#[test]
fn a_dry_run_of_what_is_so_already_says_that_nothing_would_change() {
    let (host, _) = open();
    answered(&host, "orders_bulk_update", &arguments(), true).unwrap();
    let shown = preview(&host, "orders_bulk_update", &arguments()).unwrap();
    let warnings = super::writing::warnings(&shown.structured);
    assert!(warnings.contains("nothing would change"), "{warnings}");
}

#[test]
fn a_list_that_changed_since_the_preview_is_a_conflict() {
    let (host, shop) = open();
    let shown = preview(&host, "orders_bulk_update", &arguments()).unwrap();
    shop.edit("6", json!({ "folder_id": 31002 }));
    let error = confirm(
        &host,
        "orders_bulk_update",
        &arguments(),
        &shown.basis.unwrap(),
    )
    .unwrap_err();
    assert!(error.has_code("changed-since-preview"));
    assert_eq!(shop.order("5")["tag_name"], "");
}

#[test]
fn the_failure_of_one_order_stops_no_other() {
    let (host, shop) = open();
    shop.fault(Method::Put, Fault::Refused(422));
    let changed = answered(&host, "orders_bulk_update", &arguments(), true).unwrap();
    let ok: Vec<&Value> = changed["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["ok"])
        .collect();
    assert_eq!(ok, [false, true]);
    assert_eq!(shop.order("6")["tag_name"], "x");
}

#[test]
fn long_work_goes_in_steps_and_does_every_order_once() {
    let host = with_stores(&[("9021", "Alpha")]);
    host.set_time_left_ms(90_000);
    let shop = Shop::open(&host, (10..17).map(order).collect());
    let slow = host.clone();
    host.before_commit(move |_| {
        slow.advance(Duration::from_millis(900));
        Ok(())
    });
    // Two commits for each order, so a step of 45 seconds does not end all of them if each takes ten.
    let slower = host.clone();
    for _ in 0..7 {
        let slower = slower.clone();
        shop.fault(
            Method::Put,
            Fault::First(Box::new(move |_| slower.advance(Duration::from_secs(10)))),
        );
    }
    let shown = preview(&host, "orders_bulk_update", &arguments()).unwrap();
    let call = Invocation::new("orders_bulk_update", &arguments()).confirming(shown.basis.unwrap());
    let mut outcome = testing::run(orders::plugin(), &host, call).unwrap();
    let mut steps = 1;
    let changed = loop {
        match outcome {
            Outcome::Complete(output) => break output.structured,
            Outcome::Pause(pause) => {
                assert!(pause.questions.is_empty());
                assert!(pause.message.unwrap().contains("of 7 orders"));
                steps += 1;
                let resumption = Resumption {
                    state: pause.state,
                    answers: Vec::new(),
                };
                let call = Invocation::new("orders_bulk_update", &arguments()).resumed(resumption);
                outcome = testing::run(orders::plugin(), &host, call).unwrap();
            }
        }
    };
    assert!(steps > 1);
    assert_eq!(changed["results"].as_array().unwrap().len(), 7);
    let puts = host
        .requests()
        .iter()
        .filter(|request| request.method == Method::Put)
        .count();
    assert_eq!(puts, 7);
    assert!(
        host.progress_messages()
            .contains(&"3 of 7 orders".to_owned())
    );
}

#[test]
fn without_a_filter_nothing_is_meant() {
    let (host, _) = open();
    let all = json!({ "filter": {}, "changes": { "tag_name": "x" } });
    assert!(
        call(&host, "orders_bulk_update", all)
            .unwrap_err()
            .has_code("nothing-named")
    );
    let sorted = json!({ "filter": { "order_by": "email" }, "changes": { "tag_name": "x" } });
    assert!(
        call(&host, "orders_bulk_update", sorted)
            .unwrap_err()
            .has_code("nothing-named")
    );
    let computed = json!({ "filter": { "folder_id": 31001 }, "changes": { "order_total": 1 } });
    assert!(
        call(&host, "orders_bulk_update", computed)
            .unwrap_err()
            .has_code("read-only-field")
    );
    assert!(host.requests().is_empty());
}

#[test]
fn a_cancelled_call_tells_what_it_did() {
    let (host, shop) = open();
    let shown = preview(&host, "orders_bulk_update", &arguments()).unwrap();
    let caller = host.clone();
    shop.fault(
        Method::Put,
        Fault::First(Box::new(move |_| caller.cancel())),
    );
    let changed = confirm(
        &host,
        "orders_bulk_update",
        &arguments(),
        &shown.basis.unwrap(),
    )
    .unwrap();
    assert_eq!(changed["results"].as_array().unwrap().len(), 1);
    assert!(
        changed["warnings"][0]
            .as_str()
            .unwrap()
            .contains("cancelled")
    );
    assert_eq!(shop.order("6")["tag_name"], "");
}

fn keyed() -> Value {
    let mut arguments = arguments();
    arguments["idempotency_key"] = json!("K-1");
    arguments
}

fn puts(host: &FakeHost) -> usize {
    host.requests()
        .iter()
        .filter(|request| request.method == Method::Put)
        .count()
}

#[test]
fn what_was_interrupted_goes_on_where_it_stopped_and_asks_nobody_again() {
    let host = with_stores(&[("9021", "Alpha")]);
    let shop = Shop::open(&host, (10..17).map(order).collect());
    // The process ends in the middle of the fourth order: after its PUT, before anybody recorded that.
    for number in 0..4 {
        let down = host.clone();
        shop.fault(
            Method::Put,
            Fault::Then(Box::new(move |_| {
                if number == 3 {
                    down.before_commit(|_| Err(ToolError::unavailable("down", "It is gone.")));
                }
            })),
        );
    }
    drop(answered(&host, "orders_bulk_update", &keyed(), true));
    host.before_commit(|_| Ok(()));
    let before = puts(&host);
    assert_eq!(before, 4);

    // Another order would be found now; it is not what somebody agreed to.
    shop.edit("16", json!({ "folder_id": 31002 }));
    let changed = call(&host, "orders_bulk_update", keyed()).unwrap();
    assert_eq!(puts(&host) - before, 3, "{changed:#}");
    let rows = changed["results"].as_array().unwrap();
    assert_eq!(rows.len(), 7);
    for row in rows {
        assert!(row["ok"] == true && row["change_id"].is_string(), "{row}");
        assert_eq!(
            shop.order(row["order_id"].as_str().unwrap())["tag_name"],
            "x"
        );
    }

    // All attempts are one call, which can be taken back as a whole.
    let undo = json!({ "change_id": rows[5]["change_id"], "whole_call": true });
    let undone = answered(&host, "orders_undo", &undo, true).unwrap();
    assert_eq!(undone["results"].as_array().unwrap().len(), 7);
    for id in shop.ids() {
        assert_eq!(shop.order(&id)["tag_name"], "", "{id}");
    }
    // What was done is done: the key stands for then.
    let again = call(&host, "orders_bulk_update", keyed()).unwrap();
    assert!(super::writing::warnings(&again).contains("nothing was changed now"));
    assert_eq!(again["results"], changed["results"]);
    let mut other = keyed();
    other["changes"] = json!({ "tag_name": "y" });
    let error = call(&host, "orders_bulk_update", other).unwrap_err();
    assert!(error.has_code("idempotency-key-reused"));
}

#[test]
fn what_was_cancelled_goes_on_too() {
    let host = with_stores(&[("9021", "Alpha")]);
    let shop = Shop::open(&host, (10..14).map(order).collect());
    let gone = host.clone();
    shop.fault(Method::Put, Fault::Then(Box::new(|_| {})));
    shop.fault(Method::Put, Fault::Then(Box::new(move |_| gone.cancel())));
    let changed = answered(&host, "orders_bulk_update", &keyed(), true).unwrap();
    assert_eq!(changed["results"].as_array().unwrap().len(), 2);
    host.uncancel();
    let changed = call(&host, "orders_bulk_update", keyed()).unwrap();
    assert_eq!(changed["results"].as_array().unwrap().len(), 4);
    assert_eq!(puts(&host), 4);
}

#[test]
fn without_a_key_a_repetition_asks_again_and_changes_nothing_twice() {
    let (host, _) = open();
    answered(&host, "orders_bulk_update", &arguments(), true).unwrap();
    let before = puts(&host);
    answered(&host, "orders_bulk_update", &arguments(), true).unwrap();
    assert_eq!(puts(&host), before);
}

#[test]
fn a_key_under_which_nobody_agreed_yet_is_free() {
    let (host, _) = open();
    asked(&host, "orders_bulk_update", &keyed());
    let error = answered(&host, "orders_bulk_update", &keyed(), false).unwrap_err();
    assert!(error.has_code("not-confirmed"));
    let mut other = keyed();
    other["changes"] = json!({ "tag_name": "y" });
    answered(&host, "orders_bulk_update", &other, true).unwrap();
}
