//! Examples of a tool's arguments, for errors: as its author tells them, or made from the schema.

use serde_json::{Deserializer, Map, Value};

/// What stands before the example in a description.
const MARK: &str = "Example: ";

/// The arguments that a tool's description gives as its example.
pub(super) fn told(description: &str) -> Map<String, Value> {
    let told = description.rsplit_once(MARK).map(|(_, told)| told);
    let told = told.and_then(|told| {
        let mut values = Deserializer::from_str(told).into_iter::<Map<String, Value>>();
        values.next()?.ok()
    });
    told.unwrap_or_default()
}

/// A value that fits a schema, as told by its author or guessed from its type.
pub(super) fn sample(schema: &Value) -> Value {
    if let Some(told) = schema.get("examples").and_then(|examples| examples.get(0)) {
        return told.clone();
    }
    for key in ["default", "const"] {
        if let Some(told) = schema.get(key).filter(|value| !value.is_null()) {
            return told.clone();
        }
    }
    if let Some(first) = schema.get("enum").and_then(|options| options.get(0)) {
        return first.clone();
    }
    for several in ["anyOf", "oneOf"] {
        if let Some(first) = schema.get(several).and_then(|options| options.get(0)) {
            return sample(first);
        }
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        Some(kind) => kind.as_str(),
        None => None,
    };
    match kind {
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| 1.into()),
        Some("boolean") => true.into(),
        Some("array") => Value::Array(schema.get("items").map(sample).into_iter().collect()),
        Some("object") => sample_object(schema),
        _ => "text".into(),
    }
}

/// The names in the `required` of an object's schema.
pub(super) fn required(names: Option<&Value>) -> Vec<&str> {
    names
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// What it requires, and as many fields more as it wants.
fn sample_object(schema: &Value) -> Value {
    let required = required(schema.get("required"));
    let least = schema.get("minProperties").and_then(Value::as_u64);
    let least = least.and_then(|least| usize::try_from(least).ok());
    let mut more = least.unwrap_or_default().saturating_sub(required.len());
    let mut object = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let needed = required.contains(&name.as_str());
        if needed || more > 0 {
            more -= usize::from(!needed);
            object.insert(name.clone(), sample(property));
        }
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn an_authors_example_is_read_from_the_description() {
        let text = "Lists pages. Example: {\"page\": 3, \"of\": {\"book\": \"b\"}}.";
        assert_eq!(json!(told(text)), json!({"page": 3, "of": {"book": "b"}}));
        for none in ["Lists pages.", "Example: pages", "Example: [1]"] {
            assert!(told(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn an_object_has_what_it_requires_and_as_much_as_it_wants() {
        let schema = json!({
            "type": "object", "minProperties": 2, "required": ["b"],
            "properties": {"a": {"type": "string"}, "b": {"type": "integer", "minimum": 7}, "c": {"type": "boolean"}},
        });
        assert_eq!(sample(&schema), json!({"a": "text", "b": 7}));
    }
}
