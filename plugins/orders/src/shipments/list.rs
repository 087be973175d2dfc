//! `shipments_list`.

use orderdesk_client::{ApiRequest, Notice, Page, Store, StoreReference, basis, take_rows};
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, Id, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Shipment;
use crate::{caching, tag_of};

/// Hexadecimal digits; two states of one order's shipments do not meet by chance.
const VERSION: usize = 16;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Order Desk's own id of the order.
    #[schemars(extend("examples" = ["5512034"]))]
    order_id: Id,
    /// The store's id or name; without it, the only or the active one.
    store_identifier: Option<Id>,
    /// Shipments at once; default 20.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// next_cursor of the last answer.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Listed {
    store: StoreReference,
    notice: Notice,
    order_id: String,
    /// Shipments in all.
    total: Option<u64>,
    /// Continues after these; null at the end.
    next_cursor: Option<String>,
    /// What remains.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    note: Option<String>,
    /// With Order Desk's field names.
    shipments: Vec<Map<String, Value>>,
    /// Changes with any change of any of them.
    version: String,
    /// True if kept from a call at most 15 seconds ago.
    cached: bool,
}

pub(crate) fn list(arguments: Arguments, context: &Context) -> Result<Listed, ToolError> {
    let id = super::order_id(&arguments.order_id)?;
    let store = Store::for_read(context, arguments.store_identifier.as_ref())?;
    let digest = Page::search_digest(context, &format!("shipments {} {id}", store.id()));
    let page = Page::read(arguments.limit, None, arguments.cursor.as_deref(), digest)?;
    let page = match arguments.limit {
        Some(_) => page,
        None => page.small(),
    };
    let (shipments, cached) = store.client(context).get_reduced(
        "shipments",
        ApiRequest::get(["orders", id, "shipments"]),
        &caching(tag_of(id)),
        |mut answer| take_rows(&mut answer, "shipments"),
    )?;
    let version = version(context, &shipments);
    let shown = page.show(&page.of(shipments), |_| true, Clone::clone, "shipments", "");
    Ok(Listed {
        store: store.reference(),
        notice: Notice,
        order_id: id.to_owned(),
        version,
        total: shown.total,
        next_cursor: shown.next_cursor,
        note: shown.note,
        shipments: shown.rows,
        cached,
    })
}

/// A digest of an order's shipments.
pub(super) fn version(context: &Context, shipments: &[Shipment]) -> String {
    let digest = basis::digest(context, &shipments);
    digest.chars().take(VERSION).collect()
}
