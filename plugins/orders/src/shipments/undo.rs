//! A change of a shipment taken back: what others changed since stays.

use std::time::Duration;

use orderdesk_client::difference::{self, Edit};
use orderdesk_client::journal::Change;
use orderdesk_client::likeness::{alike, same};
use orderdesk_client::{Store, agreed_basis, ask, basis, changed_since};
use orderdesk_plugin::serde_json::{Value, json};
use orderdesk_plugin::{Context, Outcome, Output, ToolError};

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

/// A change of the kind [`super::KIND`] that is taken back.
pub(crate) struct Undoing<'a> {
    pub(crate) context: &'a Context,
    pub(crate) store: &'a Store,
    pub(crate) change: &'a Change,
    /// How long the before-image of this change is kept.
    pub(crate) keep: Duration,
    /// The call that it belongs to, where one call takes several back.
    pub(crate) call_id: Option<String>,
}

/// What an order's shipments are, and shall be.
struct Drawn {
    before: Vec<Shipment>,
    plan: Plan,
    edits: Vec<Edit>,
    basis: String,
}

impl Undoing<'_> {
    /// Shows, asks, or takes back: whichever is next. Removing a shipment, and adding one anew, is confirmed first.
    ///
    /// # Errors
    /// As [`Undoing::make`].
    pub(crate) fn run(&self, preview: bool) -> Result<Outcome<Changed>, ToolError> {
        if preview {
            return self.preview().map(Into::into);
        }
        let agreed = agreed_basis(self.context)?;
        if agreed.is_none() && self.is_confirmed_first() {
            let drawn = self.draw(0)?;
            if drawn.plan.step.is_some() {
                return Ok(ask(&drawn.basis, self.question(&drawn.plan)).into());
            }
        }
        self.make(agreed.as_deref()).map(Outcome::complete)
    }

    /// Answers the exact difference and changes nothing.
    ///
    /// # Errors
    /// As [`Undoing::make`].
    pub(crate) fn preview(&self) -> Result<Output<Changed>, ToolError> {
        let drawn = self.draw(0)?;
        let mut output = Changed::preview(
            self.store,
            &self.change.thing_id,
            &drawn.edits,
            None,
            drawn.basis,
        );
        output.structured = output.structured.remarking(&drawn.plan.remarks);
        Ok(output)
    }

    /// Takes it back.
    ///
    /// # Errors
    /// `changed-since` where somebody changed the same fields after it; `changed-since-preview`; what Order Desk or the
    /// host refuses.
    pub(crate) fn make(&self, agreed: Option<&str>) -> Result<Changed, ToolError> {
        let order_id = self.change.thing_id.as_str();
        let lock = lock(self.context, self.store, order_id)?;
        let drawn = self.draw(2)?;
        if agreed.is_some_and(|agreed| agreed != drawn.basis) {
            return Err(changed_since(
                &format!("Order {order_id}"),
                json!(drawn.before),
                json!(difference::shown(&drawn.edits)),
            ));
        }
        let Some(step) = &drawn.plan.step else {
            let nothing = Changed::nothing(self.store, order_id, Done::default());
            return Ok(nothing.remarking(&drawn.plan.remarks));
        };
        let deed = Deed {
            context: self.context,
            store: self.store,
            order_id,
            tool: "orders_undo",
            keep: self.keep,
            undoes: Some(self.change.change_id.clone()),
            call_id: self.call_id.clone(),
        };
        let done = deed.carry_out(step, &drawn.before, lock)?;
        let changed = Changed::done(self.store, order_id, &drawn.edits, done);
        Ok(changed.remarking(&drawn.plan.remarks))
    }

    fn draw(&self, hold: u8) -> Result<Drawn, ToolError> {
        let order_id = self.change.thing_id.as_str();
        let before = read(self.context, self.store, order_id, hold)?;
        let plan = plan(self.change, &before)?;
        let edits = match &plan.step {
            Some(step) => step.edits(&before),
            None => Vec::new(),
        };
        let basis = basis::digest(self.context, &json!([order_id, edits]));
        Ok(Drawn {
            before,
            plan,
            edits,
            basis,
        })
    }

    fn is_confirmed_first(&self) -> bool {
        self.change.before.is_none() || is_removal(self.change)
    }

    fn question(&self, plan: &Plan) -> String {
        let order_id = &self.change.thing_id;
        match &plan.step {
            Some(Step::Remove(id)) => {
                format!("Take the change back by removing shipment {id} from order {order_id}?")
            }
            _ => format!(
                "Take the change back by adding the shipment to order {order_id} again? It gets a new id, and adding it may \
                 run the store's rules."
            ),
        }
    }
}

fn is_removal(change: &Change) -> bool {
    change
        .edits
        .first()
        .is_some_and(|edit| edit.at.len() == 2 && edit.after.is_none())
}

fn plan(change: &Change, now: &[Shipment]) -> Result<Plan, ToolError> {
    let map = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned();
    let (before, after) = (map(&change.before), map(&change.after));
    match before {
        None => added(change, after, now),
        Some(before) if is_removal(change) => Ok(brought_back(&before, now)),
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
