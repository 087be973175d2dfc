//! What `products_list` asks and answers.

use super::*;

#[test]
fn a_product_is_shown_in_short_unless_asked_otherwise() {
    let host = holding(vec![product(5)], None);
    assert_eq!(
        list(&host, json!({})),
        json!({
            "store": { "store_id": "9021", "store_name": "Alpha" },
            "total": 1, "returned": 1, "next_cursor": null, "cached": false,
            "products": [{
                "id": "5", "code": "ORG-5", "name": "Walnut Desk Organizer", "price": 34.5, "stock": 118,
                "location": "Aisle 4",
            }],
        })
    );
    let detailed = list(&host, json!({ "response_format": "detailed" }));
    assert_eq!(detailed["products"][0]["variation_list"], json!({}));
    assert_eq!(detailed["cached"], true);
    let chosen = list(&host, json!({ "fields": ["code", "stock"] }));
    assert_eq!(
        chosen["products"],
        json!([{ "code": "ORG-5", "stock": 118 }])
    );
}

#[test]
fn codes_are_taken_one_by_one_as_a_list_or_as_order_desk_writes_them() {
    let host = holding(vec![], None);
    for (code, wanted) in [
        (json!("ORG-WAL"), "ORG-WAL"),
        (json!(10), "10"),
        (json!("ORG-WAL, LBL-BRS"), "ORG-WAL,LBL-BRS"),
        (json!(["ORG-WAL", " LBL-BRS ", 10]), "ORG-WAL,LBL-BRS,10"),
    ] {
        list(&host, json!({ "code": code }));
        assert_eq!(sent(&host, "code").as_deref(), Some(wanted));
    }
    list(&host, json!({ "search": " desk " }));
    assert_eq!(sent(&host, "search").as_deref(), Some("desk"));
}

#[test]
fn an_empty_filter_is_refused_since_order_desk_would_answer_everything() {
    let host = holding(vec![product(5)], None);
    for arguments in [
        json!({ "code": [] }),
        json!({ "code": "" }),
        json!({ "code": [" "] }),
        json!({ "search": " " }),
    ] {
        let error = call(&host, "products_list", arguments.clone()).unwrap_err();
        assert!(error.has_code("empty-filter"), "{arguments}: {error}");
    }
    assert!(host.requests().is_empty());
}

#[test]
fn a_code_with_a_comma_is_not_taken_for_two() {
    let host = holding(vec![product(5)], None);
    let error = call(&host, "products_list", json!({ "code": ["A,B"] })).unwrap_err();
    assert!(error.has_code("comma-in-code"), "{error}");
    assert!(host.requests().is_empty());
}

#[test]
fn one_search_is_never_answered_for_another() {
    let host = with_store();
    host.endpoint("orderdesk", |request| {
        let mut found = product(5);
        found["code"] = request.parameter("code").unwrap().into();
        Reply::json(
            200,
            &json!({ "status": "success", "total_records": "1", "inventory_items": [found] }),
        )
    });
    for (code, cached) in [("A", false), ("B", false), ("A", true), ("B", true)] {
        let listed = list(&host, json!({ "code": code }));
        assert_eq!(
            (&listed["products"][0]["code"], &listed["cached"]),
            (&json!(code), &json!(cached))
        );
    }
}

#[test]
fn a_count_that_contradicts_the_products_is_unknown_and_said_to_be() {
    for total in [json!("0"), json!(2), json!("many"), json!(null)] {
        let host = holding((1..=3).map(product).collect(), Some(total.clone()));
        let listed = list(&host, json!({}));
        assert_eq!(
            (&listed["total"], &listed["returned"]),
            (&json!(null), &json!(3)),
            "{total}"
        );
        let note = listed["note"].as_str().unwrap();
        assert!(
            note.contains("products") && note.contains("not known"),
            "{note}"
        );
        assert_eq!(listed["next_cursor"], json!(null));
    }
}

#[test]
fn what_is_no_list_of_products_is_an_error_and_never_an_empty_list() {
    for body in [
        json!({ "status": "success", "total_records": "0" }),
        json!({ "status": "success", "inventory_items": {} }),
        json!({ "status": "success", "inventory_items": [5] }),
        json!({ "status": "error", "message": "Something is wrong", "inventory_items": [] }),
        json!([]),
    ] {
        let host = answering(200, body.clone());
        for _ in 0..2 {
            call(&host, "products_list", json!({})).unwrap_err();
        }
        assert_eq!(host.requests().len(), 2, "{body} was kept");
    }
}
