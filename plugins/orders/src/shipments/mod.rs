//! The shipments of an order. They have routes of their own: a PUT of the order never touches them
//! (order-desk-api.md §2.5, §4).
//!
//! Whatever changes an order, its shipments included, holds the order's lock. A change of a shipment stands in the journal
//! under the kind [`KIND`] and the id of the *order*, with edits whose path begins with `order_shipments`: so all of an
//! order's shipments are found together, and one whose id nobody knows yet is found too.

mod add;
mod answer;
mod batch;
mod deed;
mod delete;
mod details;
mod list;
mod step;
mod sweep;
pub(crate) mod undo;
mod update;

use std::time::Duration;

use orderdesk_client::difference::Edit;
use orderdesk_client::{ApiRequest, Store, take_rows};
use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, Id, Plugin, Tool, ToolError};

use crate::change::engine;
use crate::change::place::{self, Standing};

const TOOLSET: &str = "shipments";
/// The kind of these changes in the journal.
pub(crate) const KIND: &str = "shipment";
/// The name of the list in an order, and in the paths of differences.
const LIST: &str = "order_shipments";

/// How long to wait for somebody else's change of the same order.
const LOCK_WAIT: Duration = Duration::from_secs(20);
/// Longer than all that happens under the lock: waiting for tokens, a read, a write, looks at what became of it.
const LOCK_LEASE: Duration = Duration::from_secs(110);
/// A write that takes longer counts as one of unknown outcome.
const TIME_OUT: Duration = Duration::from_secs(30);

type Shipment = Map<String, Value>;

/// Takes the lock of an order, which every change of the order holds.
fn lock(context: &Context, store: &Store, order_id: &str) -> Result<Lock, ToolError> {
    lock_within(context, store, order_id, LOCK_WAIT)
}

/// As [`lock`], and waits no longer than this.
fn lock_within(
    context: &Context,
    store: &Store,
    order_id: &str,
    wait: Duration,
) -> Result<Lock, ToolError> {
    engine::lock(context, store, order_id, wait)
}

/// The shipments of an order as they are now, never from the cache; with tokens for as many requests after it.
fn read(
    context: &Context,
    store: &Store,
    order_id: &str,
    hold: u8,
) -> Result<Vec<Shipment>, ToolError> {
    let request = ApiRequest::get(["orders", order_id, "shipments"]).hold(hold);
    let mut answer = store.client(context).send(request)?;
    take_rows(&mut answer, "shipments")
}

/// The text of a field, blank if there is none.
fn text<'a>(shipment: &'a Shipment, field: &str) -> &'a str {
    shipment
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn order_id(id: &Id) -> Result<&str, ToolError> {
    orderdesk_client::own_id("order_id", id, "bad-order-id", || {
        "If it is the shop's own order number, find the order with orders_list and source_id."
            .to_owned()
    })
}

fn shipment_id(id: &Id) -> Result<&str, ToolError> {
    orderdesk_client::own_id("shipment_id", id, "bad-shipment-id", || {
        "If it is a tracking number: shipments_list shows the id beside it.".to_owned()
    })
}

/// The shipment of this id, and its place.
fn find<'a>(
    shipments: &'a [Shipment],
    order_id: &str,
    shipment_id: &str,
) -> Result<&'a Shipment, ToolError> {
    shipments
        .iter()
        .find(|shipment| text(shipment, "id") == shipment_id)
        .ok_or_else(|| {
            ToolError::not_found(
                "shipment-not-found",
                format!(
                    "Order {order_id} has no shipment {shipment_id}. {} Nothing was changed.",
                    listed(shipments)
                ),
            )
        })
}

/// The shipments in words.
fn listed(shipments: &[Shipment]) -> String {
    if shipments.is_empty() {
        return "It has none.".to_owned();
    }
    let shown: Vec<String> = shipments
        .iter()
        .take(20)
        .map(|shipment| {
            format!(
                "{} ({:?})",
                text(shipment, "id"),
                text(shipment, "tracking_number")
            )
        })
        .collect();
    format!(
        "Its shipments, by id and tracking number: {}.",
        shown.join(", ")
    )
}

