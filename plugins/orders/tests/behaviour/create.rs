//! `orders_create`.

use orderdesk_plugin::ErrorKind;
use orderdesk_plugin::http::Method;

use super::shop::{Fault, Shop};
use super::writing::{confirm, open, preview, warnings};
use super::*;

fn data(source_id: Option<&str>) -> Value {
    let mut data = json!({
        "email": "a@example.com", "shipping": { "first_name": "Ann", "last_name": "Lee" },
        "order_items": [{ "name": "Desk", "code": "D-1", "price": 10, "quantity": 2 }],
    });
    if let Some(source_id) = source_id {
        data["source_id"] = json!(source_id);
        data["source_name"] = json!("Web");
    }
    data
}

fn create(host: &FakeHost, data: Value) -> Result<Value, ToolError> {
    call(host, "orders_create", json!({ "order_data": data }))
}

fn posts(host: &FakeHost) -> usize {
    let requests = host.requests();
    requests
        .iter()
        .filter(|request| request.method == Method::Post)
        .count()
}

fn created(shop: &Shop) -> Vec<String> {
    shop.ids().into_iter().filter(|id| id.len() > 1).collect()
}

#[test]
fn an_order_is_created_and_answered_whole() {
    let (host, shop) = open();
    let written = create(&host, data(Some("W-1"))).unwrap();
    let id = written["order"]["id"].as_str().unwrap();
    assert_eq!(shop.order(id)["source_id"], "W-1");
    assert_eq!(written["changed"], true);
    assert_eq!(written["warnings"], json!([]));
    assert_eq!(written["diff"][0]["before"], Value::Null);
    let listed = call(&host, "orders_changes", json!({ "order_id": id })).unwrap();
    assert_eq!(listed["changes"][0]["change_id"], written["change_id"]);
}

#[test]
fn an_order_without_a_number_gets_one_and_that_is_said() {
    let (host, shop) = open();
    for _ in 0..2 {
        let written = create(&host, data(None)).unwrap();
        let source_id = written["order"]["source_id"].as_str().unwrap();
        assert!(
            source_id.starts_with("odm-") && source_id.len() == 16,
            "{source_id}"
        );
        assert!(warnings(&written).contains(source_id));
    }
    assert_eq!(
        created(&shop).len(),
        2,
        "nothing says that they are the same"
    );
}

#[test]
fn the_same_call_again_creates_no_second_order() {
    let (host, shop) = open();
    let first = create(&host, data(Some("W-1"))).unwrap();
    let again = create(&host, data(Some("W-1"))).unwrap();
    assert_eq!(again["order"]["id"], first["order"]["id"]);
    assert_eq!(again["changed"], false);
    assert_eq!(posts(&host), 1);
    let mut other = data(Some("W-1"));
    other["email"] = json!("b@example.com");
    let error = create(&host, other).unwrap_err();
    assert!(error.has_code("order-exists"), "{error}");
    let with_key = json!({ "order_data": data(None), "idempotency_key": "k" });
    let first = call(&host, "orders_create", with_key.clone()).unwrap();
    let again = call(&host, "orders_create", with_key).unwrap();
    assert_eq!(again["order"]["id"], first["order"]["id"]);
    assert_eq!(created(&shop).len(), 2);
}

#[test]
fn a_number_that_only_resembles_another_is_free_and_one_that_is_taken_is_named() {
    let (host, _) = open();
    create(&host, data(Some("WEB"))).unwrap();
    let mut taken = data(Some("WEB-5"));
    taken["source_name"] = json!("Order Desk");
    let error = create(&host, taken).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert_eq!(error.extra.unwrap()["order_id"], "5");
    assert_eq!(posts(&host), 1);
}

#[test]
fn a_lost_answer_is_looked_for_before_anything_is_said() {
    for fault in [
        Fault::LostAfter,
        Fault::BrokenAfter(502),
        Fault::BrokenAfter(200),
    ] {
        let (host, shop) = open();
        shop.fault(Method::Post, fault);
        let written = create(&host, data(Some("W-1"))).unwrap();
        assert!(
            warnings(&written).contains("search by source_id"),
            "{}",
            warnings(&written)
        );
        create(&host, data(Some("W-1"))).unwrap();
        assert_eq!(created(&shop).len(), 1);
        assert_eq!(posts(&host), 1);
    }
}

#[test]
fn a_lost_request_is_reported_and_safe_to_repeat() {
    let (host, shop) = open();
    shop.fault(Method::Post, Fault::LostBefore);
    let error = create(&host, data(Some("W-1"))).unwrap_err();
    assert!(
        !error.outcome_unknown && error.message.contains("safe to repeat"),
        "{error}"
    );
    assert_eq!(created(&shop).len(), 0);
    create(&host, data(Some("W-1"))).unwrap();
    assert_eq!(created(&shop).len(), 1);
}

#[test]
fn an_outcome_that_stays_unknown_is_found_out_by_the_repetition() {
    let (host, shop) = open();
    shop.fault(Method::Get, Fault::Then(Box::new(|_| {})));
    for _ in 0..40 {
        shop.fault(Method::Get, Fault::Refused(503));
    }
    shop.fault(Method::Post, Fault::LostAfter);
    let error = create(&host, data(Some("W-1"))).unwrap_err();
    assert!(
        error.outcome_unknown && error.message.contains("W-1"),
        "{error}"
    );
    shop.calm();
    let written = create(&host, data(Some("W-1"))).unwrap();
    assert!(
        warnings(&written).contains("earlier call"),
        "{}",
        warnings(&written)
    );
    assert_eq!((created(&shop).len(), posts(&host)), (1, 1));
}

#[test]
fn what_order_desk_would_refuse_is_refused_before_it_is_sent() {
    let (host, _) = open();
    let mut nameless = data(None);
    nameless["shipping"] = json!({ "first_name": "Ann" });
    let mut empty = data(None);
    empty["order_items"] = json!([]);
    let mut computed = data(None);
    computed["order_total"] = json!(5);
    let mut unknown = data(None);
    unknown["customer_name"] = json!("Ann");
    for (data, code) in [
        (nameless, "no-name"),
        (empty, "no-items"),
        (computed, "read-only-field"),
        (unknown, "unknown-field"),
    ] {
        let error = create(&host, data).unwrap_err();
        assert!(error.has_code(code), "{error}");
    }
    assert!(host.requests().is_empty());
}

#[test]
fn a_dry_run_creates_nothing_and_answers_what_the_write_will() {
    let (host, shop) = open();
    let arguments = json!({ "order_data": data(None) });
    let shown = preview(&host, "orders_create", &arguments).unwrap();
    assert_eq!(created(&shop).len(), 0);
    let written = confirm(&host, "orders_create", &arguments, &shown.basis.unwrap()).unwrap();
    assert_eq!(written["diff"], shown.structured["diff"]);
    assert_eq!(created(&shop).len(), 1);
}

#[test]
fn what_cannot_be_recorded_is_not_sent() {
    let (host, _) = open();
    host.before_commit(|_| Err(ToolError::unavailable("storage-down", "The disk is full.")));
    create(&host, data(Some("W-1"))).unwrap_err();
    assert_eq!(posts(&host), 0);
}
