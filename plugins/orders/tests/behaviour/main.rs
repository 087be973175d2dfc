//! The plugin's tools, seen from outside, against an Order Desk with two stores.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
// One order in `json!` has more parts than the default allows.
#![recursion_limit = "256"]

mod bulk;
mod caching;
mod certainty;
mod create;
mod definitions;
mod delete;
mod faults;
mod get;
mod history;
mod listing;
mod moving;
mod moving_many;
mod offers;
mod order_items;
mod pages;
mod search;
mod shipments;
mod shop;
mod undo;
mod update;
mod webhook;
mod writing;

use orderdesk_client::{StoreRecord, store_key};
use orderdesk_plugin::ToolError;
use orderdesk_plugin::storage::Write;
use orderdesk_plugin::testing::{self, FakeHost, Received, Reply};
use serde_json::{Value, json};

fn call(host: &FakeHost, tool: &str, arguments: Value) -> Result<Value, ToolError> {
    testing::call(orders::plugin(), host, tool, arguments)
}

fn list(host: &FakeHost, arguments: Value) -> Value {
    call(host, "orders_list", arguments).unwrap()
}

fn get(host: &FakeHost, arguments: Value) -> Value {
    call(host, "orders_get", arguments).unwrap()
}

/// A host with these stores, whose keys are `key-of-<id>`, and no Order Desk yet.
fn with_stores(stores: &[(&str, &str)]) -> FakeHost {
    let host = FakeHost::new();
    for (store_id, store_name) in stores {
        let record = StoreRecord {
            store_id: (*store_id).to_owned(),
            store_name: (*store_name).to_owned(),
            label: None,
            api_key: host.seal(&format!("key-of-{store_id}"), &["endpoint:orderdesk"]),
        };
        let write = Write::put_json(store_key(store_id), &record)
            .unwrap()
            .subject(record.subject());
        host.write_document("stores", write);
    }
    host
}

/// One store, whose Order Desk holds these orders and, whatever the filters, pages through them.
fn holding(orders: Vec<Value>) -> FakeHost {
    let host = with_stores(&[("9021", "Alpha")]);
    host.endpoint("orderdesk", move |request| page_of(&orders, request));
    host
}

fn page_of(
    orders: &[Value],
    request: &Received,
) -> Result<orderdesk_plugin::http::Response, ToolError> {
    let number = |name: &str| request.parameter(name).unwrap().parse::<usize>().unwrap();
    let (offset, limit) = (number("offset"), number("limit"));
    let page: Vec<&Value> = orders.iter().skip(offset).take(limit).collect();
    Reply::json(
        200,
        &json!({
            "status": "success", "execution_time": "0.0123 seconds", "total_records": orders.len(),
            "records_returned": page.len(), "offset": offset, "limit": limit, "orders": page,
        }),
    )
}

/// One store, whose Order Desk always answers this.
fn answering(status: u16, body: Value) -> FakeHost {
    let host = with_stores(&[("9021", "Alpha")]);
    host.endpoint("orderdesk", move |_| Reply::json(status, &body));
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

/// An order as Order Desk returns it (order-desk-api.md §10.2), with its oddities.
fn order(id: u64) -> Value {
    let address = json!({
        "first_name": "Ruth", "last_name": "Okafor", "company": "", "address1": "14 Harbor Row", "address2": "Unit 6",
        "city": "Portland", "state": "ME", "postal_code": "04101", "country": "US", "phone": "207-555-0144"
    });
    json!({
        "id": id.to_string(), "email": "r.okafor@example.com", "shipping_method": "Ground", "quantity_total": 6,
        "weight_total": 4.2, "product_total": 94, "shipping_total": 9.75, "handling_total": 1.5, "tax_total": 7.05,
        "discount_total": 9.4, "order_total": 102.9, "cc_number_masked": "xxxxxxxxxxxx1881", "cc_exp": "11/2029",
        "processor_response": "", "payment_type": "Visa", "payment_status": "Captured", "processor_balance": 102.9,
        "refund_total": 0, "customer_id": "", "email_count": "1", "ip_address": "", "tag_color": "",
        "source_name": "Order Desk", "source_id": format!("WEB-{id}"), "fulfillment_name": "", "fulfillment_id": "",
        "tag_name": "", "folder_id": 31001, "date_added": "2026-03-02 17:41:12", "date_updated": "2026-03-02 17:41:12",
        "shipping": address, "customer": address,
        "checkout_data": { "Gift Message": "Enjoy the new desk" }, "order_metadata": [],
        "discount_list": [{ "name": "Spring", "code": "SPRING10", "amount": "9.40" }], "order_notes": [],
        "order_items": [
            { "id": "90231", "name": "Walnut Desk Organizer", "price": 34.5, "quantity": 2, "weight": 1.8,
              "code": "ORG-WAL", "delivery_type": "ship", "category_code": "DESK", "fulfillment_method": "",
              "variation_list": { "Finish": "Oil" }, "metadata": { "print_sku": "ORG-WAL-L" } },
            { "id": "90232", "name": "Brass Label Holder", "price": 6.25, "quantity": 4, "weight": 0.15,
              "code": "LBL-BRS", "delivery_type": "ship", "category_code": "", "fulfillment_method": "",
              "variation_list": [], "metadata": [] }
        ],
        "order_shipments": [
            { "id": "40877", "tracking_number": "1ZX4420A0390011187", "carrier_code": "UPS", "shipment_method": "Ground" }
        ]
    })
}

/// The order with these fields instead of its own.
fn but(mut order: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        order[name] = value.clone();
    }
    order
}

fn ids(listed: &Value) -> Vec<&str> {
    listed["orders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| order["id"].as_str().unwrap())
        .collect()
}
