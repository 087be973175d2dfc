//! Behaviours 1 to 5 and 9, first half: who may call, and what every reply looks like.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{KEY, bench, order_input, send};

#[tokio::test]
async fn behaviour_01_both_auth_headers_are_required_on_every_route() {
    let bench = bench().await;
    for path in [
        "/test",
        "/store",
        "/orders",
        "/orders/1",
        "/inventory-items",
        "/no-such-path",
    ] {
        let without = bench.api.anonymous(Method::GET, path);
        let only_store = bench
            .api
            .anonymous(Method::GET, path)
            .header("ORDERDESK-STORE-ID", "9021");
        let only_key = bench
            .api
            .anonymous(Method::GET, path)
            .header("ORDERDESK-API-KEY", KEY);
        let wrong_key = bench
            .api
            .anonymous(Method::GET, path)
            .header("ORDERDESK-STORE-ID", "9021")
            .header("ORDERDESK-API-KEY", "wrong");
        for request in [without, only_store, only_key, wrong_key] {
            let reply = send(request).await;
            assert_eq!(reply.status, 401, "{path}");
            assert_eq!(reply.json()["status"], "error");
            assert!(reply.json()["message"].is_string());
            assert!(reply.json()["execution_time"].is_string());
        }
    }
    assert_eq!(bench.api.get("/test").await.status, 200);
}

#[tokio::test]
async fn behaviour_02_every_reply_is_json_with_status_and_execution_time() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    let replies = [
        bench.api.get("/test").await,
        bench.api.get("/orders").await,
        bench.api.get("/orders/1").await,
        bench.api.get("/no-such-path").await,
        bench.api.put("/orders", &json!({})).await,
        bench.api.post("/orders", &json!({})).await,
        bench.api.delete(&format!("/orders/{id}")).await,
        send(bench.api.request(Method::PATCH, "/orders")).await,
        send(bench.api.request(Method::POST, "/orders").body("{not json")).await,
    ];
    for reply in replies {
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let body = reply.json();
        let expected = if reply.status == 200 {
            "success"
        } else {
            "error"
        };
        assert_eq!(body["status"], expected, "{body}");
        let time = body["execution_time"]
            .as_str()
            .unwrap()
            .strip_suffix(" seconds")
            .unwrap();
        assert_eq!(time.split_once('.').unwrap().1.len(), 4, "{time}");
        assert!(time.parse::<f64>().is_ok());
    }
}

#[tokio::test]
async fn behaviour_03_test_reports_the_connection_and_the_time_in_utc() {
    let bench = bench().await;
    let body = bench.api.get("/test").await.json();
    assert_eq!(body["message"], "Connection Successful");
    assert_eq!(body["current_date_time"], "2026-03-02 17:40:05");
}

#[tokio::test]
async fn behaviour_04_store_has_a_folder_map_and_settings_with_the_api_key() {
    let bench = bench().await;
    let store = bench.api.get("/store").await.json()["store"].clone();
    assert_eq!(store["id"], "9021");
    assert_eq!(
        store["folders"],
        json!({"31001": "New", "31002": "Prepared", "31003": "Packing"})
    );
    assert_eq!(store["settings"]["api_key"], KEY);
    assert_eq!(store["settings"]["smtp_password"], "smtp-password-9021");
    assert_eq!(store["settings"]["timezone"], "America/New_York");
}

#[tokio::test]
async fn behaviour_05_ids_of_orders_items_and_shipments_are_strings_other_ids_are_ints() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    bench
        .api
        .post(
            &format!("/orders/{id}/shipments"),
            &json!({"tracking_number": "T1"}),
        )
        .await;
    let order = bench.api.order(&id).await;
    assert!(order["id"].is_string());
    assert!(order["order_items"][0]["id"].is_string());
    assert!(order["order_shipments"][0]["id"].is_string());
    assert!(order["folder_id"].is_i64());

    let item = json!({"name": "Lamp", "code": "LMP"});
    let created = bench.api.post("/inventory-items", &item).await.json();
    assert!(created["inventory_item"]["id"].is_i64());

    let move_request = json!({"order_id_list": [id], "destination_folder_id": 31002});
    let moved = bench.api.post("/move-orders", &move_request).await.json();
    assert!(moved["results"][0]["order_id"].is_i64());
    assert!(moved["results"][0]["original_folder_id"].is_i64());
}

#[tokio::test]
async fn json_is_written_as_php_writes_it() {
    let bench = bench().await;
    let input = crate::client::order_with(&json!({"shipping_method": "Próxima/día 🚚"}));
    let id = bench.api.create(&input).await;
    let reply = bench.api.get(&format!("/orders/{id}")).await;
    assert!(reply.text.is_ascii());
    assert!(
        reply
            .text
            .contains(r#""shipping_method":"Pr\u00f3xima\/d\u00eda \ud83d\ude9a""#),
        "{}",
        reply.text
    );
    assert_eq!(reply.json()["order"]["shipping_method"], "Próxima/día 🚚");
}

#[tokio::test]
async fn a_store_sees_only_its_own_orders() {
    let other = orderdesk_simulator::Store::new(9022, "other-key", "Other");
    let bench = crate::client::bench_with(|config| config.stores.push(other)).await;
    let id = bench.api.create(&order_input()).await;
    let stranger = crate::client::Api::new(&bench.simulator, 9022, "other-key");
    assert_eq!(stranger.get(&format!("/orders/{id}")).await.status, 404);
    assert_eq!(stranger.found("").await, Vec::<String>::new());
    assert_eq!(
        stranger.get("/store").await.json()["store"]["name"],
        "Other"
    );
}

#[tokio::test]
async fn put_may_come_as_post_with_a_method_override() {
    let bench = bench().await;
    let created = bench
        .api
        .post(
            "/inventory-items",
            &json!({"name": "Lamp", "code": "LMP", "stock": 4}),
        )
        .await
        .json();
    let path = format!("/inventory-items/{}", created["inventory_item"]["id"]);
    let request = bench
        .api
        .request(Method::POST, &path)
        .header("X-HTTP-Method-Override", "PUT");
    let reply = send(request.json(&json!({"name": "Lamp", "code": "LMP", "stock": 9}))).await;
    assert_eq!(reply.json()["message"], "Inventory Item Updated");
    assert_eq!(
        bench.api.get(&path).await.json()["inventory_item"]["stock"],
        9
    );
}

#[tokio::test]
async fn methods_that_the_api_does_not_have_are_refused() {
    let bench = bench().await;
    for method in [Method::PATCH, Method::DELETE, Method::PUT] {
        let reply = send(bench.api.request(method, "/orders")).await;
        assert_eq!(reply.status, 405);
        assert_eq!(reply.json()["status"], Value::from("error"));
    }
}
