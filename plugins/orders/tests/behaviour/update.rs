//! `orders_update` and `orders_add_note`: the safe change of an order.

use orderdesk_plugin::ErrorKind;
use orderdesk_plugin::http::Method;

use super::shop::Shop;
use super::writing::{confirm, open, preview, warnings};
use super::*;

fn update(host: &FakeHost, changes: Value) -> Result<Value, ToolError> {
    call(
        host,
        "orders_update",
        json!({ "order_id": 5, "changes": changes }),
    )
}

fn note(host: &FakeHost, note: &str) -> Result<Value, ToolError> {
    call(
        host,
        "orders_add_note",
        json!({ "order_id": "5", "note": note }),
    )
}

fn puts(host: &FakeHost) -> usize {
    host.requests()
        .iter()
        .filter(|request| request.method == Method::Put)
        .count()
}

#[test]
fn a_change_keeps_everything_that_it_does_not_name() {
    let (host, shop) = open();
    shop.edit("5", json!({ "order_notes": [{"date_added": "2026-03-02 18:00:00", "username": "Dana", "content": "hold"}],
                           "order_metadata": {"risk": 12}, "something_new": {"kept": true} }));
    let before = shop.order("5");
    let written = update(&host, json!({ "shipping": { "city": "Bath" } })).unwrap();
    assert_eq!(
        written["diff"],
        json!([{ "path": "shipping.city", "before": "Portland", "after": "Bath" }])
    );
    assert_eq!(written["changed"], true);
    assert_eq!(written["warnings"], json!([]));
    assert_eq!(written["overwrites"], "not looked at");
    assert_eq!(written["store"]["store_id"], "9021");
    assert_eq!(written["order"]["shipping"]["city"], "Bath");
    let mut after = shop.order("5");
    after["date_updated"] = before["date_updated"].clone();
    let mut expected = before;
    expected["shipping"]["city"] = json!("Bath");
    // An empty map is written back as one.
    for map in ["variation_list", "metadata"] {
        expected["order_items"][1][map] = json!({});
    }
    expected["return_address"] = json!({});
    assert_eq!(after, expected);
}

#[test]
fn the_order_is_read_fresh_under_its_lock_with_the_tokens_for_both() {
    let (host, _) = open();
    get(&host, json!({ "order_id": 5 }));
    update(&host, json!({ "email": "new@example.com" })).unwrap();
    let requests = host.requests();
    let [_, read, write] = requests.as_slice() else {
        panic!("one read for orders_get, then one each: {requests:?}");
    };
    assert_eq!((read.method, write.method), (Method::Get, Method::Put));
    assert_eq!((read.hold, write.hold), (1, 0));
    assert!(read.lock.is_some() && read.lock == write.lock);
    assert!(!write.safe_to_repeat && write.timeout_ms == Some(30_000));
    assert!(host.locks_held("orders").is_empty());
}

#[test]
fn what_was_kept_of_the_order_and_of_lists_is_forgotten() {
    let (host, _) = open();
    get(&host, json!({ "order_id": 5 }));
    list(&host, json!({}));
    update(&host, json!({ "email": "new@example.com" })).unwrap();
    assert_eq!(
        get(&host, json!({ "order_id": 5 }))["order"]["email"],
        "new@example.com"
    );
    assert_eq!(list(&host, json!({}))["cached"], false);
}

#[test]
fn a_dry_run_answers_the_difference_of_the_write_and_changes_nothing() {
    let (host, shop) = open();
    let before = shop.order("5");
    let arguments = json!({ "order_id": 5, "changes": {
        "tag_name": "error", "checkout_data": { "Gift Message": null, "Box": "2" },
        "order_items": [{ "code": "LBL-BRS", "action": "remove" }, { "action": "add", "code": "N", "name": "New" }],
        "order_notes": ["check"],
    } });
    let shown = preview(&host, "orders_update", &arguments).unwrap();
    assert_eq!(shown.structured["dry_run"], true);
    assert!(shown.basis.as_ref().is_some_and(|basis| basis.len() <= 256));
    assert_eq!(shop.order("5"), before);
    assert_eq!(puts(&host), 0);
    assert!(host.keys("orders").is_empty());
    let written = confirm(&host, "orders_update", &arguments, &shown.basis.unwrap()).unwrap();
    assert_eq!(written["diff"], shown.structured["diff"]);
    assert_eq!(
        written["diff"].as_array().unwrap().len(),
        6,
        "{}",
        written["diff"]
    );
    assert_eq!(written["warnings"], json!([]));
}

