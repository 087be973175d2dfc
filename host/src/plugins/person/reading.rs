//! What a tool says, as a person reads it.

use serde_json::Value;

use super::outcome::texts;
use crate::plugins::answer::Answer;
use crate::plugins::preview;

/// As much of a preview as a page shows.
const PREVIEW_CHARACTERS: usize = 200_000;
/// As much of an answer.
const SAID_CHARACTERS: usize = 2_000;

/// An argument.
pub(super) fn readable(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string()),
    }
}

/// What a preview says, and the token that brings about exactly that.
pub(super) fn previewed(answer: Answer) -> (Option<String>, Option<String>) {
    let Some(structured) = answer.structured else {
        return (Some(texts(&answer).collect::<Vec<_>>().join("\n")), None);
    };
    let mut object = structured.object;
    let token = match object.remove(preview::CONFIRM_TOKEN) {
        Some(Value::String(token)) => Some(token),
        _ => None,
    };
    object.remove("expires_at");
    let text = readable(&Value::Object(object));
    let shown: String = text.chars().take(PREVIEW_CHARACTERS).collect();
    (Some(shown), token)
}

/// What a tool says of what it did.
pub(super) fn said(answer: &Answer) -> String {
    if let Some(structured) = &answer.structured
        && let Some(Value::String(message)) = structured.object.get("message")
    {
        return message.clone();
    }
    let text = texts(answer).collect::<Vec<_>>().join("\n");
    text.chars().take(SAID_CHARACTERS).collect()
}
