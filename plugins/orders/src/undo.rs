//! `orders_undo`.

use orderdesk_client::journal::{Change, Journal, State};
use orderdesk_client::{Store, WriteArguments, agreed_basis, ask, basis, changed_since};
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{Context, Mode, Outcome, Output, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::draft;
use crate::change::engine::{Changing, Plan, Planner};
use crate::change::guards::Guards;
use crate::change::resolve;
use crate::change::undo::undo as take_back;
use crate::change::whole::{Sort, sort};
use crate::creating::Creating;
use crate::delete;
use crate::history::is_history;
use crate::settings::Settings;
use crate::shipments::{self, undo::Undoing};
use crate::whole_call::WholeCall;
use crate::written::Written;

const TOOL: &str = "orders_undo";

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Of a write's result, or from orders_changes.
    change_id: String,
    /// True: all changes of the call that made this one (orders_move, orders_bulk_update).
    whole_call: Option<bool>,
    #[serde(flatten)]
    write: WriteArguments,
}

pub(crate) fn undo(arguments: Arguments, context: &Context) -> Result<Outcome<Written>, ToolError> {
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    let settings = Settings::of(context)?;
    let change_id = arguments.change_id.trim();
    let journal = Journal::new(context, &store, settings.writing.keep());
    let change = journal
        .find(change_id)?
        .filter(|change| change.kind == "order" || change.kind == shipments::KIND);
    let Some(change) = change else {
        return Err(not_found(change_id, &store));
    };
    let change = known(change, context, &store, &journal)?;
    let preview = arguments.write.preview(context);
    if arguments.whole_call == Some(true) {
        let changes = journal.of_call(&change.call_id)?;
        if changes.len() > 1 {
            let whole = WholeCall {
                context,
                store: &store,
                settings: &settings,
            };
            return whole.undo(changes, preview);
        }
    }
    if let Some(written) = nothing_to_do(&change, &store) {
        return Ok(finished(written, preview));
    }
    if change.kind == shipments::KIND {
        let undoing = Undoing {
            context,
            store: &store,
            change: &change,
            keep: settings.writing.keep(),
            call_id: None,
        };
        return undoing
            .run(preview)?
            .try_map(|changed| Ok(changed.written(&store)));
    }
    if is_history(&change.edits) {
        return Err(ToolError::invalid_input(
            "not-undoable",
            "An entry in an order's history stays: Order Desk has no way to remove one. Nothing was changed.",
        ));
    }
    let changing = Changing {
        context,
        store: &store,
        settings: &settings,
        tool: TOOL,
        order_id: &change.thing_id,
        guards: &Guards::default(),
        agreed: agreed_basis(context)?,
        undoes: Some(&change.change_id),
        call_id: None,
    };
    match sort(&change.edits) {
        Sort::Created => delete::run(&changing, preview),
        Sort::Deleted => create_again(&changing, &change, preview),
        Sort::Changed => merge_back(&changing, &change, preview),
    }
}

/// The change as it ended, if that was not recorded.
fn known(
    change: Change,
    context: &Context,
    store: &Store,
    journal: &Journal<'_>,
) -> Result<Change, ToolError> {
    if !change.state.is_open() {
        return Ok(change);
    }
    let Some(ended) = resolve::look(context, store, &change)? else {
        // An order that may exist has no id yet that could be deleted.
        return match change.thing_id.is_empty() {
            true => Err(ToolError::unavailable(
                "not-known-yet",
                "Nobody knows yet whether that order was created. Nothing was changed. Try again in a minute.",
            )
            .with_retry_after_ms(60_000)),
            false => Ok(change),
        };
    };
    // Only an order that was to be created is looked for without its lock; others are settled under it.
    if change.thing_id.is_empty() && context.mode() != Mode::Preview {
        drop(journal.settle(&ended));
    }
    Ok(ended)
}

/// How an order is with a change taken back.
pub(crate) fn planner(change: &Change) -> impl Fn(&Map<String, Value>) -> Result<Plan, ToolError> {
    let before = object(change.before.as_ref());
    let after = change.after.as_ref().map(|after| object(Some(after)));
    let edits = change.edits.clone();
    move |order| {
        let undone = take_back(&edits, &before, after.as_ref(), order);
        let mut remarks = undone.remarks;
        if !undone.conflicts.is_empty() {
            remarks.push(
                "Not everything was taken back: see `conflicts` for what somebody changed later, which stays.".to_owned(),
            );
        }
        Ok(Plan {
            order: undone.order,
            remarks,
            conflicts: undone.conflicts,
        })
    }
}

fn merge_back(
    changing: &Changing<'_>,
    change: &Change,
    preview: bool,
) -> Result<Outcome<Written>, ToolError> {
    let plan: &Planner<'_> = &planner(change);
    if preview {
        return changing.preview(plan).map(Into::into);
    }
    changing.make(plan).map(Outcome::complete)
}

fn create_again(
    changing: &Changing<'_>,
    change: &Change,
    preview: bool,
) -> Result<Outcome<Written>, ToolError> {
    let (body, lost) = draft::again(&object(change.before.as_ref()));
    let basis = basis::digest(changing.context, &body);
    let creating = Creating {
        context: changing.context,
        store: changing.store,
        settings: changing.settings,
        tool: TOOL,
        body,
        key: Some(format!("undo {}", change.change_id)),
        undoes: changing.undoes,
    };
    if preview {
        let mut output = creating.preview()?;
        output.structured.warnings.extend(lost);
        return Ok(output.into());
    }
    let Some(agreed) = &changing.agreed else {
        let question = format!(
            "Create the deleted order {} of the store {:?} again? {}",
            change.thing_id,
            changing.store.name(),
            lost.join(" ")
        );
        return Ok(ask(&basis, question).into());
    };
    if *agreed != basis {
        return Err(changed_since(
            "The order to create again",
            Value::Null,
            json!(creating.body),
        ));
    }
    let mut written = creating.make()?;
    written.warnings.extend(lost);
    Ok(Outcome::complete(written))
}

/// The answer for a change that was never made, or was taken back before.
pub(crate) fn nothing_to_do(change: &Change, store: &Store) -> Option<Written> {
    let why = match (change.state, &change.undone_by) {
        (State::NotMade, _) => {
            "The change was never made, so there is nothing to take back.".to_owned()
        }
        (_, Some(by)) => format!("The change was taken back before, by the change {by}."),
        _ => return None,
    };
    let mut written = Written::new(store);
    written.warnings.push(why);
    Some(written)
}

fn finished(mut written: Written, preview: bool) -> Outcome<Written> {
    if !preview {
        return Outcome::complete(written);
    }
    written.dry_run = Some(true);
    Output::new(written).resting_on("nothing to do").into()
}

fn not_found(change_id: &str, store: &Store) -> ToolError {
    let shown: String = change_id.chars().take(60).collect();
    ToolError::not_found(
        "change-not-found",
        format!(
            "The store {:?} has no change {shown:?} of an order, or it is no longer kept. orders_changes lists those that \
             can be taken back. Nothing was changed.",
            store.name()
        ),
    )
}

fn object(value: Option<&Value>) -> Map<String, Value> {
    value
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}
