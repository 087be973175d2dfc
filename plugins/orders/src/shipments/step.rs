//! One change of one shipment: what it sends, what differs by it, and whether it is seen to have arrived.

use orderdesk_client::ApiRequest;
use orderdesk_client::aftermath::Sight;
use orderdesk_client::difference::{self, Edit};
use orderdesk_client::likeness::{alike, blank, same};
use orderdesk_plugin::serde_json::{Map, Value, json};

use super::details::{covers, same_parcel};
use super::{LIST, Shipment, text};

/// What Order Desk fills in by itself where it is sent blank (order-desk-api.md §4.1).
pub(super) const COMPUTED: &[&str] = &["carrier_code", "tracking_url"];

/// One change of one shipment.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Adds one with these fields.
    Add(Shipment),
    /// Replaces the one of this id, as a whole: what is left out would become blank.
    Replace(String, Shipment),
    /// Removes the one of this id.
    Remove(String),
}

impl Step {
    /// What differs by it.
    pub(super) fn edits(&self, before: &[Shipment]) -> Vec<Edit> {
        let mut after = before.to_vec();
        match self {
            Self::Add(fields) => after.push(fields.clone()),
            Self::Replace(id, whole) => {
                for shipment in after.iter_mut().filter(|it| text(it, "id") == id) {
                    *shipment = whole.clone();
                }
            }
            Self::Remove(id) => after.retain(|shipment| text(shipment, "id") != id),
        }
        difference::edits(&of_an_order(before), &of_an_order(&after))
    }

    /// The shipment that it is about, as it is before; none if it is being added.
    pub(super) fn target<'a>(&self, before: &'a [Shipment]) -> Option<&'a Shipment> {
        match self {
            Self::Add(_) => None,
            Self::Replace(id, _) | Self::Remove(id) => with_id(before, id),
        }
    }

    /// What is sent. None of them is repeated by the host: a look tells first what became of it.
    pub(super) fn request(&self, order_id: &str) -> ApiRequest {
        match self {
            Self::Add(fields) => ApiRequest::post(["orders", order_id, "shipments"], json!(fields)),
            Self::Replace(id, whole) => {
                ApiRequest::put(["orders", order_id, "shipments", id], json!(whole))
            }
            Self::Remove(id) => ApiRequest::delete(["orders", order_id, "shipments", id]),
        }
    }

    /// What the shipments, as they are now, tell of it: whether it arrived, and the shipment as it is stored.
    pub(super) fn sight(&self, before: &[Shipment], now: &[Shipment]) -> Sight<Option<Shipment>> {
        match self {
            Self::Add(fields) => match added(fields, before, now) {
                Some(shipment) => Sight::Made(Some(shipment.clone())),
                None => Sight::NotMade,
            },
            Self::Replace(id, whole) => match (with_id(before, id), with_id(now, id)) {
                (Some(old), Some(now)) => replaced(old, whole, now),
                _ => Sight::Neither,
            },
            Self::Remove(id) => match with_id(now, id) {
                Some(_) => Sight::NotMade,
                None => Sight::Made(None),
            },
        }
    }
}

/// The shipment that was added: one that was not there before, with the tracking number, and where that tells nothing,
/// with all that was sent.
fn added<'a>(fields: &Shipment, before: &[Shipment], now: &'a [Shipment]) -> Option<&'a Shipment> {
    now.iter()
        .filter(|shipment| with_id(before, text(shipment, "id")).is_none())
        .find(|shipment| same_parcel(shipment, fields) || covers(shipment, fields))
}

fn replaced(old: &Shipment, whole: &Shipment, now: &Shipment) -> Sight<Option<Shipment>> {
    let changing: Vec<_> = whole
        .iter()
        .filter(|(name, value)| !same(old.get(*name), Some(value)))
        .collect();
    // What Order Desk fills in by itself tells nothing, unless there is nothing else.
    let filled =
        |(name, value): &(&String, &Value)| COMPUTED.contains(&name.as_str()) && blank(value);
    let telling: Vec<_> = changing.iter().filter(|it| !filled(it)).collect();
    let as_before = |name: &str| same(now.get(name), old.get(name));
    let made = match telling.as_slice() {
        [] => changing.iter().any(|(name, _)| !as_before(name)),
        telling => telling
            .iter()
            .all(|(name, value)| alike(now.get(*name), Some(value))),
    };
    if made {
        Sight::Made(Some(now.clone()))
    } else if changing.iter().all(|(name, _)| as_before(name)) {
        Sight::NotMade
    } else {
        Sight::Neither
    }
}

fn with_id<'a>(shipments: &'a [Shipment], id: &str) -> Option<&'a Shipment> {
    shipments.iter().find(|shipment| text(shipment, "id") == id)
}

fn of_an_order(shipments: &[Shipment]) -> Map<String, Value> {
    Map::from_iter([(LIST.to_owned(), json!(shipments))])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shipment(id: &str, number: &str, carrier: &str) -> Shipment {
        json!({ "id": id, "tracking_number": number, "carrier_code": carrier })
            .as_object()
            .unwrap()
            .clone()
    }

    fn fields(number: &str) -> Shipment {
        let mut fields = shipment("", number, "UPS");
        fields.shift_remove("id");
        fields
    }

    #[test]
    fn paths_are_those_of_the_order() {
        let before = [shipment("7", "A", "UPS")];
        let paths = |step: Step| {
            let edits = step.edits(&before);
            edits
                .iter()
                .map(|edit| edit.shown().path)
                .collect::<Vec<_>>()
        };
        assert_eq!(paths(Step::Add(fields("B"))), ["order_shipments.+1"]);
        assert_eq!(
            paths(Step::Replace("7".into(), shipment("7", "A", "DHL"))),
            ["order_shipments.7.carrier_code"]
        );
        assert_eq!(paths(Step::Remove("7".into())), ["order_shipments.7"]);
    }

    #[test]
    fn one_that_was_there_before_is_not_the_one_added() {
        let before = [shipment("7", "n/a", "UPS")];
        let add = Step::Add(fields("n/a"));
        assert_eq!(add.sight(&before, &before), Sight::NotMade);
        let now = [before[0].clone(), shipment("8", "n/a", "UPS")];
        assert_eq!(add.sight(&before, &now), Sight::Made(Some(now[1].clone())));
    }

    #[test]
    fn a_replacement_is_made_not_made_or_overtaken() {
        let before = [shipment("7", "A", "UPS")];
        let step = Step::Replace("7".into(), shipment("7", "B", "UPS"));
        let seen = |number: &str| step.sight(&before, &[shipment("7", number, "UPS")]);
        assert!(matches!(seen("B"), Sight::Made(_)));
        assert_eq!(seen("A"), Sight::NotMade);
        assert_eq!(seen("C"), Sight::Neither);
        assert_eq!(step.sight(&before, &[]), Sight::Neither);
    }

    #[test]
    fn a_link_left_to_order_desk_is_as_sent_whatever_it_becomes() {
        let with_url = |number: &str, url: &str| {
            let mut it = shipment("7", number, "UPS");
            it.insert("tracking_url".to_owned(), url.into());
            it
        };
        let before = [with_url("A", "https://x/A")];
        let step = Step::Replace("7".into(), with_url("B", ""));
        let seen = step.sight(&before, &[with_url("B", "https://x/B")]);
        assert!(matches!(seen, Sight::Made(_)));
    }
}
