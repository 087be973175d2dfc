//! Each toggle on both settings.

use jiff::SignedDuration;
use orderdesk_simulator::toggles::{
    Absent, AbsentAddress, AbsentFolder, GetContentType, HashStyle, InventoryTotal, OverLimit,
    RateScope, TextMatch, ToggleError,
};
use orderdesk_simulator::{RateLimit, Toggles, sign};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{
    Api, Bench, STORE, bench, bench_with, order_input, order_with, order_without, send, store,
};

async fn with_toggles(set: impl FnOnce(&mut Toggles)) -> Bench {
    bench_with(|config| set(&mut config.toggles)).await
}

#[tokio::test]
async fn create_status() {
    for status in [201, 200] {
        let bench = with_toggles(|toggles| toggles.create_status = status).await;
        assert_eq!(
            bench.api.post("/orders", &order_input()).await.status,
            status
        );
        let item = json!({"name": "Lamp", "code": "LMP"});
        assert_eq!(
            bench.api.post("/inventory-items", &item).await.status,
            status
        );
    }
}

#[tokio::test]
async fn shipment_dup_status() {
    for status in [200, 409] {
        let bench = with_toggles(|toggles| toggles.shipment_dup_status = status).await;
        let path = format!(
            "/orders/{}/shipments",
            bench.api.create(&order_input()).await
        );
        bench
            .api
            .post(&path, &json!({"tracking_number": "T1"}))
            .await;
        let again = bench
            .api
            .post(&path, &json!({"tracking_number": "T1"}))
            .await;
        assert_eq!(
            (again.status, again.json()["status"].clone()),
            (status, json!("error"))
        );
    }
}

#[tokio::test]
async fn duplicate_order() {
    for status in [400, 409] {
        let bench = with_toggles(|toggles| toggles.duplicate_order = Some(status)).await;
        let id = bench.api.create(&order_input()).await;
        let again = bench.api.post("/orders", &order_input()).await;
        assert_eq!(again.status, status);
        assert!(
            again.json()["message"].as_str().unwrap().contains(&id),
            "names the existing order"
        );
        let elsewhere = order_with(&json!({"source_name": "Etsy"}));
        assert_eq!(bench.api.post("/orders", &elsewhere).await.status, 201);
        let anonymous = order_without(&["source_id"]);
        assert_eq!(bench.api.post("/orders", &anonymous).await.status, 201);
    }
    let bench = with_toggles(|toggles| toggles.duplicate_order = None).await;
    bench.api.create(&order_input()).await;
    bench.api.create(&order_input()).await;
    assert_eq!(bench.api.found("source_id=WEB-10482").await.len(), 2);
}

/// The order after a PUT that leaves `field` out.
async fn after_put_without(bench: &Bench, input: &Value, field: &str) -> Value {
    let id = bench.api.create(input).await;
    let mut body = bench.api.order(&id).await;
    body.as_object_mut().unwrap().remove(field);
    bench.api.put(&format!("/orders/{id}"), &body).await.json()["order"].clone()
}

#[tokio::test]
async fn put_absent_items() {
    for (setting, left, total) in [
        (Absent::Keep, 2, json!(102.9)),
        (Absent::Blank, 0, json!(8.9)),
    ] {
        let bench = with_toggles(|toggles| toggles.put_absent_items = setting).await;
        let order = after_put_without(&bench, &order_input(), "order_items").await;
        assert_eq!(order["order_items"].as_array().unwrap().len(), left);
        assert_eq!(order["order_total"], total);
    }
}

#[tokio::test]
async fn put_absent_address() {
    for (setting, name) in [(AbsentAddress::Blank, ""), (AbsentAddress::Copy, "Okafor")] {
        let bench = with_toggles(|toggles| toggles.put_absent_address = setting).await;
        let order = after_put_without(&bench, &order_input(), "customer").await;
        assert_eq!(order["customer"]["last_name"], name);
        assert_eq!(order["shipping"]["last_name"], "Okafor");
    }
}

#[tokio::test]
async fn put_absent_card() {
    for (setting, masked) in [(Absent::Keep, "xxxxxxxxxxxx1881"), (Absent::Blank, "")] {
        let bench = with_toggles(|toggles| toggles.put_absent_card = setting).await;
        let order = after_put_without(&bench, &order_input(), "cc_exp").await;
        assert_eq!(order["cc_number_masked"], masked);
    }
}

