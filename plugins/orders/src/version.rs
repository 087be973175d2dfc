//! An order's version: changes with any change of the order.

use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, serde_json};

/// Hexadecimal digits; two states of one order do not meet by chance.
const LENGTH: usize = 16;

/// A digest of the whole order, whatever the order of its keys. History is left out: it is only there if asked for.
pub(crate) fn of(context: &Context, order: &Map<String, Value>) -> String {
    let mut order = order.clone();
    order.remove("order_history");
    let digest = context
        .crypto()
        .sha256_hex(canonical(&Value::Object(order)).as_bytes());
    digest.chars().take(LENGTH).collect()
}

/// JSON with sorted keys and without spaces, as RFC 8785 sorts them for keys of ASCII.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            let entries: Vec<String> = entries
                .into_iter()
                .map(|(key, value)| format!("{}:{}", serde_json::json!(key), canonical(value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(canonical).collect();
            format!("[{}]", values.join(","))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_makes_no_difference_and_everything_else_does() {
        let one = canonical(&json!({"a": 1, "b": {"c": [1, 2], "d": ""}}));
        assert_eq!(
            one,
            canonical(&json!({"b": {"d": "", "c": [1, 2]}, "a": 1}))
        );
        for other in [
            json!({"a": "1", "b": {"c": [1, 2], "d": ""}}),
            json!({"a": 1, "b": {"c": [2, 1], "d": ""}}),
            json!({"a": 1, "b": {"c": [1, 2]}}),
        ] {
            assert_ne!(one, canonical(&other));
        }
    }
}
