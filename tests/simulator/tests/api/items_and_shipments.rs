//! Behaviour 22 and the second half of 23: items, shipments and the batch of shipments.

use serde_json::json;

use crate::client::{bench, order_input};

#[tokio::test]
async fn behaviour_22_item_and_shipment_writes_answer_a_message_without_an_id() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    let items = format!("/orders/{id}/order-items");
    let shipments = format!("/orders/{id}/shipments");
    let item_id = bench.api.order(&id).await["order_items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();

    let shipment = json!({"tracking_number": "1ZX4420A0390011187", "carrier_code": "UPS"});
    let replies = [
        (
            bench.api.post(&items, &json!({"name": "Rope"})).await,
            "Order Item Added",
        ),
        (
            bench
                .api
                .put(&format!("{items}/{item_id}"), &json!({"name": "Rope"}))
                .await,
            "Order Item Updated",
        ),
        (
            bench.api.post(&shipments, &shipment).await,
            "Shipment Added",
        ),
    ];
    for (reply, message) in replies {
        let body = reply.json();
        assert_eq!(body["message"], message);
        let members: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(members, ["status", "message", "execution_time"]);
    }

    let again = bench.api.post(&shipments, &shipment).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.json()["status"], "error");
    assert_eq!(again.json()["message"], "Shipment Not Added");
    assert_eq!(bench.api.get(&shipments).await.json()["total_records"], 1);
}

#[tokio::test]
async fn items_are_listed_read_replaced_and_deleted() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    let path = format!("/orders/{id}/order-items");
    let list = bench.api.get(&path).await.json();
    assert_eq!(list["total_records"], 2);
    let item = list["order_items"][0].clone();
    let item_path = format!("{path}/{}", item["id"].as_str().unwrap());
    assert_eq!(bench.api.get(&item_path).await.json()["order_item"], item);

    bench
        .api
        .put(
            &item_path,
            &json!({"name": "Oak Organizer", "price": "30.10"}),
        )
        .await;
    let replaced = bench.api.get(&item_path).await.json()["order_item"].clone();
    assert_eq!(
        (&replaced["name"], &replaced["price"]),
        (&json!("Oak Organizer"), &json!(30.1))
    );
    assert_eq!(
        (&replaced["code"], &replaced["metadata"]),
        (&json!(""), &json!([]))
    );
    assert_eq!(
        (&replaced["quantity"], &replaced["delivery_type"]),
        (&json!(1), &json!("ship"))
    );

    let deleted = bench.api.delete(&item_path).await;
    assert_eq!(deleted.json()["status"], "success");
    assert_eq!(bench.api.get(&item_path).await.status, 404);
    assert_eq!(bench.api.get(&path).await.json()["total_records"], 1);
}

#[tokio::test]
async fn shipments_come_back_with_numbers_as_text_and_guessed_details() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    let path = format!("/orders/{id}/shipments");
    bench
        .api
        .post(
            &path,
            &json!({"tracking_number": "1Z55", "weight": 4.2, "cost": 8.1}),
        )
        .await;
    let list = bench.api.get(&path).await.json();
    let shipment = list["shipments"][0].clone();
    assert_eq!(
        (&shipment["weight"], &shipment["cost"]),
        (&json!("4.2"), &json!("8.1"))
    );
    assert_eq!(
        (&shipment["print_status"], &shipment["order_items"]),
        (&json!("0"), &json!(""))
    );
    assert_eq!(
        (&shipment["order_id"], &shipment["store_id"]),
        (&json!(id), &json!("9021"))
    );
    assert_eq!(shipment["carrier_code"], "UPS");
    assert!(shipment["tracking_url"].as_str().unwrap().contains("1Z55"));
    assert_eq!(shipment["date_shipped"], "2026-03-02");
    assert_eq!(shipment["date_added"], "2026-03-02 17:40:05");
    assert_eq!(
        bench.api.order(&id).await["order_shipments"],
        list["shipments"]
    );

    let one = format!("{path}/{}", shipment["id"].as_str().unwrap());
    assert_eq!(bench.api.get(&one).await.json()["shipment"], shipment);
    let change = json!({"tracking_number": "1Z56", "shipment_date": "2026-03-05"});
    assert_eq!(
        bench.api.put(&one, &change).await.json()["message"],
        "Shipment Updated"
    );
    let changed = bench.api.get(&one).await.json()["shipment"].clone();
    assert_eq!(
        (&changed["tracking_number"], &changed["date_shipped"]),
        (&json!("1Z56"), &json!("2026-03-05"))
    );
    assert_eq!(changed["weight"], "");

    let deleted = bench.api.delete(&one).await.json();
    assert_eq!(
        deleted["message"],
        format!("Shipment {} Deleted", shipment["id"].as_str().unwrap())
    );
    assert_eq!(bench.api.get(&one).await.status, 404);
}

#[tokio::test]
async fn a_shipment_needs_a_tracking_number_and_several_may_have_none() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    let path = format!("/orders/{id}/shipments");
    assert_eq!(
        bench
            .api
            .post(&path, &json!({"carrier_code": "UPS"}))
            .await
            .status,
        400
    );
    for _ in 0..2 {
        let reply = bench
            .api
            .post(&path, &json!({"tracking_number": "n/a"}))
            .await;
        assert_eq!(reply.json()["status"], "success");
    }
}

#[tokio::test]
async fn behaviour_23_batch_shipments_takes_a_bare_array_and_answers_row_by_row() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    let rows = json!([
        {"order_id": id, "tracking_number": "T1"},
        {"order_id": id, "tracking_number": "T1"},
        {"order_id": 7, "tracking_number": "T2"},
        {"tracking_number": "T3"},
    ]);
    let reply = bench.api.post("/batch-shipments", &rows).await.json();
    assert_eq!(
        (&reply["status"], &reply["message"]),
        (&json!("success"), &json!("1 Shipments Added"))
    );
    let statuses: Vec<&str> = reply["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["success", "error", "error", "error"]);
    assert_eq!(reply["results"][1]["message"], "Shipment Not Added");
    assert_eq!(
        bench.api.order(&id).await["order_shipments"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let wrapped = bench
        .api
        .post("/batch-shipments", &json!({"shipments": rows}))
        .await;
    assert_eq!(wrapped.status, 400);
}
