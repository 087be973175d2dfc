//! A PUT of the whole order, since Order Desk blanks what is missing (order-desk-api.md §2.5).

use std::time::Duration;

use jiff::Timestamp;
use orderdesk_client::ApiRequest;
use orderdesk_plugin::ToolError;
use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::serde_json::{Map, Value, json};

use super::engine::{Changing, LEAST_WAIT};

const TIMEOUT: Duration = Duration::from_secs(30);
const TO_FIND_OUT: Duration = Duration::from_secs(10);
/// Digits of a card that Order Desk keeps.
const DIGITS: usize = 4;

/// Dates the notes that have no date yet: a PUT replaces them all, so who sends them dates them.
pub(crate) fn dated(mut order: Map<String, Value>, now_ms: u64) -> Map<String, Value> {
    let now = i64::try_from(now_ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .map(|now| now.strftime("%Y-%m-%d %H:%M:%S").to_string());
    if let (Some(Value::Array(notes)), Some(now)) = (order.get_mut("order_notes"), now) {
        for note in notes.iter_mut().filter_map(Value::as_object_mut) {
            if note.get("date_added").is_none_or(|date| date == "") {
                let rest = std::mem::take(note);
                note.insert("date_added".to_owned(), json!(now));
                note.extend(rest.into_iter().filter(|(name, _)| name != "date_added"));
            }
        }
    }
    order
}

/// Of a short call something is left after a lost answer, to look at the order and to say so: a call that the host ends in
/// the middle cannot even keep its lock.
fn timeout(changing: &Changing<'_>) -> Duration {
    let left = changing.context.session().time_left();
    TIMEOUT.min(left.saturating_sub(TO_FIND_OUT).max(LEAST_WAIT))
}

/// Sends the order, and answers Order Desk's envelope.
pub(super) fn send(
    changing: &Changing<'_>,
    lock: &Lock,
    order: &Map<String, Value>,
) -> Result<Value, ToolError> {
    let request = ApiRequest::put(["orders", changing.order_id], body(order))
        .under_lock(lock)
        .timeout(timeout(changing));
    // Before and after: a read that is under way must not be kept.
    changing.forget();
    let answer = changing.store.client(changing.context).send(request);
    changing.forget();
    answer
}

/// What is sent. Shipments and history have ways of their own, and are never touched by this one.
pub(crate) fn body(order: &Map<String, Value>) -> Value {
    let mut body = order.clone();
    for own_way in ["order_shipments", "order_history"] {
        body.shift_remove(own_way);
    }
    // GET gives `cc_number_masked`, PUT takes `cc_number`; without it the digits may be lost (§2.5, trap b).
    let masked = body.shift_remove("cc_number_masked");
    if let Some(masked) = masked.as_ref().and_then(Value::as_str) {
        let digits = last_digits(masked);
        // What is masked in another way than is known is left alone; blank is sent blank, so that digits can be cleared.
        if !digits.is_empty() || masked.is_empty() {
            body.insert("cc_number".to_owned(), json!(digits));
        }
    }
    // A number elsewhere in the API.
    if let Some(folder) = body.get_mut("folder_id")
        && let Some(number) = folder.as_str().and_then(|id| id.parse::<u64>().ok())
    {
        *folder = json!(number);
    }
    Value::Object(body)
}

fn last_digits(masked: &str) -> String {
    let digits: Vec<char> = masked
        .chars()
        .rev()
        .take_while(char::is_ascii_digit)
        .take(DIGITS)
        .collect();
    digits.into_iter().rev().collect()
}
