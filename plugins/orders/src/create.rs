//! `orders_create`.

use orderdesk_client::{Store, WriteArguments, agreed_basis, changed_since};
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{Context, Output, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::draft;
use crate::creating::Creating;
use crate::settings::Settings;
use crate::written::Written;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The order, with Order Desk's field names: order_items (name, code, price, quantity, weight, variation_list, metadata)
    /// and shipping or customer (first_name and last_name, or company; address1, city, state, postal_code, country, phone,
    /// …) are needed; source_id is the shop's own number.
    order_data: Map<String, Value>,
    #[serde(flatten)]
    write: WriteArguments,
    /// The same key creates it only once; default: source_name and source_id.
    idempotency_key: Option<String>,
}

pub(crate) fn create(
    arguments: Arguments,
    context: &Context,
) -> Result<Output<Written>, ToolError> {
    let body = draft::read(&arguments.order_data)?;
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    let settings = Settings::of(context)?;
    let creating = Creating {
        context,
        store: &store,
        settings: &settings,
        tool: "orders_create",
        body,
        key: arguments.idempotency_key,
        undoes: None,
    };
    if arguments.write.preview(context) {
        return creating.preview();
    }
    if agreed_basis(context)?.is_some_and(|agreed| agreed != creating.basis()) {
        return Err(changed_since(
            "The order to create",
            Value::Null,
            json!(creating.body),
        ));
    }
    creating.make().map(Output::new)
}
