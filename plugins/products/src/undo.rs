//! `products_undo`.

use orderdesk_client::difference::Edit;
use orderdesk_client::journal::{Change, Journal, State};
use orderdesk_client::record::{Conflict, take_back};
use orderdesk_client::{
    Stopwatch, Store, WriteArguments, WriteSettings, agreed_basis, ask, basis, changed_since,
    difference, in_turn,
};
use orderdesk_plugin::serde_json::{Value, json};
use orderdesk_plugin::{Context, Outcome, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::answer::Changed;
use crate::deed::{Deed, Done, KIND, Sort, Step, sort};
use crate::ended::ended;
use crate::shelf::{lock, read, text};
use crate::stock::back::{Back, adjustments};
use crate::{Product, create, delete};

const TOOL: &str = "products_undo";
/// What Order Desk gives by itself: it does not come back with a product that is created again.
const OWN: [&str; 3] = ["id", "date_added", "date_updated"];

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Of a write's result, or from products_changes.
    change_id: String,
    /// True: all changes of the call that made this one (products_adjust_stock).
    whole_call: Option<bool>,
    #[serde(flatten)]
    write: WriteArguments,
}

pub(crate) fn undo(arguments: Arguments, context: &Context) -> Result<Outcome<Changed>, ToolError> {
    in_turn(context, || anew(&arguments, context))
}

fn anew(arguments: &Arguments, context: &Context) -> Result<Outcome<Changed>, ToolError> {
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    let preview = arguments.write.preview(context);
    let keep = context.settings::<WriteSettings>()?.keep();
    let journal = Journal::new(context, &store, keep);
    let mut change = journal
        .find(arguments.change_id.trim())?
        .filter(|change| change.kind == KIND)
        .ok_or_else(|| not_found(&arguments.change_id, &store))?;
    if arguments.whole_call == Some(true) {
        let mut changes = journal.of_call(&change.call_id)?;
        if changes.len() > 1 && adjustments(&changes) {
            changes.retain(|change| nothing_to_do(change).is_none());
            let back = Back::of(context, &store, keep, TOOL, &changes);
            let outcome = back.run(preview)?;
            return outcome.try_map(|adjusted| Ok(adjusted.changed(&store)));
        }
    }
    if change.state.is_open()
        && let Some(seen) = ended(context, &store, &change)?
    {
        change = seen;
    }
    if let Some(why) = nothing_to_do(&change) {
        let mut output = Changed::preview(&store, &[], "nothing to do".to_owned());
        output.structured.warnings.push(why);
        return Ok(match preview {
            true => output.into(),
            false => Outcome::complete(output.structured.made()),
        });
    }
    let deed = Deed {
        undoes: Some(&change.change_id),
        ..Deed::of(context, &store, TOOL)
    };
    match sort(&change.edits) {
        Sort::Created if change.thing_id.is_empty() => Err(ToolError::unavailable(
            "not-known-yet",
            "Nobody knows whether that product was created. Nothing was changed. See products_list with its code, and \
             remove it with products_delete if it is there.",
        )),
        Sort::Created => delete::remove(&deed, &change.thing_id, preview),
        Sort::Removed => create_again(&deed, &change, preview),
        Sort::Changed => merge_back(deed, &change, preview),
    }
}

fn nothing_to_do(change: &Change) -> Option<String> {
    match (change.state, &change.undone_by) {
        (State::NotMade, _) => {
            Some("The change was never made, so there is nothing to take back.".to_owned())
        }
        (_, Some(by)) => Some(format!(
            "The change was taken back before, by the change {by}."
        )),
        _ => None,
    }
}

/// How a product is with a change taken back: what others changed since stays.
pub(crate) fn taken_back(
    change: &Change,
    current: &Product,
) -> Result<(Product, Vec<Conflict>), ToolError> {
    let after = match &change.after {
        Some(Value::Object(after)) => Some(after),
        _ => None,
    };
    let mut product = current.clone();
    let mut conflicts = Vec::new();
    for edit in change.edits.iter().rev() {
        if change.tool == crate::stock::TOOL && adjust_back(&mut product, edit)? {
            continue;
        }
        conflicts.extend(take_back(&mut product, edit, after));
    }
    Ok((product, conflicts))
}

