//! What a change of an order answers when its way is not smooth: slow, lost, refused, stored otherwise, edited meanwhile.

use orderdesk_plugin::http::Method;

use super::shop::{Fault, Shop};
use super::writing::{answered, open, warnings};
use super::*;

fn update(host: &FakeHost, changes: Value) -> Result<Value, ToolError> {
    call(
        host,
        "orders_update",
        json!({ "order_id": 5, "changes": changes }),
    )
}

fn puts(host: &FakeHost) -> usize {
    host.requests()
        .iter()
        .filter(|request| request.method == Method::Put)
        .count()
}

#[test]
fn an_order_that_grew_old_on_the_way_is_read_again() {
    let (host, shop) = open();
    let slow = host.clone();
    let commits = std::cell::Cell::new(0);
    host.before_commit(move |_| {
        commits.set(commits.get() + 1);
        if commits.get() == 1 {
            slow.advance(std::time::Duration::from_secs(3));
        }
        Ok(())
    });
    let other = shop.clone();
    shop.fault(
        Method::Get,
        Fault::Then(Box::new(|orders| {
            orders.edit("5", &json!({ "tag_name": "theirs" }))
        })),
    );
    update(&host, json!({ "email": "a@example.com" })).unwrap();
    assert_eq!(other.order("5")["tag_name"], "theirs");
    assert_eq!(
        host.requests()
            .iter()
            .filter(|request| request.method == Method::Get)
            .count(),
        2
    );
}

#[test]
fn what_cannot_be_recorded_is_not_done() {
    let (host, _) = open();
    host.before_commit(|_| Err(ToolError::unavailable("storage-down", "The disk is full.")));
    let error = update(&host, json!({ "email": "a@example.com" })).unwrap_err();
    assert!(error.has_code("storage-down"));
    assert_eq!(puts(&host), 0);
}

#[test]
fn a_lost_answer_to_a_change_that_was_made_is_no_failure() {
    for fault in [
        Fault::LostAfter,
        Fault::BrokenAfter(502),
        Fault::BrokenAfter(200),
    ] {
        let (host, shop) = open();
        shop.fault(Method::Put, fault);
        let changes = json!({ "email": "a@example.com", "order_notes": ["n"],
                              "order_items": [{ "action": "add", "code": "N" }, { "action": "remove", "id": 90232 }] });
        let written = update(&host, changes).unwrap();
        assert_eq!(written["changed"], true);
        assert!(
            warnings(&written).contains("shows that the change was made"),
            "{}",
            warnings(&written)
        );
        assert_eq!(shop.order("5")["email"], "a@example.com");
        assert_eq!(shop.order("5")["order_items"].as_array().unwrap().len(), 2);
        assert_eq!(puts(&host), 1);
        assert!(host.locks_held("orders").is_empty());
    }
}

#[test]
fn a_lost_request_is_reported_as_not_made_once_that_is_sure() {
    let (host, shop) = open();
    shop.fault(Method::Put, Fault::LostBefore);
    let error = update(&host, json!({ "email": "a@example.com" })).unwrap_err();
    assert!(
        !error.outcome_unknown && error.message.contains("was not made"),
        "{error}"
    );
    assert_eq!(shop.order("5")["email"], "r.okafor@example.com");
    let changes = call(&host, "orders_changes", json!({ "order_id": 5 })).unwrap();
    assert_eq!(changes["changes"][0]["state"], "not_made");
}

#[test]
fn an_order_that_cannot_be_read_leaves_the_outcome_open_and_says_so() {
    let (host, shop) = open();
    shop.fault(Method::Put, Fault::LostAfter);
    let broken = shop.clone();
    shop.fault(Method::Get, Fault::Then(Box::new(|_| {})));
    for _ in 0..40 {
        broken.fault(Method::Get, Fault::Refused(503));
    }
    let error = update(&host, json!({ "email": "a@example.com" })).unwrap_err();
    assert!(error.outcome_unknown, "{error}");
    let extra = error.extra.unwrap();
    assert!(extra["change_id"].is_string() && extra["ours"][0]["path"] == "email");

    // The lock outlives the call, and whoever comes meanwhile hears why.
    host.set_time_left_ms(45_000);
    shop.calm();
    let error = update(&host, json!({ "tag_name": "next" })).unwrap_err();
    assert!(error.has_code("lock-kept"), "{error}");
    assert!(
        error.message.contains("outcome is not known yet") && error.message.contains("60 s"),
        "{error}"
    );
    let moving = json!({ "order_id_list": [5], "destination_folder_id": 31002 });
    let error = call(&host, "orders_move", moving).unwrap_err();
    assert!(
        error.message.contains("outcome is not known yet"),
        "{error}"
    );

    // Who comes later learns how it ended, and so does the list of changes.
    host.advance(std::time::Duration::from_secs(60));
    host.set_time_left_ms(90_000);
    let changes = call(&host, "orders_changes", json!({ "order_id": 5 })).unwrap();
    assert_eq!(changes["changes"][0]["state"], "made");
    let written = update(&host, json!({ "tag_name": "next" })).unwrap();
    assert!(
        warnings(&written).contains("was made after all"),
        "{}",
        warnings(&written)
    );
    assert!(host.locks_held("orders").is_empty());
    let undone = call(
        &host,
        "orders_undo",
        json!({ "change_id": extra["change_id"] }),
    )
    .unwrap();
    assert_eq!(undone["changed"], true);
    assert_eq!(shop.order("5")["email"], "r.okafor@example.com");
    assert_eq!(shop.order("5")["tag_name"], "next");
}

