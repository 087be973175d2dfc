//! `orders_get`.

use orderdesk_client::{ApiRequest, Fields, ResponseFormat, Store, StoreReference, take_object};
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, Id, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::concise::concise;
use crate::{FIELDS, TAG, caching, version};

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
    let fields = Fields::read(arguments.fields.as_deref(), &FIELDS)?;
    let store = Store::for_read(context, arguments.store_identifier.as_ref())?;
    let id = arguments.order_id.as_str();
    let request = ApiRequest::get(["orders", id]);
    let caching = caching().tag(format!("{TAG}/{id}"));
    let (order, cached) =
        store
            .client(context)
            .get_reduced("order", request, &caching, |mut answer| {
                take_object(&mut answer, "order")
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
