//! `shipments_delete`.

use orderdesk_client::{
    Store, WriteArguments, WriteSettings, agreed_basis, ask, basis, changed_since, difference,
    in_turn,
};
use orderdesk_plugin::serde_json::json;
use orderdesk_plugin::{Context, Id, Outcome, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use super::answer::Changed;
use super::deed::Deed;
use super::step::Step;
use super::{find, lock, read, text};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Order Desk's own id of the order.
    order_id: Id,
    /// The shipment's id, from shipments_list.
    shipment_id: Id,
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
    let order_id = super::order_id(&arguments.order_id)?;
    let shipment_id = super::shipment_id(&arguments.shipment_id)?;
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    let preview = arguments.write.preview(context);
    let agreed = match preview {
        true => None,
        false => agreed_basis(context)?,
    };
    let lock = match &agreed {
        None => None,
        Some(_) => Some(lock(context, &store, order_id)?),
    };
    let before = read(context, &store, order_id, u8::from(lock.is_some()))?;
    let step = Step::Remove(shipment_id.to_owned());
    let edits = step.edits(&before);
    let basis = basis::digest(context, &json!([order_id, edits]));
    if let Some(agreed) = agreed
        && agreed != basis
    {
        return Err(changed_since(
            &format!("Shipment {shipment_id}"),
            json!(step.target(&before)),
            json!(difference::shown(&edits)),
        ));
    }
    let current = find(&before, order_id, shipment_id)?;
    if preview {
        return Ok(Changed::preview(&store, order_id, &edits, None, basis).into());
    }
    let Some(lock) = lock else {
        let number = text(current, "tracking_number");
        let carrier = text(current, "carrier_code");
        return Ok(ask(
            &basis,
            format!(
                "Remove shipment {shipment_id} (tracking number {number:?}, carrier {carrier:?}) from order {order_id} of \
                 store {:?}? The label is not cancelled by that.",
                store.name()
            ),
        )
        .into());
    };
    let deed = Deed {
        context,
        store: &store,
        order_id,
        tool: "shipments_delete",
        keep: context.settings::<WriteSettings>()?.keep(),
        undoes: None,
        call_id: None,
    };
    let done = deed.carry_out(&step, &before, lock)?;
    Ok(Outcome::complete(Changed::done(
        &store, order_id, &edits, done,
    )))
}