#[tokio::test]
async fn put_absent_folder() {
    for (setting, folder) in [(AbsentFolder::First, 31001), (AbsentFolder::Keep, 31003)] {
        let bench = with_toggles(|toggles| toggles.put_absent_folder = setting).await;
        let order = after_put_without(
            &bench,
            &order_with(&json!({"folder_id": 31003})),
            "folder_id",
        )
        .await;
        assert_eq!(order["folder_id"], folder);
    }
}

#[tokio::test]
async fn limit_over_500() {
    let bench = with_toggles(|toggles| toggles.limit_over_500 = OverLimit::Clamp).await;
    assert_eq!(
        bench.api.get("/orders?limit=501").await.json()["limit"],
        500
    );
    bench
        .simulator
        .set_toggles(|toggles| toggles.limit_over_500 = OverLimit::Error);
    assert_eq!(bench.api.get("/orders?limit=501").await.status, 400);
    assert_eq!(bench.api.get("/orders?limit=500").await.status, 200);
}

#[tokio::test]
async fn source_id_match() {
    let bench = with_toggles(|toggles| toggles.source_id_match = TextMatch::Exact).await;
    bench.api.create(&order_input()).await;
    bench
        .api
        .create(&order_with(&json!({"source_id": "WEB-104825"})))
        .await;
    assert_eq!(bench.api.found("source_id=WEB-10482").await.len(), 1);
    bench
        .simulator
        .set_toggles(|toggles| toggles.source_id_match = TextMatch::Loose);
    assert_eq!(bench.api.found("source_id=WEB-10482").await.len(), 2);
}

#[tokio::test]
async fn end_date_inclusive() {
    for (setting, found) in [(true, 1), (false, 0)] {
        let bench = with_toggles(|toggles| toggles.end_date_inclusive = setting).await;
        bench.api.create(&order_input()).await;
        assert_eq!(
            bench
                .api
                .found("search_end_date=2026-03-02%2017:40:05")
                .await
                .len(),
            found
        );
        assert_eq!(
            bench
                .api
                .found("search_end_date=2026-03-02%2017:40:06")
                .await
                .len(),
            1
        );
    }
}

#[tokio::test]
async fn total_records_inventory() {
    for (setting, total) in [(InventoryTotal::Count, "1"), (InventoryTotal::Zero, "0")] {
        let bench = with_toggles(|toggles| toggles.total_records_inventory = setting).await;
        bench
            .api
            .post("/inventory-items", &json!({"name": "Lamp", "code": "LMP"}))
            .await;
        let list = bench.api.get("/inventory-items").await.json();
        assert_eq!(
            (&list["total_records"], &list["records_returned"]),
            (&json!(total), &json!(1))
        );
    }
}

#[tokio::test]
async fn not_found_status() {
    for status in [404, 200] {
        let bench = with_toggles(|toggles| toggles.not_found_status = status).await;
        for path in [
            "/orders/7",
            "/orders/abc",
            "/inventory-items/7",
            "/orders/7/shipments",
        ] {
            let reply = bench.api.get(path).await;
            assert_eq!(
                (reply.status, &reply.json()["status"]),
                (status, &json!("error")),
                "{path}"
            );
        }
    }
}

/// The vector of the reference, §6.1.
#[test]
fn hash_style() {
    let order = r#"{"id":"5512034","source_id":"WEB-10482","email":"r.okafor@example.com","order_total":102.9,"checkout_data":[],"order_items":[{"id":"90231","code":"ORG-WAL","quantity":2,"metadata":{"art":"https:\/\/cdn.example.com\/a%20b.png"}}]}"#;
    let key = "test_api_key_0001";
    let raw = "ce80da4c11c7040a677fb4d1645a9accd6faeb62cb91c699d4383797a36e6ea7";
    let decoded = "d419b77e573899e13f6f5466e7850a4ab278fc7e97cf6843d968b6c5573bb832";
    assert_eq!(sign(order, key, HashStyle::Raw), raw);
    assert_eq!(sign(order, key, HashStyle::RawUrlDecoded), decoded);
}

#[tokio::test]
async fn get_with_content_type() {
    let bench =
        with_toggles(|toggles| toggles.get_with_content_type = GetContentType::Accept).await;
    let with_type = || {
        bench
            .api
            .request(Method::GET, "/test")
            .header("Content-Type", "application/json")
    };
    assert_eq!(send(with_type()).await.status, 200);
    assert_eq!(send(with_type().body("{}")).await.status, 200);
    bench
        .simulator
        .set_toggles(|toggles| toggles.get_with_content_type = GetContentType::Reject);
    assert_eq!(send(with_type()).await.status, 400);
    assert_eq!(
        send(bench.api.request(Method::GET, "/test").body("{}"))
            .await
            .status,
        400
    );
    assert_eq!(bench.api.get("/test").await.status, 200);
}

