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
        // About four bytes make a token; one definition stays under 1,500, all of them under 15,000.
        assert!(text.len() < 6_000, "{name}: {} bytes", text.len());
    }
    let all: usize = tools.iter().map(|tool| tool.to_string().len()).sum();
    assert!(all < 60_000, "{all} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_the_one_that_is_checked_in() {
    let tools = serde_json::to_string_pretty(&listed().await).unwrap() + "\n";
    assert_snapshot("tools.json", &tools);
}
