//! What Order Desk answered, told apart: success, or an error that says what to do next.
//!
//! The table of kinds and codes stands in the crate's documentation.

use orderdesk_plugin::http::Response;
use orderdesk_plugin::{ErrorKind, ToolError, serde_json};
use serde_json::{Map, Value, json};

use crate::store::Store;

/// Characters of Order Desk's own words in a message.
const QUOTED: usize = 300;
/// What to wait after a 429 that does not say how long: the bucket of 20 is full again after 7 s, and clients in the
/// field wait 30 s.
const RETRY_AFTER_MS: u32 = 30_000;

/// What an answer is about, for messages.
pub(crate) struct About<'a> {
    pub(crate) request: String,
    pub(crate) write: bool,
    pub(crate) store: &'a Store,
}

/// Takes a part out of an envelope.
///
/// # Errors
/// `upstream` with code `orderdesk-part-missing` if it is not there.
pub fn take(envelope: &mut Value, part: &str) -> Result<Value, ToolError> {
    match envelope.get_mut(part) {
        Some(value) => Ok(value.take()),
        None => Err(ToolError::upstream(
            "orderdesk-part-missing",
            format!(
                "Order Desk's answer has no {part:?}, which its API promises. Repeat it later."
            ),
        )),
    }
}

/// Takes a list of objects out of an envelope.
///
/// # Errors
/// `orderdesk-part-missing` if it is not there, `orderdesk-unexpected` if it is something else: what is no list must never
/// look like an empty one.
pub fn take_rows(envelope: &mut Value, part: &str) -> Result<Vec<Map<String, Value>>, ToolError> {
    let Value::Array(rows) = take(envelope, part)? else {
        return Err(unexpected(part));
    };
    rows.into_iter()
        .map(|row| match row {
            Value::Object(row) => Ok(row),
            _ => Err(unexpected(part)),
        })
        .collect()
}

/// Takes an object out of an envelope.
///
/// # Errors
/// As [`take_rows`].
pub fn take_object(envelope: &mut Value, part: &str) -> Result<Map<String, Value>, ToolError> {
    match take(envelope, part)? {
        Value::Object(object) => Ok(object),
        _ => Err(unexpected(part)),
    }
}

fn unexpected(part: &str) -> ToolError {
    ToolError::upstream(
        "orderdesk-unexpected",
        format!(
            "Order Desk's answer holds something else where its \"{part}\" should be. That does not mean that there are \
             none. Try again; if it persists, look into Order Desk itself."
        ),
    )
}

