//! Arguments against a tool's input schema, and errors from which a model can mend its call.

use std::sync::Arc;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value};

use super::example::{required, sample, told};
use super::tool::compile;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::capabilities::sealing::SealedArgument;

/// As many problems as one answer names.
const PROBLEMS: usize = 5;
/// Stands in an example for what nobody is shown.
const SECRET: &str = "…";
/// As much of a received value as one answer shows.
const SHOWN: usize = 80;

/// What callers may send to a tool.
#[derive(Debug)]
pub struct ArgumentSchema {
    /// As callers see it.
    schema: Arc<Map<String, Value>>,
    validator: Validator,
    sealed: Vec<String>,
    /// The author's own example.
    told: Map<String, Value>,
}

impl ArgumentSchema {
    /// Unknown arguments are refused unless the schema itself allows them.
    ///
    /// # Errors
    /// The schema is not valid.
    pub fn new(mut schema: Map<String, Value>, sealed: &[SealedArgument]) -> Result<Self, String> {
        if !schema.contains_key("additionalProperties") {
            schema.insert("additionalProperties".into(), false.into());
        }
        Ok(Self {
            validator: compile(&schema)?,
            schema: Arc::new(schema),
            sealed: sealed
                .iter()
                .map(|argument| argument.name.clone())
                .collect(),
            told: Map::new(),
        })
    }

    /// With the example that the tool's description gives, which errors show.
    #[must_use]
    pub fn described(mut self, description: &str) -> Self {
        self.told = told(description);
        self
    }

    /// Takes the arguments that hold secrets out of what callers see. What a person enters is still checked.
    pub fn hide_secrets(&mut self) {
        let schema = Arc::make_mut(&mut self.schema);
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            properties.retain(|name, _| !self.sealed.contains(name));
        }
    }

    /// The schema as callers see it.
    pub fn schema(&self) -> &Arc<Map<String, Value>> {
        &self.schema
    }

    /// Checks a call's arguments.
    ///
    /// # Errors
    /// Each problem with its path, the rule, what was received and an example. Values of secret arguments are not
    /// repeated.
    pub fn check(&self, tool: &str, arguments: &Map<String, Value>) -> Result<(), Error> {
        let value = Value::Object(arguments.clone());
        let problems: Vec<String> = self
            .validator
            .iter_errors(&value)
            .take(PROBLEMS)
            .map(|error| self.explain(&error, arguments))
            .collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            "invalid-arguments",
            format!(
                "The arguments of {tool} are not valid; nothing was done. {}\nExample of a valid call: {}",
                problems.join(" "),
                self.example(arguments)
            ),
        ))
    }

    fn explain(&self, error: &ValidationError<'_>, arguments: &Map<String, Value>) -> String {
        let path = error.instance_path().to_string();
        let at = if path.is_empty() {
            "the arguments".to_owned()
        } else {
            format!("'{}'", path.trim_start_matches('/'))
        };
        let secret = self
            .sealed
            .iter()
            .any(|name| path.trim_start_matches('/') == name);
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                format!("The argument '{name}' is missing{}.", self.describe(name))
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
                .iter()
                .map(|name| self.unknown(&path, name))
                .collect::<Vec<_>>()
                .join(" "),
            // How the crate says it of a tool that takes no arguments at all.
            ValidationErrorKind::FalseSchema if path.is_empty() => arguments
                .keys()
                .map(|name| self.unknown("", name))
                .collect::<Vec<_>>()
                .join(" "),
            ValidationErrorKind::Type { kind } => {
                format!(
                    "{at} must be {}, but received {}.",
                    type_name(kind),
                    received(error.instance(), secret)
                )
            }
            _ if secret => format!("{at} does not have the form of a key."),
            ValidationErrorKind::Enum { options } => {
                format!(
                    "{at} must be one of {options}, but received {}.",
                    received(error.instance(), false)
                )
            }
            _ => format!(
                "{at}: {} (received {}).",
                error.masked_with("the value"),
                received(error.instance(), false)
            ),
        }
    }

    fn unknown(&self, path: &str, name: &str) -> String {
        let shown: String = name
            .chars()
            .filter(|c| !c.is_control())
            .take(SHOWN)
            .collect();
        if !path.is_empty() {
            return format!("'{}' has no field '{shown}'.", path.trim_start_matches('/'));
        }
        let mut known: Vec<&str> = self.properties().map(|(name, _)| name.as_str()).collect();
        known.sort_by_key(|candidate| strsim::damerau_levenshtein(candidate, name));
        match known.first() {
            None => format!("There is no argument '{shown}': this tool takes none."),
            Some(nearest)
                if strsim::damerau_levenshtein(nearest, name)
                    <= nearest.len().max(name.len()) / 3 =>
            {
                format!("There is no argument '{shown}'; did you mean '{nearest}'?")
            }
            Some(_) => format!(
                "There is no argument '{shown}'; this tool takes: {}.",
                known.join(", ")
            ),
        }
    }

    fn properties(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    }

    fn describe(&self, name: &str) -> String {
        self.properties()
            .find(|(candidate, _)| *candidate == name)
            .and_then(|(_, property)| property.get("description")?.as_str())
            .and_then(|description| description.split(". ").next())
            .map(|first| format!(" ({})", first.trim_end_matches('.')))
            .unwrap_or_default()
    }

    /// The required arguments, as the author tells them or with sample values, and those that were sent and are valid by
    /// themselves.
    fn example(&self, sent: &Map<String, Value>) -> Value {
        let required = required(self.schema.get("required"));
        let mut example = Map::new();
        for (name, property) in self.properties() {
            let fits = |value: &&Value| valid_alone(property, value);
            let short = |value: &&Value| value.to_string().len() <= SHOWN;
            let told = self.told.get(name).filter(fits);
            let value = if self.sealed.contains(name) {
                let needed = required.contains(&name.as_str()) || sent.contains_key(name);
                needed.then(|| SECRET.into())
            } else if let Some(valid) = sent.get(name).filter(fits).filter(short) {
                Some(valid.clone())
            } else if required.contains(&name.as_str()) || sent.contains_key(name) {
                Some(told.cloned().unwrap_or_else(|| sample(property)))
            } else {
                // What goes with the required ones: a schema cannot say all of it.
                told.filter(|_| !required.is_empty()).cloned()
            };
            if let Some(value) = value {
                example.insert(name.clone(), value);
            }
        }
        Value::Object(example)
    }
}

