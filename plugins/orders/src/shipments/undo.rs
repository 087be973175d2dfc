//! A change of a shipment taken back: what others changed since stays.

use orderdesk_client::journal::Change;
use orderdesk_client::likeness::{alike, same};
use orderdesk_client::{Store, agreed_basis, ask, basis, changed_since, difference};
use orderdesk_plugin::serde_json::{Value, json};
use orderdesk_plugin::{Context, Outcome, ToolError};

use super::answer::Changed;
use super::deed::{Deed, Done};
use super::details::same_parcel;
use super::step::Step;
use super::{LIST, Shipment, lock, read, text};

/// What Order Desk takes when a shipment is added (order-desk-api.md §4.1): what comes back of one that was removed.
const WRITABLE: [&str; 7] = [
    "tracking_number",
    "carrier_code",
    "shipment_method",
    "weight",
    "cost",
    "status",
    "tracking_url",
];

/// What takes a change back; no step if nothing is left to take back.
#[derive(Debug, PartialEq)]
struct Plan {
    step: Option<Step>,
    remarks: Vec<String>,
}

/// Takes back a change of the kind [`super::KIND`]. Removing a shipment, and adding one anew, is confirmed first.
///
/// # Errors
/// `changed-since` where somebody changed the same fields after it; what Order Desk or the host refuses.
pub(crate) fn undo(
    context: &Context,
    store: &Store,
    change: &Change,
    preview: bool,
    keep: std::time::Duration,
) -> Result<Outcome<Changed>, ToolError> {
    let order_id = change.thing_id.as_str();
    let agreed = match preview {
        true => None,
        false => agreed_basis(context)?,
    };
    let lock = match preview {
        true => None,
        false => Some(lock(context, store, order_id)?),
    };
    let before = read(context, store, order_id, if preview { 0 } else { 2 })?;
    let plan = plan(change, &before)?;
    let edits = plan
        .step
        .as_ref()
        .map_or_else(Vec::new, |step| step.edits(&before));
    let basis = basis::digest(context, &json!([order_id, edits]));
    let remarks = |done: Done| Done {
        warnings: plan.remarks.iter().cloned().chain(done.warnings).collect(),
        ..done
    };
    let Some(lock) = lock else {
        let mut output = Changed::preview(store, order_id, &edits, None, basis);
        output.structured = output.structured.remarking(&plan.remarks);
        return Ok(output.into());
    };
    match &agreed {
        Some(agreed) if *agreed != basis => {
            return Err(changed_since(
                &format!("Order {order_id}"),
                json!(before),
                json!(difference::shown(&edits)),
            ));
        }
        None if matches!(plan.step, Some(Step::Add(_) | Step::Remove(_))) => {
            return Ok(ask(&basis, question(&plan, order_id)).into());
        }
        _ => {}
    }
    let Some(step) = &plan.step else {
        let nothing = remarks(Done::default());
        return Ok(Outcome::complete(Changed::nothing(
            store, order_id, nothing,
        )));
    };
    let deed = Deed {
        context,
        store,
        order_id,
        tool: "orders_undo",
        keep,
        undoes: Some(change.change_id.clone()),
        call_id: None,
    };
    let done = remarks(deed.carry_out(step, &before, lock)?);
    Ok(Outcome::complete(Changed::done(
        store, order_id, &edits, done,
    )))
}

fn question(plan: &Plan, order_id: &str) -> String {
    match &plan.step {
        Some(Step::Remove(id)) => {
            format!("Take the change back by removing shipment {id} from order {order_id}?")
        }
        _ => format!(
            "Take the change back by adding the shipment to order {order_id} again? It gets a new id, and adding it may run \
             the store's rules."
        ),
    }
}

fn plan(change: &Change, now: &[Shipment]) -> Result<Plan, ToolError> {
    let map = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned();
    let (before, after) = (map(&change.before), map(&change.after));
    let removed = change
        .edits
        .first()
        .is_some_and(|edit| edit.at.len() == 2 && edit.after.is_none());
    match before {
        None => added(change, after, now),
        Some(before) if removed => Ok(brought_back(&before, now)),
        Some(before) => replaced(change, &before, after.as_ref(), now),
    }
}

