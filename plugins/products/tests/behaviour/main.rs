//! The plugin's tools, seen from outside, against an Order Desk with one store.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod changes;
mod changing;
mod creating;
mod definitions;
mod desk;
mod get;
mod listing;
mod offers;
mod pages;
mod stock;
mod undoing;

use orderdesk_client::{StoreRecord, store_key};
use orderdesk_plugin::ToolError;
use orderdesk_plugin::storage::Write;
use orderdesk_plugin::testing::{self, FakeHost, Reply};
use serde_json::{Value, json};

fn call(host: &FakeHost, tool: &str, arguments: Value) -> Result<Value, ToolError> {
    testing::call(products::plugin(), host, tool, arguments)
}

fn list(host: &FakeHost, arguments: Value) -> Value {
    call(host, "products_list", arguments).unwrap()
}

fn with_store() -> FakeHost {
    let host = FakeHost::new();
    let record = StoreRecord {
        store_id: "9021".to_owned(),
        store_name: "Alpha".to_owned(),
        label: None,
        api_key: host.seal("key-of-9021", &["endpoint:orderdesk"]),
    };
    let write = Write::put_json(store_key("9021"), &record)
        .unwrap()
        .subject(record.subject());
    host.write_document("stores", write);
    host
}

/// A store whose Order Desk always answers this.
fn answering(status: u16, body: Value) -> FakeHost {
    let host = with_store();
    host.endpoint("orderdesk", move |_| Reply::json(status, &body));
    host
}

/// A store whose Order Desk pages through these products, whatever the filters, and counts them as it likes.
fn holding(products: Vec<Value>, total: Option<Value>) -> FakeHost {
    let host = with_store();
    host.endpoint("orderdesk", move |request| {
        let number = |name: &str| request.parameter(name).unwrap().parse::<usize>().unwrap();
        let page: Vec<&Value> = products
            .iter()
            .skip(number("offset"))
            .take(number("limit"))
            .collect();
        let total = total
            .clone()
            .unwrap_or_else(|| json!(products.len().to_string()));
        Reply::json(
            200,
            &json!({
                "status": "success", "records_returned": page.len(), "total_records": total, "inventory_items": page,
            }),
        )
    });
    host
}

/// What of the last request went into its query.
fn sent(host: &FakeHost, name: &str) -> Option<String> {
    let request = host.requests().pop().unwrap();
    request
        .query
        .into_iter()
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// An inventory item as Order Desk returns it (order-desk-api.md §10.3), with its oddities.
fn product(id: u64) -> Value {
    json!({
        "id": id, "name": "Walnut Desk Organizer", "code": format!("ORG-{id}"), "price": 34.5, "cost": 15.2,
        "weight": 1.8, "stock": 118, "update_source": "WarehouseSync", "location": "Aisle 4",
        "manufacturer_sku": null, "metadata": { "print_sku": "ORG-WAL-L" }, "variation_list": [],
        "date_added": "2025-11-20 09:15:33", "date_updated": "2026-03-01 22:04:10",
    })
}

fn ids(listed: &Value) -> Vec<&str> {
    listed["products"]
        .as_array()
        .unwrap()
        .iter()
        .map(|product| product["id"].as_str().unwrap())
        .collect()
}
