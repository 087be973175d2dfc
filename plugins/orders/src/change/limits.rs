//! What fits into an order (order-desk-api.md §7.15): Order Desk cuts off the rest without a word, so it is refused here.

use orderdesk_plugin::ToolError;
use orderdesk_plugin::serde_json::{Map, Value};

use super::notes;

/// Characters that all notes of an order have together, dates and users included.
const NOTES: usize = 2_000;
/// A date as Order Desk writes it, for notes that will get one.
const DATE: usize = "2026-03-02 17:41:12".len();
/// Characters of each map as JSON.
const MAPS: [(&str, usize); 2] = [("order_metadata", 2_000), ("checkout_data", 3_500)];

/// Refuses an order whose notes or maps grew beyond what Order Desk keeps. What is too long already and does not grow is
/// let through: it is not this change that loses it.
pub(crate) fn check(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Result<(), ToolError> {
    let (old, new) = (of_notes(before), of_notes(after));
    if new > NOTES && new > old {
        return Err(ToolError::too_large(
            "notes-full",
            format!(
                "'order_notes': all notes of an order have {NOTES} characters together, dates and names included; {old} \
                 are used, and this would make it {new}. Nothing was changed. Shorten the note, or write it into the \
                 order's history (orders_add_history)."
            ),
        ));
    }
    for (field, most) in MAPS {
        let length = |order: &Map<String, Value>| {
            order
                .get(field)
                .map_or(0, |map| map.to_string().chars().count())
        };
        let (old, new) = (length(before), length(after));
        if new > most && new > old {
            return Err(ToolError::too_large(
                "too-long",
                format!(
                    "'{field}' holds {most} characters as JSON; this would make it {new}. Nothing was changed. Remove \
                     keys with null, or shorten values."
                ),
            ));
        }
    }
    Ok(())
}

fn of_notes(order: &Map<String, Value>) -> usize {
    let length = |note: &Value, name: &str| {
        note.get(name)
            .and_then(Value::as_str)
            .map_or(0, |text| text.chars().count())
    };
    notes::of(order)
        .iter()
        .map(|note| {
            let date = length(note, "date_added");
            let date = if date == 0 { DATE } else { date };
            date + length(note, "username") + length(note, "content")
        })
        .sum()
}
