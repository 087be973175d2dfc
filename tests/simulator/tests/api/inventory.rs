//! Behaviour 24, and the batch of inventory items from 23.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::client::{Bench, bench};

async fn with_three_items() -> (Bench, Vec<Value>) {
    let bench = bench().await;
    let mut items = Vec::new();
    for code in ["AAA", "BBB", "CCC"] {
        let input = json!({
            "name": format!("Item {code}"), "code": code, "price": 34.5, "stock": 118, "location": "Aisle 4",
            "manufacturer_sku": "M1", "metadata": {"print_sku": "P"},
        });
        let reply = bench.api.post("/inventory-items", &input).await;
        assert_eq!(reply.status, 201);
        assert_eq!(reply.json()["message"], "Inventory Item Added");
        items.push(reply.json()["inventory_item"].clone());
    }
    (bench, items)
}

fn codes(reply: &Value) -> Vec<&str> {
    reply["inventory_items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["code"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn behaviour_24_inventory_filters_by_codes_and_counts_in_a_string() {
    let (bench, items) = with_three_items().await;
    let all = bench.api.get("/inventory-items").await.json();
    assert_eq!(codes(&all), ["CCC", "BBB", "AAA"]);
    assert_eq!(
        (&all["total_records"], &all["records_returned"]),
        (&json!("3"), &json!(3))
    );
    assert_eq!(
        codes(
            &bench
                .api
                .get("/inventory-items?code=AAA,%20CCC")
                .await
                .json()
        ),
        ["CCC", "AAA"]
    );
    assert_eq!(
        codes(
            &bench
                .api
                .get("/inventory-items?search=item%20b")
                .await
                .json()
        ),
        ["BBB"]
    );
    let page = bench
        .api
        .get("/inventory-items?limit=1&offset=1")
        .await
        .json();
    assert_eq!(codes(&page), ["BBB"]);
    assert_eq!(
        (&page["total_records"], &page["records_returned"]),
        (&json!("3"), &json!(1))
    );
    let one = bench
        .api
        .get(&format!("/inventory-items/{}", items[0]["id"]))
        .await
        .json();
    assert_eq!(
        (&one["inventory_item"], &one["records_returned"]),
        (&items[0], &json!(1))
    );
}

#[tokio::test]
async fn behaviour_24_put_of_an_inventory_item_blanks_what_is_left_out() {
    let (bench, items) = with_three_items().await;
    bench.clock.advance(SignedDuration::from_secs(5));
    let path = format!("/inventory-items/{}", items[0]["id"]);
    let reply = bench
        .api
        .put(
            &path,
            &json!({"name": "Item AAA", "code": "AAA", "stock": "7"}),
        )
        .await;
    assert_eq!(reply.json()["message"], "Inventory Item Updated");
    assert_eq!(reply.json().get("inventory_item"), None);
    let item = bench.api.get(&path).await.json()["inventory_item"].clone();
    assert_eq!(
        (&item["stock"], &item["price"], &item["location"]),
        (&json!(7), &json!(0), &json!(""))
    );
    assert_eq!(
        (&item["manufacturer_sku"], &item["metadata"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(item["date_added"], "2026-03-02 17:40:05");
    assert_eq!(item["date_updated"], "2026-03-02 17:40:10");
}

#[tokio::test]
async fn codes_are_unique_and_required() {
    let (bench, items) = with_three_items().await;
    for input in [
        json!({"name": "Lamp"}),
        json!({"code": "X"}),
        json!({"name": "Lamp", "code": "AAA"}),
    ] {
        assert_eq!(
            bench.api.post("/inventory-items", &input).await.status,
            400,
            "{input}"
        );
    }
    let path = format!("/inventory-items/{}", items[1]["id"]);
    assert_eq!(
        bench
            .api
            .put(&path, &json!({"name": "Lamp", "code": "AAA"}))
            .await
            .status,
        400
    );
    let deleted = bench.api.delete(&path).await.json();
    assert_eq!(
        deleted["message"],
        format!("Inventory Item {} Deleted", items[1]["id"])
    );
    assert_eq!(bench.api.get(&path).await.status, 404);
}

#[tokio::test]
async fn behaviour_23_batch_inventory_items_takes_a_bare_array_of_whole_items() {
    let (bench, items) = with_three_items().await;
    let rows = json!([
        {"id": items[0]["id"], "name": "Item AAA", "code": "AAA", "stock": 1},
        {"id": items[1]["id"].to_string(), "name": "Item BBB", "code": "BBB", "stock": 2},
        {"id": 7, "name": "Unknown", "code": "ZZZ"},
    ]);
    let reply = bench.api.put("/batch-inventory-items", &rows).await.json();
    assert_eq!(reply["message"], "2 Inventory Items Updated");
    assert_eq!(reply.get("results"), None);
    let all = bench.api.get("/inventory-items").await.json();
    let stocks: Vec<i64> = all["inventory_items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["stock"].as_i64().unwrap())
        .collect();
    assert_eq!(stocks, [118, 2, 1]);

    let incomplete = json!([{"id": items[2]["id"], "name": "Item CCC", "stock": 3}]);
    assert_eq!(
        bench
            .api
            .put("/batch-inventory-items", &incomplete)
            .await
            .status,
        400
    );
    assert_eq!(
        bench
            .api
            .put("/batch-inventory-items", &json!({"inventory_items": rows}))
            .await
            .status,
        400
    );
}
