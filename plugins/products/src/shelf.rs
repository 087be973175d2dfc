//! Products as they are now, and the locks under which they are changed.

use std::time::Duration;

use orderdesk_client::{ApiRequest, Stopwatch, Store, take_object, take_rows};
use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::serde_json::{Value, json};
use orderdesk_plugin::{Context, ErrorKind, Id, ToolError};

use crate::{Product, TAG_LISTS, tag_of};

/// Longer than all that happens under a lock.
pub(crate) const LEASE: Duration = Duration::from_secs(110);
/// What must be left of the call when its turn comes.
const WORK: Duration = Duration::from_secs(35);
/// Waiting is worth this much even in a short call.
const LEAST_WAIT: Duration = Duration::from_secs(2);
/// A write that takes longer counts as one of unknown outcome.
pub(crate) const TIME_OUT: Duration = Duration::from_secs(30);
/// What was read longer ago than this is not written back.
const FRESH: Duration = Duration::from_secs(2);
/// The most rows that Order Desk gives at once.
const LARGEST: usize = 500;

/// Takes the lock that every change of this product holds.
pub(crate) fn lock(context: &Context, store: &Store, product_id: &str) -> Result<Lock, ToolError> {
    named(context, &format!("product/{}/{product_id}", store.id()))
        .map_err(|error| held(error, &format!("the product {product_id}")))
}

/// Takes the lock of a code under which a product may come into being.
pub(crate) fn lock_code(context: &Context, store: &Store, code: &str) -> Result<Lock, ToolError> {
    // Codes are the merchant's, and may be longer than a lock's name.
    let digest = context.crypto().sha256_hex(code.to_lowercase().as_bytes());
    named(context, &format!("product-code/{}/{digest}", store.id()))
        .map_err(|error| held(error, &format!("a product with the code {code:?}")))
}

/// Takes a lock, for as long as it is worth waiting for it.
pub(crate) fn named(context: &Context, name: &str) -> Result<Lock, ToolError> {
    let left = context.session().time_left();
    let wait = left.saturating_sub(WORK).max(LEAST_WAIT);
    context.locks().acquire(name, wait, LEASE)
}

fn held(mut error: ToolError, what: &str) -> ToolError {
    if error.has_code("lock-kept") {
        error.message = format!(
            "An earlier change of {what} was sent, and its outcome is not known yet. Nothing was changed now. Read it again \
             in {} s, then repeat this.",
            error.retry_after_ms.unwrap_or_default().div_ceil(1_000)
        );
    } else if error.kind == ErrorKind::Conflict {
        error.message = format!(
            "Other calls are changing {what} at the moment. Nothing was changed. Try again in a few seconds."
        );
        error.retry_after_ms = error.retry_after_ms.or(Some(2_000));
    }
    error
}

/// A product, never from the cache; with tokens for as many requests after it.
pub(crate) fn read(
    context: &Context,
    store: &Store,
    product_id: &str,
    hold: u8,
) -> Result<Product, ToolError> {
    let request = ApiRequest::get(["inventory-items", product_id]).hold(hold);
    let mut answer = store.client(context).send(request)?;
    take_object(&mut answer, "inventory_item")
}

/// The products with exactly these codes, in any letter case, never from the cache.
///
/// # Errors
/// `too-many-products` if Order Desk answers so many that some may be missing.
pub(crate) fn with_codes(
    context: &Context,
    store: &Store,
    codes: &[&str],
    hold: u8,
) -> Result<Vec<Product>, ToolError> {
    let request = ApiRequest::get(["inventory-items"])
        .query("code", codes.join(","))
        .query("limit", LARGEST)
        .hold(hold);
    let mut answer = store.client(context).send(request)?;
    let rows = take_rows(&mut answer, "inventory_items")?;
    if rows.len() >= LARGEST {
        return Err(ToolError::upstream(
            "too-many-products",
            format!(
                "Order Desk answered {} products where those with {} codes were asked for, so some may be missing. Nothing \
                 was changed. Ask for fewer codes, or use products_get and products_update by id.",
                rows.len(),
                codes.len()
            ),
        ));
    }
    let wanted = |product: &Product| {
        codes
            .iter()
            .any(|code| same_code(text(product, "code"), code))
    };
    Ok(rows.into_iter().filter(wanted).collect())
}

/// True for two codes that Order Desk's own filter does not tell apart.
pub(crate) fn same_code(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// Refuses to write a whole product that was read too long ago: what somebody changed since would be reverted.
///
/// # Errors
/// `too-slow`.
pub(crate) fn still_fresh(context: &Context, read: Stopwatch) -> Result<(), ToolError> {
    if read.elapsed(context) <= FRESH {
        return Ok(());
    }
    Err(ToolError::unavailable(
        "too-slow",
        "Between reading and writing more time passed than is safe. Nothing was changed. Try again in a minute.",
    )
    .with_retry_after_ms(60_000))
}

/// Forgets what is kept of products and of lists. Goes without saying if the cache does not work: entries are short-lived.
pub(crate) fn forget(context: &Context, product_ids: &[&str]) {
    let tags = product_ids
        .iter()
        .map(|id| tag_of(id))
        .chain([TAG_LISTS.to_owned()]);
    if let Err(error) = context.cache().invalidate(tags) {
        let reason = error.to_string();
        context
            .log()
            .warn("a changed product stays cached", &[("reason", &reason)]);
    }
}

/// The text of a field, blank if there is none.
pub(crate) fn text<'a>(product: &'a Product, field: &str) -> &'a str {
    product
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A product as it is sent: whole, with its id as the number that it is in the API.
pub(crate) fn body(product: &Product) -> Value {
    let mut body = product.clone();
    if let Some(id) = body.get_mut("id")
        && let Some(number) = id.as_str().and_then(|id| id.parse::<u64>().ok())
    {
        *id = json!(number);
    }
    Value::Object(body)
}

/// An id that is Order Desk's own.
pub(crate) fn own_id(id: &Id) -> Result<&str, ToolError> {
    orderdesk_client::own_id("product_id", id, "bad-product-id", || {
        crate::get::by_code(id)
    })
}

/// A code that Order Desk can look up.
///
/// # Errors
/// `blank-code`, `comma-in-code`: each says which argument.
pub(crate) fn code<'a>(argument: &str, code: &'a str) -> Result<&'a str, ToolError> {
    let code = code.trim();
    if code.is_empty() {
        return Err(ToolError::invalid_input(
            "blank-code",
            format!("'{argument}' is blank: give the product's SKU. Nothing was changed."),
        ));
    }
    if code.contains(',') {
        return Err(ToolError::invalid_input(
            "comma-in-code",
            format!(
                "'{argument}': {code:?} holds a comma, which Order Desk takes for the end of a code, so it cannot be looked \
                 up. Nothing was changed. Use the product's id with products_update, or Order Desk itself."
            ),
        ));
    }
    Ok(code)
}