#[test]
fn a_preview_holds_as_long_as_nothing_that_it_touches_changed() {
    let (host, shop) = open();
    let arguments = json!({ "order_id": 5, "changes": { "email": "new@example.com" } });
    let basis = preview(&host, "orders_update", &arguments)
        .unwrap()
        .basis
        .unwrap();
    shop.edit("5", json!({ "tag_name": "x" }));
    confirm(&host, "orders_update", &arguments, &basis).unwrap();
    assert_eq!(shop.order("5")["tag_name"], "x");

    let arguments = json!({ "order_id": 5, "changes": { "email": "newer@example.com" } });
    let basis = preview(&host, "orders_update", &arguments)
        .unwrap()
        .basis
        .unwrap();
    shop.edit("5", json!({ "email": "theirs@example.com" }));
    let error = confirm(&host, "orders_update", &arguments, &basis).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    let extra = error.extra.unwrap();
    assert_eq!(
        extra["theirs"],
        json!([{ "path": "email", "value": "theirs@example.com" }])
    );
    assert_eq!(
        extra["ours"],
        json!([{ "path": "email", "value": "newer@example.com" }])
    );
    assert_eq!(shop.order("5")["email"], "theirs@example.com");
}

#[test]
fn an_order_that_is_as_wanted_is_left_alone_and_that_is_said() {
    let (host, _) = open();
    let written = update(
        &host,
        json!({ "email": "r.okafor@example.com", "shipping_total": "9.75" }),
    )
    .unwrap();
    assert_eq!(written["changed"], false);
    assert_eq!(written["diff"], json!([]));
    assert_eq!(written.get("change_id"), None);
    assert_eq!(puts(&host), 0);
}

#[test]
fn any_change_since_a_version_refuses_and_expected_values_only_where_they_matter() {
    let (host, shop) = open();
    let version = get(&host, json!({ "order_id": 5 }))["version"].clone();
    shop.edit("5", json!({ "tag_name": "theirs" }));
    let guarded = |guard: &str, value: Value| {
        let mut arguments = json!({ "order_id": 5, "changes": { "email": "ours@example.com" } });
        arguments[guard] = value;
        call(&host, "orders_update", arguments)
    };
    let error = guarded("if_unchanged_since", version).unwrap_err();
    assert!(error.has_code("changed-since") && error.kind == ErrorKind::Conflict);
    assert_eq!(puts(&host), 0);
    let seen = json!({ "email": "r.okafor@example.com", "tag_name": "" });
    guarded("expected", seen.clone()).unwrap();
    let error = guarded("expected", seen).err();
    assert!(error.is_none(), "it is as wanted already: {error:?}");
    shop.edit("5", json!({ "email": "theirs@example.com" }));
    let error = guarded("expected", json!({ "email": "r.okafor@example.com" })).unwrap_err();
    assert_eq!(
        error.extra.unwrap()["theirs"][0]["value"],
        "theirs@example.com"
    );
    assert_eq!(shop.order("5")["email"], "theirs@example.com");
}

#[test]
fn expected_values_of_items_are_found_by_code() {
    let (host, _) = open();
    let attempt = |seen: u32| {
        call(
            &host,
            "orders_update",
            json!({
                "order_id": 5, "changes": { "order_items": [{ "code": "ORG-WAL", "quantity": 9 }] },
                "expected": { "order_items": [{ "code": "ORG-WAL", "quantity": seen }] },
            }),
        )
    };
    assert!(attempt(1).unwrap_err().has_code("changed-since"));
    assert_eq!(
        attempt(2).unwrap()["diff"][0]["path"],
        "order_items.90231.quantity"
    );
}

#[test]
fn what_nobody_can_write_is_refused_by_name_before_anything_is_read() {
    let (host, _) = open();
    let error = update(
        &host,
        json!({ "order_total": 5, "email_count": "2", "email": "a" }),
    )
    .unwrap_err();
    assert!(error.has_code("read-only-field"));
    assert!(
        error.message.contains("order_total, email_count"),
        "{error}"
    );
    assert!(
        update(&host, json!({ "order_shipments": [] }))
            .unwrap_err()
            .message
            .contains("shipments_add")
    );
    let error = update(&host, json!({ "status": "Closed" })).unwrap_err();
    assert!(
        error.has_code("unknown-field") && error.message.contains("folder_id"),
        "{error}"
    );
    assert!(update(&host, json!({})).is_err());
    assert!(host.requests().is_empty());
}

#[test]
fn items_are_told_apart_and_nothing_is_done_to_one_by_guess() {
    let (host, shop) = open();
    for (rows, code) in [
        (json!([{ "id": "1", "quantity": 2 }]), "item-not-found"),
        (json!([{ "quantity": 2 }]), "item-not-named"),
        (
            json!([{ "code": "ORG-WAL", "product_total": 2 }]),
            "unknown-field",
        ),
        (
            json!([{ "code": "ORG-WAL", "quantity": "many" }]),
            "bad-value",
        ),
        (
            json!([{ "action": "drop", "code": "ORG-WAL" }]),
            "bad-value",
        ),
        (json!([{ "action": "add", "id": "90231" }]), "bad-value"),
        (json!({ "90231": {} }), "bad-value"),
    ] {
        let error = update(&host, json!({ "order_items": rows })).unwrap_err();
        assert!(error.has_code(code), "{rows}: {error}");
    }
    let mut items = shop.order("5")["order_items"].clone();
    items[1]["code"] = json!("ORG-WAL");
    shop.edit("5", json!({ "order_items": items }));
    let error = update(
        &host,
        json!({ "order_items": [{ "code": "ORG-WAL", "quantity": 1 }] }),
    )
    .unwrap_err();
    assert!(
        error.has_code("item-ambiguous") && error.message.contains("90231, 90232"),
        "{error}"
    );
    assert_eq!(puts(&host), 0);
}

