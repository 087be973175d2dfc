//! Order notes (order-desk-api.md §2.1, §2.8): all notes of an order share one small store.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{dates, loose};

/// Characters that all notes of an order have together, date and user included (§2.1).
const CAPACITY: usize = 2_000;

/// The notes of a request. What exceeds the shared store is cut off silently, from the end: this is how an
/// appended note gets lost. (The limit is documented, the manner of the loss is an assumption, §11.)
pub(super) fn list(input: Option<&Value>, now: Timestamp) -> Value {
    let mut room = CAPACITY;
    let mut kept = Vec::new();
    for note in input
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
    {
        let date_added = dates::normalised(&loose::text(note, "date_added"))
            .unwrap_or_else(|| dates::stamp(now));
        let username = loose::text(note, "username");
        let overhead = date_added.chars().count() + username.chars().count();
        let Some(left) = room.checked_sub(overhead).filter(|left| *left > 0) else {
            break;
        };
        let content: String = loose::text(note, "content").chars().take(left).collect();
        room = left - content.chars().count();
        kept.push(json!({"date_added": date_added, "username": username, "content": content}));
    }
    Value::Array(kept)
}
