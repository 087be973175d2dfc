//! What a test reads off a JSON Schema.

use serde_json::Value;

/// The names that a schema of an object requires.
pub fn required(schema: &Value) -> Vec<&str> {
    schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}
