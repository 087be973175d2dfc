//! How much work a schema can make, found out before anything is validated with it.
//!
//! A validator follows every reference wherever it stands, so a few lines that refer to each other twice make 2^n steps,
//! in code of the host that no limit of a plugin stops. Here references are followed the same way, once, and counted.

use serde_json::{Map, Value};

/// Steps that a schema may need for one value, with references written out. A tool with two dozen arguments takes about 40.
const HEAVIEST: u64 = 1_000;
/// Schemas within each other, with references written out: validators use the stack for each.
const DEEPEST: usize = 100;

/// Keywords of JSON Schema (2020-12, and the drafts before it) that hold a schema or a list of them.
const SCHEMAS: [&str; 16] = [
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "oneOf",
    "prefixItems",
    "propertyNames",
    "then",
    UNEVALUATED[0],
    UNEVALUATED[1],
];
/// To know what is left over, a validator goes through the schemas beside these once more.
const UNEVALUATED: [&str; 2] = ["unevaluatedItems", "unevaluatedProperties"];
/// Keywords that hold schemas by name. Definitions weigh nothing until they are referred to.
const NAMED: [&str; 4] = [
    "dependencies",
    "dependentSchemas",
    "patternProperties",
    "properties",
];
/// Ways to refer to something that depend on where a validator came from.
const UNFOLLOWED: [&str; 2] = ["$dynamicRef", "$recursiveRef"];

/// Refuses a schema that could keep the host busy.
///
/// # Errors
/// What is wrong, as the end of a sentence that begins with the schema.
pub(super) fn check(schema: &Map<String, Value>) -> Result<(), String> {
    let root = Value::Object(schema.clone());
    let mut scale = Scale {
        root: &root,
        following: vec![(&root, 0)],
        visited: 0,
        depth: 0,
    };
    scale.weigh(&root).map(drop)
}

struct Scale<'a> {
    root: &'a Value,
    /// The targets of the references on the way here, and how often each was referred to from within itself.
    following: Vec<(&'a Value, u32)>,
    visited: u64,
    depth: usize,
}

impl<'a> Scale<'a> {
    fn weigh(&mut self, schema: &'a Value) -> Result<u64, String> {
        if self.depth == DEEPEST {
            return Err(format!(
                "holds schemas more than {DEEPEST} deep within each other"
            ));
        }
        self.visited += 1;
        bearable(self.visited)?;
        let mut weight = 1;
        if let Value::Object(schema) = schema {
            self.depth += 1;
            for (keyword, value) in schema {
                weight += self.keyword(keyword, value)?;
            }
            self.depth -= 1;
            if UNEVALUATED
                .iter()
                .any(|keyword| schema.contains_key(*keyword))
            {
                weight *= 2;
            }
        }
        bearable(weight)?;
        Ok(weight)
    }

    fn keyword(&mut self, keyword: &str, value: &'a Value) -> Result<u64, String> {
        match (keyword, value) {
            ("$ref", Value::String(reference)) => self.follow(reference),
            ("$id", Value::String(_)) if self.visited > 1 => {
                Err("has an '$id' within it, which changes what references mean".into())
            }
            (_, Value::String(_)) if UNFOLLOWED.contains(&keyword) => {
                Err(format!("has a '{keyword}'; use '$ref'"))
            }
            (_, Value::Array(schemas)) if SCHEMAS.contains(&keyword) => self.all(schemas),
            (_, schema) if SCHEMAS.contains(&keyword) => self.weigh(schema),
            (_, Value::Object(schemas)) if NAMED.contains(&keyword) => self.all(schemas.values()),
            _ => Ok(0),
        }
    }

    fn all(&mut self, schemas: impl IntoIterator<Item = &'a Value>) -> Result<u64, String> {
        let mut weight = 0;
        for schema in schemas {
            weight += self.weigh(schema)?;
        }
        Ok(weight)
    }

    fn follow(&mut self, reference: &str) -> Result<u64, String> {
        let target = reference
            .strip_prefix('#')
            .filter(|pointer| !pointer.contains('%'))
            .and_then(|pointer| self.root.pointer(pointer))
            .ok_or_else(|| {
                format!(
                    "refers to '{reference}'; only '#/$defs/…' and the like within the schema is followed"
                )
            })?;
        let within = self
            .following
            .iter()
            .position(|(followed, _)| std::ptr::eq(*followed, target));
        if let Some(within) = within {
            for (_, loops) in &mut self.following[within..] {
                *loops += 1;
                // With one way back, work grows with the depth of a value; with two, it doubles at each level.
                if *loops > 1 {
                    return Err(format!(
                        "refers to itself more than once, through '{reference}'; once is enough for a list or a tree"
                    ));
                }
            }
            return Ok(0);
        }
        self.following.push((target, 0));
        let weight = self.weigh(target);
        self.following.pop();
        weight
    }
}

