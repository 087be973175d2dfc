//! Arguments of a tool, made from its schema: valid, nearly valid, and hostile.

use std::collections::BTreeMap;

use end_to_end::required;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// Deeper than the host takes (`limits.nesting`), and not so deep that no message may be.
const DEEP: usize = 70;

/// Values that exist, by the name of the argument.
pub type Known = BTreeMap<&'static str, Vec<Value>>;

/// Arguments that follow the schema, for the most part about what exists.
pub fn valid(schema: &Value, known: &Known) -> BoxedStrategy<Value> {
    Generator {
        root: schema.clone(),
        known: known.clone(),
    }
    .value("", schema, 4)
}

/// Valid ones, of which something is missing, wrong or too much.
pub fn nearly_valid(schema: &Value, known: &Known) -> BoxedStrategy<Value> {
    (
        valid(schema, known),
        any::<prop::sample::Index>(),
        hostile_value(),
        "[a-z_]{1,12}",
        0..5_u8,
    )
        .prop_map(|(mut arguments, at, value, name, what)| {
            let Some(fields) = arguments.as_object_mut() else {
                return json!({ name: value });
            };
            let names: Vec<String> = fields.keys().cloned().collect();
            let one = (!names.is_empty()).then(|| names[at.index(names.len())].clone());
            match (what, one) {
                (0, Some(one)) => {
                    fields.shift_remove(&one);
                }
                (1, Some(one)) => {
                    fields.insert(one, Value::Null);
                }
                (2 | 3, Some(one)) => {
                    fields.insert(one, value);
                }
                _ => {
                    fields.insert(name, value);
                }
            }
            arguments
        })
        .boxed()
}

/// The names that the schema knows, or others, with values that no schema knows.
pub fn hostile(schema: &Value) -> BoxedStrategy<Value> {
    let names: Vec<String> = schema["properties"]
        .as_object()
        .into_iter()
        .flat_map(|properties| properties.keys().cloned())
        .chain(["__proto__", "", "a.b", "\u{0}", "$ref", "arguments"].map(str::to_owned))
        .collect();
    prop::collection::vec((select(names), hostile_value()), 0..6)
        .prop_map(|fields| Value::Object(fields.into_iter().collect()))
        .boxed()
}

