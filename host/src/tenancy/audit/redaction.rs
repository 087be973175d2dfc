//! What of a call's arguments stands in the audit trail in clear: names, ids, numbers and choices, never texts that people write.
//!
//! The schema tells which is which. A text is kept where the schema lists what it may be (`enum`, `const`), or where its name
//! says that it is an id and it looks like one; of every other, only that it was given. All values, shortened, stand beside it
//! encrypted under the tenant's data key; arguments that hold secrets are in neither.

use serde_json::{Map, Value};

/// What stands in the place of a secret.
pub const SEALED: &str = "[sealed]";
/// In the place of a text that may be personal.
const TEXT: &str = "[text]";
/// An id is no longer.
const ID_CHARACTERS: usize = 40;
/// Characters of a text in the encrypted values.
const VALUE_CHARACTERS: usize = 500;
/// Elements of a list, and fields of an object that no schema names.
const ELEMENTS: usize = 50;
/// Arguments are not nested deeper than anybody looks.
const DEPTH: usize = 8;
/// Arguments of the host's own, which are keys to something, whatever the schema says.
const TOKENS: [&str; 1] = ["confirm_token"];

/// The arguments of a call as the audit trail keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    /// For everybody who may read the trail.
    pub clear: Value,
    /// For the tenant.
    pub full: Value,
}

/// Redacts arguments by the schema of their tool; `sealed` names those that hold secrets.
pub fn redact(
    schema: &Map<String, Value>,
    sealed: &[String],
    given: &Map<String, Value>,
) -> Redacted {
    let properties = schema.get("properties").and_then(Value::as_object);
    let (mut clear, mut full) = (Map::new(), Map::new());
    for (name, value) in given {
        let Some(declared) = properties.and_then(|all| all.get(name)) else {
            // Nobody knows what it is: such a call is refused, and a secret may stand there by mistake.
            clear.insert("[undeclared]".into(), true.into());
            continue;
        };
        if sealed.contains(name) || TOKENS.contains(&name.as_str()) {
            clear.insert(name.clone(), SEALED.into());
            full.insert(name.clone(), SEALED.into());
        } else {
            clear.insert(
                name.clone(),
                clear_value(name, Some(declared), value, DEPTH),
            );
            full.insert(name.clone(), shortened(value, VALUE_CHARACTERS, DEPTH));
        }
    }
    Redacted {
        clear: clear.into(),
        full: full.into(),
    }
}

fn clear_value(name: &str, schema: Option<&Value>, value: &Value, depth: usize) -> Value {
    if depth == 0 {
        return "[nested]".into();
    }
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Number(_) if is_id(name) || is_number(schema) => value.clone(),
        Value::Number(_) => "[number]".into(),
        Value::String(text) if is_choice(schema, text) || (is_id(name) && looks_like_id(text)) => {
            value.clone()
        }
        Value::String(_) => TEXT.into(),
        Value::Array(elements) => {
            let of = schema.and_then(|schema| schema.get("items"));
            let mut shown: Vec<Value> = elements
                .iter()
                .take(ELEMENTS)
                .map(|element| clear_value(name, of, element, depth - 1))
                .collect();
            if elements.len() > ELEMENTS {
                shown.push(format!("[{} more]", elements.len() - ELEMENTS).into());
            }
            shown.into()
        }
        Value::Object(fields) => {
            let properties = schema
                .and_then(|schema| schema.get("properties"))
                .and_then(Value::as_object);
            let shown = fields.iter().take(ELEMENTS).map(|(field, value)| {
                let declared = properties.and_then(|all| all.get(field));
                let shown = clear_value(field, declared, value, depth - 1);
                // A name that no schema knows can be anything that somebody wrote.
                let known = declared.is_some() || looks_like_name(field);
                (
                    if known { field.as_str() } else { "[name]" }.to_owned(),
                    shown,
                )
            });
            Value::Object(shown.collect())
        }
    }
}

/// Whether an argument's name says that it is an id.
fn is_id(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "id",
        "ids",
        "cursor",
        "limit",
        "offset",
        "version",
        "code",
        "store_identifier",
        "identifier",
    ]
    .contains(&name.as_str())
        || ["_id", "_ids", "_id_list", "_key_id"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// Such as `5512034` or `ORG-WAL`; no address, no sentence, no key.
fn looks_like_id(text: &str) -> bool {
    (1..=ID_CHARACTERS).contains(&text.chars().count())
        && !text.starts_with("odm_")
        && !text.starts_with("odc_")
        && text
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || "-_.:/".contains(it))
}

/// Such as `order_total`: in lower case and without a figure.
fn looks_like_name(text: &str) -> bool {
    (1..=ID_CHARACTERS).contains(&text.len())
        && text.bytes().all(|it| it.is_ascii_lowercase() || it == b'_')
}

fn is_number(schema: Option<&Value>) -> bool {
    schema
        .and_then(|schema| schema.get("type"))
        .and_then(Value::as_str)
        .is_some_and(|kind| ["integer", "number"].contains(&kind))
}

