//! Whether somebody edited an order in the moment between reading and writing it.
//!
//! Order Desk writes every edit into the order's history, which only a search gives (order-desk-api.md §2.7); its dates
//! count whole seconds. What stands there after the second in which the order that was read had been changed last, beside
//! the entry about our own write, happened in between. Within that second nobody can tell, so what a person did then
//! counts too: better one look too many.

use orderdesk_client::{ApiRequest, take_rows};
use orderdesk_plugin::serde_json::{Map, Value};

use super::engine::Changing;
use crate::fields::HISTORY;

/// The answer where the setting is off, or where history could not be read.
pub(crate) const NOT_LOOKED_AT: &str = "not looked at";
/// Orders with a like number that a search may find beside the one wanted.
const CANDIDATES: u32 = 20;
/// Characters of an entry in a warning.
const SHOWN: usize = 120;

/// Looks into the history after a write of an order that had been read as `order`, and says what was found.
pub(crate) fn look(
    changing: &Changing<'_>,
    order: &Map<String, Value>,
    warnings: &mut Vec<String>,
) -> String {
    let Some(history) = history(changing, order) else {
        return NOT_LOOKED_AT.to_owned();
    };
    let since = order
        .get("date_updated")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let between = between(&history, since);
    if between.is_empty() {
        return "none seen".to_owned();
    }
    let entries: Vec<String> = between
        .iter()
        .map(|entry| entry.to_string().chars().take(SHOWN).collect())
        .collect();
    warnings.push(format!(
        "Somebody edited the order in the moment between reading and writing it, so this change may have overwritten \
         that. Compare the order with these entries of its history: {}.",
        entries.join("; ")
    ));
    "possible".to_owned()
}

fn between<'a>(history: &'a [Value], since: &str) -> Vec<&'a Value> {
    let mut of_that_second = 0;
    let mut fresh: Vec<&Value> = history
        .iter()
        .filter(|entry| {
            let date = entry
                .get("date_added")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if date == since {
                of_that_second += 1;
                // The first is about the change that was read, and the API's others are those of earlier calls.
                return of_that_second > 1 && !of_the_api(entry);
            }
            date > since
        })
        .collect();
    // What follows the entry about our own write was not overwritten by it.
    if let Some(own) = fresh.iter().rposition(|entry| of_the_api(entry)) {
        fresh.truncate(own);
    }
    fresh
}

fn history(changing: &Changing<'_>, order: &Map<String, Value>) -> Option<Vec<Value>> {
    let source_id = order
        .get("source_id")?
        .as_str()
        .filter(|id| !id.is_empty())?;
    let request = ApiRequest::get(["orders"])
        .query("source_id", source_id)
        .query("get_order_history", 1)
        .query("limit", CANDIDATES);
    let mut answer = changing.store.client(changing.context).send(request).ok()?;
    let order = take_rows(&mut answer, "orders")
        .ok()?
        .into_iter()
        .find(|order| order.get("id").and_then(Value::as_str) == Some(changing.order_id))?;
    Some(order.get(HISTORY)?.as_array()?.clone())
}

fn of_the_api(entry: &Value) -> bool {
    entry
        .get("source_name")
        .and_then(Value::as_str)
        .is_some_and(|name| name.eq_ignore_ascii_case("api"))
}

#[cfg(test)]
mod tests {
    use orderdesk_plugin::serde_json::json;

    use super::*;

    fn entry(source: &str, second: u32) -> Value {
        json!({"source_name": source, "note": "x", "date_added": format!("2026-03-02 17:41:{second:02}")})
    }

    fn seen(history: &[Value]) -> usize {
        between(history, "2026-03-02 17:41:10").len()
    }

    #[test]
    fn our_own_entry_and_what_came_before_the_read_are_nobodys_edit() {
        assert_eq!(
            seen(&[entry("Dana", 5), entry("Dana", 10), entry("API", 12)]),
            0
        );
        assert_eq!(
            seen(&[entry("API", 10), entry("API", 10), entry("API", 10)]),
            0
        );
    }

    #[test]
    fn an_edit_in_between_is_seen_even_within_the_second_of_the_read() {
        assert_eq!(
            seen(&[entry("API", 10), entry("Dana", 11), entry("API", 12)]),
            1
        );
        assert_eq!(
            seen(&[entry("API", 10), entry("Dana", 10), entry("API", 10)]),
            1
        );
        assert_eq!(
            seen(&[entry("API", 10), entry("API", 11), entry("API", 12)]),
            1
        );
    }

    #[test]
    fn what_followed_the_write_was_not_overwritten_by_it() {
        assert_eq!(
            seen(&[entry("API", 10), entry("API", 12), entry("Dana", 13)]),
            0
        );
    }
}
