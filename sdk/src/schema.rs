//! JSON Schemas (2020-12) as models and hosts like to read them: one document without references, nothing in it that
//! does not help to fill it in.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

/// The schema of arguments (and settings): an object that takes no unknown properties, and in which an optional value
/// is left out rather than null.
///
/// # Panics
/// If a [`crate::Sealed`] argument names no audience: without one the host would not seal it.
pub(crate) fn of_input<T: JsonSchema>() -> Value {
    let mut schema = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.meta_schema = None;
            settings.inline_subschemas = true;
        })
        .for_deserialize()
        .into_generator()
        .into_root_schema_for::<T>();
    RecursiveTransform(drop_noise).transform(&mut schema);
    RecursiveTransform(drop_null).transform(&mut schema);
    RecursiveTransform(plain_choice).transform(&mut schema);
    RecursiveTransform(require_audience).transform(&mut schema);
    let mut schema = root(schema);
    schema.insert("additionalProperties".into(), false.into());
    schema.to_value()
}

/// The schema of a structured result, or none if the type is not an object.
pub(crate) fn of_output<T: JsonSchema>() -> Option<Value> {
    let mut schema = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.meta_schema = None;
            settings.inline_subschemas = true;
        })
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<T>();
    RecursiveTransform(drop_noise).transform(&mut schema);
    let schema = root(schema);
    (schema.get("type") == Some(&json!("object"))).then(|| schema.to_value())
}

/// The root without its title and description (the tool's own say more), and with a type where the type has none of its
/// own: any JSON, or an enum of objects.
fn root(mut schema: Schema) -> Schema {
    let object = schema.ensure_object();
    object.shift_remove("description");
    if !object.contains_key("type") {
        let rest = std::mem::take(object);
        object.insert("type".into(), "object".into());
        object.extend(rest);
    }
    schema
}

/// Titles are the names of Rust types and formats those of Rust integers: neither is of use to a caller.
fn drop_noise(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    object.shift_remove("title");
    let of_a_number = object
        .get("format")
        .and_then(Value::as_str)
        .is_some_and(|format| {
            format.starts_with("int")
                || format.starts_with("uint")
                || matches!(format, "float" | "double")
        });
    if of_a_number {
        object.shift_remove("format");
    }
}

/// An optional argument is one that may be left out: `null` as a second way to say so only invites mistakes.
fn drop_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if object.get("default") == Some(&Value::Null) {
        object.shift_remove("default");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    for keyword in ["anyOf", "oneOf"] {
        let Some(Value::Array(branches)) = object.get_mut(keyword) else {
            continue;
        };
        branches.retain(|branch| branch.get("type") != Some(&json!("null")));
        if let [Value::Object(_)] = branches.as_slice()
            && let Some(Value::Object(only)) = branches.pop()
        {
            object.shift_remove(keyword);
            for (key, value) in only {
                // What the field says of itself stands above what its type says.
                object.entry(key).or_insert(value);
            }
        }
    }
}

/// A choice among words is an `enum`: models read it with ease, and an error can name the words. Documented variants of a
/// Rust enum come as `oneOf` with a `const` each.
fn plain_choice(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    let Some(Value::Array(branches)) = object.get("oneOf") else {
        return;
    };
    let words: Option<Vec<Value>> = branches
        .iter()
        .map(|branch| branch.get("const").filter(|word| word.is_string()).cloned())
        .collect();
    if let Some(words) = words.filter(|words| !words.is_empty()) {
        object.shift_remove("oneOf");
        object.insert("type".into(), "string".into());
        object.insert("enum".into(), words.into());
    }
}

fn require_audience(schema: &mut Schema) {
    assert!(
        schema.get("x-sealed") != Some(&json!([])),
        "a Sealed argument names no audience: add #[schemars(extend(\"x-sealed\" = [\"endpoint:NAME\"]))] to its field"
    );
}

#[cfg(test)]
mod tests {
    #![allow(dead_code)]
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::arguments::{Id, NoArguments, Sealed};

    /// Which way a list runs.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Direction {
        Ascending,
        Descending,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Size {
        /// Not much.
        Small,
        /// A lot.
        Large,
    }

    #[derive(Deserialize, JsonSchema)]
    struct Sized {
        /// How much.
        size: Option<Size>,
    }

    #[test]
    fn a_choice_whose_words_are_documented_is_still_a_plain_choice() {
        assert_eq!(
            of_input::<Sized>()["properties"]["size"],
            json!({ "description": "How much.", "type": "string", "enum": ["small", "large"] })
        );
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Range {
        /// The first day.
        from: String,
        to: Option<String>,
    }

    /// Arguments of a tool that nobody needs to read about here.
    #[derive(Deserialize, JsonSchema)]
    struct Arguments {
        /// Which order.
        zebra_id: Id,
        /// At most this many.
        #[schemars(range(min = 1, max = 500))]
        limit: Option<u32>,
        /// Which way.
        direction: Option<Direction>,
        #[serde(default)]
        range: Option<Range>,
        #[schemars(extend("x-sealed" = ["endpoint:shop"]))]
        api_key: Option<Sealed>,
        free: Option<Value>,
    }

    #[test]
    fn an_input_schema_is_flat_closed_and_in_the_order_of_its_fields() {
        let expected = json!({
            "type": "object",
            "properties": {
                "zebra_id": {
                    "description": "Which order.", "type": ["string", "integer"], "minLength": 1
                },
                "limit": {
                    "description": "At most this many.", "type": "integer", "minimum": 1, "maximum": 500
                },
                "direction": {
                    "description": "Which way.", "type": "string", "enum": ["ascending", "descending"]
                },
                "range": {
                    "type": "object",
                    "properties": {
                        "from": { "description": "The first day.", "type": "string" },
                        "to": { "type": "string" }
                    },
                    "required": ["from"]
                },
                "api_key": { "type": "string", "x-sealed": ["endpoint:shop"] },
                "free": true
            },
            "required": ["zebra_id"],
            "additionalProperties": false
        });
        let schema = of_input::<Arguments>();
        assert_eq!(schema, expected);
        let order: Vec<_> = schema["properties"]
            .as_object()
            .map(|properties| properties.keys().map(String::as_str).collect())
            .unwrap_or_default();
        assert_eq!(
            order,
            ["zebra_id", "limit", "direction", "range", "api_key", "free"]
        );
    }

    #[test]
    fn no_arguments_is_an_object_without_properties() {
        assert_eq!(
            of_input::<NoArguments>(),
            json!({ "type": "object", "additionalProperties": false })
        );
    }

    #[test]
    fn an_output_schema_tells_where_null_may_stand() {
        #[derive(Serialize, JsonSchema)]
        struct Answer {
            order_id: Id,
            note: Option<String>,
        }
        assert_eq!(
            of_output::<Answer>(),
            Some(json!({
                "type": "object",
                "properties": {
                    "order_id": { "type": "string" },
                    "note": { "type": ["string", "null"] }
                },
                "required": ["order_id", "note"]
            }))
        );
    }

    #[test]
    fn any_json_counts_as_an_object_and_a_list_as_none() {
        assert_eq!(of_output::<Value>(), Some(json!({ "type": "object" })));
        assert_eq!(of_output::<Vec<String>>(), None);
    }

    #[test]
    #[should_panic(expected = "names no audience")]
    fn a_sealed_argument_without_an_audience_is_refused() {
        #[derive(Deserialize, JsonSchema)]
        struct Careless {
            api_key: Sealed,
        }
        of_input::<Careless>();
    }
}
