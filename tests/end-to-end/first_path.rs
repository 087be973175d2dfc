//! The thin path: an agent registers a store and reads an order.

use end_to_end::Server;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_registers_a_store_and_sees_it() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let (id, key, name) = server.simulator.stores().into_iter().next().unwrap();

    let registered = client
        .call("stores_register", json!({"store_id": id, "api_key": key}))
        .await;
    assert!(
        !registered.raw.contains(&key),
        "the key came back: {}",
        registered.raw
    );
    assert_eq!(registered.ok()["store"]["store_name"], name.as_str());

    let listed = client.call("stores_list", json!({})).await.ok();
    assert_eq!(listed["stores"][0]["store_id"], id.to_string());
    server.stop().await;
}