fn valid_alone(property: &Value, value: &Value) -> bool {
    property
        .as_object()
        .and_then(|schema| compile(schema).ok())
        .is_some_and(|validator| validator.is_valid(value))
}

fn type_name(kind: &TypeKind) -> String {
    let article = |name: &str| match name {
        "integer" | "array" | "object" => format!("an {name}"),
        _ => format!("a {name}"),
    };
    match kind {
        TypeKind::Single(kind) => article(&kind.to_string()),
        TypeKind::Multiple(kinds) => kinds
            .iter()
            .map(|kind| article(&kind.to_string()))
            .collect::<Vec<_>>()
            .join(" or "),
    }
}

fn received(value: &Value, secret: bool) -> String {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    if secret || value.is_array() || value.is_object() || value.is_null() {
        return kind.to_owned();
    }
    let text = value.to_string();
    if text.chars().count() <= SHOWN {
        format!("{kind}, {text}")
    } else {
        format!("{kind}, {}…", text.chars().take(SHOWN).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::capabilities::sealing::SealFor;
    use serde_json::json;

    fn schema() -> ArgumentSchema {
        let schema = json!({
            "type": "object",
            "properties": {
                "item_id": {"type": ["string", "integer"], "description": "The shop's own id. Not your number.", "examples": ["5512034"]},
                "limit": {"type": "integer", "minimum": 1, "maximum": 500, "default": 20},
                "api_key": {"type": "string", "minLength": 8},
            },
            "required": ["item_id"],
        });
        let sealed = [SealedArgument {
            name: "api_key".into(),
            audiences: vec![SealFor::Session],
            needed: false,
            description: String::new(),
        }];
        ArgumentSchema::new(schema.as_object().unwrap().clone(), &sealed).unwrap()
    }

    fn refused(arguments: Value) -> String {
        schema()
            .check("shop_get", arguments.as_object().unwrap())
            .unwrap_err()
            .message
    }

    #[test]
    fn a_missing_argument_is_named_with_an_example() {
        let text = refused(json!({}));
        assert!(
            text.contains("'item_id' is missing (The shop's own id)"),
            "{text}"
        );
        assert!(text.contains(r#"{"item_id":"5512034"}"#), "{text}");
    }

    #[test]
    fn a_wrong_value_is_named_with_rule_and_what_was_received() {
        let text = refused(json!({"item_id": 5, "limit": 9999}));
        assert!(
            text.contains("'limit'") && text.contains("500") && text.contains("9999"),
            "{text}"
        );
        let text = refused(json!({"item_id": 5, "limit": "ten"}));
        assert!(
            text.contains("'limit' must be an integer, but received a string, \"ten\""),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_argument_is_refused_with_the_nearest_known() {
        let text = refused(json!({"item_id": 5, "limt": 3}));
        assert!(text.contains("did you mean 'limit'?"), "{text}");
    }

    #[test]
    fn ids_may_be_text_or_number() {
        for id in [json!("5512034"), json!(5512034)] {
            schema()
                .check("shop_get", json!({"item_id": id}).as_object().unwrap())
                .unwrap();
        }
    }

    #[test]
    fn the_value_of_a_secret_argument_is_never_repeated() {
        for wrong in [json!("canary"), json!(123454321), json!(["canary"])] {
            let text = refused(json!({"item_id": 5, "api_key": wrong}));
            assert!(
                !text.contains("canary") && !text.contains("123454321"),
                "{text}"
            );
            assert!(text.contains("api_key"), "{text}");
        }
    }
}