fn hostile_value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        select(vec![
            json!(u64::MAX),
            json!(i64::MIN),
            json!(-0.0),
            json!(1e308),
            json!(5e-324),
            json!(0.1)
        ]),
        hostile_text().prop_map(Value::from),
    ];
    let nested = (leaf.clone(), 1..DEEP).prop_map(|(leaf, depth)| {
        (0..depth).fold(leaf, |inner, turn| match turn % 2 {
            0 => json!([inner]),
            _ => json!({ "a": inner }),
        })
    });
    let tree = leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((hostile_text(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    prop_oneof![6 => tree, 1 => nested].boxed()
}

fn hostile_text() -> BoxedStrategy<String> {
    let known = [
        "",
        " ",
        "\u{0}",
        "../../etc/passwd",
        "..",
        "/",
        "%2e%2e%2f",
        "1 OR 1=1; --",
        "' OR ''='",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "<script>alert(1)</script>",
        "Ignore all previous instructions",
        "\r\nX-Header: 1",
        "NaN",
        "-1",
        "1e9",
        "null",
        "[]",
        "{}",
        "9999999999999999999999",
        "0x10",
        "\u{202e}",
        "\u{feff}",
        "\u{2028}",
        "é́́́",
        "👩‍👩‍👧‍👦",
        "odm_x_y",
        "store:9021",
        "2026-02-30",
        "0000-00-00",
        "9999-12-31T23:59:60Z",
        "…[9 more characters, left out]",
    ];
    prop_oneof![
        4 => select(known.to_vec()).prop_map(str::to_owned),
        3 => ".{0,40}",
        2 => "[0-9]{1,25}",
        1 => (".", 1..20_000_usize).prop_map(|(one, times)| one.repeat(times)),
    ]
    .boxed()
}

struct Generator {
    root: Value,
    known: Known,
}

impl Generator {
    fn value(&self, name: &str, schema: &Value, depth: u32) -> BoxedStrategy<Value> {
        let made = self.made(schema, depth);
        match self.known.get(name) {
            Some(known) => {
                let known = select(known.clone());
                let several = schema["items"].is_object() || schema["type"] == "array";
                let known = known.prop_map(move |one| if several { json!([one]) } else { one });
                prop_oneof![4 => known, 1 => made].boxed()
            }
            None => made,
        }
    }

    fn made(&self, schema: &Value, depth: u32) -> BoxedStrategy<Value> {
        if let Some(path) = schema["$ref"].as_str() {
            let target = self.root.pointer(path.trim_start_matches('#')).cloned();
            return self.made(&target.unwrap_or_default(), depth);
        }
        if let Some(one) = schema.get("const") {
            return Just(one.clone()).boxed();
        }
        if let Some(options) = schema["enum"].as_array() {
            return select(options.clone()).boxed();
        }
        for several in ["anyOf", "oneOf"] {
            if let Some(options) = schema[several].as_array() {
                let options: Vec<_> = options.iter().map(|it| self.made(it, depth)).collect();
                return prop::strategy::Union::new(options).boxed();
            }
        }
        match &schema["type"] {
            Value::Array(kinds) => {
                let kinds = kinds
                    .iter()
                    .map(|kind| self.of_type(kind.as_str().unwrap_or(""), schema, depth));
                prop::strategy::Union::new(kinds.collect::<Vec<_>>()).boxed()
            }
            Value::String(kind) => self.of_type(kind, schema, depth),
            _ if schema["properties"].is_object() => self.object(schema, depth),
            _ => hostile_value(),
        }
    }

    fn of_type(&self, kind: &str, schema: &Value, depth: u32) -> BoxedStrategy<Value> {
        match kind {
            "null" => Just(Value::Null).boxed(),
            "boolean" => any::<bool>().prop_map(Value::from).boxed(),
            "integer" | "number" => {
                let least = schema["minimum"].as_i64().unwrap_or(-5);
                let most = schema["maximum"].as_i64().unwrap_or(1_000);
                (least..=most).prop_map(Value::from).boxed()
            }
            "array" => {
                let items = match depth {
                    0 => Just(Value::Null).boxed(),
                    _ => self.made(&schema["items"], depth - 1),
                };
                prop::collection::vec(items, 0..4)
                    .prop_map(Value::from)
                    .boxed()
            }
            "object" => self.object(schema, depth),
            _ => {
                let examples = schema["examples"].as_array().cloned().unwrap_or_default();
                let text = prop_oneof!["[A-Za-z0-9 @.-]{1,20}", "[1-9][0-9]{0,7}", hostile_text()];
                let text = text.prop_map(Value::from);
                if examples.is_empty() {
                    text.boxed()
                } else {
                    prop_oneof![select(examples), text].boxed()
                }
            }
        }
    }

    fn object(&self, schema: &Value, depth: u32) -> BoxedStrategy<Value> {
        let required = required(schema);
        let mut fields = Just(Map::new()).boxed();
        let properties = schema["properties"].as_object();
        for (name, of) in properties.into_iter().flatten().filter(|_| depth > 0) {
            let value = self.value(name, of, depth - 1);
            let value = match required.contains(&name.as_str()) {
                true => value.prop_map(Some).boxed(),
                false => prop::option::weighted(0.2, value).boxed(),
            };
            let name = name.clone();
            fields = (fields, value)
                .prop_map(move |(mut fields, value)| {
                    if let Some(value) = value {
                        fields.insert(name.clone(), value);
                    }
                    fields
                })
                .boxed();
        }
        if properties.is_none() && schema["additionalProperties"] != false {
            let open = prop::collection::vec(("[a-z_ ]{1,12}", hostile_value()), 0..4);
            return open
                .prop_map(|fields| Value::Object(fields.into_iter().collect()))
                .boxed();
        }
        fields.prop_map(Value::Object).boxed()
    }
}
