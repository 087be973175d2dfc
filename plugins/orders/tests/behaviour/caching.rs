//! What is answered from the cache, and what never is.

use std::time::Duration;

use orderdesk_client::Store;
use orderdesk_plugin::{Context, Plugin, Tool};

use super::*;

/// What a tool that writes does to the cache of its own plugin: forgets what stands under these tags.
fn invalidate(host: &FakeHost, tags: &[&str]) {
    let forget = |tags: Value, context: &Context| {
        Store::for_read(context, None)?;
        let tags = tags["tags"].as_array().unwrap().iter();
        context
            .cache()
            .invalidate(tags.map(|tag| tag.as_str().unwrap()))?;
        Ok(json!({}))
    };
    let plugin = Plugin::new("orders", "0.1.0").tool(Tool::new("orders_forget", forget));
    testing::call(plugin, host, "orders_forget", json!({ "tags": tags })).unwrap();
}

#[test]
fn a_change_of_one_order_makes_it_and_every_list_stale_and_no_other_order() {
    let host = with_stores(&[("9021", "Alpha")]);
    host.endpoint("orderdesk", |request| match request.path.as_str() {
        "/orders" => page_of(&[], request),
        _ => Reply::json(200, &json!({ "status": "success", "order": order(5) })),
    });
    let kept = || {
        let read = |id: u64| get(&host, json!({ "order_id": id }))["cached"] == true;
        [list(&host, json!({}))["cached"] == true, read(5), read(6)]
    };
    kept();
    assert_eq!(kept(), [true, true, true]);
    invalidate(&host, &["orders/lists", "orders/5"]);
    assert_eq!(kept(), [false, false, true]);
    invalidate(&host, &["orders"]);
    assert_eq!(kept(), [false, false, false]);
}

/// Two stores whose Order Desk answers one order with the e-mail that was asked for.
fn by_email() -> FakeHost {
    let host = with_stores(&[("9021", "Alpha"), ("9022", "Beta")]);
    host.endpoint("orderdesk", |request| {
        let store = request.header("orderdesk-store-id").unwrap();
        let email = request.parameter("email").unwrap_or("nobody");
        let found = but(order(5), json!({ "email": email, "source_id": store }));
        match request.path.as_str() {
            "/orders" => page_of(&[found], request),
            _ => Reply::json(200, &json!({ "status": "success", "order": found })),
        }
    });
    host
}

#[test]
fn the_orders_of_one_customer_are_never_answered_for_another() {
    let host = by_email();
    let ask = |email: &str| {
        list(
            &host,
            json!({ "email": email, "store_identifier": "9021", "fields": ["email"] }),
        )
    };
    for (email, cached) in [
        ("a@example.com", false),
        ("b@example.com", false),
        ("a@example.com", true),
        ("b@example.com", true),
    ] {
        let listed = ask(email);
        assert_eq!(listed["orders"][0]["email"], email);
        assert_eq!(listed["cached"], cached, "{email}");
    }
    assert_eq!(host.requests().len(), 2);
}

#[test]
fn the_orders_of_one_store_are_never_answered_for_another() {
    let host = by_email();
    for store in ["9021", "Beta"] {
        let listed = list(&host, json!({ "store_identifier": store }));
        assert_eq!(listed["cached"], false);
        assert_eq!(
            listed["orders"][0]["source_id"],
            listed["store"]["store_id"]
        );
    }
}

#[test]
fn every_part_of_a_search_keeps_its_answer_apart() {
    let host = by_email();
    let searches = [
        json!({}),
        json!({ "email": "a@example.com" }),
        json!({ "email": "a@example.com", "limit": 5 }),
        json!({ "email": "a@example.com", "offset": 5 }),
        json!({ "email": "a@example.com", "order": "ASC" }),
        json!({ "email": "a@example.com", "get_order_history": true }),
        json!({ "search": "a@example.com" }),
        json!({ "folder_id": [1, 2] }),
        json!({ "folder_id": [12] }),
        json!({ "search_start_date": "2026-03-01" }),
        json!({ "search_end_date": "2026-03-01" }),
    ];
    for search in &searches {
        let search = but(search.clone(), json!({ "store_identifier": "9021" }));
        assert_eq!(list(&host, search.clone())["cached"], false, "{search}");
    }
    assert_eq!(host.requests().len(), searches.len());
}

#[test]
fn how_an_answer_is_shown_is_no_reason_to_ask_again() {
    let host = by_email();
    let ask = |arguments: Value| list(&host, but(arguments, json!({ "store_identifier": "9021" })));
    ask(json!({ "search_start_date": "2026-03-01" }));
    for arguments in [
        json!({ "search_start_date": "2026-03-01 00:00:00", "response_format": "detailed" }),
        json!({ "search_start_date": "2026-03-01T01:00:00+01:00", "fields": ["id"] }),
    ] {
        assert_eq!(ask(arguments.clone())["cached"], true, "{arguments}");
    }
}

#[test]
fn an_answer_is_kept_for_fifteen_seconds() {
    let host = by_email();
    for arguments in [
        ("orders_list", json!({ "store_identifier": "9021" })),
        (
            "orders_get",
            json!({ "store_identifier": "9021", "order_id": 5 }),
        ),
    ] {
        let ask = || call(&host, arguments.0, arguments.1.clone()).unwrap()["cached"].clone();
        assert_eq!(ask(), false);
        host.advance(Duration::from_millis(14_999));
        assert_eq!(ask(), true);
        host.advance(Duration::from_millis(1));
        assert_eq!(ask(), false);
    }
}
