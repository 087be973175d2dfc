//! The plugin `orders`: searches and reads the orders of a store.

mod concise;
mod dates;
mod get;
mod list;
mod search;
mod version;

use std::time::Duration;

use orderdesk_client::Caching;
use orderdesk_plugin::{Plugin, Tool};

const TOOLSET: &str = "orders";
/// Orders change while people pack: what is older than this is asked again.
const FRESH: Duration = Duration::from_secs(15);
/// What any change of any order makes stale.
const TAG: &str = "orders";

/// The names that an order has at its top (order-desk-api.md §2.1).
const FIELDS: [&str; 40] = [
    "id",
    "source_id",
    "source_name",
    "email",
    "shipping_method",
    "quantity_total",
    "weight_total",
    "product_total",
    "shipping_total",
    "handling_total",
    "tax_total",
    "discount_total",
    "order_total",
    "cc_number_masked",
    "cc_exp",
    "processor_response",
    "payment_type",
    "payment_status",
    "processor_balance",
    "refund_total",
    "customer_id",
    "email_count",
    "ip_address",
    "tag_color",
    "tag_name",
    "fulfillment_name",
    "fulfillment_id",
    "folder_id",
    "date_added",
    "date_updated",
    "shipping",
    "customer",
    "return_address",
    "checkout_data",
    "order_metadata",
    "discount_list",
    "order_notes",
    "order_items",
    "order_shipments",
    "order_history",
];

fn caching() -> Caching {
    Caching::new(FRESH).tag(TAG)
}

/// The plugin.
#[must_use]
pub fn plugin() -> Plugin {
    Plugin::new("orders", env!("CARGO_PKG_VERSION"))
        .description("Searches and reads the orders of an Order Desk store.")
        .wish(
            r#"http = [{ endpoint = "orderdesk", allow = ["GET /orders", "GET /orders/*"] }]"#,
            "to search and read orders",
        )
        .wish(
            r#"read = ["stores"]"#,
            "to know which stores there are, and to use their sealed keys",
        )
        .tool(
            Tool::new("orders_list", list::list)
                .title("Search orders")
                .description(
                    "Searches a store's orders, newest first; all filters must match. Use it to find orders by customer, \
                     folder, date or the shop's own number (source_id). Do not use it for one order whose id is known \
                     (orders_get). Answers 20 concise orders unless asked otherwise; follow next_cursor for the rest (new \
                     orders can shift pages meanwhile). An order's folder is its status. Example: \
                     {\"folder_name\": \"New\", \"search_start_date\": \"2026-03-01\"}.",
                )
                .read_only()
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("orders_get", get::get)
                .title("Read an order")
                .description(
                    "Reads one order with items, addresses, notes and shipments, by Order Desk's id. Use it before \
                     answering questions about an order. Do not use it with the shop's own order number: find that with \
                     orders_list and source_id. `version` changes with any change of the order. Example: \
                     {\"order_id\": \"5512034\", \"fields\": [\"shipping\", \"order_items\"]}.",
                )
                .read_only()
                .idempotent()
                .toolset(TOOLSET),
        )
}

orderdesk_plugin::export!(plugin);
