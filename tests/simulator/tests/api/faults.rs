//! Injected faults.

use orderdesk_simulator::{Fault, FaultHandle};
use reqwest::Method;
use serde_json::json;

use crate::client::{Bench, STORE, bench, order_input, order_with, send};

async fn with_order() -> (Bench, String, String) {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    let path = format!("/orders/{id}");
    (bench, id, path)
}

fn stored_email(bench: &Bench, id: &str) -> String {
    let id = id.parse().unwrap();
    bench
        .simulator
        .with_store(STORE, |store| store.order(id).unwrap().text("email"))
        .unwrap()
}

/// Sends a PUT that the fault will keep waiting, and gives it up once it has met the fault.
async fn give_up_put(bench: &Bench, path: &str, handle: &FaultHandle) {
    let put = send(
        bench
            .api
            .request(Method::PUT, path)
            .json(&order_with(&json!({"email": "new@example.com"}))),
    );
    tokio::select! {
        reply = put => panic!("answered {}", reply.status),
        () = handle.arrived() => {}
    }
}

#[tokio::test]
async fn a_fault_meets_the_request_that_it_was_meant_for() {
    let (bench, _, path) = with_order().await;
    let fault = bench
        .simulator
        .inject(Fault::status(503).on("GET", "/orders/*").nth(2).times(2));
    let mut statuses = Vec::new();
    for _ in 0..5 {
        bench.api.get("/orders").await;
        statuses.push(bench.api.get(&path).await.status);
    }
    assert_eq!(statuses, [200, 503, 503, 200, 200]);
    assert_eq!(fault.hits(), 2);
}

#[tokio::test]
async fn faults_wait_in_a_queue_until_cancelled_or_cleared() {
    let (bench, _, path) = with_order().await;
    bench
        .simulator
        .inject(Fault::status(500).on("GET", "/orders/**"));
    bench
        .simulator
        .inject(Fault::status(502).on("GET", "/orders/**"));
    let always = bench
        .simulator
        .inject(Fault::status(503).for_store(STORE).always());
    let statuses = [
        bench.api.get(&path).await.status,
        bench.api.get(&path).await.status,
    ];
    assert_eq!(statuses, [500, 502]);
    assert_eq!(bench.api.get("/test").await.status, 503);
    assert_eq!(bench.api.get("/test").await.status, 503);
    always.cancel();
    assert_eq!(bench.api.get("/test").await.status, 200);
    bench.simulator.inject(Fault::status(500).always());
    bench.simulator.inject(Fault::status(500).for_store(1));
    bench.simulator.clear_faults();
    assert_eq!(bench.api.get("/test").await.status, 200);
}

#[tokio::test]
async fn replies_can_be_throttled_conflicting_or_no_json() {
    let bench = bench().await;
    bench.simulator.inject(Fault::throttled(Some(7)));
    let throttled = bench.api.get("/test").await;
    assert_eq!(
        (throttled.status, throttled.header("x-retry-after")),
        (429, Some("7"))
    );
    bench.simulator.inject(Fault::throttled(None));
    assert_eq!(bench.api.get("/test").await.header("x-retry-after"), None);
    bench.simulator.inject(Fault::conflict());
    assert_eq!(bench.api.get("/test").await.status, 409);
    bench.simulator.inject(Fault::not_json());
    let page = bench.api.get("/test").await;
    assert_eq!(
        (page.status, page.text.starts_with("<!DOCTYPE")),
        (200, true)
    );
    bench
        .simulator
        .inject(Fault::answer(302, &[("location", "http://192.0.2.1/")], "moved").after_commit());
    let redirect = bench.api.get("/test").await;
    assert_eq!(
        (redirect.status, redirect.header("location")),
        (302, Some("http://192.0.2.1/"))
    );
}

#[tokio::test]
async fn a_body_can_have_any_size() {
    let bench = bench().await;
    for bytes in [33, 1_000, 200_000] {
        bench.simulator.inject(Fault::sized_body(bytes));
        let reply = bench.api.get("/test").await;
        assert_eq!(reply.text.len() as u64, bytes);
        assert_eq!(reply.json()["status"], "success");
    }
}

