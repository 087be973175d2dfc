//! How deep JSON may be nested that goes into a plugin or comes out of it: whatever walks through it later may recurse.

use serde_json::{Map, Value};

use crate::capabilities::contract::{Error, ErrorKind};

/// Refuses a text that is nested too deep, without building anything of it.
///
/// # Errors
/// It is; the error names the limit of this plugin.
pub fn check(json: &str, limit: u32, plugin: &str) -> Result<(), Error> {
    let (mut depth, mut in_text, mut escaped) = (0_u32, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                if depth > limit {
                    return Err(too_deep(limit, plugin));
                }
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Refuses arguments that are nested too deep.
///
/// # Errors
/// They are; the error names the limit of this plugin.
pub fn check_value(arguments: &Map<String, Value>, limit: u32, plugin: &str) -> Result<(), Error> {
    let within = |value: &Value| fits(value, limit.saturating_sub(1));
    if arguments.values().all(within) {
        Ok(())
    } else {
        Err(too_deep(limit, plugin))
    }
}

/// The parser let no more than 128 levels in.
fn fits(value: &Value, levels: u32) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| fits(item, levels - 1)),
        Value::Object(object) => levels > 0 && object.values().all(|item| fits(item, levels - 1)),
        _ => true,
    }
}

fn too_deep(limit: u32, plugin: &str) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        "nesting-limit",
        format!(
            "Arrays and objects lie within each other more than {limit} levels deep (plugins.{plugin}.limits.nesting)."
        ),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn depth(value: &Value) -> u32 {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            r#"[\[\]{}"\\a]{0,6}"#.prop_map(Value::String)
        ];
        leaf.prop_recursive(8, 40, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                prop::collection::vec((r#"[\[{"\\a]{0,3}"#, inner), 0..3)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn text_and_value_are_measured_alike(value in json(), limit in 1_u32..8) {
            let fits = depth(&value) <= limit;
            prop_assert_eq!(check(&value.to_string(), limit, "p").is_ok(), fits);
            if let Value::Object(arguments) = &value {
                prop_assert_eq!(check_value(arguments, limit, "p").is_ok(), fits);
            }
        }
    }
}
