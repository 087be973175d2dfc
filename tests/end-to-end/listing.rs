//! The tool list as agents get it: held against the names that outsiders rely on, and against a checked-in copy.

use end_to_end::{Server, assert_snapshot};
use serde_json::{Value, json};

/// Tools and the arguments that scripts and other people's plugins build on.
const PROMISED: [(&str, &[&str]); 20] = [
    ("tenant_use_master_key", &["master_key"]),
    (
        "stores_register",
        &["store_id", "api_key", "store_name", "label"],
    ),
    ("stores_list", &[]),
    ("stores_use_store", &["identifier"]),
    ("stores_delete", &["store_id"]),
    ("stores_resolve", &["identifier"]),
    ("stores_folders", &["store_identifier"]),
    (
        "orders_list",
        &[
            "store_identifier",
            "limit",
            "cursor",
            "offset",
            "fields",
            "response_format",
            "folder_name",
            "email",
        ],
    ),
    ("orders_get", &["order_id", "store_identifier"]),
    (
        "orders_create",
        &[
            "order_data",
            "store_identifier",
            "dry_run",
            "confirm_token",
            "idempotency_key",
        ],
    ),
    (
        "orders_update",
        &[
            "order_id",
            "changes",
            "store_identifier",
            "dry_run",
            "confirm_token",
            "idempotency_key",
            "if_unchanged_since",
            "expected",
        ],
    ),
    (
        "orders_delete",
        &["order_id", "store_identifier", "dry_run", "confirm_token"],
    ),
    (
        "orders_move",
        &[
            "order_id_list",
            "destination_folder_id",
            "destination_folder_name",
            "store_identifier",
        ],
    ),
    ("orders_add_note", &["order_id", "note", "store_identifier"]),
    (
        "orders_changes",
        &["order_id", "limit", "cursor", "store_identifier"],
    ),
    ("orders_undo", &["change_id", "store_identifier"]),
    ("shipments_list", &["order_id", "store_identifier"]),
    (
        "shipments_add",
        &[
            "order_id",
            "tracking_number",
            "carrier_code",
            "shipment_method",
            "store_identifier",
            "dry_run",
            "confirm_token",
            "idempotency_key",
        ],
    ),
    ("products_get", &["product_id", "store_identifier"]),
    (
        "products_list",
        &[
            "store_identifier",
            "limit",
            "cursor",
            "offset",
            "fields",
            "response_format",
        ],
    ),
];

const MOST_OF_THE_LIST: usize = 15_000;
const MOST_OF_A_TOOL: usize = 1_500;
/// The parts of results that hold something of an order.
const SHOWING: [&str; 6] = [
    "order",
    "orders",
    "changes",
    "history",
    "shipment",
    "shipments",
];

async fn listed() -> Vec<Value> {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let first = client.request("tools/list", json!({})).await.text;
    client.call("stores_list", json!({})).await.ok();
    assert_eq!(
        client.request("tools/list", json!({})).await.text,
        first,
        "the list changed by a call"
    );
    let tools = client.tools().await;
    server.stop().await;
    tools
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_outsiders_rely_on_is_there() {
    let tools = listed().await;
    for (name, arguments) in PROMISED {
        let tool = tools
            .iter()
            .find(|tool| tool["name"] == name)
            .unwrap_or_else(|| panic!("{name} is not listed"));
        for argument in arguments {
            assert!(
                tool["inputSchema"]["properties"][argument].is_object(),
                "{name} has no argument {argument}"
            );
        }
    }
    assert_eq!(tools.len(), PROMISED.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tool_is_described_as_clients_need_it() {
    let tools = listed().await;
    for tool in &tools {
        let name = tool["name"].as_str().unwrap();
        assert!(
            name.len() <= 40
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{name}"
        );
        assert!(
            tool["title"].is_string() && tool["description"].as_str().unwrap().contains("Example"),
            "{name}"
        );
        for hint in [
            "readOnlyHint",
            "destructiveHint",
            "idempotentHint",
            "openWorldHint",
        ] {
            assert!(tool["annotations"][hint].is_boolean(), "{name} {hint}");
        }
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{name}");
        let text = tool.to_string();
        assert!(
            !text.contains("x-sealed") && !text.contains("$ref"),
            "{name}: {text}"
        );
    }
}

/// Every agent pays for the list in every conversation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_costs_a_model_at_most_15_000_tokens() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let answer = client.request("tools/list", json!({})).await.text;
    let tokenizer = tiktoken_rs::o200k_base().unwrap();
    let tokens = |text: &str| tokenizer.encode_ordinary(text).len();
    let mut counts: Vec<(usize, String)> = client
        .tools()
        .await
        .iter()
        .map(|tool| {
            let name = tool["name"].as_str().unwrap();
            (tokens(&tool.to_string()), name.to_owned())
        })
        .collect();
    counts.sort();
    for (count, name) in &counts {
        eprintln!("{count:>6} {name}");
    }
    let all = tokens(&answer);
    eprintln!("{all:>6} tools/list");
    for (count, name) in counts {
        assert!(count <= MOST_OF_A_TOOL, "{name}: {count} tokens");
    }
    assert!(all <= MOST_OF_THE_LIST, "{all} tokens");
    server.stop().await;
}

/// Customers, shops and carriers write into orders what they like.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_shows_an_order_says_that_its_texts_are_data() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    // Of every set, listed or not.
    for listed in server.application.host.registry().tools() {
        let Some(schema) = &listed.tool.output_schema else {
            continue;
        };
        let properties = &schema["properties"];
        let shows = SHOWING.iter().any(|name| properties[name].is_object());
        assert!(
            !shows || properties["notice"].is_object(),
            "{} shows orders without a notice",
            listed.tool.name
        );
    }
    let listed = client.call("orders_list", json!({"limit": 1})).await;
    let notice = listed.structured["notice"].as_str().unwrap();
    assert!(notice.contains("third parties"), "{notice}");
    assert!(listed.text.contains(notice), "{}", listed.text);
    let order_id = &listed.structured["orders"][0]["id"];
    for cached in [false, true] {
        let found = client
            .call("orders_get", json!({ "order_id": order_id }))
            .await;
        assert_eq!(found.structured["cached"], cached);
        assert_eq!(found.structured["notice"], notice);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_the_one_that_is_checked_in() {
    let tools = serde_json::to_string_pretty(&listed().await).unwrap() + "\n";
    assert_snapshot("tools.json", &tools);
}
