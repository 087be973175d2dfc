//! `orders_get`.

use orderdesk_client::{
    ApiRequest, Fields, ResponseFormat, Store, StoreReference, own_id, take_object,
};
use orderdesk_plugin::serde_json::{Map, Value, json};
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
    /// The order, with Order Desk's own field names.
    order: Map<String, Value>,
    /// Changes with any change of the order.
    version: String,
    /// True if the answer was kept from an earlier call, at most 15 seconds ago.
    cached: bool,
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
    let (order, cached) = store
        .client(context)
        .get_reduced(
            "order",
            ApiRequest::get(["orders", id]),
            &caching(tag_of(id)),
            |mut answer| {
                let mut order = take_object(&mut answer, "order")?;
                order.remove(HISTORY);
                Ok(order)
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
        version: version::of(context, &order),
        order: match (fields, arguments.response_format) {
            (Some(fields), _) => fields.of(&order),
            (None, Some(ResponseFormat::Concise)) => concise(&order),
            (None, _) => order,
        },
        store: store.reference(),
        cached,
    })
}

/// What to do with an id that may be the shop's own number.
pub(crate) fn by_shop_number(id: &str) -> String {
    let id: String = id.chars().take(60).collect();
    format!(
        "If it is the shop's own order number, search for it: orders_list with {{\"source_id\": {}}}.",
        json!(id)
    )
}
