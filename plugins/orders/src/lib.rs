//! The plugin `orders`: searches and reads the orders of a store.

mod concise;
mod dates;
mod fields;
mod get;
mod list;
mod search;
mod shipments;
mod version;

use std::time::Duration;

use orderdesk_client::{Caching, WriteSettings};
use orderdesk_plugin::{Plugin, Tool};

const TOOLSET: &str = "orders";
/// Orders change while people pack: what is older than this is asked again.
const FRESH: Duration = Duration::from_secs(15);
/// Everything that is kept of orders: for a change of which nobody knows what it touched.
const TAG: &str = "orders";
/// Every kept list: any change of any order may put it in or out.
const TAG_LISTS: &str = "orders/lists";

/// What is kept of one order.
fn tag_of(order_id: &str) -> String {
    format!("{TAG}/{order_id}")
}

fn caching(tag: impl Into<String>) -> Caching {
    Caching::new(FRESH).tag(TAG).tag(tag)
}

/// The plugin.
#[must_use]
pub fn plugin() -> Plugin {
    let plugin = Plugin::new("orders", env!("CARGO_PKG_VERSION"))
        .description("Searches and reads the orders of an Order Desk store.")
        .wish(
            r#"http = [{ endpoint = "orderdesk", allow = ["GET /orders", "GET /orders/*"] }]"#,
            "to search and read orders",
        )
        .wish(
            r#"read = ["stores"]"#,
            "to know which stores there are, and to use their sealed keys",
        )
        .wish(
            r#"http = [{ endpoint = "orderdesk", allow = ["GET /orders/*/shipments", "POST /orders/*/shipments", "PUT /orders/*/shipments/*", "DELETE /orders/*/shipments/*", "POST /batch-shipments"] }]"#,
            "to read, add, change and remove shipments",
        )
        .wish(
            "locks = true",
            "to keep two changes of one order from overwriting each other",
        )
        .settings::<WriteSettings>()
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
        );
    shipments::tools().into_iter().fold(plugin, Plugin::tool)
}

orderdesk_plugin::export!(plugin);
