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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_store_never_overflows_and_loses_only_from_the_end(
            contents in proptest::collection::vec("[a-z\u{e9}]{0,900}", 0..8)
        ) {
            let sent: Value = contents.iter().map(|text| json!({"username": "Dana", "content": text})).collect();
            let kept = list(Some(&sent), Timestamp::UNIX_EPOCH);
            let kept = kept.as_array().unwrap();
            let used: usize = kept
                .iter()
                .flat_map(|note| note.as_object().unwrap().values())
                .map(|text| text.as_str().unwrap().chars().count())
                .sum();
            prop_assert!(used <= CAPACITY);
            for (index, (note, content)) in kept.iter().zip(&contents).enumerate() {
                let text = note["content"].as_str().unwrap();
                prop_assert!(content.starts_with(text));
                prop_assert!(text == content || index + 1 == kept.len(), "only the last one is cut");
            }
        }
    }
}
