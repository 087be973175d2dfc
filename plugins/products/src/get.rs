//! `products_get`.

use orderdesk_client::{ApiRequest, Fields, ResponseFormat, Store, StoreReference, take_object};
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, Id, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::concise::concise;
use crate::{FIELDS, TAG, caching};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Order Desk's own id of the product.
    #[schemars(extend("examples" = ["771204"]))]
    product_id: Id,
    /// The store's id or name. May be left out where only one store is registered or one is active.
    store_identifier: Option<Id>,
    /// Only these fields, such as "stock".
    fields: Option<Vec<String>>,
    /// "detailed" (default) or "concise".
    response_format: Option<ResponseFormat>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Found {
    /// The store that it is of.
    store: StoreReference,
    /// The product, with Order Desk's own field names.
    product: Map<String, Value>,
    /// True if the answer was kept from an earlier call, at most a minute ago.
    cached: bool,
}

pub(crate) fn get(arguments: Arguments, context: &Context) -> Result<Found, ToolError> {
    let fields = Fields::read(arguments.fields.as_deref(), &FIELDS)?;
    let store = Store::for_read(context, arguments.store_identifier.as_ref())?;
    let id = arguments.product_id.as_str();
    let request = ApiRequest::get(["inventory-items", id]);
    let caching = caching().tag(format!("{TAG}/{id}"));
    let (product, cached) =
        store
            .client(context)
            .get_reduced("product", request, &caching, |mut answer| {
                take_object(&mut answer, "inventory_item")
            })?;
    Ok(Found {
        product: match (fields, arguments.response_format) {
            (Some(fields), _) => fields.of(&product),
            (None, Some(ResponseFormat::Concise)) => concise(&product),
            (None, _) => product,
        },
        store: store.reference(),
        cached,
    })
}
