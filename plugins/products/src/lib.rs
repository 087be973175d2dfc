//! The plugin `products`: searches and reads the inventory items of a store.

mod concise;
mod get;
mod list;
mod resources;

use std::time::Duration;

use orderdesk_client::Inside::{Open, Plain};
use orderdesk_client::{Caching, Known};
use orderdesk_plugin::{Plugin, Tool};

const TOOLSET: &str = "products";
/// Stock moves slower than orders.
const FRESH: Duration = Duration::from_secs(60);
/// Everything that is kept of products: for a change of which nobody knows what it touched.
const TAG: &str = "products";
/// Every kept list: any change of any product may put it in or out.
const TAG_LISTS: &str = "products/lists";

/// What is kept of one product.
fn tag_of(product_id: &str) -> String {
    format!("{TAG}/{product_id}")
}

/// Everything that `fields` can choose (order-desk-api.md §5).
const FIELDS: &Known = &[
    ("id", Plain),
    ("name", Plain),
    ("code", Plain),
    ("price", Plain),
    ("cost", Plain),
    ("weight", Plain),
    ("stock", Plain),
    ("location", Plain),
    ("update_source", Plain),
    ("manufacturer_sku", Plain),
    ("metadata", Open),
    ("variation_list", Open),
    ("date_added", Plain),
    ("date_updated", Plain),
];

fn caching(tag: impl Into<String>) -> Caching {
    Caching::new(FRESH).tag(TAG).tag(tag)
}

/// The plugin.
#[must_use]
pub fn plugin() -> Plugin {
    Plugin::new("products", env!("CARGO_PKG_VERSION"))
        .description("Searches and reads the inventory items of an Order Desk store.")
        .wish(
            r#"http = [{ endpoint = "orderdesk", allow = ["GET /inventory-items", "GET /inventory-items/*"] }]"#,
            "to search and read inventory items",
        )
        .wish(r#"read = ["stores"]"#, "to know which stores there are, and to use their sealed keys")
        .tool(
            Tool::new("products_list", list::list)
                .title("Search products")
                .description(
                    "Searches a store's products (Order Desk calls them inventory items) with price and stock. Use it to look \
                     products up by SKU (code) or to see what is in stock. Do not use it for what a customer ordered \
                     (orders_get). Answers 20 concise products unless asked otherwise; follow next_cursor for the rest. \
                     Example: {\"code\": [\"ORG-WAL\", \"LBL-BRS\"]}.",
                )
                .read_only()
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("products_get", get::get)
                .title("Read a product")
                .description(
                    "Reads one product by Order Desk's id of it. Use it when the id is known. Do not use it with a SKU: find \
                     that with products_list and code. Example: {\"product_id\": \"771204\"}.",
                )
                .read_only()
                .idempotent()
                .toolset(TOOLSET),
        )
        .resource_template(resources::product())
}

orderdesk_plugin::export!(plugin);