/// It was added: removes it, unless somebody changed it since.
fn added(change: &Change, after: Option<Shipment>, now: &[Shipment]) -> Result<Plan, ToolError> {
    let sent = change.edits.first().and_then(|edit| edit.after.as_ref());
    let sent = sent.and_then(Value::as_object).cloned().unwrap_or_default();
    let found = now.iter().find(|shipment| match &after {
        Some(after) => text(shipment, "id") == text(after, "id"),
        // The answer to a batch gives no ids.
        None => same_parcel(shipment, &sent),
    });
    let Some(shipment) = found else {
        return Ok(nothing("The shipment is gone already."));
    };
    let as_left = after.as_ref().unwrap_or(&sent);
    let fields: Vec<&String> = WRITABLE
        .iter()
        .filter_map(|name| as_left.get_key_value(*name))
        .filter(|(name, value)| !alike(shipment.get(*name), Some(value)))
        .map(|(name, _)| name)
        .collect();
    if fields.is_empty() {
        let id = text(shipment, "id").to_owned();
        return Ok(Plan {
            step: Some(Step::Remove(id)),
            remarks: Vec::new(),
        });
    }
    let names: Vec<&str> = fields.into_iter().map(String::as_str).collect();
    Err(overtaken(&names, shipment, as_left))
}

/// It was removed: adds it anew, as far as Order Desk takes it.
fn brought_back(before: &Shipment, now: &[Shipment]) -> Plan {
    if now.iter().any(|shipment| same_parcel(shipment, before)) {
        return nothing("The order has a shipment with this tracking number already.");
    }
    let fields = WRITABLE
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), before.get(*name)?.clone())))
        .collect();
    Plan {
        step: Some(Step::Add(fields)),
        remarks: vec![
            "The shipment comes back under a new id; its label and its dates do not come back."
                .to_owned(),
        ],
    }
}

/// It was changed: puts the old values back where nobody changed them since.
fn replaced(
    change: &Change,
    before: &Shipment,
    after: Option<&Shipment>,
    now: &[Shipment],
) -> Result<Plan, ToolError> {
    let id = text(before, "id");
    let Some(current) = now.iter().find(|shipment| text(shipment, "id") == id) else {
        return Ok(nothing("The shipment is gone."));
    };
    let mut whole = current.clone();
    let mut overtaken_by = Vec::new();
    for edit in &change.edits {
        let [list, _, field] = edit.at.as_slice() else {
            continue;
        };
        let there = current.get(field);
        if list != LIST || same(there, edit.before.as_ref()) {
            continue;
        }
        let as_left = match after {
            Some(after) => same(there, after.get(field)),
            None => alike(there, edit.after.as_ref()),
        };
        if as_left {
            let value = edit.before.clone().unwrap_or_else(|| json!(""));
            whole.insert(field.clone(), value);
        } else {
            overtaken_by.push(field.as_str());
        }
    }
    if !overtaken_by.is_empty() {
        return Err(overtaken(&overtaken_by, current, before));
    }
    if same(Some(&json!(whole)), Some(&json!(current))) {
        return Ok(nothing("The shipment is already as it was before."));
    }
    Ok(Plan {
        step: Some(Step::Replace(id.to_owned(), whole)),
        remarks: Vec::new(),
    })
}

fn nothing(remark: &str) -> Plan {
    Plan {
        step: None,
        remarks: vec![remark.to_owned()],
    }
}

fn overtaken(fields: &[&str], theirs: &Shipment, ours: &Shipment) -> ToolError {
    ToolError::conflict(
        "changed-since",
        format!(
            "Somebody changed {} of this shipment after the change, so nothing was taken back. See `theirs` (there now) and \
             `ours` (what would come back); shipments_update changes single fields.",
            fields.join(", ")
        ),
    )
    .with_extra(json!({ "theirs": theirs, "ours": ours }))
}
