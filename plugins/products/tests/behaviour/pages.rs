//! Pages of `products_list`.

use proptest::prelude::*;

use super::*;

fn walk(host: &FakeHost, arguments: Value) -> Vec<String> {
    let mut met = Vec::new();
    let mut arguments = arguments;
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

#[test]
fn a_page_says_how_many_remain_and_how_to_go_on_or_narrow() {
    let host = holding((1..=50).map(product).collect(), None);
    let listed = list(&host, json!({}));
    assert_eq!(
        (&listed["total"], &listed["returned"]),
        (&json!(50), &json!(20))
    );
    let note = listed["note"].as_str().unwrap();
    assert!(
        note.contains("30 more") && note.contains("next_cursor") && note.contains("narrow"),
        "{note}"
    );
}

#[test]
fn a_cursor_only_continues_the_search_that_it_comes_from() {
    let host = holding((1..=50).map(product).collect(), None);
    let cursor = list(&host, json!({ "search": "desk" }))["next_cursor"].clone();
    let error = call(
        &host,
        "products_list",
        json!({ "search": "label", "cursor": cursor }),
    )
    .unwrap_err();
    assert!(error.has_code("bad-cursor"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn following_the_cursor_meets_every_product_once_whatever_the_count_says(
        count in 0..120_u64, limit in 1..60_u32,
        total in prop_oneof![Just(None), Just(Some(json!("0"))), Just(Some(json!(null)))],
    ) {
        let host = holding((0..count).map(product).collect(), total);
        let wanted: Vec<String> = (0..count).map(|id| id.to_string()).collect();
        prop_assert_eq!(walk(&host, json!({ "limit": limit })), wanted);
    }
}
