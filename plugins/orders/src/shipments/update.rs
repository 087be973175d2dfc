//! `shipments_update`.

use orderdesk_client::likeness::same;
use orderdesk_client::{
    Store, WriteArguments, WriteSettings, agreed_basis, basis, changed_since, difference, in_turn,
};
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{Context, Id, Outcome, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use super::answer::Changed;
use super::deed::{Deed, Done};
use super::details::{self, Details};
use super::step::Step;
use super::{Shipment, find, list, lock, read, text};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Order Desk's own id of the order.
    order_id: Id,
    /// The shipment's id, from shipments_list.
    shipment_id: Id,
    /// Only the fields that change; "" clears a text.
    changes: Changes,
    /// The values of those fields as you saw them: if one differs by now, nothing is changed.
    expected: Option<Map<String, Value>>,
    /// `version` of shipments_list: if any shipment of the order changed since, nothing is changed.
    if_unchanged_since: Option<String>,
    #[serde(flatten)]
    write: WriteArguments,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
struct Changes {
    /// The carrier's number; "n/a" if there is none.
    tracking_number: Option<String>,
    #[serde(flatten)]
    details: Details,
}

impl Changes {
    fn fields(&self) -> Result<Shipment, ToolError> {
        let mut fields = self.details.fields();
        if let Some(number) = &self.tracking_number {
            let number = details::tracking(number)?;
            fields.insert("tracking_number".to_owned(), number.into());
        }
        if fields.is_empty() {
            return Err(ToolError::invalid_input(
                "no-changes",
                "'changes' is empty: give at least one field, such as {\"carrier_code\": \"UPS\"}. Nothing was changed.",
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
    let order_id = super::order_id(&arguments.order_id)?;
    let shipment_id = super::shipment_id(&arguments.shipment_id)?;
    let changes = arguments.changes.fields()?;
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    let preview = arguments.write.preview(context);
    let lock = match preview {
        true => None,
        false => Some(lock(context, &store, order_id)?),
    };
    let before = read(context, &store, order_id, if preview { 0 } else { 2 })?;
    let current = find(&before, order_id, shipment_id)?;
    refuse_if_changed(arguments, context, &before, current, &changes)?;

    let step = Step::Replace(shipment_id.to_owned(), merged(current, &changes));
    let edits = step.edits(&before);
    let basis = basis::digest(context, &json!([order_id, edits]));
    let Some(lock) = lock else {
        return Ok(Changed::preview(&store, order_id, &edits, None, basis).into());
    };
    if agreed_basis(context)?.is_some_and(|agreed| agreed != basis) {
        return Err(changed_since(
            &format!("Shipment {shipment_id}"),
            json!(current),
            json!(difference::shown(&edits)),
        ));
    }
    if edits.is_empty() {
        let as_it_is = Done {
            shipment: Some(current.clone()),
            ..Done::default()
        };
        return Ok(Outcome::complete(Changed::nothing(
            &store, order_id, as_it_is,
        )));
    }
    let deed = Deed {
        context,
        store: &store,
        order_id,
        tool: "shipments_update",
        keep: context.settings::<WriteSettings>()?.keep(),
        undoes: None,
        call_id: None,
    };
    let done = deed.carry_out(&step, &before, lock)?;
    Ok(Outcome::complete(Changed::done(
        &store, order_id, &edits, done,
    )))
}

/// The shipment with the changes in it, whole: what a PUT leaves out may become blank.
fn merged(current: &Shipment, changes: &Shipment) -> Shipment {
    let mut whole = current.clone();
    for (name, value) in changes {
        whole.insert(name.clone(), value.clone());
    }
    let moved = ["tracking_number", "carrier_code"]
        .iter()
        .any(|name| !same(current.get(*name), whole.get(*name)));
    let old_number = text(current, "tracking_number");
    let names_it = !old_number.is_empty() && text(current, "tracking_url").contains(old_number);
    // A link to the old parcel would mislead the customer. Blank, Order Desk makes it anew (§4.1).
    if moved && names_it && !changes.contains_key("tracking_url") {
        whole.insert("tracking_url".to_owned(), "".into());
    }
    whole
}

fn refuse_if_changed(
    arguments: &Arguments,
    context: &Context,
    before: &[Shipment],
    current: &Shipment,
    changes: &Shipment,
) -> Result<(), ToolError> {
    let unchanged = arguments
        .if_unchanged_since
        .as_ref()
        .is_none_or(|version| *version == list::version(context, before));
    let differing: Vec<&String> = arguments
        .expected
        .iter()
        .flatten()
        .filter(|(name, value)| {
            changes.contains_key(*name) && !same(current.get(*name), Some(value))
        })
        .map(|(name, _)| name)
        .collect();
    if unchanged && differing.is_empty() {
        return Ok(());
    }
    let what = match differing.as_slice() {
        [] => "The order's shipments have changed since that version".to_owned(),
        [name] => format!("'{name}' is not what was expected"),
        names => format!(
            "{} are not what was expected",
            names
                .iter()
                .map(|name| format!("'{name}'"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    Err(ToolError::conflict(
        "changed-since",
        format!(
            "{what}, so nothing was changed. See `theirs` (there now) and `ours` (wanted); repeat it with the values that \
             are there now if it still holds."
        ),
    )
    .with_extra(json!({ "theirs": current, "ours": changes })))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn map(value: Value) -> Shipment {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_link_that_names_the_old_number_goes_with_it_and_another_stays() {
        let current = |url: &str| {
            map(
                json!({ "id": "7", "tracking_number": "A1", "carrier_code": "UPS", "tracking_url": url }),
            )
        };
        let to_b = map(json!({ "tracking_number": "B2" }));
        assert_eq!(
            merged(&current("https://x?n=A1"), &to_b)["tracking_url"],
            ""
        );
        assert_eq!(
            merged(&current("https://own/parcel"), &to_b)["tracking_url"],
            "https://own/parcel"
        );
        let cost = map(json!({ "cost": 5 }));
        assert_eq!(
            merged(&current("https://x?n=A1"), &cost)["tracking_url"],
            "https://x?n=A1"
        );
        let own = map(json!({ "tracking_number": "B2", "tracking_url": "https://y" }));
        assert_eq!(
            merged(&current("https://x?n=A1"), &own)["tracking_url"],
            "https://y"
        );
    }
}
