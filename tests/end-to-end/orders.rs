//! `orders_list` and `orders_get`: every parameter, pages, fields, sizes.

use std::collections::BTreeSet;

use end_to_end::{Client, Server};
use serde_json::{Value, json};

async fn start() -> (Server, Client) {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    (server, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_search_parameter_reaches_order_desk_as_it_is_written() {
    let server = Server::builder()
        .config(|config| config.endpoints.get_mut("orderdesk").unwrap().rate = None)
        .simulator(orderdesk_simulator::SimulatorConfig {
            rate: None,
            ..orderdesk_simulator::SimulatorConfig::sample(7, orderdesk_simulator::Clock::System)
        })
        .start()
        .await;
    let client = server.tenant_with_store("acme").await;
    let table = [
        ("folder_id", json!(31001), "31001"),
        ("folder_id", json!(["31001", 31002]), "31001,31002"),
        ("folder_id", json!("31001,31002"), "31001,31002"),
        ("folder_name", json!("New"), "New"),
        ("source_id", json!(10482), "10482"),
        ("source_name", json!("Shopify"), "Shopify"),
        (
            "search_start_date",
            json!("2026-03-01"),
            "2026-03-01 00:00:00",
        ),
        (
            "search_end_date",
            json!("2026-03-01"),
            "2026-03-01 23:59:59",
        ),
        (
            "search_start_date_local",
            json!("2026-03-01 08:00:00"),
            "2026-03-01 08:00:00",
        ),
        (
            "search_end_date_local",
            json!("2026-03-01"),
            "2026-03-01 23:59:59",
        ),
        (
            "modified_start_date",
            json!("2026-03-01T09:30:00-05:00"),
            "2026-03-01 14:30:00",
        ),
        (
            "modified_end_date",
            json!("2026-03-01T09:30:00Z"),
            "2026-03-01 09:30:00",
        ),
        ("email", json!("a@example.com"), "a@example.com"),
        ("customer_id", json!(7), "7"),
        ("customer_first_name", json!("Ruth"), "Ruth"),
        (
            "customer_last_name",
            json!("O'Hara & Söhne"),
            "O'Hara & Söhne",
        ),
        ("customer_company", json!("A/B"), "A/B"),
        ("customer_address1", json!("14 Harbor Row"), "14 Harbor Row"),
        ("customer_phone", json!("+1 207"), "+1 207"),
        ("shipping_first_name", json!("Ruth"), "Ruth"),
        ("shipping_last_name", json!("Okafor"), "Okafor"),
        ("shipping_company", json!("100%"), "100%"),
        ("shipping_address1", json!("PO Box 5"), "PO Box 5"),
        ("shipping_phone", json!("207-555"), "207-555"),
        ("search", json!("desk"), "desk"),
        (
            "order_by",
            json!("shipping_last_name"),
            "shipping_last_name",
        ),
        ("order", json!("ASC"), "ASC"),
        ("get_order_history", json!(true), "1"),
        ("limit", json!(7), "7"),
        ("offset", json!(3), "3"),
    ];
    for (name, value, sent) in table {
        let listed = client.call("orders_list", json!({ name: value })).await;
        assert!(!listed.is_error, "{name}: {}", listed.text);
        let request = server.simulator.requests().pop().unwrap();
        assert_eq!(request.parameter(name), Some(sent), "{name}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn following_the_cursor_meets_every_order_once() {
    let (server, client) = start().await;
    let all = server
        .simulator
        .with_store(9021, |store| store.orders().count())
        .unwrap();
    let mut met = BTreeSet::new();
    let mut arguments = json!({"limit": 25, "order_by": "id", "order": "ASC"});
    loop {
        let page = client.call("orders_list", arguments.clone()).await.ok();
        assert_eq!(page["total"], all);
        for order in page["orders"].as_array().unwrap() {
            assert!(
                met.insert(order["id"].as_str().unwrap().to_owned()),
                "{order}"
            );
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => arguments["cursor"] = cursor.into(),
            None => break,
        }
    }
    assert_eq!(met.len(), all);
    arguments["folder_name"] = "New".into();
    assert_eq!(
        client.call("orders_list", arguments).await.error().0,
        "bad-cursor"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_default_answer_is_small_and_says_how_to_go_on() {
    let (server, client) = start().await;
    let listed = client.call("orders_list", json!({})).await;
    // About four bytes of JSON make a token.
    assert!(listed.text.len() < 8_000, "{} bytes", listed.text.len());
    let listed = listed.ok();
    assert_eq!(listed["returned"], 20);
    assert!(
        listed["note"].as_str().unwrap().contains("next_cursor"),
        "{}",
        listed["note"]
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_and_formats_choose_what_is_shown() {
    let (server, client) = start().await;
    let chosen = client
        .call(
            "orders_list",
            json!({"limit": 1, "fields": ["id", "shipping.city"]}),
        )
        .await
        .ok();
    let keys: Vec<&String> = chosen["orders"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "shipping"]);
    let detailed = client
        .call(
            "orders_list",
            json!({"limit": 1, "response_format": "detailed"}),
        )
        .await
        .ok();
    assert!(
        detailed["orders"][0]["order_items"][0]["variation_list"].is_object(),
        "{detailed}"
    );
    assert!(detailed["orders"][0]["checkout_data"].is_object());
    let (code, text) = client
        .call("orders_list", json!({"fields": ["emial"]}))
        .await
        .error();
    assert_eq!(code, "unknown-field");
    assert!(text.contains("'email'"), "{text}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_read_by_text_or_number_and_its_version_follows_its_changes() {
    let (server, client) = start().await;
    let id = server
        .simulator
        .with_store(9021, |store| store.orders().next().unwrap().id())
        .unwrap();
    let first = client
        .call("orders_get", json!({"order_id": id}))
        .await
        .ok();
    let second = client
        .call("orders_get", json!({"order_id": id.to_string()}))
        .await
        .ok();
    assert_eq!(first["order"]["id"], id.to_string());
    assert_eq!(
        (&first["version"], &second["cached"]),
        (&second["version"], &json!(true))
    );

    let now = server.simulator.now();
    server.simulator.with_store(9021, |store| {
        store
            .order_mut(id)
            .unwrap()
            .edit(&json!({"email": "new@example.com"}), now)
    });
    let changed = client
        .call(
            "orders_list",
            json!({"email": "new@example.com", "response_format": "detailed"}),
        )
        .await
        .ok();
    assert_eq!(changed["orders"][0]["id"], id.to_string());
    let other = server.tenant_with_store("other").await;
    let fresh = other.call("orders_get", json!({"order_id": id})).await.ok();
    assert_ne!(fresh["version"], first["version"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_order_desk_does_not_have_is_said_in_words() {
    let (server, client) = start().await;
    let (_, text) = client
        .call("orders_list", json!({"status": "open"}))
        .await
        .error();
    assert!(
        text.contains("Order Desk has folders: use folder_name"),
        "{text}"
    );
    let (code, text) = client
        .call("orders_list", json!({"search_start_date": "yesterday"}))
        .await
        .error();
    assert_eq!(code, "bad-date");
    assert!(
        text.contains("search_start_date") && text.contains("Example"),
        "{text}"
    );
    let (code, text) = client
        .call("orders_get", json!({"order_id": 1}))
        .await
        .error();
    assert_eq!(code, "orderdesk-not-found");
    assert!(text.contains('1'), "{text}");
    let traversal = client
        .call("orders_get", json!({"order_id": "../store"}))
        .await;
    assert!(traversal.is_error);
    assert!(
        server
            .simulator
            .requests()
            .iter()
            .filter(|request| request.path == "/store")
            .count()
            <= 1
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schemas_name_every_parameter_in_its_declared_order() {
    let (server, client) = start().await;
    let tools = client.tools().await;
    let list = tools
        .iter()
        .find(|tool| tool["name"] == "orders_list")
        .unwrap();
    let names: Vec<&String> = list["inputSchema"]["properties"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(names[0], "store_identifier");
    assert!(names.len() >= 32, "{names:?}");
    let first: Vec<&Value> = names
        .iter()
        .map(|name| &list["inputSchema"]["properties"][name.as_str()]["type"])
        .collect();
    assert!(
        first
            .iter()
            .all(|kind| !kind.to_string().contains("\"null\"")),
        "{list}"
    );
    server.stop().await;
}
