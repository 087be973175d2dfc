//! What a list is searched by. An empty filter is refused: Order Desk ignores it, and would answer everything where
//! the caller meant something.

use std::borrow::Cow;

use orderdesk_plugin::{Id, ToolError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Text, or a number that stands for its digits. Blank text is let in, so that it can be refused by its argument's name.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum TextOrNumber {
    /// A number.
    Number(i64),
    /// Text.
    Text(String),
}

impl TextOrNumber {
    /// The text, or the number's digits.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Number(number) => number.to_string().into(),
            Self::Text(text) => text.into(),
        }
    }
}

impl JsonSchema for TextOrNumber {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TextOrNumber".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"] })
    }
}

/// One value, several as a list, or several as Order Desk writes them: `1004,1009`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Several {
    /// One; in text, commas part several.
    One(TextOrNumber),
    /// One by one.
    List(Vec<TextOrNumber>),
}

impl Several {
    /// The values without spaces around them, at least one.
    ///
    /// # Errors
    /// `empty-filter` if there is none.
    pub fn values(&self, argument: &str) -> Result<Vec<String>, ToolError> {
        let values: Vec<String> = match self {
            Self::One(one) => one.text().split(',').map(trimmed).collect(),
            Self::List(values) => values.iter().map(|value| trimmed(&value.text())).collect(),
        };
        let values: Vec<String> = values
            .into_iter()
            .filter(|value| !value.is_empty())
            .collect();
        if values.is_empty() {
            return Err(empty(argument));
        }
        Ok(values)
    }
}

fn trimmed(text: &str) -> String {
    text.trim().to_owned()
}

impl JsonSchema for Several {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Several".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer", "array"],
            "items": { "type": ["string", "integer"] },
        })
    }
}

/// The text of a filter without spaces around it, if there is one.
///
/// # Errors
/// `empty-filter` if nothing else is in it.
pub fn filter_text<'a>(
    argument: &str,
    text: Option<&'a str>,
) -> Result<Option<&'a str>, ToolError> {
    match text.map(str::trim) {
        Some("") => Err(empty(argument)),
        text => Ok(text),
    }
}

/// An id in a path: Order Desk's own ids are decimal numbers. Anything else is mostly a number that the shop gave, which
/// Order Desk would look for in vain; `instead` says how to look for that.
///
/// # Errors
/// `code` with `instead`, for what is no decimal number.
pub fn own_id<'a>(
    argument: &str,
    id: &'a Id,
    code: &str,
    instead: impl FnOnce() -> String,
) -> Result<&'a str, ToolError> {
    let text = id.as_str();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text);
    }
    let shown: String = text.chars().take(60).collect();
    Err(ToolError::invalid_input(
        code,
        format!(
            "'{argument}' is Order Desk's own number, such as 5512034: received \"{shown}\". {}",
            instead()
        ),
    ))
}

fn empty(argument: &str) -> ToolError {
    ToolError::invalid_input(
        "empty-filter",
        format!("'{argument}' is empty: leave it out, or say what to look for."),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use orderdesk_plugin::serde_json::{self, json};
    use proptest::prelude::*;

    use super::*;

    fn values(argument: serde_json::Value) -> Result<Vec<String>, ToolError> {
        let several: Several = serde_json::from_value(argument).unwrap();
        several.values("code")
    }

    #[test]
    fn one_value_a_list_and_text_with_commas_are_understood() {
        assert_eq!(values(json!(7)).unwrap(), ["7"]);
        assert_eq!(values(json!(" A , B,")).unwrap(), ["A", "B"]);
        assert_eq!(values(json!(["A", 7, " "])).unwrap(), ["A", "7"]);
    }

    #[test]
    fn nothing_to_look_for_is_refused() {
        for argument in [json!(""), json!(" , "), json!([]), json!(["", " "])] {
            let error = values(argument).unwrap_err();
            assert!(error.has_code("empty-filter"), "{error}");
        }
        assert!(filter_text("email", Some(" ")).is_err());
        assert_eq!(filter_text("email", None).unwrap(), None);
        assert_eq!(filter_text("email", Some(" a ")).unwrap(), Some("a"));
    }

    proptest! {
        #[test]
        fn no_value_is_ever_blank(argument in prop::collection::vec(".{0,6}", 0..5)) {
            for argument in [json!(argument), json!(argument.join(","))] {
                for value in values(argument).unwrap_or_default() {
                    prop_assert!(!value.trim().is_empty());
                }
            }
        }
    }
}
