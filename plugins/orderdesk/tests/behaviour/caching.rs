//! What is answered from the cache, and what never is.

use std::cell::Cell;
use std::rc::Rc;

use orderdesk_plugin::testing::Reply;

use super::*;

/// Two stores, and a service that counts its answers.
fn counting() -> (FakeHost, Rc<Cell<u32>>) {
    let host = FakeHost::new();
    register(&host, "9021", "Alpha");
    register(&host, "9022", "Beta");
    let count = Rc::new(Cell::new(0));
    let counter = Rc::clone(&count);
    host.endpoint("orderdesk", move |_| {
        counter.set(counter.get() + 1);
        Reply::json(
            200,
            &json!({ "status": "success", "number": counter.get() }),
        )
    });
    (host, count)
}

fn read(host: &FakeHost, store: &str, query: &[(&str, &str)]) -> (Value, bool) {
    let arguments = json!({ "store_identifier": store, "query": query });
    let answer = call(host, "read", arguments).unwrap();
    (
        answer["answer"]["number"].clone(),
        answer["cached"].as_bool().unwrap(),
    )
}

#[test]
fn the_same_request_is_answered_once_until_its_time_is_over() {
    let (host, count) = counting();
    assert_eq!(read(&host, "9021", &[]), (json!(1), false));
    assert_eq!(read(&host, "Alpha", &[]), (json!(1), true));
    host.advance(Duration::from_secs(15));
    assert_eq!(read(&host, "9021", &[]), (json!(2), false));
    assert_eq!(count.get(), 2);
}

#[test]
fn a_difference_anywhere_in_the_request_is_another_entry() {
    let (host, count) = counting();
    let requests: &[&[(&str, &str)]] = &[
        &[],
        &[("email", "a@example.com")],
        &[("email", "b@example.com")],
        &[("email", "a@example.com"), ("limit", "5")],
        &[("email", "a@example.com\",\"limit\",\"5")],
        &[("email", "a@example.com,limit=5")],
    ];
    for query in requests {
        assert!(!read(&host, "9021", query).1, "{query:?}");
    }
    assert!(!read(&host, "9022", &[]).1);
    assert_eq!(count.get(), 7);

    let one = call(
        &host,
        "read",
        json!({ "store_identifier": "9021", "path": ["a/b"] }),
    )
    .unwrap();
    let two = call(
        &host,
        "read",
        json!({ "store_identifier": "9021", "path": ["a", "b"] }),
    )
    .unwrap();
    assert_eq!(
        (&one["cached"], &two["cached"]),
        (&json!(false), &json!(false))
    );
}

#[test]
fn the_order_of_the_parameters_makes_no_difference() {
    let (host, _) = counting();
    read(&host, "9021", &[("limit", "5"), ("email", "a@example.com")]);
    let (_, cached) = read(&host, "9021", &[("email", "a@example.com"), ("limit", "5")]);
    assert!(cached);
}

#[test]
fn a_write_makes_the_stores_answers_stale_and_no_others() {
    let (host, _) = counting();
    read(&host, "9021", &[]);
    read(&host, "9022", &[]);
    call(&host, "write", json!({ "store_identifier": "9021" })).unwrap();
    assert!(!read(&host, "9021", &[]).1);
    assert!(read(&host, "9022", &[]).1);
}

#[test]
fn a_read_that_began_before_a_write_does_not_bring_the_old_state_back() {
    let host = FakeHost::new();
    register(&host, "9021", "Alpha");
    let inner = host.clone();
    let written = Cell::new(false);
    host.endpoint("orderdesk", move |request| {
        // While the first read is under way, another call writes.
        if request.path == "/orders" && !written.replace(true) {
            call(&inner, "write", json!({ "path": ["move-orders"] })).unwrap();
        }
        Reply::json(200, &json!({ "status": "success" }))
    });
    assert_eq!(call(&host, "read", json!({})).unwrap()["cached"], false);
    assert_eq!(call(&host, "read", json!({})).unwrap()["cached"], false);
    assert_eq!(call(&host, "read", json!({})).unwrap()["cached"], true);
}

#[test]
fn an_error_is_not_kept() {
    let host = FakeHost::new();
    register(&host, "9021", "Alpha");
    let failed = Cell::new(false);
    host.endpoint("orderdesk", move |_| {
        if failed.replace(true) {
            Reply::json(200, &json!({ "status": "success" }))
        } else {
            Reply::json(500, &json!({ "status": "error" }))
        }
    });
    call(&host, "read", json!({})).unwrap_err();
    assert_eq!(call(&host, "read", json!({})).unwrap()["cached"], false);
}