fn is_choice(schema: Option<&Value>, text: &str) -> bool {
    let Some(schema) = schema else { return false };
    let listed = schema.get("enum").and_then(Value::as_array);
    listed.is_some_and(|all| all.iter().any(|it| it == text))
        || schema.get("const").is_some_and(|it| it == text)
        || schema
            .get("oneOf")
            .and_then(Value::as_array)
            .is_some_and(|all| {
                all.iter()
                    .any(|it| it.get("const").is_some_and(|it| it == text))
            })
}

/// A value with its long texts and lists cut.
pub(super) fn shortened(value: &Value, characters: usize, depth: usize) -> Value {
    match value {
        Value::String(text) => match text.char_indices().nth(characters) {
            Some((end, _)) => format!("{}…", &text[..end]).into(),
            None => value.clone(),
        },
        Value::Array(_) | Value::Object(_) if depth == 0 => "[nested]".into(),
        Value::Array(elements) => elements
            .iter()
            .take(ELEMENTS)
            .map(|element| shortened(element, characters, depth - 1))
            .collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .take(2 * ELEMENTS)
                .map(|(name, value)| (name.clone(), shortened(value, characters, depth - 1)))
                .collect(),
        ),
        _ => value.clone(),
    }
}

/// The paths of the fields that a result says were changed, each once.
pub(super) fn changed_fields(diffs: &[Value]) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for path in diffs.iter().filter_map(|it| it.get("path")?.as_str()) {
        let path: String = path
            .chars()
            .filter(|it| !it.is_control())
            .take(200)
            .collect();
        if paths.len() < 100 && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn of(schema: Value, sealed: &[&str], given: Value) -> Redacted {
        let sealed: Vec<String> = sealed.iter().map(|it| (*it).to_owned()).collect();
        redact(
            schema.as_object().unwrap(),
            &sealed,
            given.as_object().unwrap(),
        )
    }

    #[test]
    fn ids_choices_and_numbers_stay_and_texts_go() {
        let schema = json!({"properties": {
            "order_id": {"type": ["string", "integer"]},
            "limit": {"type": "integer"},
            "response_format": {"enum": ["concise", "detailed"]},
            "email": {"type": "string"},
            "api_key": {"type": "string"},
            "confirm_token": {"type": "string"},
            "dry_run": {"type": "boolean"},
            "changes": {"type": "object", "properties": {"shipping": {}, "order_total": {"type": "number"}}},
        }});
        let redacted = of(
            schema,
            &["api_key"],
            json!({
                "order_id": "5512034", "limit": 20, "response_format": "concise", "email": "ann@example.com",
                "api_key": "abc", "confirm_token": "odc_abc", "dry_run": true,
                "changes": {"shipping": {"city": "Bath", "phone": 441225, "Ann Lee": "x"}, "order_total": 4.5},
                "apikey": "typed by mistake",
            }),
        );
        assert_eq!(
            redacted.clear,
            json!({
                "order_id": "5512034", "limit": 20, "response_format": "concise", "email": "[text]",
                "api_key": "[sealed]", "confirm_token": "[sealed]", "dry_run": true,
                "changes": {"shipping": {"city": "[text]", "phone": "[number]", "[name]": "[text]"}, "order_total": 4.5},
                "[undeclared]": true,
            })
        );
        assert_eq!(redacted.full["email"], "ann@example.com");
        assert_eq!(redacted.full["api_key"], "[sealed]");
        assert_eq!(redacted.full.get("apikey"), None);
    }

    #[test]
    fn what_is_written_where_an_id_belongs_stays_only_if_it_looks_like_one() {
        let schema = json!({"properties": {"order_id": {"type": "string"}}});
        for (text, stays) in [
            ("5512034", true),
            ("ORG-WAL", true),
            ("ann@example.com", false),
            ("Ann Lee", false),
            ("odm_abc_def", false),
            ("", false),
            (&"a".repeat(41), false),
        ] {
            let redacted = of(schema.clone(), &[], json!({"order_id": text}));
            let expected = if stays { text } else { "[text]" };
            assert_eq!(redacted.clear["order_id"], expected, "{text}");
        }
    }

    #[test]
    fn long_texts_and_lists_are_cut() {
        let schema = json!({"properties": {"note": {"type": "string"}, "ids": {"type": "array"}}});
        let ids: Vec<i32> = (0..70).collect();
        let redacted = of(schema, &[], json!({"note": "ä".repeat(600), "ids": ids}));
        assert_eq!(redacted.full["note"].as_str().unwrap().chars().count(), 501);
        assert_eq!(redacted.clear["ids"].as_array().unwrap().len(), 51);
        assert_eq!(redacted.clear["ids"][50], "[20 more]");
    }

    proptest! {
        #[test]
        fn no_text_that_a_person_wrote_is_in_clear(text in "[a-z]{3,8} [a-z]{3,8}@[a-z]{3,8}", depth in 0_usize..12) {
            let mut value = json!(text);
            for level in 0..depth {
                value = if level % 2 == 0 { json!([value]) } else { json!({"city": value, text.clone(): 1}) };
            }
            let schema = json!({"properties": {"order_id": {}, "changes": {}}});
            let redacted = of(schema, &[], json!({"order_id": value, "changes": value}));
            prop_assert!(!redacted.clear.to_string().contains(&text), "{}", redacted.clear);
        }
    }
}
