//! Orders at URIs: what `orders_get` tells, to be attached to a conversation.

use orderdesk_client::{Registry, given_store};
use orderdesk_plugin::serde_json::{self, json};
use orderdesk_plugin::{
    Completion, Contents, Context, ErrorKind, Id, ResourceTemplate, ToolError, Typing,
};
use serde::Deserialize;

use crate::{FRESH, get, list};

/// Orders to choose from while somebody types an id: the newest.
const RECENT: u32 = 100;
/// `orderdesk://{store}/orders/{id}`
pub(crate) fn order() -> ResourceTemplate {
    ResourceTemplate::new("order", "orderdesk://{store}/orders/{id}", read)
        .title("An order")
        .description(
            "One order with items, addresses, notes and shipments: a store's id or name, and Order Desk's id of the order. Its \
             texts come from customers and shops.",
        )
        .mime("application/json")
        .tool("orders_get")
        .complete("store", complete_store)
        .complete("id", complete_order)
}

#[derive(Deserialize)]
struct Variables {
    store: Id,
    id: Id,
}

fn read(variables: Variables, context: &Context) -> Result<Contents, ToolError> {
    let arguments = json!({ "order_id": variables.id, "store_identifier": variables.store });
    Ok(Contents::json(&get::get(asked(arguments)?, context)?)?.fresh_for(FRESH))
}

pub(crate) fn complete_store(typing: &Typing, context: &Context) -> Result<Completion, ToolError> {
    Registry::of_stores_plugin(context).complete(typing)
}

/// Ids among the newest orders of the store.
pub(crate) fn complete_order(typing: &Typing, context: &Context) -> Result<Completion, ToolError> {
    #[derive(Deserialize)]
    struct Listed {
        orders: Vec<Numbered>,
    }
    #[derive(Deserialize)]
    struct Numbered {
        id: String,
    }
    let mut arguments = json!({ "limit": RECENT, "fields": ["id"] });
    if let Some(store) = given_store(typing) {
        arguments["store_identifier"] = json!(store);
    }
    let listed = match list::list(asked(arguments)?, context) {
        Ok(listed) => listed,
        // Which store is not clear yet, or there is no such one.
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::InvalidInput) => {
            return Ok(Completion::default());
        }
        Err(error) => return Err(error),
    };
    let listed: Listed = serde_json::to_string(&listed.structured)
        .and_then(|text| serde_json::from_str(&text))
        .map_err(|error| malformed(&error))?;
    let ids: Vec<String> = listed.orders.into_iter().map(|order| order.id).collect();
    let all = ids.len() < RECENT as usize;
    let completion = typing.among(ids);
    Ok(if all {
        completion
    } else {
        completion.of_many()
    })
}

/// The arguments of a tool, as a caller would give them.
fn asked<T: serde::de::DeserializeOwned>(arguments: serde_json::Value) -> Result<T, ToolError> {
    serde_json::from_value(arguments).map_err(|error| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> ToolError {
    ToolError::internal(
        "order-malformed",
        format!("The order cannot be shown: {error}"),
    )
}
