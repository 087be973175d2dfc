//! The plugin `orders`: searches, reads and changes the orders of a store.

mod batch;
mod bulk;
mod change;
mod changes;
mod concise;
mod create;
mod creating;
mod dates;
mod delete;
mod fields;
mod folders;
mod get;
mod history;
mod list;
mod long;
mod once;
mod order_items;
mod prompts;
mod relocate;
mod resources;
mod search;
mod settings;
mod shipments;
mod undo;
mod update;
mod version;
mod webhook;
mod whole_call;
mod written;

use std::time::Duration;

use orderdesk_client::Caching;
use orderdesk_client::brief::fitted;
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
    fitted(shipments::added_to(orders()), advice)
}

/// How to get at what a long answer leaves out.
fn advice(tool: &str) -> &'static str {
    match tool {
        "orders_get" => {
            "For the rest, name it in 'fields', of lists and texts a part at a time: [\"order_items[8:16]\"]; or take \
             response_format \"detailed\" for up to 20,000 tokens."
        }
        "orders_bulk_update" | "orders_move" | "shipments_add_batch" => {
            "Orders that failed are shown before those that went well; orders_changes lists every change."
        }
        _ => "orders_get shows the order, orders_changes the whole difference.",
    }
}

fn orders() -> Plugin {
    Plugin::new("orders", env!("CARGO_PKG_VERSION"))
        .description("Searches, reads and changes the orders of an Order Desk store.")
        .settings::<settings::Settings>()
        .wish(
            r#"http = [{ endpoint = "orderdesk", allow = ["GET /orders", "GET /orders/*", "GET /store"] }]"#,
            "to search and read orders, and to know a store's folders",
        )
        .wish(
            r#"http = [{ endpoint = "orderdesk", allow = ["POST /orders", "PUT /orders/*", "DELETE /orders/*", "POST /orders/*/order-history", "POST /move-orders"] }]"#,
            "to create, change, move and delete orders",
        )
        .wish(
            "locks = true",
            "so that two changes of one order never overwrite each other",
        )
        .wish(
            r#"read = ["stores"]"#,
            "to know which stores there are, and to use their sealed keys",
        )
        .webhook(webhook::judge)
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
                     orders_list and source_id. A long order is shortened to 2,000 tokens, with what it leaves out named; \
                     `fields` or response_format \"detailed\" show more. `version` changes with any change of the order. Example: \
                     {\"order_id\": \"5512034\", \"fields\": [\"shipping\", \"order_items\"]}.",
                )
                .read_only()
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("orders_update", update::update)
                .title("Change an order")
                .description(
                    "Changes parts of one order; what `changes` does not name stays. Use it for addresses, totals, tags, \
                     folder, items, notes and data. Do not use it for shipments (shipments_add). The result shows exactly \
                     what changed; orders_undo takes it back. Example: {\"order_id\": \"5512034\", \"changes\": \
                     {\"shipping\": {\"city\": \"Bath\"}, \"order_items\": [{\"code\": \"ORG-WAL\", \"quantity\": 3}]}}.",
                )
                .destructive()
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("orders_add_note", update::add_note)
                .title("Add a note to an order")
                .description(
                    "Appends a note to an order; one that is there already is not added again. Use it to leave a remark \
                     for the people who pack. Do not use it for long texts (an order's notes hold 2,000 characters \
                     together) or to edit a note. Example: {\"order_id\": \"5512034\", \"note\": \"Call before \
                     delivery\"}.",
                )
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("orders_create", create::create)
                .title("Create an order")
                .description(
                    "Creates an order. Use it for an order that Order Desk does not have yet; give the shop's own number \
                     as source_id, then repeating the call creates no second one. Do not use it to change an order \
                     (orders_update). Example: {\"order_data\": {\"source_id\": \"WEB-7\", \"email\": \"a@example.com\", \
                     \"shipping\": {\"first_name\": \"Ann\", \"last_name\": \"Lee\"}, \"order_items\": [{\"name\": \
                     \"Desk\", \"code\": \"D-1\", \"price\": 10, \"quantity\": 1}]}}.",
                )
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("orders_delete", delete::delete)
                .title("Delete an order")
                .description(
                    "Deletes an order for good, after a confirmation. Use it only when asked to delete. Do not use it for \
                     an order that is done or canceled (orders_move into that folder). orders_undo can create it again, \
                     without its id, history and shipments. Example: {\"order_id\": \"5512034\", \"dry_run\": true}.",
                )
                .destructive()
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("orders_move", relocate::relocate)
                .title("Move orders")
                .description(
                    "Moves orders, one or many, into another folder, which is their status; the folder's rules run. Use it to \
                     pass orders on. Do not use it for other changes (orders_update). More than one is confirmed first. \
                     Example: {\"order_id_list\": [5512034], \"destination_folder_name\": \"Prepared\"}.",
                )
                .destructive()
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("orders_changes", changes::changes)
                .title("What was changed")
                .description(
                    "Lists the changes made through this server, newest first, with their exact differences. Use it to see \
                     what happened to an order, or to find a change_id for orders_undo. Do not use it for what people did \
                     in Order Desk itself (orders_history). Example: {\"order_id\": \"5512034\"}.",
                )
                .read_only()
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("orders_undo", undo::undo)
                .title("Take a change back")
                .description(
                    "Takes one change back; what others changed since stays and is listed in conflicts. Use it when a \
                     change was a mistake. Do not use it for changes made in Order Desk itself. A deleted order is created \
                     again, after a confirmation. Example: {\"change_id\": \"e3f2…\"}.",
                )
                .destructive()
                .idempotent()
                .toolset(TOOLSET),
        )
        .tool(
            Tool::new("orders_history", history::history)
                .title("Read an order's history")
                .description(
                    "Reads what happened to an order in Order Desk: edits, moves, shipments, remarks. Use it to find out why \
                     an order is as it is. Do not use it often: Order Desk finds history slowly. Example: {\"order_id\": \
                     \"5512034\"}.",
                )
                .read_only()
                .idempotent()
                .toolset("history")
                .only_in_toolset(),
        )
        .tool(
            Tool::new("orders_add_history", history::add)
                .title("Write into an order's history")
                .description(
                    "Appends an entry to an order's history, for good: it can be neither changed nor removed. Use it for \
                     remarks that are too long for notes, or that must last. Do not use it for what the people who pack \
                     must see (orders_add_note). Example: {\"order_id\": \"5512034\", \"note\": \"Refund promised\"}.",
                )
                .toolset("history")
                .only_in_toolset(),
        )
        .tool(
            Tool::new("order_items_add", order_items::add)
                .title("Add items to an order")
                .description(
                    "Adds items to an order; one that is there already is not added again. Use it for new lines. Do not use \
                     it to raise a quantity (order_items_update). Example: {\"order_id\": \"5512034\", \"items\": \
                     [{\"code\": \"D-1\", \"name\": \"Desk\", \"price\": 10, \"quantity\": 1}]}.",
                )
                .idempotent()
                .toolset("items")
                .only_in_toolset(),
        )
        .tool(
            Tool::new("order_items_update", order_items::update)
                .title("Change items of an order")
                .description(
                    "Changes fields of an order's items; other fields and items stay. Use it for quantities, prices and \
                     variations. Do not use it to replace an item (order_items_remove and order_items_add). Example: \
                     {\"order_id\": \"5512034\", \"items\": [{\"code\": \"D-1\", \"quantity\": 2}]}.",
                )
                .destructive()
                .idempotent()
                .toolset("items")
                .only_in_toolset(),
        )
        .tool(
            Tool::new("order_items_remove", order_items::remove)
                .title("Remove items from an order")
                .description(
                    "Removes items from an order; orders_undo brings them back under new ids. Use it when a line falls \
                     away. Do not use it to lower a quantity (order_items_update). Example: {\"order_id\": \"5512034\", \
                     \"items\": [{\"code\": \"D-1\"}]}.",
                )
                .destructive()
                .idempotent()
                .toolset("items")
                .only_in_toolset(),
        )
        .tool(
            Tool::new("orders_bulk_update", bulk::bulk_update)
                .title("Change many orders")
                .description(
                    "Makes one change in every order that a search finds, at most 500, after a confirmation; answers per \
                     order. Use it for the same change in many orders; preview it with dry_run. Interrupted, the same call with \
                     its idempotency_key goes on; without a key it asks again and changes only what is left. Do not use it to \
                     move orders (orders_move) or for one order (orders_update). Example: {\"filter\": {\"folder_name\": \
                     \"New\"}, \"changes\": {\"tag_name\": \"info\"}, \"dry_run\": true}.",
                )
                .destructive()
                .idempotent()
                .toolset("bulk")
                .only_in_toolset(),
        )
        .resource_template(resources::order())
        .prompt(prompts::today())
        .prompt(prompts::hold_bad_addresses())
        .prompt(prompts::ship_list())
        .prompt(prompts::why_late())
}

orderdesk_plugin::export!(plugin);
