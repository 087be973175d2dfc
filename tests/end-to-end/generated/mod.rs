//! Generated calls of every tool: whatever it is given, a call ends in a result or in an error that its model reads. Never in
//! an error of the protocol, never in one of the inside (a panic, a trap), never not at all.

mod arguments;

use std::time::Duration;

use end_to_end::{Client, Server, rounds};
use orderdesk_simulator::{Clock, SimulatorConfig, sample};
use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use arguments::{Known, hostile, nearly_valid, valid};

const ALL: &str =
    "?toolsets=stores,orders,products,shipments,items,history,bulk,stock,audit,settings";
/// At once: as agents do, and so that no time is lost.
const AT_ONCE: usize = 8;
/// As long as a call may take that nothing is wrong with.
const PATIENCE: Duration = Duration::from_secs(60);
/// After so many calls the store is as it was in the beginning, and registered.
const SET_UP_AGAIN: usize = 500;

async fn start() -> (Server, Client) {
    let mut config = SimulatorConfig::sample(7, Clock::System);
    config.rate = None;
    config.keep_requests = 0;
    let server = Server::builder()
        .config(|config| config.endpoints.get_mut("orderdesk").unwrap().rate = None)
        .simulator(config)
        .start()
        .await;
    let client = server.tenant_with_store("acme").await.at(ALL);
    (server, client)
}

/// What there is, by the names of arguments that take it.
async fn known(server: &Server, client: &Client) -> Known {
    let note = |order: u64| json!({"order_id": order, "note": "generated"});
    let (orders, products, codes) = server
        .simulator
        .with_store(9021, |store| {
            let orders: Vec<u64> = store.orders().map(|it| it.id()).take(10).collect();
            let products: Vec<Value> = store
                .inventory()
                .iter()
                .map(|it| it["id"].clone())
                .collect();
            let codes: Vec<Value> = store
                .inventory()
                .iter()
                .map(|it| it["code"].clone())
                .collect();
            (orders, products, codes)
        })
        .unwrap();
    let change = client.call("orders_add_note", note(orders[0])).await.ok();
    let page = client.call("orders_list", json!({"limit": 2})).await.ok();
    Known::from([
        ("order_id", orders.iter().map(|id| json!(id)).collect()),
        ("order_id_list", orders.iter().map(|id| json!(id)).collect()),
        ("product_id", products),
        ("code", codes),
        ("change_id", vec![change["change_id"].clone()]),
        ("cursor", vec![page["next_cursor"].clone()]),
        ("store_identifier", vec![json!(9021), json!("9021")]),
        ("identifier", vec![json!("9021")]),
        (
            "destination_folder_name",
            vec![json!("Prepared"), json!("New")],
        ),
        ("folder_name", vec![json!("New")]),
        (
            "fields",
            vec![
                json!("id"),
                json!("order_items[0:2].code"),
                json!("shipping.city"),
            ],
        ),
        ("dry_run", vec![json!(true), json!(false)]),
    ])
}

/// What is wrong with the end of this call, if anything.
fn judged(status: u16, text: &str) -> Result<(), String> {
    let answer: Value = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
    let result = &answer["result"];
    if status != 200 || !result.is_object() {
        return Err(format!("{status}: {text}"));
    }
    let texts = result["content"].as_array().map_or(0, Vec::len);
    let error = &result["structuredContent"]["error"];
    match result["isError"] == true {
        true if error["kind"] == "internal" => Err(text.to_owned()),
        true if texts == 0 || !error["message"].is_string() => Err(text.to_owned()),
        false if texts == 0 || !result["structuredContent"].is_object() => Err(text.to_owned()),
        _ => Ok(()),
    }
}

async fn call(client: Client, tool: String, arguments: Value) -> Result<bool, String> {
    let params = json!({"name": tool, "arguments": arguments});
    let reply = tokio::time::timeout(PATIENCE, client.request("tools/call", params)).await;
    let shown: String = arguments.to_string().chars().take(2_000).collect();
    let Ok(reply) = reply else {
        return Err(format!("{tool} is stuck: {shown}"));
    };
    match judged(reply.status, &reply.text) {
        Ok(()) => Ok(!reply.text.contains("\"isError\":true")),
        Err(what) => {
            let what: String = what.chars().take(2_000).collect();
            Err(format!("{tool} {shown}\n    {what}"))
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_tool_is_given_its_call_ends_in_a_result_or_an_error_that_a_model_reads() {
    let (server, client) = start().await;
    let known = known(&server, &client).await;
    let calls = rounds(60, 10_000);
    let registry = server.application.host.registry();
    let mut runner = TestRunner::deterministic();
    let mut wrong: Vec<String> = Vec::new();
    for listed in registry.tools() {
        let tool = &listed.tool.name;
        let schema = json!(**listed.tool.arguments.schema());
        let kinds: [BoxedStrategy<Value>; 3] = [
            valid(&schema, &known),
            nearly_valid(&schema, &known),
            hostile(&schema),
        ];
        let (mut running, mut succeeded) = (JoinSet::new(), 0);
        let mut end = |ended: Result<bool, String>| match ended {
            Ok(success) => succeeded += usize::from(success),
            Err(what) => wrong.push(what),
        };
        for number in 0..calls {
            if number % SET_UP_AGAIN == 0 {
                while let Some(ended) = running.join_next().await {
                    end(ended.unwrap());
                }
                // Otherwise orders grow with every note, and all that is measured is how long they take to read.
                let fresh = sample::stores(7, server.simulator.now()).swap_remove(0);
                let (store, key, _) = server.simulator.stores().swap_remove(0);
                server.simulator.with_store(store, |it| *it = fresh);
                let registration = json!({"store_id": store, "api_key": key, "replace": true});
                client.call("stores_register", registration).await.ok();
            }
            let kind = &kinds[number % kinds.len()];
            let arguments = kind.new_tree(&mut runner).unwrap().current();
            running.spawn(call(client.clone(), tool.clone(), arguments));
            if running.len() >= AT_ONCE
                && let Some(ended) = running.join_next().await
            {
                end(ended.unwrap());
            }
        }
        while let Some(ended) = running.join_next().await {
            end(ended.unwrap());
        }
        eprintln!("{tool}: {calls} calls, {succeeded} of them succeeded");
        assert!(wrong.len() < 10, "{}", wrong.join("\n"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // It is as well as before.
    client.call("orders_list", json!({})).await.ok();
    server.stop().await;
}
