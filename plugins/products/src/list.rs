//! `products_list`.

use orderdesk_client::{
    ApiRequest, Fields, Page, ResponseFormat, Sent, Several, Store, StoreReference, as_table,
    filter_text, take_rows,
};
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Content, Context, Id, Output, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::concise::concise;
use crate::{FIELDS, TAG_LISTS, caching};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The store's id or name. May be left out where only one store is registered or one is active.
    store_identifier: Option<Id>,
    /// One SKU, or several: a list, or text with commas.
    code: Option<Several>,
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
    /// Matching products in all; null if unknown.
    total: Option<u64>,
    /// Products in this answer.
    returned: usize,
    /// Continues after these; null at the end.
    next_cursor: Option<String>,
    /// True if the answer was kept from an earlier call, at most a minute ago.
    cached: bool,
    /// What remains, was left out, or is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The products, with Order Desk's own field names.
    products: Vec<Map<String, Value>>,
}

pub(crate) fn list(arguments: Arguments, context: &Context) -> Result<Output<Listed>, ToolError> {
    let fields = Fields::read(arguments.fields.as_deref(), FIELDS)?;
    let request = request(&arguments)?;
    let store = Store::for_read(context, arguments.store_identifier.as_ref())?;
    let digest = Page::search_digest(context, &format!("{} {request:?}", store.id()));
    let page = Page::read(
        arguments.limit,
        arguments.offset,
        arguments.cursor.as_deref(),
        digest,
    )?;
    let asks_for_more =
        arguments.limit.is_some() || fields.is_some() || arguments.response_format.is_some();
    let page = if asks_for_more { page } else { page.small() };
    let request = request
        .query("limit", page.limit)
        .query("offset", page.offset);
    let ((total, rows), cached) = store.client(context).get_reduced(
        "products",
        request,
        &caching(TAG_LISTS),
        |mut answer| {
            // Checked before it is kept: what is no list would be answered for as long as the cache lasts.
            let products = take_rows(&mut answer, "inventory_items")?;
            let total = answer.get("total_records").and_then(Value::as_u64);
            Ok((total, products))
        },
    )?;

    let shape = |product: &Map<String, Value>| match (&fields, arguments.response_format) {
        (Some(fields), _) => fields.of(product),
        (None, Some(ResponseFormat::Detailed)) => product.clone(),
        (None, _) => concise(product),
    };
    let shown = page.show(
        &Sent { rows, total },
        |_| true,
        shape,
        "products",
        "code or search",
    );
    let listed = Listed {
        store: store.reference(),
        total: shown.total,
        returned: shown.rows.len(),
        next_cursor: shown.next_cursor,
        cached,
        note: shown.note,
        products: shown.rows,
    };
    if arguments.response_format == Some(ResponseFormat::Detailed) {
        return Ok(Output::new(listed));
    }
    let text = as_table(&listed, "products")?;
    Ok(Output::new(listed).with_content(Content::Text(text)))
}

fn request(arguments: &Arguments) -> Result<ApiRequest, ToolError> {
    let request = ApiRequest::get(["inventory-items"]).query_opt(
        "search",
        filter_text("search", arguments.search.as_deref())?,
    );
    let Some(codes) = &arguments.code else {
        return Ok(request);
    };
    let codes = codes.values("code")?;
    match codes.iter().find(|code| code.contains(',')) {
        Some(code) => Err(ToolError::invalid_input(
            "comma-in-code",
            format!(
                "'code': \"{code}\" holds a comma, which Order Desk takes for the end of a code. Give each code by itself, \
                 or use search."
            ),
        )),
        None => Ok(request.query("code", codes.join(","))),
    }
}
