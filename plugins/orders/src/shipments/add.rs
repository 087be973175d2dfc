//! `shipments_add`.

use std::time::Duration;

use orderdesk_client::repeat::{self, Attempt, Ticket};
use orderdesk_client::{
    Store, WriteArguments, WriteSettings, agreed_basis, basis, changed_since, difference,
};
use orderdesk_plugin::serde_json::{self, json};
use orderdesk_plugin::{Context, Id, Outcome, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use super::answer::Changed;
use super::deed::{Deed, Done, there_already};
use super::details::{self, Details, covers, same_parcel};
use super::step::Step;
use super::{LOCK_LEASE, LOCK_WAIT, Shipment, lock, read, text};

const TOOL: &str = "shipments_add";

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Order Desk's own id of the order.
    order_id: Id,
    /// The carrier's number; "n/a" if there is none.
    tracking_number: String,
    #[serde(flatten)]
    details: Details,
    #[serde(flatten)]
    write: WriteArguments,
    /// A text of yours: the same call with it is made once. Needed for "n/a" only.
    idempotency_key: Option<String>,
}

pub(crate) fn add(arguments: Arguments, context: &Context) -> Result<Outcome<Changed>, ToolError> {
    let order_id = super::order_id(&arguments.order_id)?;
    let fields = details::new(&arguments.tracking_number, &arguments.details)?;
    let key = arguments.idempotency_key.as_deref();
    if key.is_none() && details::is_none(text(&fields, "tracking_number")) {
        return Err(ToolError::invalid_input(
            "no-idempotency-key",
            "'idempotency_key' is needed here: without a tracking number nothing else tells a repetition from a further \
             shipment. Give any text of your own, such as a UUID, and the same one if you repeat the call. Nothing was \
             changed.",
        ));
    }
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    if arguments.write.preview(context) {
        return preview(context, &store, order_id, &fields);
    }
    let keep = context.settings::<WriteSettings>()?.keep();
    let Some(key) = key else {
        return write(context, &store, order_id, &fields, keep).map(Outcome::complete);
    };
    let name = repeat::lock_name(context, &store, TOOL, key);
    let _alone = context.locks().acquire(&name, LOCK_WAIT, LOCK_LEASE)?;
    let digest = basis::digest(context, &json!([order_id, fields]));
    let attempt = repeat::begin(context, &store, TOOL, key, &digest, keep)?;
    let ticket = match attempt {
        Attempt::Done(result, _) => return earlier(result).map(Outcome::complete),
        Attempt::First(ticket) => ticket,
        Attempt::Again(ticket) => {
            begun_before(context, &store, order_id, &fields)?;
            ticket
        }
    };
    once(
        context,
        ticket,
        write(context, &store, order_id, &fields, keep),
    )
}

/// Remembers how it ended.
fn once(
    context: &Context,
    ticket: Ticket,
    ended: Result<Changed, ToolError>,
) -> Result<Outcome<Changed>, ToolError> {
    match ended {
        Ok(changed) => {
            ticket.done(context, &json!(changed));
            Ok(Outcome::complete(changed))
        }
        Err(error) => {
            if !error.outcome_unknown {
                ticket.forget(context);
            }
            Err(error)
        }
    }
}

fn earlier(result: serde_json::Value) -> Result<Changed, ToolError> {
    let changed: Changed = serde_json::from_value(result).map_err(|error| {
        ToolError::internal(
            "document-malformed",
            format!("The result kept under this idempotency_key cannot be read: {error}. See shipments_list."),
        )
    })?;
    Ok(changed.remarking(&[
        "This was done before under the same idempotency_key: this is the result of then, and nothing was changed now."
            .to_owned(),
    ]))
}

/// A call under the same key began before and was not seen to end. A tracking number tells by itself whether it arrived;
/// without one nothing does.
fn begun_before(
    context: &Context,
    store: &Store,
    order_id: &str,
    fields: &Shipment,
) -> Result<(), ToolError> {
    if !details::is_none(text(fields, "tracking_number")) {
        return Ok(());
    }
    let alike = read(context, store, order_id, 0)?
        .iter()
        .filter(|shipment| covers(shipment, fields))
        .count();
    if alike == 0 {
        return Ok(());
    }
    Err(ToolError::conflict(
        "first-attempt-unknown",
        format!(
            "An earlier call with this 'idempotency_key' was interrupted, and order {order_id} has {alike} shipments \
             without a tracking number that look like it. Nothing was sent. See shipments_list: if yours is missing, add \
             it with a new key."
        ),
    ))
}

fn preview(
    context: &Context,
    store: &Store,
    order_id: &str,
    fields: &Shipment,
) -> Result<Outcome<Changed>, ToolError> {
    let before = read(context, store, order_id, 0)?;
    let there = there(&before, fields);
    let edits = match there {
        Some(_) => Vec::new(),
        None => Step::Add(fields.clone()).edits(&before),
    };
    let basis = basis::digest(context, &json!([order_id, edits]));
    Ok(Changed::preview(store, order_id, &edits, there, basis).into())
}

fn write(
    context: &Context,
    store: &Store,
    order_id: &str,
    fields: &Shipment,
    keep: Duration,
) -> Result<Changed, ToolError> {
    let lock = lock(context, store, order_id)?;
    let before = read(context, store, order_id, 2)?;
    let step = Step::Add(fields.clone());
    let there = there(&before, fields);
    let edits = match there {
        Some(_) => Vec::new(),
        None => step.edits(&before),
    };
    let agreed = agreed_basis(context)?;
    if agreed.is_some_and(|agreed| agreed != basis::digest(context, &json!([order_id, edits]))) {
        return Err(changed_since(
            &format!("Order {order_id}"),
            json!(before),
            json!(difference::shown(&step.edits(&before))),
        ));
    }
    if let Some(done) = there {
        return Ok(Changed::nothing(store, order_id, done).there());
    }
    let deed = Deed {
        context,
        store,
        order_id,
        tool: TOOL,
        keep,
        undoes: None,
        call_id: None,
    };
    let done = deed.carry_out(&step, &before, lock)?;
    if done.change_id.is_none() {
        // Order Desk found it there a moment later.
        return Ok(Changed::nothing(store, order_id, done).there());
    }
    Ok(Changed::done(store, order_id, &edits, done))
}

/// What to answer if the order has this parcel.
fn there(before: &[Shipment], fields: &Shipment) -> Option<Done> {
    before
        .iter()
        .find(|shipment| same_parcel(shipment, fields))
        .map(|shipment| there_already(shipment, fields))
}
