//! `orders_get`.

use super::*;

fn of(order: Value) -> FakeHost {
    answering(200, json!({ "status": "success", "order": order }))
}

#[test]
fn an_order_comes_whole_and_normalised_with_its_store() {
    let host = of(order(5));
    let found = get(&host, json!({ "order_id": 5 }));
    assert_eq!(host.requests()[0].path, ["orders", "5"]);
    assert_eq!(
        found["store"],
        json!({ "store_id": "9021", "store_name": "Alpha" })
    );
    assert_eq!(found["cached"], false);
    let shown = &found["order"];
    assert_eq!(shown["folder_id"], "31001");
    assert_eq!(shown["order_metadata"], json!({}));
    assert_eq!(shown["order_items"][1]["variation_list"], json!({}));
    assert_eq!(shown["checkout_data"]["Gift Message"], "Enjoy the new desk");
    assert_eq!(
        shown.as_object().unwrap().len(),
        order(5).as_object().unwrap().len()
    );
}

#[test]
fn the_version_is_that_of_the_whole_order_however_much_of_it_is_shown() {
    let version = |order: Value, arguments: Value| {
        let arguments = but(arguments, json!({ "order_id": "5" }));
        get(&of(order), arguments)["version"].clone()
    };
    let first = version(order(5), json!({}));
    let text = first.as_str().unwrap();
    assert!(
        text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{text}"
    );
    assert_eq!(first, version(order(5), json!({ "fields": ["id"] })));
    assert_eq!(
        first,
        version(order(5), json!({ "response_format": "concise" }))
    );
    // The same order, as Order Desk writes it elsewhere: another type of id, another empty map.
    let same = but(
        order(5),
        json!({ "folder_id": "31001", "order_metadata": {} }),
    );
    assert_eq!(first, version(same, json!({})));
    for change in [
        json!({ "email": "other@example.com" }),
        json!({ "order_notes": [{ "content": "call first" }] }),
        json!({ "order_total": 102.91 }),
        json!({ "something_new": "" }),
    ] {
        assert_ne!(
            first,
            version(but(order(5), change.clone()), json!({})),
            "{change}"
        );
    }
}

#[test]
fn fields_win_over_the_format() {
    let host = of(order(5));
    let arguments = json!({
        "order_id": 5, "response_format": "detailed",
        "fields": ["order_total", "shipping.city", "order_items.code", "order_items.quantity"],
    });
    assert_eq!(
        get(&host, arguments)["order"],
        json!({
            "order_total": 102.9,
            "shipping": { "city": "Portland" },
            "order_items": [{ "code": "ORG-WAL", "quantity": 2 }, { "code": "LBL-BRS", "quantity": 4 }],
        })
    );
}

#[test]
fn history_that_nobody_asked_for_is_not_shown() {
    let host = of(but(
        order(5),
        json!({ "order_history": [{ "note": "moved" }] }),
    ));
    let found = get(&host, json!({ "order_id": 5 }));
    assert_eq!(found["order"].get("order_history"), None);
    assert_eq!(
        found["version"],
        get(&of(order(5)), json!({ "order_id": 5 }))["version"]
    );
}

#[test]
fn history_is_read_with_another_tool_and_the_refusal_says_which() {
    let host = of(order(5));
    let error = call(
        &host,
        "orders_get",
        json!({ "order_id": 5, "fields": ["order_history"] }),
    )
    .unwrap_err();
    assert!(error.has_code("no-history"), "{error}");
    assert!(error.message.contains("get_order_history"), "{error}");
    assert!(host.requests().is_empty());
}

#[test]
fn the_shops_own_number_is_told_apart_before_order_desk_is_asked() {
    let host = of(order(5));
    for id in ["WEB-10482", "../store", "#5", "5 6", "5.0", "-5"] {
        let error = call(&host, "orders_get", json!({ "order_id": id })).unwrap_err();
        assert!(error.has_code("bad-order-id"), "{id}: {error}");
        assert!(
            error.message.contains("source_id") && error.message.contains(id),
            "{error}"
        );
    }
    assert!(host.requests().is_empty());
}

#[test]
fn an_unknown_order_is_an_error_that_thinks_of_the_shops_own_number() {
    let body = json!({ "status": "error", "message": "Order Not Found" });
    for status in [404, 200] {
        let host = answering(status, body.clone());
        let error = call(&host, "orders_get", json!({ "order_id": 10482 })).unwrap_err();
        assert!(error.has_code("orderdesk-not-found"), "{error}");
        assert!(
            error.message.contains(r#"{"source_id": "10482"}"#),
            "{error}"
        );
    }
}

#[test]
fn an_answer_that_is_no_order_is_an_error_and_is_not_kept() {
    for (body, code) in [
        (json!({ "status": "success" }), "orderdesk-part-missing"),
        (
            json!({ "status": "success", "order": [] }),
            "orderdesk-unexpected",
        ),
        (
            json!({ "status": "success", "order": null }),
            "orderdesk-unexpected",
        ),
    ] {
        let host = answering(200, body);
        for _ in 0..2 {
            let error = call(&host, "orders_get", json!({ "order_id": 5 })).unwrap_err();
            assert!(error.has_code(code), "{error}");
        }
        assert_eq!(host.requests().len(), 2);
    }
}