#[tokio::test]
async fn rate_scope() {
    for (scope, second_key_status) in [(RateScope::Store, 429), (RateScope::Key, 200)] {
        let bench = bench_with(|config| {
            config.rate = Some(RateLimit {
                capacity: 1,
                per_second: 1.0,
            });
            config.toggles.rate_scope = scope;
            config.stores = vec![store().with_extra_key("second-key")];
        })
        .await;
        let second = Api::new(&bench.simulator, STORE, "second-key");
        assert_eq!(bench.api.get("/test").await.status, 200);
        assert_eq!(bench.api.get("/test").await.status, 429);
        assert_eq!(second.get("/test").await.status, second_key_status);
    }
}

#[tokio::test]
async fn throttled_consumes() {
    for (setting, status) in [(false, 200), (true, 429)] {
        let bench = bench_with(|config| {
            config.rate = Some(RateLimit {
                capacity: 1,
                per_second: 1.0,
            });
            config.toggles.throttled_consumes = setting;
        })
        .await;
        assert_eq!(bench.api.get("/test").await.status, 200);
        bench.clock.advance(SignedDuration::from_millis(600));
        assert_eq!(bench.api.get("/test").await.status, 429);
        bench.clock.advance(SignedDuration::from_millis(600));
        assert_eq!(bench.api.get("/test").await.status, status);
    }
}

#[tokio::test]
async fn history_on_single_get() {
    for setting in [false, true] {
        let bench = with_toggles(|toggles| toggles.history_on_single_get = setting).await;
        let path = format!("/orders/{}", bench.api.create(&order_input()).await);
        let asked = bench
            .api
            .get(&format!("{path}?get_order_history=1"))
            .await
            .json();
        assert_eq!(asked["order"].get("order_history").is_some(), setting);
        assert_eq!(
            bench.api.get(&path).await.json()["order"].get("order_history"),
            None
        );
    }
}

#[tokio::test]
async fn toggles_of_a_running_simulator_can_change() {
    let bench = bench().await;
    assert_eq!(bench.api.get("/orders/7").await.status, 404);
    bench
        .simulator
        .set_toggles(|toggles| toggles.not_found_status = 200);
    assert_eq!(bench.api.get("/orders/7").await.status, 200);
}

#[test]
fn every_toggle_can_be_set_from_the_text_that_describes_it() {
    let defaults = Toggles::default();
    let mut toggles = Toggles::default();
    for toggle in defaults.describe() {
        toggles
            .assign(&format!("{} = {}", toggle.name, toggle.value))
            .unwrap();
    }
    assert_eq!(toggles, defaults);

    for toggle in defaults.describe() {
        toggles.set(toggle.name, &toggle.other).unwrap();
    }
    for (now, before) in toggles.describe().iter().zip(defaults.describe()) {
        assert_eq!((&now.value, &now.other), (&before.other, &before.value));
        assert_ne!(now.value, now.other, "{}", now.name);
    }

    toggles.assign("put_absent_items=blank").unwrap();
    toggles.assign("duplicate_order=off").unwrap();
    toggles.assign("hash_style=rawurldecoded").unwrap();
    assert_eq!(toggles.put_absent_items, Absent::Blank);
    assert_eq!(toggles.duplicate_order, None);
    assert_eq!(toggles.hash_style, HashStyle::RawUrlDecoded);
}

#[test]
fn wrong_toggles_are_refused_in_words_that_help() {
    let mut toggles = Toggles::default();
    assert_eq!(
        toggles.assign("limit"),
        Err(ToggleError::NotAnAssignment("limit".to_owned()))
    );
    assert_eq!(
        toggles.assign("limits=1"),
        Err(ToggleError::UnknownName("limits".to_owned()))
    );
    let error = toggles.assign("put_absent_items=lose").unwrap_err();
    assert_eq!(
        error.to_string(),
        "toggle `put_absent_items` cannot be `lose`; it takes keep or blank"
    );
    let error = toggles.assign("create_status=99").unwrap_err();
    assert_eq!(
        error.to_string(),
        "toggle `create_status` cannot be `99`; it takes an HTTP status"
    );
}
