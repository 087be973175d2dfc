//! Shipments of an order (order-desk-api.md §4). Numbers are kept as text, as the service returns them (§7.1).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::ids::Ids;
use crate::order::Order;
use crate::rejection::Rejection;
use crate::{dates, loose};

/// What the docs have clients send when there is no tracking number; it may occur several times (assumption).
const NO_TRACKING_NUMBER: &str = "n/a";

/// Adds a shipment to an order.
///
/// # Errors
/// Without a tracking number, and when the order has a shipment with the same one (§4, §11.22).
pub(crate) fn add(
    order: &mut Order,
    store_id: u64,
    input: &Map<String, Value>,
    ids: &mut Ids,
    now: Timestamp,
) -> Result<(), Rejection> {
    let number = tracking_number(input)?;
    let exists = order.shipments().iter().any(|shipment| {
        shipment.get("tracking_number").and_then(Value::as_str) == Some(number.as_str())
    });
    if exists && !number.eq_ignore_ascii_case(NO_TRACKING_NUMBER) {
        return Err(Rejection::ShipmentNotAdded);
    }
    let mut shipments = order.shipments().to_vec();
    shipments.push(written(
        ids.next_shipment(),
        order.id(),
        store_id,
        input,
        &dates::stamp(now),
        now,
    ));
    order.set_shipments(shipments, now);
    Ok(())
}

/// Replaces a shipment (the update route is third-party knowledge, §4).
///
/// # Errors
/// When the order has no such shipment or the request no tracking number.
pub(crate) fn update(
    order: &mut Order,
    store_id: u64,
    id: u64,
    input: &Map<String, Value>,
    now: Timestamp,
) -> Result<(), Rejection> {
    let index = position(order, id)?;
    tracking_number(input)?;
    let mut shipments = order.shipments().to_vec();
    let added = shipments[index]
        .get("date_added")
        .map(loose::as_text)
        .unwrap_or_default();
    shipments[index] = written(id, order.id(), store_id, input, &added, now);
    order.set_shipments(shipments, now);
    Ok(())
}

/// Removes a shipment.
///
/// # Errors
/// When the order has no such shipment.
pub(crate) fn delete(order: &mut Order, id: u64, now: Timestamp) -> Result<(), Rejection> {
    let index = position(order, id)?;
    let mut shipments = order.shipments().to_vec();
    shipments.remove(index);
    order.set_shipments(shipments, now);
    Ok(())
}

/// One shipment of an order.
///
/// # Errors
/// When the order has no such shipment.
pub(crate) fn find(order: &Order, id: u64) -> Result<Value, Rejection> {
    position(order, id).map(|index| order.shipments()[index].clone())
}

fn position(order: &Order, id: u64) -> Result<usize, Rejection> {
    let found = order
        .shipments()
        .iter()
        .position(|shipment| shipment.get("id").and_then(loose::id) == Some(id));
    found.ok_or_else(|| Rejection::NotFound(format!("Shipment {id}")))
}

fn tracking_number(input: &Map<String, Value>) -> Result<String, Rejection> {
    match loose::text(input, "tracking_number") {
        number if number.trim().is_empty() => Err(Rejection::invalid(
            "Invalid Shipment",
            "tracking_number is required (n/a if there is none)",
        )),
        number => Ok(number),
    }
}

fn written(
    id: u64,
    order_id: u64,
    store_id: u64,
    input: &Map<String, Value>,
    added: &str,
    now: Timestamp,
) -> Value {
    let text = |field: &str| loose::text(input, field);
    let number = text("tracking_number");
    // Order Desk guesses what is omitted (§4.1); `1Z` is UPS's own prefix.
    let carrier = match text("carrier_code") {
        code if code.is_empty() && number.starts_with("1Z") => "UPS".to_owned(),
        code => code,
    };
    let tracking_url = match text("tracking_url") {
        url if url.is_empty() => format!("https://{}/track?n={number}", tracking_host(&carrier)),
        url => url,
    };
    let shipped = ["date_shipped", "shipment_date"]
        .iter()
        .find_map(|field| dates::normalised(&text(field)));
    // The three shapes that sources show (§4.1): sent structure as it came, else a blank string.
    let order_items = input
        .get("order_items")
        .filter(|items| items.is_array() || items.is_object());
    json!({
        "id": id.to_string(),
        "order_id": order_id.to_string(),
        "store_id": store_id.to_string(),
        "tracking_number": number,
        "carrier_code": carrier,
        "shipment_method": text("shipment_method"),
        "weight": text("weight"),
        "cost": text("cost"),
        "status": text("status"),
        "tracking_url": tracking_url,
        "label_format": "",
        "label_image": "",
        "print_status": "0",
        "order_items": order_items.cloned().unwrap_or_else(|| json!("")),
        "cart_shipment_id": text("cart_shipment_id"),
        "label_shipment_id": "",
        "date_shipped": shipped.map_or_else(|| dates::day(now), |stamp| stamp.chars().take(10).collect()),
        "date_added": added,
    })
}

fn tracking_host(carrier: &str) -> String {
    let name: String = carrier
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    if name.is_empty() {
        "carrier.example.com".to_owned()
    } else {
        format!("{}.example.com", name.to_lowercase())
    }
}
