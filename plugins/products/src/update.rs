//! `products_update`.

use orderdesk_client::brief::refuse_shortened;
use orderdesk_client::difference::{self, Edit};
use orderdesk_client::likeness::same;
use orderdesk_client::{
    Stopwatch, Store, WriteArguments, agreed_basis, basis, changed_since, in_turn,
};
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{Context, Id, Outcome, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::answer::Changed;
use crate::deed::{Deed, Done, Step};
use crate::details::{Details, merged};
use crate::shelf::{lock, own_id, read};
use crate::{Product, version};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Order Desk's own id of the product.
    product_id: Id,
    /// Only the fields that change; "" clears a text.
    changes: Changes,
    /// The values of those fields as you saw them: if one differs by now, nothing is changed.
    expected: Option<Map<String, Value>>,
    /// `version` of a read: if the product changed since in anything, nothing is changed.
    if_unchanged_since: Option<String>,
    #[serde(flatten)]
    write: WriteArguments,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
struct Changes {
    /// The SKU: unique in the store.
    code: Option<String>,
    /// Its name.
    name: Option<String>,
    #[serde(flatten)]
    details: Details,
}

impl Changes {
    fn fields(&self) -> Result<Product, ToolError> {
        let mut fields = Product::new();
        for (name, value) in [("name", &self.name), ("code", &self.code)] {
            match value.as_deref().map(str::trim) {
                None => {}
                Some("") => {
                    return Err(ToolError::invalid_input(
                        "bad-value",
                        format!(
                            "'changes.{name}' is blank: Order Desk requires it. Leave it out to keep it. Nothing was \
                             changed."
                        ),
                    ));
                }
                Some(text) => {
                    fields.insert(name.to_owned(), text.into());
                }
            }
        }
        fields.extend(self.details.fields());
        refuse_shortened(&fields)?;
        if fields.is_empty() {
            return Err(ToolError::invalid_input(
                "no-changes",
                "'changes' is empty: give at least one field, such as {\"price\": 34.5}. Nothing was changed.",
            ));
        }
        Ok(fields)
    }
}

pub(crate) fn update(
    arguments: Arguments,
    context: &Context,
) -> Result<Outcome<Changed>, ToolError> {
    in_turn(context, || anew(&arguments, context))
}

fn anew(arguments: &Arguments, context: &Context) -> Result<Outcome<Changed>, ToolError> {
    let id = own_id(&arguments.product_id)?;
    let changes = arguments.changes.fields()?;
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    let preview = arguments.write.preview(context);
    let lock = match preview {
        true => None,
        false => Some(lock(context, &store, id)?),
    };
    // For the write, and for reading what it made: the answer to a PUT does not show it.
    let current = read(context, &store, id, if preview { 0 } else { 2 })?;
    let read_at = Stopwatch::start(context);
    let step = Step::Replace(current.clone(), merged(&current, &changes));
    let edits = step.edits();
    refuse_if_changed(arguments, context, &current, &edits)?;
    let basis = basis::digest(context, &json!([id, edits]));
    let Some(lock) = lock else {
        return Ok(Changed::preview(&store, &edits, basis).into());
    };
    if agreed_basis(context)?.is_some_and(|agreed| agreed != basis) {
        return Err(changed_since(
            &format!("Product {id}"),
            json!(current),
            json!(difference::shown(&edits)),
        ));
    }
    let done = if edits.is_empty() {
        Done {
            product: Some(current),
            ..Done::default()
        }
    } else {
        Deed::of(context, &store, "products_update").carry_out(&step, read_at, lock)?
    };
    Ok(Outcome::complete(Changed::done(
        context, &store, &edits, done,
    )))
}

fn refuse_if_changed(
    arguments: &Arguments,
    context: &Context,
    current: &Product,
    edits: &[Edit],
) -> Result<(), ToolError> {
    let unchanged = arguments
        .if_unchanged_since
        .as_ref()
        .is_none_or(|seen| *seen == version::of(context, current));
    let differing: Vec<String> = edits
        .iter()
        .filter(|edit| {
            let seen = at(arguments.expected.as_ref(), &edit.at);
            seen.is_some_and(|seen| !same(Some(seen), edit.before.as_ref()))
        })
        .map(|edit| edit.shown().path)
        .collect();
    if unchanged && differing.is_empty() {
        return Ok(());
    }
    let what = match differing.as_slice() {
        [] => "The product has changed since that version".to_owned(),
        paths => format!("Not as expected: {}", paths.join(", ")),
    };
    Err(ToolError::conflict(
        "changed-since",
        format!(
            "{what}. Nothing was changed. See `theirs` (there now) and `ours` (wanted); repeat it with the values that are \
             there now if it still holds."
        ),
    )
    .with_extra(json!({
        "theirs": current, "ours": difference::shown(edits), "version": version::of(context, current),
    })))
}

/// What a caller expected at this place.
fn at<'a>(expected: Option<&'a Map<String, Value>>, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let found = expected?.get(first)?;
    rest.iter().try_fold(found, |value, name| value.get(name))
}
