//! Notes among an order's changes: appended and never dropped. One that is there already, whatever its letter case and
//! the spaces around it, is not added again.

use orderdesk_client::likeness::folded;
use orderdesk_plugin::ToolError;
use orderdesk_plugin::serde_json::{Map, Value, json};

use super::merge::Merged;
use super::shape;

const NOTES: &str = "order_notes";

/// Appends one note or several.
pub(crate) fn append(merged: &mut Merged, added: &Value) -> Result<(), ToolError> {
    let one;
    let added = match added {
        Value::Array(rows) => rows.as_slice(),
        Value::String(_) | Value::Object(_) => {
            one = [added.clone()];
            &one
        }
        other => {
            return Err(shape::bad(
                NOTES,
                "notes to append (those that are there stay; orders_undo takes one back)",
                other,
            ));
        }
    };
    let mut notes = of(&merged.order).to_vec();
    for row in added {
        let note = note(row)?;
        if notes.iter().any(|there| content(there) == content(&note)) {
            let text = note
                .get("content")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let shown: String = text.chars().take(60).collect();
            merged.remarks.push(format!(
                "The note {shown:?} is on the order already and was not added once more."
            ));
        } else {
            notes.push(note);
        }
    }
    merged.order.insert(NOTES.to_owned(), Value::Array(notes));
    Ok(())
}

/// The notes of an order.
pub(crate) fn of(order: &Map<String, Value>) -> &[Value] {
    order
        .get(NOTES)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A note's text as notes are compared.
pub(crate) fn content(note: &Value) -> String {
    folded(
        note.get("content")
            .and_then(Value::as_str)
            .unwrap_or_default(),
    )
}

fn note(row: &Value) -> Result<Value, ToolError> {
    let (content, username) = match row {
        Value::String(text) => (text.as_str(), ""),
        // The date of a note that is copied from elsewhere would not be its own here.
        Value::Object(row) => {
            let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
            if let Some(name) = row
                .keys()
                .find(|name| !["content", "username", "date_added"].contains(&name.as_str()))
            {
                return Err(shape::bad(
                    &format!("order_notes.{name}"),
                    "nothing: a note has content and username",
                    &row[name.as_str()],
                ));
            }
            (text("content"), text("username"))
        }
        other => {
            return Err(shape::bad(
                NOTES,
                "text, or objects with content and username",
                other,
            ));
        }
    };
    if content.trim().is_empty() {
        return Err(ToolError::invalid_input(
            "bad-value",
            "'order_notes': a note has text in it (content). Nothing was changed.",
        ));
    }
    Ok(json!({ "username": username, "content": content.trim() }))
}
