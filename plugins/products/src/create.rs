//! `products_create`.

use orderdesk_client::likeness::{alike, blank};
use orderdesk_client::{Stopwatch, Store, WriteArguments, agreed_basis, basis, changed_since};
use orderdesk_plugin::serde_json::{Value, json};
use orderdesk_plugin::{Context, Outcome, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Product;
use crate::answer::Changed;
use crate::deed::{Deed, Done, Step};
use crate::details::{Details, merged};
use crate::shelf::{code, lock_code, text, with_codes};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// The product.
    product_data: Data,
    #[serde(flatten)]
    write: WriteArguments,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
struct Data {
    /// The SKU: unique in the store.
    code: String,
    /// Its name.
    name: String,
    #[serde(flatten)]
    details: Details,
}

impl Data {
    fn fields(&self) -> Result<Product, ToolError> {
        let code = code("product_data.code", &self.code)?;
        let name = self.name.trim();
        if name.is_empty() {
            return Err(ToolError::invalid_input(
                "blank-name",
                "'product_data.name' is blank: Order Desk requires a name. Nothing was changed.",
            ));
        }
        let mut fields = Product::new();
        fields.insert("name".to_owned(), name.into());
        fields.insert("code".to_owned(), code.into());
        // A patch of nothing: without the keys that null removes.
        Ok(merged(&fields, &self.details.fields()))
    }
}

pub(crate) fn create(
    arguments: Arguments,
    context: &Context,
) -> Result<Outcome<Changed>, ToolError> {
    let fields = arguments.product_data.fields()?;
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    let deed = Deed::of(context, &store, "products_create");
    make(&deed, fields, arguments.write.preview(context))
}

/// Shows a creation, or makes it.
pub(crate) fn make(
    deed: &Deed<'_>,
    fields: Product,
    preview: bool,
) -> Result<Outcome<Changed>, ToolError> {
    let (context, store) = (deed.context, deed.store);
    let code = text(&fields, "code").to_owned();
    let lock = match preview {
        true => None,
        false => Some(lock_code(context, store, &code)?),
    };
    // For the write, and for reading what it made.
    let found = with_codes(context, store, &[&code], if preview { 0 } else { 2 })?;
    let read_at = Stopwatch::start(context);
    let there = found.into_iter().next();
    let step = Step::Create(fields.clone());
    let edits = match there {
        Some(_) => Vec::new(),
        None => step.edits(),
    };
    let basis = basis::digest(context, &edits);
    let agreed = match preview {
        true => None,
        false => agreed_basis(context)?,
    };
    if agreed.is_some_and(|agreed| agreed != basis) {
        return Err(changed_since(
            &format!("The product with the code {code:?}"),
            json!(there),
            json!(fields),
        ));
    }
    if let Some(there) = &there {
        refuse_another(there, &fields)?;
    }
    let Some(lock) = lock else {
        let mut preview = Changed::preview(store, &edits, basis);
        if there.is_some() {
            preview.structured = preview.structured.there();
        }
        return Ok(preview.into());
    };
    if let Some(there) = there {
        let done = Done {
            product: Some(there),
            ..Done::default()
        };
        return Ok(Outcome::complete(
            Changed::done(context, store, &[], done).there(),
        ));
    }
    let done = deed.carry_out(&step, read_at, lock)?;
    Ok(Outcome::complete(Changed::done(
        context, store, &edits, done,
    )))
}

/// A product of this code that is as was asked for is the same call's earlier work; another one is not touched.
fn refuse_another(there: &Product, fields: &Product) -> Result<(), ToolError> {
    let differing: Vec<&str> = fields
        .iter()
        .filter(|(name, value)| !blank(value) && !matches(there.get(*name), value, name))
        .map(|(name, _)| name.as_str())
        .collect();
    if differing.is_empty() {
        return Ok(());
    }
    let id = text(there, "id");
    Err(ToolError::conflict(
        "product-code-taken",
        format!(
            "The store has a product with the code {:?} already ({id}), with other values in {}. Nothing was changed. See \
             `theirs` and `ours`; products_update changes it.",
            text(fields, "code"),
            differing.join(", ")
        ),
    )
    .with_extra(json!({ "theirs": there, "ours": fields })))
}

/// Stock moves by itself: what was sold since does not make it another product.
fn matches(there: Option<&Value>, wanted: &Value, name: &str) -> bool {
    name == "stock" || alike(there, Some(wanted))
}
