//! Behaviours 15 to 18: a PUT replaces the order.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::client::{Api, bench, order_input, order_with, order_without};

async fn put(api: &Api, id: &str, body: &Value) -> Value {
    let reply = api.put(&format!("/orders/{id}"), body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["order"].clone()
}

#[tokio::test]
async fn behaviour_15_put_blanks_what_is_left_out_and_replaces_maps_and_notes() {
    let bench = bench().await;
    let id = bench
        .api
        .create(&order_with(
            &json!({"order_notes": [{"content": "first"}, {"content": "second"}]}),
        ))
        .await;
    let body = json!({
        "checkout_data": {"Color": "Blue"}, "order_notes": [{"content": "third"}],
        "shipping": {"company": "Acme"},
    });
    let order = put(&bench.api, &id, &body).await;
    for field in [
        "email",
        "shipping_method",
        "payment_type",
        "payment_status",
        "cc_exp",
        "source_name",
    ] {
        assert_eq!(order[field], "", "{field}");
    }
    for field in [
        "shipping_total",
        "tax_total",
        "processor_balance",
        "discount_total",
    ] {
        assert_eq!(order[field], 0, "{field}");
    }
    assert_eq!(order["checkout_data"], json!({"Color": "Blue"}));
    assert_eq!(order["order_metadata"], json!([]));
    assert_eq!(order["discount_list"], json!([]));
    assert_eq!(order["order_notes"].as_array().unwrap().len(), 1);
    assert_eq!(order["order_notes"][0]["content"], "third");
    assert_eq!(order["shipping"]["first_name"], "");
    assert_eq!(order["id"], json!(id));
    assert_eq!(order["source_id"], "WEB-10482", "writable on create only");
    assert_eq!(order["date_added"], "2026-03-02 17:40:05");
}

#[tokio::test]
async fn behaviour_16_put_updates_adds_and_removes_items() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    let mut body = bench.api.order(&id).await;
    let kept = body["order_items"][1]["id"].clone();
    body["order_items"] = json!([
        {"id": kept, "name": "Brass Label Holder", "code": "LBL-BRS", "price": 6.25, "quantity": 1},
        {"name": "Rope", "code": "RPE", "price": 2},
        {"id": "1", "name": "Not of this order", "price": 1},
    ]);
    let order = put(&bench.api, &id, &body).await;
    let items = order["order_items"].as_array().unwrap();
    assert_eq!(items.len(), 3, "the organizer is gone");
    assert_eq!((&items[0]["id"], &items[0]["quantity"]), (&kept, &json!(1)));
    assert_eq!(items[0]["weight"], 0, "an item is replaced too");
    assert_ne!(items[1]["id"], kept);
    assert_ne!(items[2]["id"], "1", "an unknown id is an addition");
    assert_eq!(order["product_total"], json!(9.25));

    let without_items = order_without(&["order_items"]);
    let order = put(&bench.api, &id, &without_items).await;
    assert_eq!(
        order["order_items"].as_array().unwrap().len(),
        3,
        "no key, no change"
    );
}

#[tokio::test]
async fn behaviour_17_put_never_changes_shipments() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    bench
        .api
        .post(
            &format!("/orders/{id}/shipments"),
            &json!({"tracking_number": "T1"}),
        )
        .await;
    let before = bench.api.order(&id).await["order_shipments"].clone();
    for shipments in [json!([]), json!([{"tracking_number": "T2"}])] {
        let order = put(
            &bench.api,
            &id,
            &order_with(&json!({"order_shipments": shipments})),
        )
        .await;
        assert_eq!(order["order_shipments"], before);
    }
}

#[tokio::test]
async fn behaviour_18_put_moves_to_another_folder_and_every_write_bumps_date_updated() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    bench.clock.advance(SignedDuration::from_secs(1));
    let order = put(&bench.api, &id, &order_with(&json!({"folder_id": "31003"}))).await;
    assert_eq!(order["folder_id"], 31003);
    assert_eq!(order["date_added"], "2026-03-02 17:40:05");
    assert_eq!(order["date_updated"], "2026-03-02 17:40:06");

    let path = |rest: &str| format!("/orders/{id}/{rest}");
    bench.clock.advance(SignedDuration::from_secs(1));
    bench
        .api
        .post(&path("shipments"), &json!({"tracking_number": "T1"}))
        .await;
    assert_eq!(
        bench.api.order(&id).await["date_updated"],
        "2026-03-02 17:40:07"
    );
    bench.clock.advance(SignedDuration::from_secs(1));
    bench
        .api
        .post(&path("order-items"), &json!({"name": "Rope"}))
        .await;
    assert_eq!(
        bench.api.order(&id).await["date_updated"],
        "2026-03-02 17:40:08"
    );
    bench.clock.advance(SignedDuration::from_secs(1));
    bench
        .api
        .post(&path("order-history"), &json!({"note": "Called"}))
        .await;
    assert_eq!(
        bench.api.order(&id).await["date_updated"],
        "2026-03-02 17:40:09"
    );
    bench.clock.advance(SignedDuration::from_secs(1));
    bench
        .api
        .post(
            "/move-orders",
            &json!({"order_id_list": [id], "destination_folder_name": "New"}),
        )
        .await;
    assert_eq!(
        bench.api.order(&id).await["date_updated"],
        "2026-03-02 17:40:10"
    );
}

#[tokio::test]
async fn putting_back_what_was_read_restores_every_field() {
    let bench = bench().await;
    let id = bench.api.create(&order_with(&json!({
        "order_notes": [{"content": "note", "username": "Dana"}], "return_address": {"name": "Returns"},
        "tag_name": "success", "fulfillment_name": "Warehouse", "folder_id": 31002,
    })))
    .await;
    let before = bench.api.order(&id).await;
    bench.api.put(&format!("/orders/{id}"), &before).await;
    assert_eq!(bench.api.order(&id).await, before);
}

#[tokio::test]
async fn notes_beyond_the_shared_store_are_lost_from_the_end() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    let notes = json!([
        {"date_added": "2026-03-01 10:00:00", "username": "Dana", "content": "a".repeat(1_900)},
        {"date_added": "2026-03-02 10:00:00", "username": "Dana", "content": "b".repeat(500)},
        {"date_added": "2026-03-02 11:00:00", "username": "Dana", "content": "gone"},
    ]);
    let order = put(&bench.api, &id, &order_with(&json!({"order_notes": notes}))).await;
    let kept = order["order_notes"].as_array().unwrap();
    assert_eq!(kept.len(), 2);
    let characters: usize = kept
        .iter()
        .flat_map(|note| note.as_object().unwrap().values())
        .map(|text| text.as_str().unwrap().len())
        .sum();
    assert_eq!(characters, 2_000);
    assert_eq!(kept[0]["content"].as_str().unwrap().len(), 1_900);
}