/// What came in goes out again, whatever was sold meanwhile. False if it is no number of units.
fn adjust_back(product: &mut Product, edit: &Edit) -> Result<bool, ToolError> {
    let units = |value: Option<&Value>| value.and_then(Value::as_i64);
    let (Some(before), Some(after), Some(now)) = (
        units(edit.before.as_ref()),
        units(edit.after.as_ref()),
        units(product.get("stock")),
    ) else {
        return Ok(false);
    };
    let stock = now - (after - before);
    if stock < 0 && now >= 0 {
        return Err(ToolError::conflict(
            "below-zero",
            format!(
                "Taking {} back would leave a stock of {stock}: there are {now}. Nothing was changed. See products_get; \
                 products_adjust_stock with allow_negative does it all the same.",
                after - before
            ),
        )
        .with_extra(json!({ "theirs": { "stock": now }, "ours": { "stock": stock } })));
    }
    product.insert("stock".to_owned(), json!(stock));
    Ok(true)
}

fn merge_back(
    mut deed: Deed<'_>,
    change: &Change,
    preview: bool,
) -> Result<Outcome<Changed>, ToolError> {
    let (context, store, id) = (deed.context, deed.store, change.thing_id.as_str());
    let lock = match preview {
        true => None,
        false => Some(lock(context, store, id)?),
    };
    let current = read(context, store, id, if preview { 0 } else { 2 })?;
    let read_at = Stopwatch::start(context);
    let (product, conflicts) = taken_back(change, &current)?;
    let step = Step::Replace(current.clone(), product);
    let edits = step.edits();
    let basis = basis::digest(context, &json!([id, edits]));
    let told = |mut changed: Changed| {
        if !conflicts.is_empty() {
            changed.warnings.push(
                "Not everything was taken back: see `conflicts` for what somebody changed later, which stays.".to_owned(),
            );
        }
        changed.conflicts.clone_from(&conflicts);
        changed
    };
    let Some(lock) = lock else {
        let mut output = Changed::preview(store, &edits, basis);
        output.structured = told(output.structured);
        return Ok(output.into());
    };
    if agreed_basis(context)?.is_some_and(|agreed| agreed != basis) {
        return Err(changed_since(
            &format!("What this would change in the product {id}"),
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
        deed.partial = !conflicts.is_empty();
        deed.carry_out(&step, read_at, lock)?
    };
    Ok(Outcome::complete(told(Changed::done(
        context, store, &edits, done,
    ))))
}

fn create_again(
    deed: &Deed<'_>,
    change: &Change,
    preview: bool,
) -> Result<Outcome<Changed>, ToolError> {
    let Some(Value::Object(mut fields)) = change.before.clone() else {
        return Err(not_found(&change.change_id, deed.store));
    };
    for own in OWN {
        fields.shift_remove(own);
    }
    let context = deed.context;
    if !preview && agreed_basis(context)?.is_none() {
        let basis = basis::digest(context, &Step::Create(fields.clone()).edits());
        let question = format!(
            "Create the deleted product {:?} (code {:?}) of store {:?} again, under a new id?",
            text(&fields, "name"),
            text(&fields, "code"),
            deed.store.name()
        );
        return Ok(ask(&basis, question).into());
    }
    let outcome = create::make(deed, fields, preview)?;
    outcome.try_map(|mut changed| {
        changed
            .warnings
            .push("Its id does not come back: Order Desk gives ids by itself.".to_owned());
        Ok(changed)
    })
}

fn not_found(change_id: &str, store: &Store) -> ToolError {
    let shown: String = change_id.trim().chars().take(60).collect();
    ToolError::not_found(
        "change-not-found",
        format!(
            "The store {:?} has no change {shown:?} of a product, or it is no longer kept. Changes of orders are taken back \
             by orders_undo. Nothing was changed.",
            store.name()
        ),
    )
}
