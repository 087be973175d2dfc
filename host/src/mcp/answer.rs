//! A plugin's answer or error as an MCP result: text and structured content, each of which stands alone.

use std::sync::Arc;

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Map, Value, json};

use super::content::block;
use crate::capabilities::contract::types::Content;
use crate::capabilities::contract::{Error, ErrorKind, kind_name};
use crate::observe::{redact, redact_secrets};
use crate::plugins::{Answer, Linked, Structured};

/// A success. Where the plugin gives no text, the structured result is the text too.
pub fn success(answer: Answer) -> CallToolResult {
    // Links say where there is more, not what there is.
    let only_links = answer
        .content
        .iter()
        .all(|content| matches!(content, Content::Link(_)));
    let mut content: Vec<ContentBlock> = answer.content.into_iter().map(block).collect();
    let structured = answer.structured.map(|Structured { text, object }| {
        if only_links {
            content.insert(0, ContentBlock::text(text));
        }
        Value::Object(object)
    });
    let mut result = CallToolResult::success(content);
    result.structured_content = structured;
    result
}

/// An error that the model reads: what is wrong, with which argument, what to do next.
pub fn failure(error: &Error, correlation_id: &str) -> CallToolResult {
    told(error, &redact(&error.message), correlation_id)
}

/// A call that waits for a person at a page. The host wrote the message, and the link in it is there to be read.
pub fn waiting(linked: &Linked, correlation_id: &str) -> CallToolResult {
    told(&linked.error, &linked.error.message, correlation_id)
}

fn told(error: &Error, message: &str, correlation_id: &str) -> CallToolResult {
    let kind = kind_name(error.kind);
    let mut text = message.to_owned();
    if let Some(wait) = error.retry_after_ms {
        text.push_str(&format!("\nTry again after {} s.", wait.div_ceil(1000)));
    }
    if error.outcome_unknown {
        text.push_str("\nThe change may have been made all the same: look before repeating it.");
    }
    if !error.outcome_unknown && is_trouble(error.kind) && !message.contains("safe to repeat") {
        text.push_str("\nIt is safe to repeat the call.");
    }
    // What a conflict stands between, for instance: the message names it, so both forms have it. It is the caller's to read,
    // as a result is, and says nothing without the addresses that it may be about.
    let details = error
        .extra
        .as_deref()
        .and_then(|extra| serde_json::from_str::<Map<String, Value>>(&redact_secrets(extra)).ok())
        .filter(|details| !details.is_empty());
    if let Some(details) = &details {
        text.push_str(&format!("\n{}", json!(details)));
    }
    let code = error.code.as_deref().unwrap_or(kind);
    text.push_str(&format!("\n[{code}, correlation id {correlation_id}]"));
    let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
    let mut told = json!({
        "kind": kind,
        "code": error.code,
        "message": message,
        "retry_after_ms": error.retry_after_ms,
        "outcome_unknown": error.outcome_unknown,
        "correlation_id": correlation_id,
    });
    if let Some(details) = details {
        told["details"] = Value::Object(details);
    }
    result.structured_content = Some(json!({ "error": told }));
    result
}

/// Whether something else than the call is to blame, so that the same call may succeed later.
fn is_trouble(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Upstream | ErrorKind::Unavailable | ErrorKind::Timeout
    )
}

/// A tool's output schema, as clients get it. Some of them (the TypeScript SDK 1, the Inspector) hold the structured content of
/// an error against it, too, and show not even the text where it does not fit: so what a success must have is left out. The
/// host has held every success against the whole of it.
pub fn shown_schema(schema: &Map<String, Value>) -> Arc<Map<String, Value>> {
    let mut shown = schema.clone();
    for rule in ["required", "additionalProperties"] {
        shown.shift_remove(rule);
    }
    Arc::new(shown)
}
