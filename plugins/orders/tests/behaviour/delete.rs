//! `orders_delete`.

use orderdesk_plugin::ErrorKind;
use orderdesk_plugin::http::Method;

use super::shop::Fault;
use super::writing::{answered, asked, confirm, open, preview, resume, warnings};
use super::*;

fn arguments() -> Value {
    json!({ "order_id": "5" })
}

#[test]
fn a_deletion_is_asked_for_and_keeps_the_whole_order() {
    let (host, shop) = open();
    let pause = asked(&host, "orders_delete", &arguments());
    let message = pause.questions[0].parameters["message"].as_str().unwrap();
    assert!(
        message.contains("WEB-5") && message.contains("102.9") && message.contains("Alpha"),
        "{message}"
    );
    assert_eq!(shop.ids(), ["5", "6"]);
    let written = resume(&host, "orders_delete", &arguments(), pause, true).unwrap();
    assert_eq!(shop.ids(), ["6"]);
    assert_eq!(written["diff"][0]["path"], "order");
    assert_eq!(written["diff"][0]["after"], Value::Null);
    let key = format!("change/9021/{}", written["change_id"].as_str().unwrap());
    let kept: Value = host.document("orders", &key).unwrap().json().unwrap();
    assert_eq!(kept["before"]["order_items"][0]["code"], "ORG-WAL");
}

#[test]
fn a_no_deletes_nothing() {
    let (host, shop) = open();
    assert!(
        answered(&host, "orders_delete", &arguments(), false)
            .unwrap_err()
            .has_code("not-confirmed")
    );
    assert_eq!(shop.ids(), ["5", "6"]);
}

#[test]
fn a_token_stands_for_the_order_as_it_was_shown() {
    let (host, shop) = open();
    let basis = preview(&host, "orders_delete", &arguments())
        .unwrap()
        .basis
        .unwrap();
    shop.edit("5", json!({ "tag_name": "keep" }));
    let error = confirm(&host, "orders_delete", &arguments(), &basis).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert_eq!(shop.ids(), ["5", "6"]);
    let shown = preview(&host, "orders_delete", &arguments()).unwrap();
    let written = confirm(&host, "orders_delete", &arguments(), &shown.basis.unwrap()).unwrap();
    assert_eq!(written["diff"], shown.structured["diff"]);
    assert_eq!(shop.ids(), ["6"]);
}

#[test]
fn a_change_while_the_person_thought_is_a_conflict() {
    let (host, shop) = open();
    let pause = asked(&host, "orders_delete", &arguments());
    shop.edit("5", json!({ "email": "theirs@example.com" }));
    let error = resume(&host, "orders_delete", &arguments(), pause, true).unwrap_err();
    assert!(error.has_code("changed-since-preview"));
    assert_eq!(shop.ids(), ["5", "6"]);
}

#[test]
fn a_lost_answer_is_found_out() {
    let (host, shop) = open();
    shop.fault(Method::Delete, Fault::LostAfter);
    let written = answered(&host, "orders_delete", &arguments(), true).unwrap();
    assert!(warnings(&written).contains("gone"));
    let (host, shop) = open();
    shop.fault(Method::Delete, Fault::LostBefore);
    let error = answered(&host, "orders_delete", &arguments(), true).unwrap_err();
    assert!(
        !error.outcome_unknown && error.message.contains("still there"),
        "{error}"
    );
    assert_eq!(shop.ids(), ["5", "6"]);
}

#[test]
fn an_unknown_order_is_not_found_before_anybody_is_asked() {
    let (host, _) = open();
    let error = call(&host, "orders_delete", json!({ "order_id": 99 })).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[test]
fn what_changed_since_it_was_read_is_not_deleted() {
    let (host, shop) = open();
    let read = call(&host, "orders_get", json!({ "order_id": 5 })).unwrap();
    let arguments = json!({ "order_id": 5, "if_unchanged_since": read["version"] });
    let shown = preview(&host, "orders_delete", &arguments).unwrap();
    assert!(shown.basis.is_some());
    shop.edit("5", json!({ "email": "paid@example.com" }));
    let error = preview(&host, "orders_delete", &arguments).unwrap_err();
    assert!(error.has_code("changed-since"), "{error}");
    let error = confirm(&host, "orders_delete", &arguments, &shown.basis.unwrap()).unwrap_err();
    assert!(error.has_code("changed-since"), "{error}");
    assert_eq!(shop.order("5")["email"], "paid@example.com");
}
