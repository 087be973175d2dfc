//! Tenants, their stores, and what the cache may share.

use end_to_end::{Client, Server};
use serde_json::{Value, json};

async fn register_both(server: &Server, client: &Client) {
    for (id, key, _) in server.simulator.stores() {
        client
            .call(
                "stores_register",
                json!({"store_id": id.to_string(), "api_key": key}),
            )
            .await
            .ok();
    }
}

fn email(server: &Server, store: u64, nth: usize) -> String {
    server
        .simulator
        .with_store(store, |store| {
            store.orders().nth(nth).unwrap().text("email")
        })
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_with_two_stores_switches_and_gets_each_searchs_own_orders() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    register_both(&server, &client).await;

    let (code, text) = client.call("orders_list", json!({})).await.error();
    assert_eq!(code, "store-not-named");
    assert!(
        text.contains("Harbor & Oak Supply") && text.contains("North Pier Outfitters"),
        "{text}"
    );

    client
        .call(
            "stores_use_store",
            json!({"identifier": "harbor & oak supply"}),
        )
        .await
        .ok();
    let (a, b) = (email(&server, 9021, 0), email(&server, 9021, 20));
    assert_ne!(a, b);
    for wanted in [&a, &b, &a] {
        let listed = client
            .call("orders_list", json!({"email": wanted, "fields": ["email"]}))
            .await
            .ok();
        assert_eq!(listed["store"]["store_id"], "9021");
        let orders = listed["orders"].as_array().unwrap();
        assert!(!orders.is_empty());
        assert!(
            orders.iter().all(|order| order["email"] == wanted.as_str()),
            "{listed}"
        );
    }
    client
        .call("stores_use_store", json!({"identifier": 9022}))
        .await
        .ok();
    let listed = client.call("orders_list", json!({"email": a})).await.ok();
    assert_eq!(listed["store"]["store_id"], "9022");
    assert_eq!(listed["cached"], false);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_read_again_comes_from_the_cache_and_only_for_its_own_tenant() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let arguments = json!({"folder_name": "New"});
    let first = client.call("orders_list", arguments.clone()).await.ok();
    let before = server.simulator.requests().len();
    let second = client.call("orders_list", arguments.clone()).await.ok();
    assert_eq!(
        (&first["cached"], &second["cached"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(first["orders"], second["orders"]);
    assert_eq!(server.simulator.requests().len(), before);

    let other = server.tenant_with_store("rival").await;
    assert_eq!(
        other.call("orders_list", arguments).await.ok()["cached"],
        false
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenants_stores_are_answered_like_none() {
    let server = Server::start().await;
    server.tenant_with_store("acme").await;
    let rival = server.tenant("rival").await;
    assert_eq!(
        rival.call("stores_list", json!({})).await.ok()["stores"],
        json!([])
    );
    for store in ["9021", "Harbor & Oak Supply", "4711"] {
        let (code, _) = rival
            .call("orders_list", json!({"store_identifier": store}))
            .await
            .error();
        assert_eq!(code, "no-store", "{store}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_registered_once_and_only_with_a_key_that_works() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let wrong = client
        .call(
            "stores_register",
            json!({"store_id": "9021", "api_key": "wrong-key-wrong"}),
        )
        .await;
    assert!(!wrong.raw.contains("wrong-key-wrong"), "{}", wrong.raw);
    assert_eq!(wrong.error().0, "orderdesk-credentials-refused");
    assert_eq!(
        client.call("stores_list", json!({})).await.ok()["stores"],
        json!([])
    );

    register_both(&server, &client).await;
    let again = json!({"store_id": "9021", "api_key": "sandbox-key-9021"});
    assert!(client.call("stores_register", again).await.is_error);
    let same_name = json!({"store_id": "9022", "api_key": "sandbox-key-9022", "store_name": "HARBOR & oak supply", "replace": true});
    assert!(client.call("stores_register", same_name).await.is_error);
    let stores = client.call("stores_list", json!({})).await.ok();
    assert_eq!(stores["stores"].as_array().map(Vec::len), Some(2));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_store_is_gone_and_a_key_is_confirmed_for_its_own_tenant_only() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let rival = server.tenant("rival").await;
    let own = client
        .call("tenant_use_master_key", json!({"master_key": client.key()}))
        .await;
    assert!(!own.raw.contains(client.key()), "{}", own.raw);
    own.ok();
    let others = client
        .call("tenant_use_master_key", json!({"master_key": rival.key()}))
        .await;
    assert_eq!(others.error().0, "key-refused");

    client
        .call("stores_delete", json!({"store_id": 9021}))
        .await
        .ok();
    let (code, _) = client.call("orders_list", json!({})).await.error();
    assert_eq!(code, "no-store");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_and_products_are_read_and_resolved() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let folders = client.call("stores_folders", json!({})).await.ok();
    assert!(
        folders["folders"]
            .as_array()
            .unwrap()
            .iter()
            .any(|folder| folder["name"] == "New"),
        "{folders}"
    );
    let resolved = client
        .call(
            "stores_resolve",
            json!({"identifier": "HARBOR & OAK SUPPLY"}),
        )
        .await
        .ok();
    assert_eq!(resolved["store_id"], "9021");

    let products = client.call("products_list", json!({"limit": 3})).await.ok();
    assert_eq!(products["returned"], 3);
    let id = products["products"][0]["id"].clone();
    let product = client
        .call("products_get", json!({"product_id": id}))
        .await
        .ok();
    assert_eq!(product["product"]["id"], id);
    assert!(product["product"]["metadata"].is_object(), "{product}");
    let codes: Vec<Value> = (0..2)
        .map(|at| products["products"][at]["code"].clone())
        .collect();
    let found = client
        .call("products_list", json!({"code": codes}))
        .await
        .ok();
    assert_eq!(found["returned"], 2);
    server.stop().await;
}
