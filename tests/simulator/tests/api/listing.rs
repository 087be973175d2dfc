//! Behaviours 9 and 20: filters, dates, sorting and paging of `GET /orders`.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::client::{Bench, bench, order_with};

/// Three orders: A (10:00 UTC on March 1), B (03:00 UTC on March 2), C (12:00 UTC on March 2).
async fn three() -> (Bench, [String; 3]) {
    let bench = bench().await;
    let person = |first: &str, last: &str, company: &str| json!({"first_name": first, "last_name": last, "company": company, "address1": "1 Elm", "phone": "1"});
    let inputs = [
        json!({"source_id": "A-1", "source_name": "Shopify", "email": "a@example.com", "customer_id": "C1",
               "date_added": "2026-03-01 10:00:00", "shipping": person("Ruth", "Zimmer", "Acme"), "tax_total": 9}),
        json!({"source_id": "B-1", "source_name": "Etsy", "email": "b@example.com", "customer_id": "C2",
               "date_added": "2026-03-02 03:00:00", "shipping": person("Mei", "Adams", "Bolt"), "tax_total": 10,
               "folder_id": 31002, "order_notes": [{"content": "leave with the neighbour"}]}),
        json!({"source_id": "C-12", "source_name": "Etsy", "email": "c@example.com", "customer_id": "C3",
               "date_added": "2026-03-02 12:00:00", "shipping": person("Sam", "moss", "Cope"), "tax_total": 1,
               "customer": person("Leah", "Moss", "Dock"), "folder_id": 31003}),
    ];
    let mut ids = Vec::new();
    for input in &inputs {
        ids.push(bench.api.create(&order_with(input)).await);
        bench.clock.advance(SignedDuration::from_mins(1));
    }
    (bench, ids.try_into().unwrap())
}

async fn assert_finds(bench: &Bench, query: &str, expected: &[&String]) {
    let found = bench.api.found(&format!("order=asc&{query}")).await;
    assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
}

#[tokio::test]
async fn behaviour_09_dates_are_utc_and_filters_read_them_leniently() {
    let (bench, [a, b, c]) = three().await;
    assert_eq!(
        bench.api.order(&a).await["date_added"],
        "2026-03-01 10:00:00"
    );
    for start in [
        "2026-03-02",
        "2026-03-02 00:00:00",
        "2026-03-02T00:00:00",
        "2026-03-02T00:00:00.000Z",
        "2026-03-01T19:00:00-05:00",
        "Mon, 02 Mar 2026 00:00:00 GMT",
    ] {
        let query = serde_urlencoded(&[("search_start_date", start)]);
        assert_finds(&bench, &query, &[&b, &c]).await;
    }
    assert_finds(&bench, "search_end_date=2026-03-02%2003:00:00", &[&a, &b]).await;
    // 03:00 UTC on March 2 is still March 1 in New York.
    assert_finds(&bench, "search_start_date_local=2026-03-02", &[&c]).await;
    assert_finds(&bench, "search_end_date_local=2026-03-02", &[&a, &b]).await;
    assert_finds(
        &bench,
        "search_start_date=2026-03-02&search_end_date=2026-03-02%2004:00:00",
        &[&b],
    )
    .await;
    // The orders were written at 17:40:05, 17:41:05 and 17:42:05.
    assert_finds(
        &bench,
        "modified_start_date=2026-03-02T17:41:05Z",
        &[&b, &c],
    )
    .await;
    assert_finds(&bench, "modified_end_date=2026-03-02T17:41:05Z", &[&a, &b]).await;
    assert_finds(&bench, "search_start_date=whenever", &[&a, &b, &c]).await;
}

fn serde_urlencoded(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

#[tokio::test]
async fn behaviour_20_filters_are_joined_by_and_and_unknown_parameters_ignored() {
    let (bench, [a, b, c]) = three().await;
    let cases: [(&str, &[&String]); 22] = [
        ("folder_id=31002", &[&b]),
        ("folder_id=31001,%2031003", &[&a, &c]),
        ("folder_name=Packing", &[&c]),
        ("folder_name=Nowhere", &[]),
        ("folder_id=31001&folder_name=Packing", &[]),
        ("source_id=b-1", &[&b]),
        ("source_name=Etsy", &[&b, &c]),
        ("email=C@example.com", &[&c]),
        ("customer_id=C1", &[&a]),
        ("customer_first_name=Leah", &[&c]),
        ("customer_last_name=moss", &[&c]),
        ("customer_company=Dock", &[&c]),
        ("customer_address1=1%20Elm", &[&a, &b, &c]),
        ("customer_phone=2", &[]),
        ("shipping_first_name=Sam", &[&c]),
        ("shipping_last_name=Adams", &[&b]),
        ("shipping_company=Acme", &[&a]),
        ("shipping_address1=1%20elm&shipping_phone=1", &[&a, &b, &c]),
        ("source_name=Etsy&folder_id=31003", &[&c]),
        ("search=neighbour", &[&b]),
        ("search=ruth%20zim", &[&a]),
        ("status=open&page=7&per_page=1", &[&a, &b, &c]),
    ];
    for (query, expected) in cases {
        assert_finds(&bench, query, expected).await;
    }
}

#[tokio::test]
async fn lists_sort_by_any_field_newest_first_unless_asked_otherwise() {
    let (bench, [a, b, c]) = three().await;
    let cases: [(&str, [&String; 3]); 8] = [
        ("", [&c, &b, &a]),
        ("order=ASC", [&a, &b, &c]),
        ("order=asc", [&a, &b, &c]),
        ("order_by=shipping_last_name&order=ASC", [&b, &c, &a]),
        ("order_by=source_name&order=ASC", [&b, &c, &a]),
        ("order_by=tax_total&order=desc", [&b, &a, &c]),
        ("order_by=id", [&c, &b, &a]),
        ("order_by=nonsense&order=ASC", [&a, &b, &c]),
    ];
    for (query, expected) in cases {
        let found = bench.api.found(query).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn lists_come_in_pages_with_four_int_counters() {
    let bench = bench().await;
    let now = bench.simulator.now();
    bench.simulator.with_store(crate::client::STORE, |store| {
        for _ in 0..55 {
            store
                .add_order(&order_with(&json!({"source_id": ""})), now)
                .unwrap();
        }
    });
    let counters = |reply: &Value| {
        ["total_records", "records_returned", "offset", "limit"]
            .map(|name| reply[name].as_i64().unwrap())
    };
    let first = bench.api.get("/orders").await.json();
    assert_eq!(counters(&first), [55, 50, 0, 50]);
    assert_eq!(first["orders"].as_array().unwrap().len(), 50);
    let second = bench.api.get("/orders?offset=50&limit=10").await.json();
    assert_eq!(counters(&second), [55, 5, 50, 10]);
    let beyond = bench.api.get("/orders?offset=500&limit=x").await.json();
    assert_eq!(counters(&beyond), [55, 0, 500, 50]);
}
