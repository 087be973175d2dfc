//! `products_delete`.

use orderdesk_client::difference;
use orderdesk_client::{
    Stopwatch, Store, WriteArguments, agreed_basis, ask, basis, changed_since, in_turn,
};
use orderdesk_plugin::serde_json::json;
use orderdesk_plugin::{Context, Id, Outcome, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::answer::Changed;
use crate::deed::{Deed, Step};
use crate::shelf::{lock, own_id, read, text};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Order Desk's own id of the product.
    product_id: Id,
    #[serde(flatten)]
    write: WriteArguments,
}

pub(crate) fn delete(
    arguments: Arguments,
    context: &Context,
) -> Result<Outcome<Changed>, ToolError> {
    in_turn(context, || anew(&arguments, context))
}

fn anew(arguments: &Arguments, context: &Context) -> Result<Outcome<Changed>, ToolError> {
    let id = own_id(&arguments.product_id)?;
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    let deed = Deed::of(context, &store, "products_delete");
    remove(&deed, id, arguments.write.preview(context))
}

/// Shows, asks, or removes: whichever is next.
pub(crate) fn remove(
    deed: &Deed<'_>,
    id: &str,
    preview: bool,
) -> Result<Outcome<Changed>, ToolError> {
    let (context, store) = (deed.context, deed.store);
    let agreed = match preview {
        true => None,
        false => agreed_basis(context)?,
    };
    let lock = match &agreed {
        None => None,
        Some(_) => Some(lock(context, store, id)?),
    };
    let current = read(context, store, id, u8::from(lock.is_some()))?;
    let read_at = Stopwatch::start(context);
    let step = Step::Remove(current.clone());
    let edits = step.edits();
    let basis = basis::digest(context, &json!([id, edits]));
    if preview {
        return Ok(Changed::preview(store, &edits, basis).into());
    }
    let (Some(agreed), Some(lock)) = (agreed, lock) else {
        return Ok(ask(
            &basis,
            format!(
                "Delete product {id} ({:?}, code {:?}, stock {}) from store {:?}? It can be created again, under a new id.",
                text(&current, "name"),
                text(&current, "code"),
                current.get("stock").unwrap_or(&json!(0)),
                store.name()
            ),
        )
        .into());
    };
    if agreed != basis {
        return Err(changed_since(
            &format!("Product {id}"),
            json!(current),
            json!(difference::shown(&edits)),
        ));
    }
    let done = deed.carry_out(&step, read_at, lock)?;
    Ok(Outcome::complete(Changed::done(
        context, store, &edits, done,
    )))
}