#[tokio::test]
async fn an_error_can_come_after_the_commit() {
    let (bench, id, path) = with_order().await;
    bench
        .simulator
        .inject(Fault::status(500).on("PUT", "/orders/*").after_commit());
    let reply = bench
        .api
        .put(&path, &order_with(&json!({"email": "new@example.com"})))
        .await;
    assert_eq!(reply.status, 500);
    assert_eq!(stored_email(&bench, &id), "new@example.com");
}

#[tokio::test]
async fn a_connection_can_drop_before_or_after_the_commit() {
    let (bench, id, path) = with_order().await;
    for (fault, email) in [
        (Fault::disconnect(), "r.okafor@example.com"),
        (Fault::disconnect_after_commit(), "new@example.com"),
    ] {
        bench.simulator.inject(fault.on("PUT", "/orders/*"));
        let body = order_with(&json!({"email": "new@example.com"}));
        let error = bench
            .api
            .request(Method::PUT, &path)
            .json(&body)
            .send()
            .await
            .unwrap_err();
        assert!(error.is_request(), "{error:?}");
        assert_eq!(stored_email(&bench, &id), email);
        assert_eq!(bench.simulator.requests().last().unwrap().status, None);
    }
}

#[tokio::test]
async fn a_time_out_after_the_commit_leaves_the_change_in_place() {
    let (bench, id, path) = with_order().await;
    let handle = bench
        .simulator
        .inject(Fault::hang_after_commit().on("PUT", "/orders/*"));
    give_up_put(&bench, &path, &handle).await;
    assert_eq!(stored_email(&bench, &id), "new@example.com");
    assert_eq!(
        bench.api.order(&id).await["email"],
        "new@example.com",
        "others are served meanwhile"
    );
}

#[tokio::test]
async fn a_time_out_before_the_commit_leaves_the_order_alone_until_the_request_goes_on() {
    let (bench, id, path) = with_order().await;
    let handle = bench.simulator.inject(Fault::hang().on("PUT", "/orders/*"));
    give_up_put(&bench, &path, &handle).await;
    assert_eq!(stored_email(&bench, &id), "r.okafor@example.com");

    handle.release();
    // The late write lands although its client has left.
    while stored_email(&bench, &id) != "new@example.com" {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_held_reply_comes_when_released() {
    let (bench, id, path) = with_order().await;
    for (fault, handle) in [Fault::hold(), Fault::hold_after_commit()] {
        bench.simulator.inject(fault);
        let api = bench.api.clone();
        let held_path = path.clone();
        let held = tokio::spawn(async move { api.get(&held_path).await });
        handle.arrived().await;
        assert_eq!(bench.api.get("/test").await.status, 200);
        assert!(!held.is_finished());
        handle.release();
        assert_eq!(held.await.unwrap().json()["order"]["id"], json!(id));
    }
}

#[tokio::test]
async fn somebody_can_edit_an_order_between_get_and_put() {
    let (bench, id, path) = with_order().await;
    bench.simulator.inject(Fault::patch_after_get(
        json!({"email": "staff@example.com", "tax_total": 8}),
    ));
    assert_eq!(
        bench.api.order(&id).await["email"],
        "r.okafor@example.com",
        "the GET is served first"
    );
    let after = bench.api.order(&id).await;
    assert_eq!(
        (&after["email"], &after["order_total"]),
        (&json!("staff@example.com"), &json!(103.85))
    );

    let edit = Fault::edit_after_get(|order, now| order.add_history("Dana", "Looked at it", now));
    bench.simulator.inject(edit);
    bench.api.get(&path).await;
    let listed = bench.api.get("/orders?get_order_history=1").await.json();
    assert_eq!(
        listed["orders"][0]["order_history"][1]["note"],
        "Looked at it"
    );
}

#[tokio::test]
async fn shutdown_lets_go_of_held_requests() {
    let bench = bench().await;
    let handle = bench.simulator.inject(Fault::hang());
    let api = bench.api.clone();
    let held = tokio::spawn(async move { api.request(Method::GET, "/test").send().await });
    handle.arrived().await;
    bench.simulator.shutdown().await;
    assert!(held.await.unwrap().is_err());
}
