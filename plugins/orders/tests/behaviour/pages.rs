//! Pages of `orders_list`: every order once, however they are cut.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The ids on all pages, in the order met.
fn walk(host: &FakeHost, arguments: &Value) -> Vec<String> {
    let mut met = Vec::new();
    let mut arguments = arguments.clone();
    for _ in 0..1_000 {
        let listed = list(host, arguments.clone());
        met.extend(ids(&listed).into_iter().map(str::to_owned));
        match listed["next_cursor"].as_str() {
            Some(cursor) => arguments["cursor"] = cursor.into(),
            None => return met,
        }
    }
    panic!("the pages never end");
}

fn large(id: u64, kilobytes: usize) -> Value {
    but(
        order(id),
        json!({ "order_metadata": { "text": "x".repeat(kilobytes * 1024) } }),
    )
}

#[test]
fn a_page_says_how_many_remain_and_how_to_go_on_or_narrow() {
    let host = holding((1..=50).map(order).collect());
    let listed = list(&host, json!({ "limit": 20, "offset": 10 }));
    assert_eq!(
        (&listed["total"], &listed["returned"]),
        (&json!(50), &json!(20))
    );
    let note = listed["note"].as_str().unwrap();
    assert!(
        note.contains("20 more") && note.contains("next_cursor") && note.contains("narrow"),
        "{note}"
    );
    let rest = list(
        &host,
        json!({ "limit": 20, "cursor": listed["next_cursor"] }),
    );
    assert_eq!(ids(&rest).first(), Some(&"31"));
    assert_eq!(rest["next_cursor"], json!(null));
    assert_eq!(rest.get("note"), None);
}

#[test]
fn a_page_that_would_fill_a_context_ends_early_and_says_what_remains() {
    let host = holding((1..=50).map(|id| large(id, 8)).collect());
    let listed = list(&host, json!({ "limit": 30, "response_format": "detailed" }));
    let returned = listed["returned"].as_u64().unwrap();
    assert!(returned > 0 && returned < 30);
    // About four bytes of JSON make a token.
    assert!(listed.to_string().len() < 20_000 * 4);
    let note = listed["note"].as_str().unwrap();
    assert!(
        note.contains("early")
            && note.contains(&format!("{} more", 50 - returned))
            && note.contains("next_cursor"),
        "{note}"
    );
    let all: Vec<String> = (1..=50).map(|id: u64| id.to_string()).collect();
    assert_eq!(
        walk(
            &host,
            &json!({ "limit": 30, "response_format": "detailed" })
        ),
        all
    );
}

#[test]
fn one_order_larger_than_a_page_is_still_answered() {
    let host = holding(vec![large(1, 200), order(2)]);
    assert_eq!(
        walk(&host, &json!({ "response_format": "detailed" })),
        ["1", "2"]
    );
}

#[test]
fn orders_left_out_as_inexact_matches_do_not_shift_the_pages() {
    // Ten that only resemble the number come first: where the page is cut, more were read than shown.
    let orders = (0..40).map(|id| {
        let source = if id < 10 { "100" } else { "10" };
        but(large(id, 8), json!({ "source_id": source }))
    });
    let host = holding(orders.collect());
    let arguments = json!({ "source_id": "10", "limit": 30, "response_format": "detailed" });
    let wanted: Vec<String> = (10..40).map(|id: u64| id.to_string()).collect();
    assert_eq!(walk(&host, &arguments), wanted);
}

#[test]
fn an_early_end_does_not_make_the_total_smaller() {
    let mut orders: Vec<Value> = (0..20)
        .map(|id| but(large(id, 8), json!({ "source_id": "10" })))
        .collect();
    orders.push(but(order(20), json!({ "source_id": "100" })));
    let host = holding(orders);
    let listed = list(
        &host,
        json!({ "source_id": "10", "limit": 30, "response_format": "detailed" }),
    );
    assert!(listed["returned"].as_u64().unwrap() < 20);
    assert_eq!(listed["total"], 20);
}

#[test]
fn a_cursor_only_continues_the_search_that_it_comes_from() {
    let host = with_stores(&[("9021", "Alpha"), ("9022", "Beta")]);
    let orders: Vec<Value> = (1..=50).map(order).collect();
    host.endpoint("orderdesk", move |request| page_of(&orders, request));
    let search = json!({ "store_identifier": "9021", "email": "a@example.com" });
    let cursor = list(&host, search.clone())["next_cursor"].clone();
    let requests = host.requests().len();
    for other in [
        json!({ "email": "b@example.com" }),
        json!({ "store_identifier": "9022" }),
        json!({ "order": "ASC" }),
        json!({ "folder_name": "New" }),
        json!({ "cursor": "nonsense" }),
        json!({ "cursor": "" }),
    ] {
        let arguments = but(
            but(search.clone(), json!({ "cursor": cursor })),
            other.clone(),
        );
        let error = call(&host, "orders_list", arguments).unwrap_err();
        assert!(error.has_code("bad-cursor"), "{other}: {error}");
        assert!(error.message.contains("next_cursor"), "{error}");
    }
    let error = call(
        &host,
        "orders_list",
        but(search.clone(), json!({ "cursor": cursor, "offset": 20 })),
    )
    .unwrap_err();
    assert!(error.has_code("two-starts"), "{error}");
    assert_eq!(host.requests().len(), requests);

    // How much is shown is no other search.
    let arguments = but(
        search,
        json!({ "cursor": cursor, "limit": 5, "response_format": "detailed" }),
    );
    assert_eq!(ids(&list(&host, arguments)), ["21", "22", "23", "24", "25"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn following_the_cursor_meets_every_match_once_and_nothing_else(
        orders in prop::collection::vec((any::<bool>(), 0..12_usize), 0..40),
        limit in 1..30_u32,
        detailed in any::<bool>(),
    ) {
        let shop_number = |exact: bool| if exact { "10" } else { "100" };
        let wanted: Vec<String> = (0..)
            .zip(&orders)
            .filter(|(_, (exact, _))| *exact)
            .map(|(id, _): (u64, _)| id.to_string())
            .collect();
        let host = holding(
            (0..)
                .zip(&orders)
                .map(|(id, (exact, size))| but(large(id, *size), json!({ "source_id": shop_number(*exact) })))
                .collect(),
        );
        let format = if detailed { "detailed" } else { "concise" };
        let met = walk(&host, &json!({ "source_id": "10", "limit": limit, "response_format": format }));
        let mut times = BTreeMap::new();
        for id in &met {
            *times.entry(id).or_insert(0) += 1;
        }
        prop_assert!(times.values().all(|times| *times == 1), "{:?}", met);
        prop_assert_eq!(met, wanted);
    }
}
