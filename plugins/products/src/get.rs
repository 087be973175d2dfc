//! `products_get`.

use orderdesk_client::{
    ApiRequest, Fields, ResponseFormat, Store, StoreReference, own_id, take_object,
};
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{Context, ErrorKind, Id, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::concise::concise;
use crate::{FIELDS, caching, tag_of, version};

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
    /// Changes with any change of the product.
    version: String,
    /// True if the answer was kept from an earlier call, at most a minute ago.
    cached: bool,
}

pub(crate) fn get(arguments: Arguments, context: &Context) -> Result<Found, ToolError> {
    let fields = Fields::read(arguments.fields.as_deref(), FIELDS)?;
    let id = own_id(
        "product_id",
        &arguments.product_id,
        "bad-product-id",
        || by_code(&arguments.product_id),
    )?;
    let store = Store::for_read(context, arguments.store_identifier.as_ref())?;
    let (product, cached) = store
        .client(context)
        .get_reduced(
            "product",
            ApiRequest::get(["inventory-items", id]),
            &caching(tag_of(id)),
            |mut answer| take_object(&mut answer, "inventory_item"),
        )
        .map_err(|mut error| {
            if error.kind == ErrorKind::NotFound {
                error.message = format!("{} {}", error.message, by_code(&arguments.product_id));
            }
            error
        })?;
    Ok(Found {
        version: version::of(context, &product),
        product: match (fields, arguments.response_format) {
            (Some(fields), _) => fields.of(&product),
            (None, Some(ResponseFormat::Concise)) => concise(&product),
            (None, _) => product,
        },
        store: store.reference(),
        cached,
    })
}

pub(crate) fn by_code(id: &Id) -> String {
    let id: String = id.as_str().chars().take(60).collect();
    format!(
        "If it is a SKU, search for it: products_list with {{\"code\": {}}}.",
        json!(id)
    )
}
