//! The plugin `products`: searches, reads and changes the inventory items of a store.

mod answer;
mod changes;
mod concise;
mod create;
mod deed;
mod delete;
mod details;
mod ended;
mod get;
mod list;
mod resources;
mod shelf;
mod stock;
mod undo;
mod update;
mod version;

use std::time::Duration;

use orderdesk_client::Inside::{Open, Plain};
use orderdesk_client::brief::fitted;
use orderdesk_client::{Caching, Known, WriteSettings};
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Plugin, Tool};

const TOOLSET: &str = "products";
const STOCK: &str = "stock";
/// Stock moves slower than orders.
const FRESH: Duration = Duration::from_secs(60);
/// Everything that is kept of products: for a change of which nobody knows what it touched.
const TAG: &str = "products";
/// Every kept list: any change of any product may put it in or out.
const TAG_LISTS: &str = "products/lists";

/// A product with Order Desk's own field names.
type Product = Map<String, Value>;

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
    fitted(products(), advice)
}

/// How to get at what a long answer leaves out.
fn advice(tool: &str) -> &'static str {
    match tool {
        "products_get" => {
            "For the rest, name it in 'fields', of lists and texts a part at a time: [\"metadata.text[0:2000]\"]; or take \
             response_format \"detailed\" for up to 20,000 tokens."
        }
        _ => "products_get shows the product.",
    }
}

fn products() -> Plugin {
    Plugin::new("products", env!("CARGO_PKG_VERSION"))
        .description("Searches, reads and changes the inventory items of an Order Desk store.")
        .wish(
            r#"http = [{ endpoint = "orderdesk", allow = ["GET /inventory-items", "GET /inventory-items/*"] }]"#,
            "to search and read inventory items",
        )
        .wish(
            r#"http = [{ endpoint = "orderdesk", allow = ["POST /inventory-items", "PUT /inventory-items/*", "DELETE /inventory-items/*", "PUT /batch-inventory-items"] }]"#,
            "to create, change and remove inventory items, and to adjust their stock",
        )
        .wish(r#"read = ["stores"]"#, "to know which stores there are, and to use their sealed keys")
        .wish("locks = true", "to keep two changes of one product from overwriting each other")
        .settings::<WriteSettings>()
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
                     that with products_list and code. `version` changes with any change of it. Example: {\"product_id\": \
                     \"771204\"}.",
                )
                .read_only()
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("products_create", create::create)
                .title("Create a product")
                .description(
                    "Creates one product. Safe to repeat: a product that is there already with this code and these values \
                     is not created twice; one with other values is left alone and shown. Use it for a new SKU. Do not use \
                     it to change a product (products_update). Example: {\"product_data\": {\"code\": \"ORG-WAL\", \
                     \"name\": \"Walnut Desk Organizer\", \"price\": 34.5, \"stock\": 100}}.",
                )
                .idempotent()
                .toolset(TOOLSET)
                .only_in_toolset(),
        )
        .tool(
            Tool::new("products_update", update::update)
                .title("Change a product")
                .description(
                    "Changes fields of one product; what is not mentioned stays. Use it for price, name, location or data. \
                     Do not use it for goods that came in or went out: that is relative, and products_adjust_stock (tool \
                     set stock) loses nobody's change. Example: {\"product_id\": \"771204\", \"changes\": {\"price\": \
                     36}}.",
                )
                .destructive()
                .idempotent()
                .toolset(TOOLSET)
                .only_in_toolset(),
        )
        .tool(
            Tool::new("products_delete", delete::delete)
                .title("Delete a product")
                .description(
                    "Deletes one product, once that is confirmed. Use it for a product entered by mistake. Do not use it \
                     for one that is sold out (products_adjust_stock). Orders keep their items. Example: {\"product_id\": \
                     \"771204\"}.",
                )
                .destructive()
                .idempotent()
                .toolset(TOOLSET)
                .only_in_toolset(),
        )
        .tool(
            Tool::new("products_adjust_stock", stock::adjust)
                .title("Adjust stock")
                .description(
                    "Raises or lowers the stock of up to 50 products by their SKUs, relative to what is there, all or none. \
                     Two calls at once never lose one another's change. Use it for goods that came in, went out or broke. \
                     Do not use it to set a counted number (products_update with stock). Below zero only with \
                     allow_negative. Example: {\"adjustments\": [{\"code\": \"ORG-WAL\", \"by\": -2}], \
                     \"idempotency_key\": \"return-481\"}.",
                )
                .toolset(STOCK)
                .only_in_toolset(),
        )
        .tool(
            Tool::new("products_undo", undo::undo)
                .title("Take back a change of a product")
                .description(
                    "Takes back one change of a product that this server made, merged into the product as it is now: what \
                     others changed since stays, and adjusted stock goes back by as much as it was adjusted. A deleted \
                     product is created again under a new id. Use it for a mistake; the change_id is in the write's result \
                     and in products_changes. Do not use it for orders (orders_undo). Example: {\"change_id\": \
                     \"fe4d1c0a9b2e01020304\"}.",
                )
                .destructive()
                .idempotent()
                .toolset(TOOLSET)
                .only_in_toolset(),
        )
        .tool(
            Tool::new("products_changes", changes::changes)
                .title("What was changed in products")
                .description(
                    "Lists the changes of products made through this server, newest first, with their exact differences. Use \
                     it to see what happened to a product or its stock, or to find a change_id for products_undo. Do not use \
                     it for orders (orders_changes), nor for what people or orders did in Order Desk itself. Example: \
                     {\"product_id\": \"771204\"}.",
                )
                .read_only()
                .idempotent()
                .toolset(TOOLSET)
                .only_in_toolset(),
        )
        .resource_template(resources::product())
}

orderdesk_plugin::export!(plugin);
