//! The plugin's tools, seen from outside, against an Order Desk with two stores.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod choose;
mod delete;
mod folders;
mod listing;
mod offers;
mod register;
mod settings;
mod tenant;

use orderdesk_plugin::testing::{self, FakeHost, Received, Reply};
use orderdesk_plugin::{Sealed, ToolError};
use serde_json::{Value, json};

fn call(host: &FakeHost, tool: &str, arguments: Value) -> Result<Value, ToolError> {
    testing::call(stores::plugin(), host, tool, arguments)
}

/// Order Desk, with the stores 9021 "Alpha" and 9022 "Beta". The key of each is `key-of-<id>` or `new-key-of-<id>`.
fn order_desk() -> FakeHost {
    let host = FakeHost::new();
    host.endpoint("orderdesk", |request: &Received| {
        assert_eq!(request.path, "/store");
        let id = request.header("orderdesk-store-id").unwrap();
        let name = match id {
            "9021" => "Alpha",
            "9022" => "Beta",
            "9023" => "",
            _ => return refused(),
        };
        let key = request.header("orderdesk-api-key").unwrap();
        if key != format!("key-of-{id}") && key != format!("new-key-of-{id}") {
            return refused();
        }
        Reply::json(
            200,
            &json!({
                "status": "success",
                "store": {
                    "id": id,
                    "name": name,
                    "settings": { "api_key": "[sealed]" },
                    "folders": { "31002": "Prepared", "31001": "New" }
                }
            }),
        )
    });
    host
}

fn refused() -> Result<orderdesk_plugin::http::Response, ToolError> {
    Reply::json(
        401,
        &json!({ "status": "error", "message": "Not authorized" }),
    )
}

/// A key as the host hands it to `stores_register`.
fn seal(host: &FakeHost, key: &str) -> Sealed {
    host.seal(key, &["endpoint:orderdesk"])
}

/// Registers a store with its right key, and answers the key's handle.
fn register(host: &FakeHost, store_id: &str, store_name: Option<&str>) -> Sealed {
    let key = seal(host, &format!("key-of-{store_id}"));
    let arguments = json!({ "store_id": store_id, "api_key": key, "store_name": store_name });
    call(host, "stores_register", arguments).unwrap();
    key
}

fn two_stores() -> FakeHost {
    let host = order_desk();
    register(&host, "9021", None);
    register(&host, "9022", None);
    host
}

fn names(host: &FakeHost) -> Vec<String> {
    let listed = call(host, "stores_list", json!({})).unwrap();
    listed["stores"]
        .as_array()
        .unwrap()
        .iter()
        .map(|store| store["store_name"].as_str().unwrap().to_owned())
        .collect()
}
