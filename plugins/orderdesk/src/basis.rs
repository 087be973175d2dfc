//! Digests of records: versions, and what a preview rests on.

use orderdesk_plugin::{Context, serde_json};
use serde::Serialize;
use serde_json::Value;

/// JSON with sorted keys and without spaces, as RFC 8785 sorts them for keys of ASCII.
#[must_use]
pub fn canonical(value: &Value) -> String {
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

/// A digest of a value, whatever the sequence of its keys: 64 hexadecimal digits.
#[must_use]
pub fn digest(context: &Context, value: &impl Serialize) -> String {
    // What has no JSON form (a map whose keys are not text) is nobody's record.
    let value = serde_json::to_value(value).unwrap_or_default();
    context.crypto().sha256_hex(canonical(&value).as_bytes())
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
