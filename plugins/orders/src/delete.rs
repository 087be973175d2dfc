//! `orders_delete`, and the deletion that takes a creation back.

use std::time::Duration;

use orderdesk_client::journal::{Intent, State};
use orderdesk_client::{
    ApiRequest, Store, WriteArguments, agreed_basis, ask, basis, changed_since, in_turn, keep_lock,
    own_id,
};
use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{Context, ErrorKind, Id, Outcome, Output, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::engine::Changing;
use crate::change::guards::Guards;
use crate::change::outcome::until;
use crate::change::resolve::Seen;
use crate::change::whole;
use crate::get::by_shop_number;
use crate::settings::Settings;
use crate::written::Written;

const TIMEOUT: Duration = Duration::from_secs(30);
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Order Desk's id of the order.
    order_id: Id,
    /// `version` of a read: refused if the order differs from it in anything.
    if_unchanged_since: Option<String>,
    #[serde(flatten)]
    write: WriteArguments,
}

pub(crate) fn delete(
    arguments: Arguments,
    context: &Context,
) -> Result<Outcome<Written>, ToolError> {
    let id = own_id("order_id", &arguments.order_id, "bad-order-id", || {
        by_shop_number(arguments.order_id.as_str())
    })?;
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    let settings = Settings::of(context)?;
    let changing = Changing {
        context,
        store: &store,
        settings: &settings,
        tool: "orders_delete",
        order_id: id,
        guards: &Guards::unchanged_since(arguments.if_unchanged_since),
        agreed: agreed_basis(context)?,
        undoes: None,
        call_id: None,
    };
    run(&changing, arguments.write.preview(context))
}

/// Shows, asks, or deletes: whichever is next.
pub(crate) fn run(changing: &Changing<'_>, preview: bool) -> Result<Outcome<Written>, ToolError> {
    in_turn(changing.context, || once(changing, preview))
}

fn once(changing: &Changing<'_>, preview: bool) -> Result<Outcome<Written>, ToolError> {
    if preview {
        let order = guarded(changing, changing.read(None)?)?;
        let written = Written::preview(changing.store, &[whole::deleted(&order)]);
        return Ok(Output::new(written)
            .resting_on(resting(changing, &order))
            .into());
    }
    let Some(agreed) = &changing.agreed else {
        let order = guarded(changing, changing.read(None)?)?;
        return Ok(ask(&resting(changing, &order), question(changing, &order)).into());
    };
    let lock = changing.lock()?;
    let order = match changing.read(Some(&lock)) {
        Ok(order) => order,
        Err(error) => {
            if error.kind == ErrorKind::NotFound {
                changing.settle_earlier(&Seen::Gone);
            }
            return Err(error);
        }
    };
    let earlier = changing.settle_earlier(&Seen::There(&order));
    let order = guarded(changing, order)?;
    if *agreed != resting(changing, &order) {
        return Err(changed_since(
            &format!("The order {}", changing.order_id),
            Value::Object(order),
            Value::Null,
        ));
    }
    let mut written = send(changing, lock, &order)?;
    written.warnings.splice(0..0, earlier);
    Ok(Outcome::complete(written))
}

/// The order, if it is as the caller wants it to be.
fn guarded(
    changing: &Changing<'_>,
    order: Map<String, Value>,
) -> Result<Map<String, Value>, ToolError> {
    changing
        .guards
        .check(changing.context, &order, &[whole::deleted(&order)])?;
    Ok(order)
}

/// Any change of the order counts, but not what other orders do to it.
fn resting(changing: &Changing<'_>, order: &Map<String, Value>) -> String {
    let mut order = order.clone();
    order.shift_remove("email_count");
    basis::digest(changing.context, &order)
}

fn question(changing: &Changing<'_>, order: &Map<String, Value>) -> String {
    let field = |name: &str| {
        order
            .get(name)
            .map_or_else(String::new, |value| match value {
                Value::String(text) => text.chars().take(60).collect(),
                other => other.to_string(),
            })
    };
    format!(
        "Delete the order {} (shop's number {:?}, total {}) of the store {:?}? It can be created again from its \
         before-image, but its id, history and shipments do not come back.",
        changing.order_id,
        field("source_id"),
        field("order_total"),
        changing.store.name()
    )
}

fn send(
    changing: &Changing<'_>,
    lock: Lock,
    order: &Map<String, Value>,
) -> Result<Written, ToolError> {
    let journal = changing.journal();
    let edits = vec![whole::deleted(order)];
    let mut change = journal.intend(Intent {
        tool: changing.tool,
        kind: "order",
        thing_id: changing.order_id,
        edits: edits.clone(),
        before: Some(Value::Object(order.clone())),
        undoes: changing.undoes.map(str::to_owned),
        call_id: changing.call_id.map(str::to_owned),
    })?;
    let request = ApiRequest::delete(["orders", changing.order_id])
        .under_lock(&lock)
        .timeout(TIMEOUT);
    changing.forget();
    let answer = changing.store.client(changing.context).send(request);
    changing.forget();
    let mut written = Written::preview(changing.store, &edits);
    written.dry_run = None;
    written.change_id = Some(change.change_id.clone());
    written.changed = true;
    match answer {
        Ok(_) => {}
        Err(error) if error.outcome_unknown => match is_gone(changing) {
            Some(true) => written.warnings.push(
                "Order Desk's answer was lost, and reading the order again shows that it is gone."
                    .to_owned(),
            ),
            Some(false) => {
                change.state = State::NotMade;
                drop(journal.settle(&change));
                return Err(ToolError {
                    message: format!(
                        "Order Desk's answer was lost, and the order {} is still there. It is safe to repeat it. ({})",
                        changing.order_id, error.message
                    ),
                    outcome_unknown: false,
                    ..error
                });
            }
            None => {
                keep_lock(changing.context, lock);
                change.state = State::Unknown;
                drop(journal.settle(&change));
                return Err(ToolError {
                    message: format!(
                        "{} Nobody knows yet whether the order {} was deleted. Read it (orders_get) in a minute. Its \
                         before-image is kept as change {}.",
                        error.message, changing.order_id, change.change_id
                    ),
                    ..error
                }
                .with_extra(json!({ "change_id": change.change_id })));
            }
        },
        Err(error) => {
            change.state = State::NotMade;
            drop(journal.settle(&change));
            return Err(error);
        }
    }
    change.state = State::Made;
    written.warnings.extend(journal.settle(&change));
    Ok(written)
}

/// Whether the order is gone, as soon as reading shows it.
fn is_gone(changing: &Changing<'_>) -> Option<bool> {
    until(changing.context, |settled| match changing.read(None) {
        Err(error) if error.kind == ErrorKind::NotFound => Some(true),
        Ok(_) if settled => Some(false),
        _ => None,
    })
}