/// What an order shows of an edit of its shipments. None where it tells nothing: shipments without a tracking number look
/// like each other.
pub(crate) fn standing(edit: &Edit, order: &Map<String, Value>) -> Option<Standing> {
    let (None, Some(Value::Object(added))) = (&edit.before, &edit.after) else {
        return Some(place::standing(order, edit, order));
    };
    if text(added, "tracking_number").is_empty() || details::is_none(text(added, "tracking_number"))
    {
        return None;
    }
    let there = place::list(order, LIST)
        .iter()
        .filter_map(Value::as_object)
        .any(|shipment| details::same_parcel(shipment, added));
    Some(if there {
        Standing::After
    } else {
        Standing::Before
    })
}

/// The plugin with the tools for shipments, and with the wish that goes with them.
pub(crate) fn added_to(plugin: Plugin) -> Plugin {
    let plugin = plugin.wish(
        r#"http = [{ endpoint = "orderdesk", allow = ["GET /orders/*/shipments", "POST /orders/*/shipments", "PUT /orders/*/shipments/*", "DELETE /orders/*/shipments/*", "POST /batch-shipments"] }]"#,
        "to read, add, change and remove shipments",
    );
    tools().into_iter().fold(plugin, Plugin::tool)
}

fn tools() -> [Tool; 5] {
    [
        Tool::new("shipments_list", list::list)
            .title("List an order's shipments")
            .description(
                "Lists the shipments of one order with tracking numbers, carriers, dates and ids. Use it before a shipment \
                 is changed or removed, or to see whether an order was sent. Do not use it over many orders: orders_list \
                 shows their tracking. Example: {\"order_id\": \"5512034\"}.",
            )
            .read_only()
            .idempotent()
            .toolset(TOOLSET),
        Tool::new("shipments_add", add::add)
            .title("Add a shipment")
            .description(
                "Adds a shipment with its tracking number to one order. Safe to repeat: a tracking number that the order \
                 has already is not added twice. Use it when a parcel was sent. Do not use it to correct a shipment \
                 (shipments_update) or for many orders (shipments_add_batch). Adding one may run the store's rules, such \
                 as a mail to the customer. Example: {\"order_id\": \"5512034\", \"tracking_number\": \
                 \"1ZX4420A0390011187\", \"carrier_code\": \"UPS\", \"shipment_method\": \"Ground\"}.",
            )
            .idempotent()
            .toolset(TOOLSET),
        Tool::new("shipments_update", update::update)
            .title("Change a shipment")
            .description(
                "Changes fields of one shipment; what is not mentioned stays. Use it to correct a tracking number, carrier \
                 or cost. Do not use it for a further parcel (shipments_add). A tracking link that names the old number is \
                 left to Order Desk to make anew. Example: {\"order_id\": \"5512034\", \"shipment_id\": \"40877\", \
                 \"changes\": {\"carrier_code\": \"FedEx\"}}.",
            )
            .destructive()
            .idempotent()
            .toolset(TOOLSET)
            .only_in_toolset(),
        Tool::new("shipments_delete", delete::delete)
            .title("Remove a shipment")
            .description(
                "Removes one shipment from an order, once that is confirmed. Use it for a shipment entered by mistake. Do \
                 not use it to correct one (shipments_update), and not to cancel a label with the carrier: it does not. \
                 Example: {\"order_id\": \"5512034\", \"shipment_id\": \"40877\"}.",
            )
            .destructive()
            .idempotent()
            .toolset(TOOLSET)
            .only_in_toolset(),
        Tool::new("shipments_add_batch", batch::add)
            .title("Add shipments to many orders")
            .description(
                "Adds up to 80 shipments to their orders, in steps, and answers for each whether it is there. Safe to \
                 repeat: what is there already is not added twice, so after an interruption call it again unchanged. Use \
                 it for a list of tracking numbers. Do not use it for one shipment (shipments_add). Example: \
                 {\"shipments\": [{\"order_id\": \"5512034\", \"tracking_number\": \"1ZX4420A0390011187\", \
                 \"carrier_code\": \"UPS\"}]}.",
            )
            .idempotent()
            .toolset(TOOLSET)
            .only_in_toolset(),
    ]
}
