//! Order Desk's bucket: fast agents wait their turn and never see a 429; who cannot get a turn in time hears so at once.

use std::time::Duration;

use end_to_end::{Client, Server, ToolReply};
use orderdesk_mcp::config::{Config, Confirm, Rate};
use orderdesk_simulator::{Clock, Fault, Order, RateLimit, SimulatorConfig, sample};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// More than the bucket holds.
const FAST: usize = 25;

async fn server(per_second: u32, change: impl FnOnce(&mut Config) + Send + 'static) -> Server {
    Server::builder()
        .simulator(SimulatorConfig {
            rate: Some(RateLimit {
                per_second: per_second.into(),
                ..RateLimit::default()
            }),
            ..SimulatorConfig::sample(7, Clock::System)
        })
        .config(move |config| {
            config.endpoints.get_mut("orderdesk").unwrap().rate = Some(Rate {
                burst: RateLimit::default().capacity.try_into().unwrap(),
                per_second: per_second.try_into().unwrap(),
            });
            change(config);
        })
        .start()
        .await
}

fn orders(server: &Server) -> Vec<u64> {
    let ids = server
        .simulator
        .with_store(sample::HARBOR_AND_OAK_ID, |store| {
            store.orders().map(Order::id).collect()
        });
    ids.unwrap()
}

/// One call for each of these orders, all at once.
async fn at_once(
    client: &Client,
    tool: &'static str,
    orders: &[u64],
    more: &Value,
) -> Vec<ToolReply> {
    let mut calls = JoinSet::new();
    for order in orders {
        let (client, mut arguments) = (client.clone(), more.clone());
        arguments["order_id"] = (*order).into();
        calls.spawn(async move { client.call(tool, arguments).await });
    }
    calls.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_faster_than_the_bucket_wait_their_turn() {
    // As Order Desk has it: the five that are too many take two seconds.
    let server = server(3, |_| {}).await;
    let client = server.tenant_with_store("acme").await;
    let orders = orders(&server);
    for answer in at_once(&client, "orders_get", &orders[..FAST], &json!({})).await {
        answer.ok();
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_faster_than_the_bucket_wait_their_turn() {
    // Two requests for each; Order Desk would take ten seconds.
    let server = server(30, |_| {}).await;
    let client = server.tenant_with_store("acme").await;
    let orders = orders(&server);
    let note = json!({"note": "call first"});
    for answer in at_once(&client, "orders_add_note", &orders[..FAST], &note).await {
        assert_eq!(answer.ok()["changed"], true);
    }
    let requests = server.simulator.requests();
    let made = requests
        .iter()
        .filter(|request| request.method == "PUT" && request.status == Some(200));
    assert_eq!(made.count(), FAST);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_order_desk_puts_off_is_made_of_the_order_as_it_is_by_then() {
    // Somebody else uses the same key: then our own count of tokens is too high.
    let server = server(3, |_| {}).await;
    let client = server.tenant_with_store("acme").await;
    let order = orders(&server)[0];
    let throttled = Fault::throttled(Some(1)).on("PUT", "/orders/*");
    let throttled = server.simulator.inject(throttled);
    // An edit between the first attempt's read and its PUT, which is not made.
    server
        .simulator
        .inject(Fault::patch_after_get(json!({"tag_name": "error"})));
    let note = json!({"order_id": order, "note": "call first"});
    let written = client.call("orders_add_note", note).await.ok();
    assert_eq!((&written["changed"], throttled.hits()), (&json!(true), 1));
    assert_eq!(written["order"]["tag_name"], "error", "the edit is lost");
    server.stop().await;
}

/// Every other change that rests on what was read waits its turn as well, and reads again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_replaced_or_removed_waits_its_turn_and_is_done_once() {
    let server = server(30, |config| {
        let sets = ["stores", "orders", "shipments", "products", "stock"];
        config.mcp.toolsets = sets.map(str::to_owned).to_vec();
        config.mcp.confirm = Confirm::Never;
    })
    .await;
    let client = server.tenant_with_store("acme").await;
    let order = orders(&server)[0];
    let parcel = json!({"order_id": order, "tracking_number": "T-1", "carrier_code": "UPS"});
    let parcel = client.call("shipments_add", parcel).await.ok();
    let parcel = &parcel["shipment"]["id"];
    let product = client.call("products_list", json!({"limit": 1})).await.ok();
    let (product, code) = (
        &product["products"][0]["id"],
        &product["products"][0]["code"],
    );
    for (method, path, tool, arguments) in [
        (
            "PUT",
            "/orders/*/shipments/*",
            "shipments_update",
            json!({"order_id": order, "shipment_id": parcel, "changes": {"cost": 7}}),
        ),
        (
            "DELETE",
            "/orders/*/shipments/*",
            "shipments_delete",
            json!({"order_id": order, "shipment_id": parcel}),
        ),
        (
            "DELETE",
            "/orders/*",
            "orders_delete",
            json!({"order_id": order}),
        ),
        (
            "PUT",
            "/inventory-items/*",
            "products_update",
            json!({"product_id": product, "changes": {"cost": 7}}),
        ),
        (
            "PUT",
            "/inventory-items/*",
            "products_adjust_stock",
            json!({"adjustments": [{"code": code, "by": 1}]}),
        ),
        (
            "DELETE",
            "/inventory-items/*",
            "products_delete",
            json!({"product_id": product}),
        ),
    ] {
        let throttled = Fault::throttled(Some(1)).on(method, path);
        let throttled = server.simulator.inject(throttled);
        client.call(tool, arguments).await.ok();
        assert_eq!(throttled.hits(), 1, "{tool}");
        let requests = server.simulator.requests();
        let done = requests
            .iter()
            .filter(|request| request.method == method && request.status == Some(200));
        assert!(done.count() > 0, "{tool}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_added_waits_its_turn_too_and_is_there_once() {
    let server = server(3, |_| {}).await;
    let client = server.tenant_with_store("acme").await;
    let throttled = Fault::throttled(Some(1)).on("POST", "/orders");
    let throttled = server.simulator.inject(throttled);
    let item = json!({"name": "Desk", "code": "D-1", "price": 10, "quantity": 1});
    let order =
        json!({"source_id": "NEW-1", "shipping": {"company": "Acme"}, "order_items": [item]});
    let created = json!({ "order_data": order });
    client.call("orders_create", created).await.ok();
    assert_eq!(throttled.hits(), 1);
    let listed = json!({"source_id": "NEW-1"});
    let listed = client.call("orders_list", listed).await.ok();
    assert_eq!(listed["total"], 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_get_a_turn_in_time_is_refused_with_the_wait_and_nothing_is_sent() {
    let server = server(3, |config| {
        config.limits.time = Duration::from_secs(6);
        config.limits.calls = 64;
    })
    .await;
    let client = server.tenant_with_store("acme").await;
    let orders = orders(&server);
    let before = server.simulator.requests().len();
    let answers = at_once(&client, "orders_get", &orders[..50], &json!({})).await;
    let (refused, answered): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.is_error);
    // 20 at once, and 12 in the four seconds after which a turn would come too late for an answer.
    assert!((20..40).contains(&answered.len()), "{}", answered.len());
    for refusal in refused {
        let error = &refusal.structured["error"];
        assert_eq!(error["kind"], "rate-limited", "{}", refusal.text);
        assert!(
            error["retry_after_ms"].as_u64() > Some(0),
            "{}",
            refusal.text
        );
        assert_eq!(error["outcome_unknown"], false);
    }
    let requests = server.simulator.requests().len() - before;
    assert!(requests <= answered.len());
    server.stop().await;
}