#[test]
fn card_digits_survive_a_change_and_shipments_are_not_touched() {
    let (host, shop) = open();
    let shipments = shop.order("5")["order_shipments"].clone();
    let written = update(&host, json!({ "email": "a@example.com" })).unwrap();
    assert_eq!(shop.order("5")["cc_number_masked"], "xxxxxxxxxxxx1881");
    assert_eq!(shop.order("5")["order_shipments"], shipments);
    assert_eq!(written["warnings"], json!([]));
    let body = host.requests().pop().unwrap().body.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["cc_number"], "1881");
    assert_eq!(body["folder_id"], 31001);
    assert_eq!(body["order_metadata"], json!({}));
    assert_eq!(body.get("order_shipments"), None);
}

#[test]
fn a_note_is_appended_once_whatever_its_letter_case() {
    let (host, shop) = open();
    let written = note(&host, "Call first").unwrap();
    assert_eq!(written["diff"][0]["path"], "order_notes.+1");
    assert_eq!(note(&host, "  CALL first ").unwrap()["changed"], false);
    note(&host, "Then pack").unwrap();
    let notes = shop.order("5")["order_notes"].clone();
    assert_eq!(notes.as_array().unwrap().len(), 2);
    assert_eq!(notes[0]["content"], "Call first");
    assert_eq!(notes[0]["date_added"], "2026-03-02 17:40:00");
}

#[test]
fn notes_and_maps_that_would_overflow_are_refused() {
    let (host, shop) = open();
    note(&host, &"a".repeat(1_000)).unwrap();
    // Two dates of 19 characters, and 1,000: 962 are left.
    let error = note(&host, &"b".repeat(963)).unwrap_err();
    assert!(
        error.has_code("notes-full") && error.message.contains("1019"),
        "{error}"
    );
    note(&host, &"b".repeat(962)).unwrap();
    assert_eq!(shop.order("5")["order_notes"].as_array().unwrap().len(), 2);
    for (field, most) in [("order_metadata", 2_000), ("checkout_data", 3_500)] {
        let error = update(&host, json!({ field: { "long": "x".repeat(most) } })).unwrap_err();
        assert!(
            error.has_code("too-long") && error.message.contains(field),
            "{error}"
        );
    }
}

#[test]
fn two_changes_at_once_wait_for_each_other_and_a_long_one_is_told() {
    let (host, shop) = open();
    host.hold_lock("orders", "order/9021/5", std::time::Duration::from_secs(10));
    update(&host, json!({ "email": "a@example.com" })).unwrap();
    host.hold_lock(
        "orders",
        "order/9021/5",
        std::time::Duration::from_secs(3_600),
    );
    let error = update(&host, json!({ "email": "b@example.com" })).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.retry_after_ms.is_some());
    assert_eq!(shop.order("5")["email"], "a@example.com");
}

#[test]
fn what_is_done_under_an_idempotency_key_is_done_once() {
    let (host, shop) = open();
    let arguments = json!({ "order_id": 5, "note": "hello", "idempotency_key": "k-1" });
    let first = call(&host, "orders_add_note", arguments.clone()).unwrap();
    // Somebody removes the note; a late repetition must not bring it back.
    shop.edit("5", json!({ "order_notes": [] }));
    let again = call(&host, "orders_add_note", arguments).unwrap();
    assert_eq!(again["change_id"], first["change_id"]);
    assert!(warnings(&again).contains("before"));
    assert_eq!(shop.order("5")["order_notes"], json!([]));
    let other = json!({ "order_id": 6, "note": "hello", "idempotency_key": "k-1" });
    assert!(
        call(&host, "orders_add_note", other)
            .unwrap_err()
            .has_code("idempotency-key-reused")
    );
}

#[test]
fn a_write_names_its_store_where_there_are_several() {
    let host = with_stores(&[("9021", "Alpha"), ("9022", "Beta")]);
    let shop = Shop::open(&host, vec![order(5)]);
    assert!(
        update(&host, json!({ "email": "a" }))
            .unwrap_err()
            .has_code("store-not-named")
    );
    let arguments =
        json!({ "order_id": 5, "changes": { "email": "a" }, "store_identifier": "beta" });
    assert_eq!(
        call(&host, "orders_update", arguments).unwrap()["store"]["store_id"],
        "9022"
    );
    assert_eq!(shop.order("5")["email"], "a");
}

#[test]
fn an_unknown_order_is_not_found_and_the_shops_own_number_is_thought_of() {
    let (host, _) = open();
    let arguments = json!({ "order_id": 4711, "changes": { "email": "a" } });
    let error = call(&host, "orders_update", arguments).unwrap_err();
    assert!(
        error.kind == ErrorKind::NotFound && error.message.contains("source_id"),
        "{error}"
    );
}
