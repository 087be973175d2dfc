//! What callers say of a shipment.

use orderdesk_plugin::ToolError;
use orderdesk_plugin::serde_json::{Map, Number, Value};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Shipment, text};

/// What the documentation has clients send where there is no tracking number (order-desk-api.md §4.1).
const NONE: &str = "n/a";

/// Everything that Order Desk documents as writable, beside the tracking number (order-desk-api.md §4.1).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Details {
    /// Such as "UPS", "USPS" or "FedEx"; without it Order Desk guesses.
    carrier_code: Option<String>,
    /// Such as "Ground".
    shipment_method: Option<String>,
    /// In the store's unit.
    #[schemars(range(min = 0))]
    weight: Option<Number>,
    /// What it cost.
    #[schemars(range(min = 0))]
    cost: Option<Number>,
    /// Free text, which tracking services update.
    status: Option<String>,
    /// Without it Order Desk guesses.
    tracking_url: Option<String>,
}

impl Details {
    /// The fields that were given, with Order Desk's names.
    pub(crate) fn fields(&self) -> Shipment {
        let text = |value: &Option<String>| value.as_deref().map(|text| Value::from(text.trim()));
        let number = |value: &Option<Number>| value.clone().map(Value::Number);
        [
            ("carrier_code", text(&self.carrier_code)),
            ("shipment_method", text(&self.shipment_method)),
            ("weight", number(&self.weight)),
            ("cost", number(&self.cost)),
            ("status", text(&self.status)),
            ("tracking_url", text(&self.tracking_url)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
    }
}

/// A shipment to be added.
pub(crate) fn new(tracking_number: &str, details: &Details) -> Result<Shipment, ToolError> {
    let mut shipment = Map::new();
    let number = tracking(tracking_number)?;
    shipment.insert("tracking_number".to_owned(), number.into());
    shipment.extend(details.fields());
    Ok(shipment)
}

/// A tracking number without spaces around it.
///
/// # Errors
/// `no-tracking-number` if nothing is left.
pub(crate) fn tracking(number: &str) -> Result<&str, ToolError> {
    match number.trim() {
        "" => Err(ToolError::invalid_input(
            "no-tracking-number",
            "'tracking_number' is blank. Give the carrier's number, or \"n/a\" if there is none. Nothing was changed.",
        )),
        number => Ok(number),
    }
}

/// True for what stands for no tracking number: several shipments of an order may have it.
pub(crate) fn is_none(number: &str) -> bool {
    number.trim().eq_ignore_ascii_case(NONE)
}

/// True if two shipments of one order are the same parcel: they have the same tracking number, in any letter case.
pub(crate) fn same_parcel(one: &Shipment, other: &Shipment) -> bool {
    let number = |shipment: &Shipment| text(shipment, "tracking_number").trim().to_lowercase();
    let own = number(one);
    !own.is_empty() && !is_none(&own) && own == number(other)
}

/// True if a shipment has everything that was sent, whatever else Order Desk filled in.
pub(crate) fn covers(stored: &Shipment, sent: &Shipment) -> bool {
    sent.iter()
        .filter(|(_, value)| !orderdesk_client::likeness::blank(value))
        .all(|(name, value)| orderdesk_client::likeness::alike(stored.get(name), Some(value)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use orderdesk_plugin::serde_json::json;

    use super::*;

    fn with(number: &str) -> Shipment {
        new(number, &Details::default()).unwrap()
    }

    #[test]
    fn a_parcel_is_known_by_its_tracking_number_in_any_letter_case() {
        assert!(same_parcel(&with(" 1zx44 "), &with("1ZX44")));
        assert!(!same_parcel(&with("1ZX44"), &with("1ZX45")));
    }

    #[test]
    fn shipments_without_a_tracking_number_are_never_the_same_parcel() {
        for none in ["n/a", "N/A"] {
            assert!(!same_parcel(&with(none), &with(none)));
        }
        assert!(tracking(" ").unwrap_err().has_code("no-tracking-number"));
    }

    #[test]
    fn what_order_desk_stores_as_text_covers_what_was_sent_as_a_number() {
        let sent = json!({ "tracking_number": "5", "weight": 4.20, "cost": 8, "tracking_url": "" });
        let stored = json!({
            "id": "1", "tracking_number": "5", "weight": "4.2", "cost": "8", "tracking_url": "https://x"
        });
        let map = |value: &Value| value.as_object().unwrap().clone();
        assert!(covers(&map(&stored), &map(&sent)));
        assert!(!covers(&map(&sent), &with("6")));
    }
}
