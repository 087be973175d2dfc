//! JSON as PHP's `json_encode` writes it (order-desk-api.md §6.1, §7.2, §7.3, §7.12).
//!
//! `/` becomes `\/` and everything beyond ASCII `\uXXXX`. Parsers do not care; the HMAC of a webhook does.

use std::io::{self, Write};

use serde_json::{Map, Value};

/// Writes `value` as `json_encode` would.
pub(crate) fn to_string(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, PhpFormatter);
    // Serialising a `Value` into memory fails neither in reading nor in writing.
    let written = serde::Serialize::serialize(value, &mut serializer);
    debug_assert!(written.is_ok());
    String::from_utf8_lossy(&bytes).into_owned()
}

struct PhpFormatter;

impl serde_json::ser::Formatter for PhpFormatter {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        let mut units = [0_u16; 2];
        for character in fragment.chars() {
            match character {
                '/' => writer.write_all(b"\\/")?,
                '\u{20}'..='\u{7e}' => writer.write_all(&[character as u8])?,
                _ => {
                    for unit in character.encode_utf16(&mut units) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A key-value map as PHP gives it back: `[]` when empty, a list when its keys are 0, 1, 2 and so on, else an
/// object (§7.2, §7.3). Nulls become blank strings (§7.4).
///
/// Takes `[]`, `{}`, null and absence for the empty map, as PHP does.
pub(crate) fn map(input: Option<&Value>) -> Value {
    match input {
        Some(Value::Object(entries)) if is_list(entries) => {
            Value::Array(entries.values().map(unnulled).collect())
        }
        Some(Value::Object(entries)) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), unnulled(value)))
                .collect(),
        ),
        Some(Value::Array(entries)) => Value::Array(entries.iter().map(unnulled).collect()),
        _ => Value::Array(Vec::new()),
    }
}

fn is_list(entries: &Map<String, Value>) -> bool {
    entries
        .keys()
        .enumerate()
        .all(|(index, key)| *key == index.to_string())
}

fn unnulled(value: &Value) -> Value {
    match value {
        Value::Null => Value::String(String::new()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn output_is_ascii_without_bare_slashes_and_reads_back_the_same(text in any::<String>()) {
            let written = to_string(&json!({"key": text}));
            prop_assert!(written.is_ascii());
            prop_assert!(!written.replace("\\/", "").contains('/'));
            prop_assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), json!({"key": text}));
        }
    }

    #[test]
    fn control_characters_keep_their_short_escapes() {
        assert_eq!(to_string(&json!("a\n\t\"\\\u{7f}")), r#""a\n\t\"\\\u007f""#);
    }
}
