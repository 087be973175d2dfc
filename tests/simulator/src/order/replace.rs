//! `PUT /orders/{id}`: the whole record is replaced (order-desk-api.md §2.5, §11.15-18).

use serde_json::{Map, Value, json};

use super::address::{self, Side};
use super::{Order, Writing, item, masked, written_fields};
use crate::toggles::{Absent, AbsentAddress, AbsentFolder};
use crate::{dates, loose};

/// Replaces what a client may write; omitted fields become blank. Identity, `date_added`, `source_id` (writable
/// on create only, §2.1), shipments (§11.17) and history stay.
pub(crate) fn replace(order: &mut Order, input: &Map<String, Value>, writing: &mut Writing<'_>) {
    let mut body = written_fields(input, writing.now);
    let mut set = |field: &str, value: Value| body.insert(field.to_owned(), value);
    let kept = |field: &str| order.get(field).cloned().unwrap_or_default();

    for field in ["id", "source_id", "order_shipments"] {
        set(field, kept(field));
    }
    let added = dates::normalised(&loose::text(input, "date_added"));
    set(
        "date_added",
        added.map_or_else(|| kept("date_added"), Value::String),
    );

    for side in [Side::Shipping, Side::Customer] {
        let address = match writing.toggles.put_absent_address {
            AbsentAddress::Copy => address::read_or_copy(input, side, writing.normalisation),
            AbsentAddress::Blank => address::read(input, side, writing.normalisation)
                .unwrap_or_else(|| address::blank(side)),
        };
        set(side.field(), Value::Object(address));
    }

    // GET gives `cc_number_masked`, PUT takes `cc_number`: §2.5 trap (b).
    let card = match (
        input.contains_key("cc_number"),
        writing.toggles.put_absent_card,
    ) {
        (false, Absent::Keep) => kept("cc_number_masked"),
        _ => json!(masked(&loose::text(input, "cc_number"))),
    };
    set("cc_number_masked", card);

    let items = match (
        input.contains_key("order_items"),
        writing.toggles.put_absent_items,
    ) {
        (false, Absent::Keep) => kept("order_items"),
        _ => Value::Array(item::list(
            input.get("order_items"),
            order.items(),
            writing.ids,
        )),
    };
    set("order_items", items);

    let default_folder = match writing.toggles.put_absent_folder {
        AbsentFolder::First if loose::is_blank(input, "folder_id") => writing.first_folder(),
        // A folder that the store does not have leaves the order where it is.
        _ => order.folder_id(),
    };
    set(
        "folder_id",
        json!(writing.requested_folder(input).unwrap_or(default_folder)),
    );

    let moved = body.get("folder_id").map(loose::as_integer) != Some(order.folder_id());
    order.body = body;
    order.touch(writing.now);
    // Order Desk writes history on edits and moves by itself (§2.7).
    order.add_history(
        "API",
        if moved {
            "Order Updated and Moved"
        } else {
            "Order Updated"
        },
        writing.now,
    );
}
