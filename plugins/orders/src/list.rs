//! `orders_list`.

use orderdesk_client::{Fields, Page, ResponseFormat, Store, StoreReference, take_rows};
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, Id, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::concise::concise;
use crate::search::Search;
use crate::{FIELDS, caching};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The store's id or name. May be left out where only one store is registered or one is active.
    store_identifier: Option<Id>,
    #[serde(flatten)]
    search: Search,
    /// Orders at once; default 20.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// next_cursor of the answer before.
    cursor: Option<String>,
    /// Orders to skip; better use cursor.
    offset: Option<u32>,
    /// Only these fields, such as "order_total" or "shipping.city".
    fields: Option<Vec<String>>,
    /// "concise" (default) or "detailed".
    response_format: Option<ResponseFormat>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Listed {
    /// The store that they are of.
    store: StoreReference,
    /// Orders that match in all; null if Order Desk does not say.
    total: Option<u64>,
    /// Orders in this answer.
    returned: usize,
    /// Continues after these; null at the end.
    next_cursor: Option<String>,
    /// True if the answer was kept from an earlier call, at most 15 seconds ago.
    cached: bool,
    /// What else there is to know about this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The orders, with Order Desk's own field names; concise ones have `ship_to`, `items` and `tracking` in short.
    orders: Vec<Map<String, Value>>,
}

pub(crate) fn list(arguments: Arguments, context: &Context) -> Result<Listed, ToolError> {
    let fields = Fields::read(arguments.fields.as_deref(), &FIELDS)?;
    let request = arguments.search.request()?;
    let store = Store::for_read(context, arguments.store_identifier.as_ref())?;
    let digest = Page::search_digest(context, &format!("{} {request:?}", store.id()));
    let page = Page::read(
        arguments.limit,
        arguments.offset,
        arguments.cursor.as_deref(),
        digest,
    )?;
    let request = request
        .query("limit", page.limit)
        .query("offset", page.offset);
    let ((total, mut orders), cached) =
        store
            .client(context)
            .get_reduced("orders", request, &caching(), |mut answer| {
                // Checked before it is kept: what is no list would be answered for as long as the cache lasts.
                let orders = take_rows(&mut answer, "orders")?;
                Ok((answer.get("total_records").and_then(Value::as_u64), orders))
            })?;

    let received = orders.len();
    if let Some(wanted) = &arguments.search.source_id {
        // Order Desk may match more than the exact number (order-desk-api.md §2.3).
        orders.retain(|order| {
            order.get("source_id").and_then(Value::as_str) == Some(wanted.as_str())
        });
    }
    let dropped = received - orders.len();
    let shaped = orders
        .iter()
        .map(|order| match (&fields, arguments.response_format) {
            (Some(fields), _) => fields.of(order),
            (None, Some(ResponseFormat::Detailed)) => order.clone(),
            (None, _) => concise(order),
        })
        .collect();
    let shown = page.show(shaped, received, total);
    let total = match total {
        // With inexact matches left out, Order Desk's count is only right if this page holds them all.
        Some(total) if dropped > 0 => (total == received as u64).then_some(shown.rows.len() as u64),
        total => total,
    };
    Ok(Listed {
        store: store.reference(),
        total,
        returned: shown.rows.len(),
        note: note(
            shown.note,
            dropped,
            &shown.next_cursor,
            total,
            page.offset,
            shown.rows.len(),
        ),
        next_cursor: shown.next_cursor,
        cached,
        orders: shown.rows,
    })
}

fn note(
    early: Option<String>,
    dropped: usize,
    next: &Option<String>,
    total: Option<u64>,
    offset: u32,
    shown: usize,
) -> Option<String> {
    let mut notes: Vec<String> = early.into_iter().collect();
    if dropped > 0 {
        notes.push(format!(
            "{dropped} orders whose source_id only resembled the one asked for were left out."
        ));
    }
    if let (true, true, Some(total)) = (notes.is_empty(), next.is_some(), total) {
        let left = total.saturating_sub(u64::from(offset) + shown as u64);
        notes.push(format!("{left} more: continue with next_cursor, or narrow the search by dates, folder or customer."));
    }
    (!notes.is_empty()).then(|| notes.join(" "))
}
