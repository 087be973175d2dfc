//! `orders_update` and `orders_add_note`.

use orderdesk_client::{Store, WriteArguments, agreed_basis, own_id};
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{Context, Id, Output, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::engine::{Changing, Plan, Planner};
use crate::change::guards::Guards;
use crate::change::merge::merge;
use crate::get::by_shop_number;
use crate::once::once;
use crate::settings::Settings;
use crate::written::Written;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Update {
    /// Order Desk's id of the order.
    order_id: Id,
    /// Only what shall change. Plain fields: email, shipping_method, shipping_total, handling_total, tax_total,
    /// payment_type, payment_status, processor_response, processor_balance, refund_total, cc_number (last four digits),
    /// cc_exp, customer_id, ip_address, source_name, tag_name, fulfillment_name, fulfillment_id, folder_id, date_added; null
    /// clears.
    changes: Changes,
    #[serde(flatten)]
    guards: Guards,
    #[serde(flatten)]
    write: WriteArguments,
    /// The same key does it only once.
    idempotency_key: Option<String>,
}

/// Fields of an order, checked one by one: the schema is for the caller to read.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Changes(pub(crate) Map<String, Value>);

impl JsonSchema for Changes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Changes".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "minProperties": 1,
            "properties": {
                "shipping": {
                    "description": "As customer and return_address: only the parts to change (first_name, last_name, \
                                    company, address1, address2, city, state, postal_code, country, phone)."
                },
                "checkout_data": {
                    "description": "As order_metadata: merged; null removes a key."
                },
                "order_items": {
                    "description": "One row per item concerned; other items stay.",
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "action": {
                                "description": "change (default) and remove find the item by id, else code.",
                                "enum": ["change", "add", "remove"]
                            },
                            "id": { "type": ["string", "integer"] },
                            "code": { "type": "string" },
                            "variation_list": { "description": "Merged, as metadata." }
                        }
                    }
                },
                "order_notes": {
                    "description": "Notes to append, as text; those there stay."
                },
                "discount_list": {
                    "description": "Replaces the list: rows with name, code, amount."
                }
            }
        })
    }
}

pub(crate) fn update(arguments: Update, context: &Context) -> Result<Output<Written>, ToolError> {
    let changes = &arguments.changes.0;
    if changes.is_empty() {
        return Err(ToolError::invalid_input(
            "no-changes",
            "'changes' is empty: give the fields to change, such as {\"email\": \"a@example.com\"}.",
        ));
    }
    change(
        context,
        "orders_update",
        &arguments.order_id,
        &arguments.write,
        &arguments.guards,
        arguments.idempotency_key.as_deref(),
        changes,
    )
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct AddNote {
    /// Order Desk's id of the order.
    order_id: Id,
    /// The note's text.
    #[schemars(length(min = 1))]
    note: String,
    /// Who wrote it; default blank.
    username: Option<String>,
    #[serde(flatten)]
    write: WriteArguments,
    /// The same key does it only once.
    idempotency_key: Option<String>,
}

pub(crate) fn add_note(
    arguments: AddNote,
    context: &Context,
) -> Result<Output<Written>, ToolError> {
    let username = arguments.username.unwrap_or_default();
    let note = json!([{ "content": arguments.note, "username": username }]);
    let changes = Map::from_iter([("order_notes".to_owned(), note)]);
    change(
        context,
        "orders_add_note",
        &arguments.order_id,
        &arguments.write,
        &Guards::default(),
        arguments.idempotency_key.as_deref(),
        &changes,
    )
}

/// Merges changes into an order, or shows what that would do.
pub(crate) fn change(
    context: &Context,
    tool: &str,
    order_id: &Id,
    write: &WriteArguments,
    guards: &Guards,
    idempotency_key: Option<&str>,
    changes: &Map<String, Value>,
) -> Result<Output<Written>, ToolError> {
    let id = own_id("order_id", order_id, "bad-order-id", || {
        by_shop_number(order_id.as_str())
    })?;
    // What cannot be merged into any order is refused before anything is read.
    crate::change::shape::check_names(changes, false)?;
    let store = Store::for_write(context, write.store_identifier.as_ref())?;
    let settings = Settings::of(context)?;
    let changing = Changing {
        context,
        store: &store,
        settings: &settings,
        tool,
        order_id: id,
        guards,
        agreed: agreed_basis(context)?,
        undoes: None,
        call_id: None,
    };
    let plan: &Planner<'_> = &|order| {
        let merged = merge(order, changes)?;
        Ok(Plan {
            order: merged.order,
            remarks: merged.remarks,
            conflicts: Vec::new(),
        })
    };
    if write.preview(context) {
        return changing.preview(plan);
    }
    let arguments = json!({ "order_id": id, "changes": changes });
    once(
        context,
        &store,
        &settings,
        tool,
        idempotency_key,
        &arguments,
        || changing.make(plan),
    )
    .map(Output::new)
}
