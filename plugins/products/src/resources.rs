//! Products at URIs: what `products_list` tells of one SKU.

use orderdesk_client::{Registry, StoreReference, given_store};
use orderdesk_plugin::serde_json::{self, Map, Value, json};
use orderdesk_plugin::{
    Completion, Contents, Context, ErrorKind, Id, ResourceTemplate, ToolError, Typing,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{FRESH, list};

/// Products to choose from while somebody types a code: as many as Order Desk gives at once.
const MOST: u32 = 500;

/// `orderdesk://{store}/products/{code}`
pub(crate) fn product() -> ResourceTemplate {
    ResourceTemplate::new("product", "orderdesk://{store}/products/{code}", read)
        .title("A product")
        .description(
            "One product with price and stock: a store's id or name, and the product's code (SKU).",
        )
        .mime("application/json")
        .tool("products_list")
        .complete("store", complete_store)
        .complete("code", complete_code)
}

#[derive(Deserialize)]
struct Variables {
    store: Id,
    code: String,
}

#[derive(Serialize)]
struct Document {
    store: StoreReference,
    product: Map<String, Value>,
}

/// What `products_list` answers.
#[derive(Deserialize)]
struct Listed {
    store: StoreReference,
    next_cursor: Option<String>,
    products: Vec<Map<String, Value>>,
}

fn read(variables: Variables, context: &Context) -> Result<Contents, ToolError> {
    let code = variables.code.trim();
    let listed = products(
        json!({
            "store_identifier": variables.store,
            "code": [code],
            "response_format": "detailed",
        }),
        context,
    )?;
    let mut products = listed.products.into_iter();
    let Some(product) = products.find(|product| product.get("code") == Some(&json!(code))) else {
        let code: String = code.chars().take(60).collect();
        return Err(ToolError::not_found(
            "product-not-found",
            format!(
                "The store {:?} has no product with the code {code:?}. products_list searches for others.",
                listed.store.store_name
            ),
        ));
    };
    let document = Document {
        store: listed.store,
        product,
    };
    Ok(Contents::json(&document)?.fresh_for(FRESH))
}

fn complete_store(typing: &Typing, context: &Context) -> Result<Completion, ToolError> {
    Registry::of_stores_plugin(context).complete(typing)
}

/// Codes among the store's products.
fn complete_code(typing: &Typing, context: &Context) -> Result<Completion, ToolError> {
    let mut arguments = json!({ "limit": MOST, "fields": ["code"] });
    if let Some(store) = given_store(typing) {
        arguments["store_identifier"] = json!(store);
    }
    let listed = match products(arguments, context) {
        Ok(listed) => listed,
        // Which store is not clear yet, or there is no such one.
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::InvalidInput) => {
            return Ok(Completion::default());
        }
        Err(error) => return Err(error),
    };
    let codes = listed.products.iter().filter_map(|product| {
        let code = product.get("code")?.as_str()?;
        (!code.is_empty()).then_some(code)
    });
    let completion = typing.among(codes);
    Ok(match listed.next_cursor {
        None => completion,
        Some(_) => completion.of_many(),
    })
}

fn products(arguments: Value, context: &Context) -> Result<Listed, ToolError> {
    let listed = list::list(as_type(arguments)?, context)?;
    let listed = serde_json::to_value(listed.structured).map_err(|error| malformed(&error))?;
    as_type(listed)
}

fn as_type<T: DeserializeOwned>(value: Value) -> Result<T, ToolError> {
    serde_json::from_value(value).map_err(|error| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> ToolError {
    ToolError::internal(
        "product-malformed",
        format!("The product cannot be shown: {error}"),
    )
}
