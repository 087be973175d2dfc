//! `products_list`.

use orderdesk_client::{
    ApiRequest, Fields, Page, ResponseFormat, Store, StoreReference, take_rows,
};
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, Id, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::concise::concise;
use crate::{FIELDS, caching};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The store's id or name. May be left out where only one store is registered or one is active.
    store_identifier: Option<Id>,
    /// SKUs, exactly as they are.
    code: Option<Vec<String>>,
    /// Free text (undocumented by Order Desk).
    search: Option<String>,
    /// Products at once; default 20.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// next_cursor of the answer before.
    cursor: Option<String>,
    /// Products to skip; better use cursor.
    offset: Option<u32>,
    /// Only these fields, such as "stock".
    fields: Option<Vec<String>>,
    /// "concise" (default) or "detailed".
    response_format: Option<ResponseFormat>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Listed {
    /// The store that they are of.
    store: StoreReference,
    /// Products that match in all; null where Order Desk's count contradicts its rows.
    total: Option<u64>,
    /// Products in this answer.
    returned: usize,
    /// Continues after these; null at the end.
    next_cursor: Option<String>,
    /// True if the answer was kept from an earlier call, at most a minute ago.
    cached: bool,
    /// What else there is to know about this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The products, with Order Desk's own field names.
    products: Vec<Map<String, Value>>,
}

pub(crate) fn list(arguments: Arguments, context: &Context) -> Result<Listed, ToolError> {
    let fields = Fields::read(arguments.fields.as_deref(), &FIELDS)?;
    let request = request(&arguments)?;
    let store = Store::for_read(context, arguments.store_identifier.as_ref())?;
    let digest = Page::search_digest(context, &format!("{} {request:?}", store.id()));
    let page = Page::read(
        arguments.limit,
        arguments.offset,
        arguments.cursor.as_deref(),
        digest,
    )?;
    let request = request
        .query("limit", page.limit)
        .query("offset", page.offset);
    let ((said, products), cached) =
        store
            .client(context)
            .get_reduced("products", request, &caching(), |mut answer| {
                // Checked before it is kept: what is no list would be answered for as long as the cache lasts.
                let products = take_rows(&mut answer, "inventory_items")?;
                Ok((
                    answer.get("total_records").and_then(Value::as_u64),
                    products,
                ))
            })?;

    let received = products.len();
    // A captured reply said "0" beside three rows (order-desk-api.md §1.2).
    let total =
        said.filter(|total| *total >= u64::from(page.offset) + received as u64 || received == 0);
    let shaped = products
        .iter()
        .map(|product| match (&fields, arguments.response_format) {
            (Some(fields), _) => fields.of(product),
            (None, Some(ResponseFormat::Detailed)) => product.clone(),
            (None, _) => concise(product),
        })
        .collect();
    let shown = page.show(shaped, received, total);
    let mut note = shown.note;
    if total.is_none() && said.is_some() {
        note.get_or_insert_with(|| {
            "How many there are in all is not known: Order Desk's own count contradicts its rows."
                .to_owned()
        });
    }
    Ok(Listed {
        store: store.reference(),
        total,
        returned: shown.rows.len(),
        next_cursor: shown.next_cursor,
        cached,
        note,
        products: shown.rows,
    })
}

fn request(arguments: &Arguments) -> Result<ApiRequest, ToolError> {
    let mut request = ApiRequest::get(["inventory-items"]);
    if let Some(codes) = &arguments.code {
        let codes: Vec<&str> = codes
            .iter()
            .map(|code| code.trim())
            .filter(|code| !code.is_empty())
            .collect();
        if codes.is_empty() {
            return Err(empty("code"));
        }
        if let Some(code) = codes.iter().find(|code| code.contains(',')) {
            return Err(ToolError::invalid_input(
                "comma-in-code",
                format!(
                    "'code': \"{code}\" holds a comma, which Order Desk takes for the end of a code. Give each code by itself."
                ),
            ));
        }
        request = request.query("code", codes.join(","));
    }
    match arguments.search.as_deref().map(str::trim) {
        Some("") => Err(empty("search")),
        search => Ok(request.query_opt("search", search)),
    }
}

fn empty(argument: &str) -> ToolError {
    // Order Desk ignores an empty filter and would answer everything.
    ToolError::invalid_input(
        "empty-filter",
        format!("'{argument}' is empty: leave it out, or say what to look for."),
    )
}
