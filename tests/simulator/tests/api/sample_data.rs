//! The sample stores.

use std::collections::HashSet;

use jiff::Timestamp;
use orderdesk_simulator::{Clock, ManualClock, Simulator, SimulatorConfig, Store, sample};
use serde_json::Value;

use crate::client::{Api, START};

fn now() -> Timestamp {
    START.parse().unwrap()
}

fn orders(store: &Store) -> Vec<Value> {
    store
        .orders()
        .map(|order| store.order_json(order.id()).unwrap())
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_store() {
    assert_eq!(
        orders(&sample::store(5, now())),
        orders(&sample::store(5, now()))
    );
    assert_ne!(
        orders(&sample::store(5, now())),
        orders(&sample::store(6, now()))
    );
}

#[test]
fn the_sample_store_has_something_of_everything() {
    for seed in 0..5 {
        let store = sample::store(seed, now());
        let orders = orders(&store);
        assert_eq!(orders.len(), 60);
        let with = |has: fn(&Value) -> bool| orders.iter().filter(|order| has(order)).count();
        assert!(with(|order| !order["order_shipments"].as_array().unwrap().is_empty()) >= 10);
        assert!(with(|order| !order["order_notes"].as_array().unwrap().is_empty()) >= 5);
        assert!(with(|order| order["order_metadata"].is_object()) >= 10);
        assert!(with(|order| order["checkout_data"].is_object()) >= 10);
        assert!(with(|order| order["cc_number_masked"] != "") >= 10);
        assert!(
            with(|order| order["shipping"]["address1"]
                .as_str()
                .unwrap()
                .contains("Box"))
                >= 1
        );
        assert!(
            with(|order| order["shipping"]["city"] == "" || order["shipping"]["address1"] == "")
                >= 2
        );
        let folders: HashSet<i64> = store.orders().map(|order| order.folder_id()).collect();
        assert_eq!(folders.len(), 5, "an order in every folder");
    }
}

#[test]
fn sample_orders_are_recent_and_their_items_in_stock_lists() {
    let store = sample::store(1, now());
    let codes: HashSet<&str> = store
        .inventory()
        .iter()
        .map(|item| item["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes.len(), 25);
    for order in store.orders() {
        let added = order.text("date_added");
        assert!(
            added.as_str() > "2026-01-15" && added.as_str() <= "2026-03-02 17:40:05",
            "{added}"
        );
        assert!(order.text("email").ends_with("@example.com"));
        for item in order.items() {
            assert!(codes.contains(item["code"].as_str().unwrap()));
        }
    }
}

#[tokio::test]
async fn both_sample_stores_answer_over_http() {
    let clock = Clock::Manual(ManualClock::starting_at(now()));
    let simulator = Simulator::start(SimulatorConfig::sample(1, clock))
        .await
        .unwrap();
    assert!(
        simulator.base_url().starts_with("http://127.0.0.1:")
            && simulator.base_url().ends_with("/api/v2")
    );
    let first = Api::new(
        &simulator,
        sample::HARBOR_AND_OAK_ID,
        sample::HARBOR_AND_OAK_KEY,
    );
    let store = first.get("/store").await.json()["store"].clone();
    assert_eq!(store["name"], "Harbor & Oak Supply");
    let folders: Vec<&str> = store["folders"]
        .as_object()
        .unwrap()
        .values()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert_eq!(
        folders,
        ["New", "Prepared", "Packing", "Closed", "Canceled"]
    );
    assert_eq!(
        first.get("/orders?limit=500").await.json()["total_records"],
        60
    );
    let second = Api::new(&simulator, sample::NORTH_PIER_ID, sample::NORTH_PIER_KEY);
    assert_eq!(
        second.get("/store").await.json()["store"]["name"],
        "North Pier Outfitters"
    );
    assert_eq!(second.get("/orders").await.json()["total_records"], 12);
    simulator.shutdown().await;
}
