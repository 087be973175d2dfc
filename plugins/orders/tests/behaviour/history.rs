//! `orders_history` and `orders_add_history`.

use orderdesk_plugin::http::Method;

use super::shop::Fault;
use super::writing::{confirm, open, preview, warnings};
use super::*;

fn add(host: &FakeHost, note: &str) -> Result<Value, ToolError> {
    call(
        host,
        "orders_add_history",
        json!({ "order_id": 5, "note": note }),
    )
}

#[test]
fn an_entry_is_added_and_read_back() {
    let (host, shop) = open();
    let written = add(&host, "Called the customer").unwrap();
    assert_eq!(written["diff"][0]["path"], "order_history.+1");
    assert_eq!(written["order"].get("order_history"), None);
    let found = call(&host, "orders_history", json!({ "order_id": "5" })).unwrap();
    assert_eq!(found["history"][0]["note"], "Called the customer");
    assert_eq!(found["history"][0]["source_name"], "orderdesk-mcp");
    assert_eq!(shop.history("5").len(), 1);
}

#[test]
fn a_lost_answer_is_found_out_even_where_the_same_text_stood_before() {
    let (host, shop) = open();
    add(&host, "again").unwrap();
    shop.fault(Method::Post, Fault::LostAfter);
    assert!(warnings(&add(&host, "again").unwrap()).contains("was added"));
    shop.fault(Method::Post, Fault::LostBefore);
    let error = add(&host, "again").unwrap_err();
    assert!(
        !error.outcome_unknown && error.message.contains("was not added"),
        "{error}"
    );
    assert_eq!(shop.history("5").len(), 2);
}

#[test]
fn an_entry_cannot_be_taken_back_and_that_is_said() {
    let (host, _) = open();
    let written = add(&host, "x").unwrap();
    let error = call(
        &host,
        "orders_undo",
        json!({ "change_id": written["change_id"] }),
    )
    .unwrap_err();
    assert!(error.has_code("not-undoable"), "{error}");
}

#[test]
fn a_dry_run_adds_nothing() {
    let (host, shop) = open();
    let arguments = json!({ "order_id": 5, "note": "x" });
    let shown = preview(&host, "orders_add_history", &arguments).unwrap();
    assert_eq!(shop.history("5").len(), 0);
    let written = confirm(
        &host,
        "orders_add_history",
        &arguments,
        &shown.basis.unwrap(),
    )
    .unwrap();
    assert_eq!(written["diff"], shown.structured["diff"]);
    assert!(
        preview(
            &host,
            "orders_add_history",
            &json!({ "order_id": 99, "note": "x" })
        )
        .is_err()
    );
    assert!(
        add(&host, &"x".repeat(1_801))
            .unwrap_err()
            .has_code("bad-note")
    );
}