/// The host ends the call between the intent and its outcome, as a crash does.
fn interrupted(host: &FakeHost, method: Method, shop: &Shop, call: impl FnOnce()) {
    let down = host.clone();
    shop.fault(
        method,
        Fault::Then(Box::new(move |_| {
            down.before_commit(|_| Err(ToolError::unavailable("down", "The process is gone.")));
        })),
    );
    call();
    host.before_commit(|_| Ok(()));
}

#[test]
fn what_was_interrupted_is_made_or_not_made_as_the_order_shows() {
    for arrived in [true, false] {
        let (host, shop) = open();
        interrupted(&host, Method::Put, &shop, || {
            drop(update(&host, json!({ "email": "a@example.com" })));
        });
        if !arrived {
            shop.edit("5", json!({ "email": "r.okafor@example.com" }));
        }
        let listed = |host: &FakeHost| {
            let changes = call(host, "orders_changes", json!({ "order_id": 5 })).unwrap();
            changes["changes"].as_array().unwrap().last().unwrap()["state"].clone()
        };
        if !arrived {
            assert_eq!(listed(&host), "under_way", "it may still arrive");
        }
        host.advance(std::time::Duration::from_secs(60));
        let state = if arrived { "made" } else { "not_made" };
        assert_eq!(listed(&host), state);
        // Now it is recorded, whatever happens to the order afterwards.
        let written = update(&host, json!({ "tag_name": "next" })).unwrap();
        assert!(warnings(&written).contains("whose answer was lost"));
        shop.edit("5", json!({ "email": "third@example.com" }));
        assert_eq!(listed(&host), state);
        let written = update(&host, json!({ "tag_name": "last" })).unwrap();
        assert!(
            !warnings(&written).contains("whose answer was lost"),
            "told once"
        );
    }
}

#[test]
fn what_neither_shows_is_unknown_once_it_cannot_be_under_way() {
    let (host, shop) = open();
    interrupted(&host, Method::Put, &shop, || {
        drop(update(&host, json!({ "email": "a@example.com" })));
    });
    shop.edit("5", json!({ "email": "third@example.com" }));
    host.advance(std::time::Duration::from_secs(60));
    let changes = call(&host, "orders_changes", json!({})).unwrap();
    assert_eq!(changes["changes"][0]["state"], "unknown");
}

#[test]
fn an_interrupted_deletion_and_an_interrupted_creation_are_found_out_too() {
    let (host, shop) = open();
    interrupted(&host, Method::Delete, &shop, || {
        drop(answered(
            &host,
            "orders_delete",
            &json!({ "order_id": 5 }),
            true,
        ));
    });
    interrupted(&host, Method::Post, &shop, || {
        let order = json!({ "order_data": { "source_id": "W-9", "shipping": { "company": "Acme" }, "order_items": [{ "name": "Desk" }] } });
        drop(call(&host, "orders_create", order));
    });
    let changes = call(&host, "orders_changes", json!({})).unwrap();
    let states: Vec<&Value> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| &change["state"])
        .collect();
    assert_eq!(states, ["made", "made"]);
    let created = &changes["changes"][0];
    let id = created["order_id"].as_str().unwrap();
    assert_eq!(shop.order(id)["source_id"], "W-9");
    let undo = json!({ "change_id": created["change_id"] });
    answered(&host, "orders_undo", &undo, true).unwrap();
    assert!(!shop.ids().contains(&id.to_owned()));
}

#[test]
fn a_refusal_of_order_desk_passes_and_is_recorded_as_not_made() {
    let (host, shop) = open();
    shop.fault(Method::Put, Fault::Refused(422));
    let error = update(&host, json!({ "email": "a@example.com" })).unwrap_err();
    assert!(error.has_code("orderdesk-refused") && !error.outcome_unknown);
}

#[test]
fn what_order_desk_stored_otherwise_is_told_apart() {
    let (host, shop) = open();
    shop.fault(Method::Put, Fault::First(Box::new(|_| {})));
    let written = update(&host, json!({ "shipping_total": 10.75 })).unwrap();
    let paths: Vec<&str> = written["normalised"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["path"].as_str().unwrap())
        .collect();
    assert!(paths.contains(&"order_total"), "{paths:?}");
    assert_eq!(written["warnings"], json!([]));
    let written = update(&host, json!({ "folder_id": 99 })).unwrap();
    assert!(
        warnings(&written).contains("folder_id: Order Desk stored"),
        "{}",
        warnings(&written)
    );
}

#[test]
fn an_edit_in_the_one_moment_is_reported_where_that_is_looked_at() {
    let (host, shop) = open();
    host.set_settings(json!({ "verify_overwrites": true }));
    let written = update(&host, json!({ "email": "a@example.com" })).unwrap();
    assert_eq!(written["overwrites"], "none seen");
    shop.fault(
        Method::Put,
        Fault::First(Box::new(|orders| {
            orders.edit("5", &json!({ "tag_name": "theirs" }))
        })),
    );
    let written = update(&host, json!({ "email": "b@example.com" })).unwrap();
    assert_eq!(written["overwrites"], "possible");
    assert!(warnings(&written).contains("Order Details Changed"));
    assert_eq!(host.requests().len(), 6, "one more each");
}