fn bearable(steps: u64) -> Result<(), String> {
    if steps <= HEAVIEST {
        return Ok(());
    }
    Err(format!(
        "takes more than {HEAVIEST} steps to check; make it smaller, or refer to fewer definitions"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn checked(schema: Value) -> Result<(), String> {
        match schema {
            Value::Object(schema) => check(&schema),
            other => Err(format!("not an object: {other}")),
        }
    }

    /// `levels` definitions, each of which refers to the next one `times` times.
    fn chain(levels: usize, times: usize) -> Value {
        let mut definitions = Map::new();
        for level in 0..levels {
            let next = json!({ "$ref": format!("#/$defs/d{}", level + 1) });
            definitions.insert(format!("d{level}"), json!({ "allOf": vec![next; times] }));
        }
        definitions.insert(format!("d{levels}"), json!({ "type": "integer" }));
        json!({ "$ref": "#/$defs/d0", "$defs": definitions })
    }

    #[test]
    fn references_count_as_often_as_they_are_followed() {
        assert_eq!(checked(chain(20, 1)), Ok(()));
        assert_eq!(checked(chain(7, 2)), Ok(()));
        for (levels, times) in [(30, 2), (10, 10)] {
            let refused = checked(chain(levels, times));
            assert!(refused.is_err_and(|what| what.contains("steps")));
        }
        assert!(checked(chain(100_000, 1)).is_err_and(|what| what.contains("deep")));
    }

    #[test]
    fn a_list_or_a_tree_may_refer_to_itself_but_no_schema_to_itself_twice() {
        let tree = json!({ "items": { "$ref": "#/$defs/tree" } });
        let two_trees = json!({ "properties": { "a": { "$ref": "#/$defs/tree" }, "b": { "$ref": "#/$defs/tree" } },
            "$defs": { "tree": tree } });
        assert_eq!(checked(two_trees), Ok(()));
        assert_eq!(checked(json!({ "items": { "$ref": "#" } })), Ok(()));
        for schema in [
            json!({ "allOf": [{ "items": { "$ref": "#" } }, { "items": { "$ref": "#" } }] }),
            json!({ "$ref": "#/$defs/a", "$defs": {
                "a": { "allOf": [{ "$ref": "#/$defs/b" }, { "$ref": "#/$defs/b" }] },
                "b": { "items": { "$ref": "#/$defs/a" } } } }),
            json!({ "properties": { "a": { "anyOf": [
                { "items": { "$ref": "#/properties/a" } }, { "items": { "$ref": "#/properties/a" } }] } } }),
        ] {
            let refused = checked(schema);
            assert!(refused.is_err_and(|what| what.contains("itself")));
        }
    }

    #[test]
    fn nested_left_overs_double_the_work() {
        let mut schema = json!({ "type": "object" });
        for _ in 0..20 {
            schema = json!({ "allOf": [schema], "unevaluatedProperties": false });
        }
        assert!(checked(schema).is_err());
    }

    #[test]
    fn what_cannot_be_followed_is_refused_and_what_is_no_keyword_is_not() {
        for schema in [
            json!({ "$ref": "https://example.com/schema.json" }),
            json!({ "$ref": "#anchor" }),
            json!({ "$ref": "#/$defs/none" }),
            json!({ "$dynamicRef": "#node" }),
            json!({ "allOf": [{ "$id": "other", "$ref": "#" }] }),
        ] {
            assert!(checked(schema.clone()).is_err(), "{schema}");
        }
        let names = json!({ "properties": { "$ref": { "type": "string" }, "$id": { "default": { "$ref": "no" } } } });
        assert_eq!(checked(names), Ok(()));
    }

    proptest! {
        #[test]
        fn no_schema_takes_long_to_weigh(levels in 0..60_usize, times in 0..6_usize) {
            let schema = chain(levels, times);
            let mut scale = Scale { root: &schema, following: vec![(&schema, 0)], visited: 0, depth: 0 };
            let _ = scale.weigh(&schema);
            prop_assert!(scale.visited <= HEAVIEST + 1);
        }
    }
}
