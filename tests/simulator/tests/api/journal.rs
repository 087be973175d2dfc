//! The request journal and direct access to stores.

use serde_json::json;

use crate::client::{KEY, STORE, bench, bench_with, order_input};

#[tokio::test]
async fn requests_are_recorded_with_everything_that_came() {
    let bench = bench().await;
    bench
        .api
        .get("/orders?folder_id=31001,31002&search=a%20b")
        .await;
    let id = bench.api.create(&order_input()).await;
    bench.api.get("/orders/7").await;

    let requests = bench.simulator.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(
        (requests[0].method.as_str(), requests[0].path.as_str()),
        ("GET", "/orders")
    );
    assert_eq!(
        requests[0].query[0],
        ("folder_id".to_owned(), "31001,31002".to_owned())
    );
    assert_eq!(requests[0].parameter("search"), Some("a b"));
    assert_eq!(requests[0].header("orderdesk-api-key"), Some(KEY));
    assert_eq!(requests[0].store_id.as_deref(), Some("9021"));
    assert_eq!(requests[1].json(), Some(order_input()));
    let statuses: Vec<_> = requests.iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(200), Some(201), Some(404)]);

    assert_eq!(bench.simulator.count("GET", "/orders"), 2);
    assert_eq!(bench.simulator.count("GET", "/orders/"), 1);
    assert_eq!(bench.simulator.count("post", "/orders"), 1);
    bench.simulator.clear_requests();
    assert_eq!(bench.simulator.count("GET", ""), 0);
    bench.api.get(&format!("/orders/{id}")).await;
    assert_eq!(bench.simulator.requests()[0].status, Some(200));
}

#[tokio::test]
async fn the_oldest_requests_are_forgotten_when_there_are_too_many() {
    let bench = bench_with(|config| config.keep_requests = 2).await;
    for path in ["/test", "/store", "/orders"] {
        bench.api.get(path).await;
    }
    let requests = bench.simulator.requests();
    let kept: Vec<_> = requests
        .iter()
        .map(|request| (request.path.as_str(), request.status))
        .collect();
    assert_eq!(kept, [("/store", Some(200)), ("/orders", Some(200))]);
}

#[tokio::test]
async fn arrivals_can_be_awaited() {
    let bench = bench().await;
    let api = bench.api.clone();
    let calls = tokio::spawn(async move {
        api.get("/test").await;
        api.get("/test").await;
    });
    bench.simulator.wait_for_requests("GET", "/test", 2).await;
    assert_eq!(bench.simulator.count("GET", "/test"), 2);
    calls.await.unwrap();
}

#[tokio::test]
async fn stores_can_be_read_and_changed_behind_the_api() {
    let bench = bench().await;
    let now = bench.simulator.now();
    let id = bench
        .simulator
        .with_store(STORE, |store| store.add_order(&order_input(), now))
        .unwrap()
        .unwrap();
    let shown = bench.api.order(&id.to_string()).await;
    assert_eq!(
        bench
            .simulator
            .with_store(STORE, |store| store.order_json(id))
            .unwrap(),
        Some(shown)
    );

    bench.simulator.with_store(STORE, |store| {
        let patch =
            json!({"shipping": {"city": "Bangor"}, "checkout_data": {"Gift Message": null}});
        store.order_mut(id).unwrap().edit(&patch, now);
    });
    let order = bench.api.order(&id.to_string()).await;
    assert_eq!(
        (&order["shipping"]["city"], &order["shipping"]["state"]),
        (&json!("Bangor"), &json!("ME"))
    );
    assert_eq!(order["checkout_data"], json!([]));

    bench
        .simulator
        .with_store(STORE, |store| store.rotate_key("new-key"));
    assert_eq!(bench.api.get("/test").await.status, 401);
    assert!(
        bench
            .simulator
            .with_store(STORE, |store| store.remove_order(id))
            .unwrap()
    );
    assert!(bench.simulator.with_store(1, |_| ()).is_none());
}
