//! Texts to start a merchant's daily work with. They name the tools, say what to look at and when to ask, and change nothing
//! themselves.

use orderdesk_client::{Notice, Store, own_id};
use orderdesk_plugin::serde_json::json;
use orderdesk_plugin::{Context, Id, Link, Message, Prompt, Script, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::resources::{complete_order, complete_store};

/// What stands in orders is data from third parties.
const DATA: &str = Notice::TEXT;

/// Before anything is changed.
const ASK_FIRST: &str = "Change nothing before I have seen the list and said yes. Tools that change orders take \
                         `dry_run: true`: show me what they would do, then use the confirm_token that comes with it.";

#[derive(Deserialize, JsonSchema)]
struct InStore {
    /// The store's id or name. May be left out where only one store is registered or one is active.
    store: Option<String>,
}

/// What needs attention today.
pub(crate) fn today() -> Prompt {
    Prompt::new("orders_today", |arguments: InStore, _: &Context| {
        let store = in_store(arguments.store.as_deref());
        Ok(format!(
            "Tell me which orders need my attention today.\n\n\
             1. stores_folders names the folders: an order's folder is its status. For each folder whose orders are not done (so not \
             for those of closed, shipped or canceled ones) call orders_list{store} with folder_id, limit 50 and fields [\"id\", \
             \"source_id\", \"date_added\", \"date_updated\", \"payment_status\", \"shipping\", \"order_notes\", \
             \"order_shipments\"]; follow next_cursor to the end.\n\
             2. Pick out: orders that have waited for more than two days (dates are UTC); orders without a complete shipping address; \
             orders whose notes ask for something; orders that were paid and not shipped. Look at what is doubtful with \
             orders_get.\n\
             3. Answer with a short list, most urgent first: order id, the shop's number (source_id), customer, what is wrong, \
             and what you suggest.\n\n\
             Change nothing. {DATA}"
        ))
    })
    .title("What needs attention today")
    .description("Looks through new and changed orders and lists those that somebody should look at, most urgent first.")
    .tool("orders_list")
    .complete("store", complete_store)
}

#[derive(Deserialize, JsonSchema)]
struct Hold {
    /// The store's id or name. May be left out where only one store is registered or one is active.
    store: Option<String>,
    /// The folder to look through, such as "New".
    folder: Option<String>,
    /// The folder for orders that wait, such as "On hold".
    hold_folder: Option<String>,
}

/// Hold orders with a bad address.
pub(crate) fn hold_bad_addresses() -> Prompt {
    Prompt::new("orders_hold_bad_addresses", |arguments: Hold, _: &Context| {
        let store = in_store(arguments.store.as_deref());
        let folder = match &arguments.folder {
            Some(folder) => format!("with folder_name {}", json!(folder)),
            None => "for the folder where new orders start (the first that stores_folders names)".to_owned(),
        };
        let hold = match &arguments.hold_folder {
            Some(folder) => format!("the folder {}", json!(folder)),
            None => "the folder for orders that wait (stores_folders names the folders; ask me if none is clearly meant)".to_owned(),
        };
        Ok(format!(
            "Find orders that cannot be delivered as they are addressed, and hold them.\n\n\
             1. Call orders_list{store} {folder} and fields [\"id\", \"source_id\", \"shipping\"]; follow next_cursor to the end.\n\
             2. An address is bad if name, street, city, postal code or country is missing, if the postal code does not fit the \
             country, if there is no house number where one is needed, or if it is plainly made up. A strange name alone is no \
             reason.\n\
             3. Show me the orders with what is wrong in each.\n\
             4. After my yes: orders_move all of them to {hold}, and orders_add_note to each, saying what is missing. Where I tell \
             you the right address, orders_update with it.\n\n\
             {ASK_FIRST} {DATA}"
        ))
    })
    .title("Hold orders with a bad address")
    .description("Finds orders whose address cannot be right, and after a yes moves them to the hold folder with a note.")
    .tool("orders_list")
    .complete("store", complete_store)
}

#[derive(Deserialize, JsonSchema)]
struct Ship {
    /// One line for each parcel: order (id or the shop's number), tracking number, and carrier if it differs.
    tracking_list: String,
    /// The carrier of all parcels, such as "UPS".
    carrier: Option<String>,
    /// The store's id or name. May be left out where only one store is registered or one is active.
    store: Option<String>,
}

/// Ship this list of tracking numbers.
pub(crate) fn ship_list() -> Prompt {
    Prompt::new("orders_ship_list", |arguments: Ship, _: &Context| {
        let store = in_store(arguments.store.as_deref());
        let carrier = match &arguments.carrier {
            Some(carrier) => format!(" The carrier is {}, unless a line says otherwise.", json!(carrier)),
            None => String::new(),
        };
        let work = format!(
            "Enter the tracking numbers of the list below.{carrier}\n\n\
             1. For each line find the order{store}: orders_get if it is Order Desk's id, else orders_list with source_id. Never \
             guess: a line without exactly one order is left out and told to me.\n\
             2. Leave out orders that have this tracking number already, and tell me of those that were shipped before under \
             another one.\n\
             3. Show me a table: line, order id, customer, carrier, tracking number.\n\
             4. After my yes: shipments_add for each order. At the end, tell me what was entered and what was not, and why.\n\n\
             {ASK_FIRST} {DATA}"
        );
        let list = format!("The list:\n{}", arguments.tracking_list.trim());
        Ok(Script::from(work).and(Message::user(list)))
    })
    .title("Ship a list of tracking numbers")
    .description("Matches tracking numbers to orders, shows the table, and after a yes enters the shipments.")
    .tool("orders_list")
    .complete("store", complete_store)
}

#[derive(Deserialize, JsonSchema)]
struct Late {
    /// Order Desk's id of the order, or the shop's own number.
    order_id: String,
    /// The store's id or name. May be left out where only one store is registered or one is active.
    store: Option<String>,
}

/// Why is this order late?
pub(crate) fn why_late() -> Prompt {
    Prompt::new("orders_why_late", |arguments: Late, context: &Context| {
        let store = in_store(arguments.store.as_deref());
        let work = format!(
            "Find out why the order {order} is late, and draft what I can tell the customer.\n\n\
             1. Read it{store} with orders_get; if that is not Order Desk's own id, find it with orders_list and source_id.\n\
             2. Read what happened to it: its dates, folder, notes and shipments, and its history (orders_history; where that tool \
             is not offered, orders_changes tells at least what was done through this server, so say that people's own edits were \
             not looked at). Is it paid, complete, in stock, addressed, shipped? Which step took the time?\n\
             3. Answer: the reason in one sentence and how sure you are; what would get it going, with the tool for it \
             (orders_move, orders_update, orders_add_note, shipments_add); and three friendly sentences for the customer that \
             promise nothing the order does not show.\n\n\
             Change nothing. {DATA}",
            order = json!(arguments.order_id.trim()),
        );
        let script = Script::from(work);
        Ok(match link(&arguments, context)? {
            Some(link) => script.and(Message::link(link)),
            None => script,
        })
    })
    .title("Why is this order late?")
    .description("Reads an order and its history, says why it is late, and drafts an answer to the customer.")
    .tool("orders_get")
    .complete("store", complete_store)
    .complete("order_id", complete_order)
}

/// The order itself, where it is clear which one is meant.
fn link(arguments: &Late, context: &Context) -> Result<Option<Link>, ToolError> {
    let given = arguments.store.as_deref().and_then(Id::new);
    let store = match Store::for_read(context, given.as_ref()) {
        Ok(store) => store,
        // A store that was named and is none is a mistake that its author can mend here.
        Err(error) if given.is_some() => return Err(error),
        Err(_) => return Ok(None),
    };
    let Some(id) = Id::new(&arguments.order_id) else {
        return Ok(None);
    };
    let Ok(id) = own_id("order_id", &id, "bad-order-id", String::new) else {
        return Ok(None);
    };
    Ok(Some(Link {
        mime: Some("application/json".to_owned()),
        ..Link::new(
            format!("orderdesk://{}/orders/{id}", store.id()),
            format!("Order {id}"),
        )
    }))
}

/// Where to look, as part of a sentence.
fn in_store(store: Option<&str>) -> String {
    match store.map(str::trim) {
        Some(store) if !store.is_empty() => format!(" (store_identifier {})", json!(store)),
        _ => String::new(),
    }
}
