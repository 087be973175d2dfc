//! `orders_get`.

use orderdesk_client::{
    ApiRequest, Fields, Notice, ResponseFormat, Store, StoreReference, own_id, take_object,
};
use orderdesk_plugin::serde_json::value::{RawValue, to_raw_value};
use orderdesk_plugin::serde_json::{self, Map, Value, json};
use orderdesk_plugin::{Context, ErrorKind, Id, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::concise::concise;
use crate::fields::{FIELDS, HISTORY};
use crate::{caching, tag_of, version};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Order Desk's own id of the order.
    #[schemars(extend("examples" = ["5512034"]))]
    order_id: Id,
    /// The store's id or name. May be left out where only one store is registered or one is active.
    store_identifier: Option<Id>,
    /// Only these fields, such as "order_total" or "shipping.city".
    fields: Option<Vec<String>>,
    /// "detailed" (default) or "concise".
    response_format: Option<ResponseFormat>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Found {
    /// The store that it is of.
    store: StoreReference,
    notice: Notice,
    /// The order, with Order Desk's own field names.
    #[schemars(with = "Map<String, Value>")]
    order: Box<RawValue>,
    /// Changes with any change of the order.
    version: String,
    /// True if the answer was kept from an earlier call, at most 15 seconds ago.
    cached: bool,
}

/// What is kept of an order: the whole of it as text, since most answers pass it on as it is.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: String,
    order: Box<RawValue>,
}

pub(crate) fn get(arguments: Arguments, context: &Context) -> Result<Found, ToolError> {
    let fields = Fields::read(arguments.fields.as_deref(), FIELDS)?;
    if fields
        .as_ref()
        .is_some_and(|fields| fields.mention(HISTORY))
    {
        return Err(ToolError::invalid_input(
            "no-history",
            "'fields': Order Desk gives order_history only with a search. Use orders_list with get_order_history: true \
             and the order's source_id or email.",
        ));
    }
    let id = own_id("order_id", &arguments.order_id, "bad-order-id", || {
        by_shop_number(arguments.order_id.as_str())
    })?;
    let store = Store::for_read(context, arguments.store_identifier.as_ref())?;
    let (kept, cached): (Kept, bool) = store
        .client(context)
        .get_reduced(
            "order",
            ApiRequest::get(["orders", id]),
            &caching(tag_of(id)),
            |mut answer| {
                let mut order = take_object(&mut answer, "order")?;
                order.remove(HISTORY);
                Ok(Kept {
                    version: version::of(context, &order),
                    order: text(&order)?,
                })
            },
        )
        .map_err(|mut error| {
            if error.kind == ErrorKind::NotFound {
                error.message = format!(
                    "{} {}",
                    error.message,
                    by_shop_number(arguments.order_id.as_str())
                );
            }
            error
        })?;
    Ok(Found {
        version: kept.version,
        order: match (fields, arguments.response_format) {
            (Some(fields), _) => text(&fields.of(&read(&kept.order)?))?,
            (None, Some(ResponseFormat::Concise)) => text(&concise(&read(&kept.order)?))?,
            (None, _) => kept.order,
        },
        store: store.reference(),
        notice: Notice,
        cached,
    })
}

fn text(order: &Map<String, Value>) -> Result<Box<RawValue>, ToolError> {
    to_raw_value(order).map_err(|error| malformed(&error))
}

fn read(order: &RawValue) -> Result<Map<String, Value>, ToolError> {
    serde_json::from_str(order.get()).map_err(|error| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> ToolError {
    ToolError::internal(
        "order-malformed",
        format!("The order cannot be shown: {error}"),
    )
}

/// What to do with an id that may be the shop's own number.
pub(crate) fn by_shop_number(id: &str) -> String {
    let id: String = id.chars().take(60).collect();
    format!(
        "If it is the shop's own order number, search for it: orders_list with {{\"source_id\": {}}}.",
        json!(id)
    )
}
