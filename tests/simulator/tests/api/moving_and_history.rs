//! Behaviour 21 and the first half of 23: history and folders.

use serde_json::{Value, json};

use crate::client::{bench, order_input, order_with};

fn notes(order: &Value) -> Vec<&str> {
    order["order_history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["note"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn behaviour_21_history_is_shown_on_request_and_grows_by_posts_edits_and_moves() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    assert_eq!(
        bench.api.get("/orders").await.json()["orders"][0].get("order_history"),
        None
    );

    let entry = json!({"note": "Customer called", "source_name": "Desk"});
    let posted = bench
        .api
        .post(&format!("/orders/{id}/order-history"), &entry)
        .await
        .json();
    assert_eq!(posted["total_records"], 1);
    assert_eq!(notes(&posted["order"]), ["Order Added", "Customer called"]);
    let last = json!({"source_name": "Desk", "note": "Customer called", "date_added": "2026-03-02 17:40:05"});
    assert_eq!(posted["order"]["order_history"][1], last);
    assert_eq!(
        posted["order"]["order_items"].as_array().unwrap().len(),
        2,
        "the whole order"
    );

    bench
        .api
        .put(&format!("/orders/{id}"), &order_input())
        .await;
    bench
        .api
        .post(
            "/move-orders",
            &json!({"order_id_list": [id], "destination_folder_id": 31003}),
        )
        .await;
    let listed = bench.api.get("/orders?get_order_history=1").await.json();
    let expected = [
        "Order Added",
        "Customer called",
        "Order Updated",
        "Order Moved to Packing Folder",
    ];
    assert_eq!(notes(&listed["orders"][0]), expected);
}

#[tokio::test]
async fn history_needs_a_note() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    let reply = bench
        .api
        .post(
            &format!("/orders/{id}/order-history"),
            &json!({"source_name": "Desk"}),
        )
        .await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn behaviour_23_move_orders_takes_a_list_and_one_destination() {
    let bench = bench().await;
    let first = bench.api.create(&order_input()).await;
    let second = bench
        .api
        .create(&order_with(&json!({"source_id": "B", "folder_id": 31002})))
        .await;
    let ids = json!([first.parse::<u64>().unwrap(), second, 7]);
    let request = json!({"order_id_list": ids, "destination_folder_name": "Packing"});
    let reply = bench.api.post("/move-orders", &request).await;
    assert_eq!(reply.status, 200);
    let moved = |id: &str, from: i64| {
        json!({"order_id": id.parse::<u64>().unwrap(), "message": "Order Moved to Packing Folder",
               "original_folder_id": from})
    };
    assert_eq!(reply.json()["message"], "2 Orders Moved");
    let unknown = json!({"order_id": 7, "message": "Order Not Found"});
    assert_eq!(
        reply.json()["results"],
        json!([moved(&first, 31001), moved(&second, 31002), unknown])
    );
    assert_eq!(bench.api.order(&first).await["folder_id"], 31003);

    for (request, status) in [
        (json!({"order_id_list": [first]}), 400),
        (
            json!({"order_id_list": [first], "destination_folder_id": 31001, "destination_folder_name": "New"}),
            400,
        ),
        (json!({"order_ids": [first], "folder_id": 31001}), 400),
        (
            json!({"order_id_list": [first], "destination_folder_name": "Nowhere"}),
            404,
        ),
    ] {
        let reply = bench.api.post("/move-orders", &request).await;
        assert_eq!(reply.status, status, "{request}");
        assert_eq!(reply.json()["status"], "error");
    }
    assert_eq!(bench.api.order(&first).await["folder_id"], 31003);
}

#[tokio::test]
async fn a_deleted_order_is_gone() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    let path = format!("/orders/{id}");
    assert_eq!(
        bench.api.delete(&path).await.json()["message"],
        format!("Order {id} Deleted")
    );
    assert_eq!(bench.api.get(&path).await.status, 404);
    assert_eq!(bench.api.delete(&path).await.status, 404);
}
