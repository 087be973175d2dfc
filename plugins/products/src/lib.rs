//! The plugin `products`: searches and reads the inventory items of a store.

mod concise;
mod get;
mod list;

use std::time::Duration;

use orderdesk_client::Caching;
use orderdesk_plugin::{Plugin, Tool};

const TOOLSET: &str = "products";
/// Stock moves slower than orders.
const FRESH: Duration = Duration::from_secs(60);
/// What any change of any product makes stale.
const TAG: &str = "products";

/// The names that an inventory item has at its top (order-desk-api.md §5).
const FIELDS: [&str; 14] = [
    "id",
    "name",
    "code",
    "price",
    "cost",
    "weight",
    "stock",
    "location",
    "update_source",
    "manufacturer_sku",
    "metadata",
    "variation_list",
    "date_added",
    "date_updated",
];

fn caching() -> Caching {
    Caching::new(FRESH).tag(TAG)
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
}

orderdesk_plugin::export!(plugin);
