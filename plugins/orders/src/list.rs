//! `orders_list`.

use orderdesk_client::{
    Fields, Notice, Page, ResponseFormat, Sent, Store, StoreReference, as_table, take_rows,
};
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Content, Context, Id, Output, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::concise::concise;
use crate::fields::{FIELDS, HISTORY};
use crate::search::Search;
use crate::{TAG_LISTS, caching};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The store's id or name; without it, the only or the active one.
    store_identifier: Option<Id>,
    #[serde(flatten)]
    search: Search,
    /// Orders at once; default 20.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// next_cursor of the last answer.
    cursor: Option<String>,
    /// Orders to skip; prefer cursor.
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
    notice: Notice,
    /// Matching orders in all; null if unknown.
    total: Option<u64>,
    /// Orders in this answer.
    returned: usize,
    /// Continues after these; null at the end.
    next_cursor: Option<String>,
    /// True if kept from a call at most 15 seconds ago.
    cached: bool,
    /// What remains, was left out, or is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// With Order Desk's field names; concise ones have `ship_to`, `items`, `tracking`, no blank fields, and
    /// payment_status unless it is Captured or Approved.
    orders: Vec<Map<String, Value>>,
}

pub(crate) fn list(arguments: Arguments, context: &Context) -> Result<Output<Listed>, ToolError> {
    let search = &arguments.search;
    let fields = Fields::read(arguments.fields.as_deref(), FIELDS)?;
    let chosen = fields
        .as_ref()
        .is_some_and(|fields| fields.mention(HISTORY));
    let history = chosen || search.get_order_history == Some(true);
    let mut request = search.request()?;
    if history {
        request = request.query("get_order_history", 1);
    }
    let store = Store::for_read(context, arguments.store_identifier.as_ref())?;
    let digest = Page::search_digest(context, &format!("{} {request:?}", store.id()));
    let page = Page::read(
        arguments.limit,
        arguments.offset,
        arguments.cursor.as_deref(),
        digest,
    )?;
    let asks_for_more =
        arguments.limit.is_some() || fields.is_some() || arguments.response_format.is_some();
    let page = if asks_for_more { page } else { page.small() };
    let request = request
        .query("limit", page.limit)
        .query("offset", page.offset);
    let ((total, rows), cached) = store.client(context).get_reduced(
        "orders",
        request,
        &caching(TAG_LISTS),
        |mut answer| {
            // Checked before it is kept: what is no list would be answered for as long as the cache lasts.
            let mut orders = take_rows(&mut answer, "orders")?;
            if !history {
                for order in &mut orders {
                    order.remove(HISTORY);
                }
            }
            Ok((answer.get("total_records").and_then(Value::as_u64), orders))
        },
    )?;

    let sent = Sent { rows, total };
    let matches = |order: &Map<String, Value>| search.matches(order);
    let shape = |order: &Map<String, Value>| match (&fields, arguments.response_format) {
        (Some(fields), _) => fields.of(order),
        (None, Some(ResponseFormat::Detailed)) => order.clone(),
        (None, _) => concise(order),
    };
    let shown = page.show(&sent, matches, shape, "orders", "dates, folder or customer");
    let left_out = sent.rows.iter().filter(|order| !matches(order)).count();
    let listed = Listed {
        store: store.reference(),
        notice: Notice,
        total: shown.total,
        returned: shown.rows.len(),
        note: note(left_out, shown.note),
        next_cursor: shown.next_cursor,
        cached,
        orders: shown.rows,
    };
    if arguments.response_format == Some(ResponseFormat::Detailed) {
        return Ok(Output::new(listed));
    }
    let text = as_table(&listed, "orders")?;
    Ok(Output::new(listed).with_content(Content::Text(text)))
}

fn note(left_out: usize, of_the_page: Option<String>) -> Option<String> {
    let left_out = (left_out > 0).then(|| {
        format!("{left_out} orders whose source_id only resembles the one asked for were left out.")
    });
    let notes: Vec<String> = left_out.into_iter().chain(of_the_page).collect();
    (!notes.is_empty()).then(|| notes.join(" "))
}