/// The envelope of a success.
pub(crate) fn check(response: &Response, about: &About<'_>) -> Result<Value, ToolError> {
    let envelope: Option<Value> = serde_json::from_slice(&response.body)
        .ok()
        .filter(Value::is_object);
    let said = envelope.as_ref().map(words).unwrap_or_default();
    let status = envelope
        .as_ref()
        .and_then(|envelope| envelope.get("status"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let sort = match response.status {
        401 | 403 => Sort::Credentials,
        404 => Sort::NotFound,
        409 => Sort::Conflict,
        429 => Sort::RateLimited,
        400..=499 => by_words(&said).unwrap_or(Sort::Refused),
        200..=299 if envelope.is_none() => Sort::NotJson,
        200..=299 if status == "success" => return Ok(envelope.unwrap_or_default()),
        200..=299 => by_words(&said).unwrap_or(Sort::Error),
        _ if envelope.is_none() => Sort::NotJson,
        _ => Sort::Error,
    };
    Err(sort.error(response, about, &said))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Credentials,
    NotFound,
    Conflict,
    RateLimited,
    Refused,
    Error,
    NotJson,
}

/// Order Desk documents no codes for its errors, so its words are all there is to go by.
fn by_words(said: &str) -> Option<Sort> {
    let said = said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if says(&[
        "api key",
        "api-key",
        "credential",
        "unauthorized",
        "authenticat",
    ]) {
        Some(Sort::Credentials)
    } else if says(&["not found", "does not exist", "doesn't exist", "no such"]) {
        Some(Sort::NotFound)
    // "Shipment Not Added" is documented for a shipment that exists already, and for nothing else.
    } else if says(&["already", "duplicate", "existing", "not added"]) {
        Some(Sort::Conflict)
    } else if says(&["required", "invalid", "must ", "missing", "not valid"]) {
        Some(Sort::Refused)
    } else {
        None
    }
}

impl Sort {
    fn error(self, response: &Response, about: &About<'_>, said: &str) -> ToolError {
        let status = response.status;
        let request = &about.request;
        let store = format!("{:?} ({})", about.store.name(), about.store.id());
        let quote = match said {
            "" => String::new(),
            said => format!(": {:?}", quoted(said)),
        };
        let fact = format!("{request} for store {store}, HTTP {status}{quote}");
        // After an answer like this nobody knows whether the change was made.
        let unknown = about.write && matches!(self, Self::Error | Self::NotJson);
        let repeat = match (unknown, about.write) {
            (true, _) => "The change may have been made all the same: look before repeating it.",
            (false, true) => "Nothing was changed.",
            (false, false) => "It is safe to repeat this later.",
        };
        let wait = retry_after_ms(response);
        let (kind, code, message) = match self {
            Self::Credentials => (
                ErrorKind::Unauthorized,
                "orderdesk-credentials-refused",
                format!(
                    "Order Desk refused the store id or API key ({fact}). Nothing was changed. Compare both with Order \
                     Desk (Settings, Store Settings, API), then call stores_register with them (and replace: true if \
                     the store is registered already)."
                ),
            ),
            Self::NotFound => (
                ErrorKind::NotFound,
                "orderdesk-not-found",
                format!(
                    "Order Desk does not have what was asked for ({fact}). Check the id and the store; repeating it \
                     unchanged does not help."
                ),
            ),
            Self::Conflict => (
                ErrorKind::Conflict,
                "orderdesk-conflict",
                format!(
                    "Order Desk already has something like this ({fact}). Nothing was changed; read what is there \
                     before repeating it."
                ),
            ),
            Self::RateLimited => (
                ErrorKind::RateLimited,
                "orderdesk-rate-limited",
                format!(
                    "Order Desk asks to slow down ({fact}). Nothing was changed. Repeat it in {} seconds.",
                    wait.div_ceil(1000)
                ),
            ),
            Self::Refused => (
                ErrorKind::InvalidInput,
                "orderdesk-refused",
                format!(
                    "Order Desk does not accept this ({fact}). Nothing was changed; repeating it unchanged does not \
                     help."
                ),
            ),
            Self::Error => (
                ErrorKind::Upstream,
                "orderdesk-error",
                format!("Order Desk answered with an error ({fact}). {repeat}"),
            ),
            Self::NotJson => (
                ErrorKind::Upstream,
                "orderdesk-not-json",
                format!("Order Desk's answer cannot be read ({fact}). {repeat}"),
            ),
        };
        let mut error = ToolError::new(kind, code, message).with_extra(json!({
            "upstream_status": status,
            "upstream_message": quoted(said),
        }));
        error.outcome_unknown = unknown;
        if self == Self::RateLimited {
            error.retry_after_ms = Some(wait);
        }
        error
    }
}

/// What the envelope says of an error: its message, and the list that some create failures carry.
fn words(envelope: &Value) -> String {
    let mut said: Vec<&str> = Vec::new();
    said.extend(envelope.get("message").and_then(Value::as_str));
    let errors = envelope.get("errors").and_then(Value::as_array);
    said.extend(errors.into_iter().flatten().filter_map(Value::as_str));
    said.join("; ")
}

/// Order Desk's own words, bounded and on one line.
fn quoted(said: &str) -> String {
    let mut text: String = said
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .take(QUOTED)
        .collect();
    if said.chars().nth(QUOTED).is_some() {
        text.push('…');
    }
    text
}

/// Order Desk's `X-Retry-After` in whole seconds; some answers are seen with the standard header.
fn retry_after_ms(response: &Response) -> u32 {
    response
        .header("x-retry-after")
        .or_else(|| response.header("retry-after"))
        .and_then(|seconds| seconds.trim().parse::<u32>().ok())
        .map_or(RETRY_AFTER_MS, |seconds| {
            seconds.saturating_mul(1000).max(1000)
        })
}
