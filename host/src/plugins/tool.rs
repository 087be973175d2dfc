//! A tool as a plugin declares it, checked: name, schemas, secret arguments.

use std::sync::Arc;

use jsonschema::PatternOptions;
use serde_json::{Map, Value};

use crate::capabilities::context::Grantee;
use crate::capabilities::contract::tools::{Hints, Tool as Declared};
use crate::capabilities::sealing::SealedArgument;

use super::arguments::ArgumentSchema;
use super::schema_weight;
use super::secret_arguments::take_sealed;

/// Longer names are cut or refused by clients that prefix them with the server's. The conformance suite has longer ones.
const NAME_LENGTH: usize = if cfg!(feature = "conformance") {
    64
} else {
    40
};
/// A compiled pattern; the time that a match takes grows with it.
const PATTERN_BYTES: usize = 256 << 10;

/// A tool that is served.
#[derive(Debug)]
pub struct Tool {
    /// `^[a-z][a-z0-9_]{0,39}$`, unique in the registry.
    pub name: String,
    /// For people.
    pub title: String,
    /// For models: what, when, when not, an example.
    pub description: String,
    /// What callers may send.
    pub arguments: ArgumentSchema,
    /// What successes look like, as callers see it.
    pub output_schema: Option<Arc<Map<String, Value>>>,
    /// Checks successes.
    pub output: Option<jsonschema::Validator>,
    /// What it may do.
    pub hints: ToolHints,
    /// The set it belongs to.
    pub toolset: Option<String>,
    /// Listed where nobody chose sets.
    pub by_default: bool,
    /// Arguments that hold secrets.
    pub sealed: Vec<SealedArgument>,
}

/// What a tool may do; `read_only` is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolHints {
    /// It changes nothing.
    pub read_only: bool,
    /// It may remove or overwrite.
    pub destructive: bool,
    /// Repeating it changes nothing more.
    pub idempotent: bool,
    /// It reaches beyond the services of this host.
    pub open_world: bool,
}

impl From<Hints> for ToolHints {
    fn from(hints: Hints) -> Self {
        Self {
            read_only: hints.read_only,
            destructive: hints.destructive,
            idempotent: hints.idempotent,
            open_world: hints.open_world,
        }
    }
}

impl Tool {
    /// A read-only tool that is built into the server; `schema` is that of its arguments.
    ///
    /// # Errors
    /// The schema is not that of an object.
    pub fn native(
        name: &str,
        title: &str,
        description: &str,
        schema: Value,
    ) -> Result<Self, String> {
        let schema = object(&schema.to_string())?;
        Ok(Self {
            name: name.to_owned(),
            title: title.to_owned(),
            description: description.to_owned(),
            arguments: ArgumentSchema::new(schema, &[])?.described(description),
            output_schema: None,
            output: None,
            hints: ToolHints {
                read_only: true,
                destructive: false,
                idempotent: true,
                open_world: false,
            },
            toolset: None,
            by_default: true,
            sealed: Vec::new(),
        })
    }

    /// Whether callers may send an argument of this name.
    pub fn takes(&self, argument: &str) -> bool {
        let properties = self.arguments.schema().get("properties");
        properties.is_some_and(|properties| properties.get(argument).is_some())
    }

    /// Checks what a plugin declares.
    ///
    /// Without `secrets_in_arguments`, what callers see has no arguments that hold secrets.
    ///
    /// # Errors
    /// What is wrong with which tool, in words.
    pub fn check(
        declared: Declared,
        grantee: &Grantee,
        prefixes: &[String],
        secrets_in_arguments: bool,
    ) -> Result<Self, String> {
        let name = declared.name;
        check_name("tool", &name, prefixes)?;
        let of_tool = |what: String| format!("tool '{name}': {what}");
        if declared.title.trim().is_empty() || declared.description.trim().is_empty() {
            return Err(of_tool("it has no title or no description".into()));
        }
        if let Some(set) = &declared.toolset {
            check_toolset(set).map_err(&of_tool)?;
        }
        let mut schema = object(&declared.input_schema)
            .map_err(|error| of_tool(format!("its input schema {error}")))?;
        let sealed = take_sealed(&mut schema, grantee).map_err(&of_tool)?;
        let mut arguments = ArgumentSchema::new(schema, &sealed)
            .map_err(|error| of_tool(format!("its input schema {error}")))?
            .described(&declared.description);
        if !secrets_in_arguments {
            arguments.hide_secrets();
        }
        let (output_schema, output) =
            match declared.output_schema.as_deref().map(object).transpose() {
                Ok(None) => (None, None),
                Ok(Some(schema)) => {
                    let validator = compile(&schema)
                        .map_err(|error| of_tool(format!("its output schema {error}")))?;
                    (Some(Arc::new(schema)), Some(validator))
                }
                Err(error) => return Err(of_tool(format!("its output schema {error}"))),
            };
        Ok(Self {
            title: declared.title,
            description: declared.description,
            arguments,
            output_schema,
            output,
            hints: declared.hints.into(),
            toolset: declared.toolset,
            by_default: declared.by_default,
            sealed,
            name,
        })
    }
}

/// Whether clients take this for a name.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= NAME_LENGTH
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Checks the name of `what` (a tool, a prompt).
pub(super) fn check_name(what: &str, name: &str, prefixes: &[String]) -> Result<(), String> {
    if !is_name(name) {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
        return Err(format!(
            "{what} '{shown}': a name starts with a letter and has at most {NAME_LENGTH} of a-z, 0-9 and _ (clients refuse others)"
        ));
    }
    if prefixes
        .iter()
        .any(|prefix| name.starts_with(prefix.as_str()))
    {
        Ok(())
    } else {
        Err(format!(
            "{what} '{name}': this plugin's {what}s must start with one of: {}",
            prefixes.join(", ")
        ))
    }
}

/// Sets are named in URLs and lists.
fn check_toolset(set: &str) -> Result<(), String> {
    let legal = (1..=NAME_LENGTH).contains(&set.len())
        && set.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte)
        });
    if legal {
        return Ok(());
    }
    let shown: String = set.chars().filter(|c| !c.is_control()).take(60).collect();
    Err(format!(
        "its tool set '{shown}' must have 1 to {NAME_LENGTH} of a-z, 0-9, _ and -"
    ))
}

fn object(json: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(json) {
        Ok(Value::Object(schema)) if schema.get("type").is_some_and(|kind| kind == "object") => {
            Ok(schema)
        }
        Ok(_) => Err("is not the schema of an object".into()),
        Err(error) => Err(format!("is not JSON: {error}")),
    }
}

/// Compiles a schema that a plugin wrote: light enough to validate with, its patterns matched in linear time, and `$ref`
/// never reaching the network or the disk (the crate's resolvers are off).
pub(super) fn compile(schema: &Map<String, Value>) -> Result<jsonschema::Validator, String> {
    schema_weight::check(schema)?;
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES))
        .build(&Value::Object(schema.clone()))
        .map_err(|error| format!("is not a valid JSON Schema: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::capabilities::sealing::SealFor;

    fn grantee() -> Grantee {
        Grantee {
            name: "shop".into(),
            http: vec![],
            read: vec![],
            tools: vec![],
            locks: false,
            events: vec![],
            settings: "{}".into(),
            consent: None,
            stored_limit: 0,
        }
    }

    fn declared(name: &str, schema: &str) -> Declared {
        Declared {
            name: name.into(),
            title: "Title".into(),
            description: "Description".into(),
            input_schema: schema.into(),
            output_schema: None,
            hints: Hints {
                read_only: true,
                destructive: false,
                idempotent: true,
                open_world: false,
            },
            toolset: None,
            by_default: true,
            extra: None,
        }
    }

    fn check(name: &str, schema: &str) -> Result<Tool, String> {
        Tool::check(declared(name, schema), &grantee(), &["shop_".into()], true)
    }

    #[test]
    fn names_that_clients_refuse_are_refused_at_load() {
        let long = format!("shop_{}", "x".repeat(40));
        for name in [
            "shop.get",
            "Shop_get",
            "",
            "shop_gét",
            &long,
            "9shop_get",
            "other_get",
        ] {
            assert!(check(name, r#"{"type":"object"}"#).is_err(), "{name}");
        }
        check("shop_get", r#"{"type":"object"}"#).unwrap();
    }

    #[test]
    fn a_set_that_cannot_stand_in_a_url_is_refused() {
        for (set, fine) in [
            ("orders", true),
            ("", false),
            ("a,b", false),
            ("Orders", false),
        ] {
            let mut tool = declared("shop_get", r#"{"type":"object"}"#);
            tool.toolset = Some(set.into());
            let checked = Tool::check(tool, &grantee(), &["shop_".into()], true);
            assert_eq!(checked.is_ok(), fine, "{set}");
        }
    }

    #[test]
    fn schemas_that_are_none_are_refused() {
        for schema in [
            "",
            "[]",
            "true",
            r#"{"type":"array"}"#,
            r#"{"type":"object","properties":{"a":{"type":"strnig"}}}"#,
        ] {
            assert!(check("shop_get", schema).is_err(), "{schema}");
        }
    }

    #[test]
    fn a_schema_cannot_reach_the_network() {
        let remote =
            r#"{"type":"object","properties":{"a":{"$ref":"http://127.0.0.1:9/schema.json"}}}"#;
        assert!(check("shop_get", remote).is_err());
    }

    #[test]
    fn a_pattern_that_tries_every_way_is_refused() {
        let pattern = |pattern: &str| {
            json!({"type": "object", "properties": {"a": {"pattern": pattern}}}).to_string()
        };
        for expensive in [r"^(a+)+\1$", "(?=a)a", "((a{1,200}){1,200}){1,200}"] {
            assert!(
                check("shop_get", &pattern(expensive)).is_err(),
                "{expensive}"
            );
        }
        check("shop_get", &pattern(r"^\s*[A-Za-z0-9_-]{1,64}\s*$")).unwrap();
    }

    #[test]
    fn secrets_for_endpoints_that_are_not_granted_are_refused() {
        let schema = r#"{"type":"object","properties":{"key":{"type":"string","x-sealed":["endpoint:shop"]}}}"#;
        assert!(
            check("shop_get", schema)
                .unwrap_err()
                .contains("not granted")
        );
    }

    #[test]
    fn the_mark_of_a_secret_is_ours_and_the_model_sees_the_standards_word() {
        let schema =
            r#"{"type":"object","properties":{"key":{"type":"string","x-sealed":["session"]}}}"#;
        let tool = check("shop_get", schema).unwrap();
        assert_eq!(tool.sealed[0].audiences, [SealFor::Session]);
        assert!(!tool.sealed[0].needed);
        let shown = serde_json::to_string(tool.arguments.schema()).unwrap();
        assert!(
            !shown.contains("x-sealed") && shown.contains("writeOnly"),
            "{shown}"
        );
    }

    #[test]
    fn a_secret_that_is_required_may_be_left_out_by_callers() {
        let schema = r#"{"type":"object","required":["key","id"],"properties":{
            "key":{"type":"string","description":"The key.","x-sealed":["session"]},"id":{"type":"string"}}}"#;
        let tool = check("shop_get", schema).unwrap();
        assert!(tool.sealed[0].needed);
        assert_eq!(tool.sealed[0].description, "The key.");
        let shown = Value::Object((**tool.arguments.schema()).clone());
        assert_eq!(shown["required"], json!(["id"]));
        let told = shown["properties"]["key"]["description"].as_str().unwrap();
        assert!(told.starts_with("The key. Better left out"), "{told}");
        let sent = |arguments: Value| {
            let arguments = arguments.as_object().unwrap().clone();
            tool.arguments.check("shop_get", &arguments)
        };
        sent(json!({"id": "7"})).unwrap();
        sent(json!({"id": "7", "key": "k"})).unwrap();
    }

    #[test]
    fn where_secrets_are_no_arguments_callers_see_none() {
        let schema = r#"{"type":"object","required":["key"],"properties":{"key":{"type":"string","x-sealed":["session"]}}}"#;
        let declared = declared("shop_get", schema);
        let tool = Tool::check(declared, &grantee(), &["shop_".into()], false).unwrap();
        let shown = serde_json::to_string(tool.arguments.schema()).unwrap();
        assert!(!shown.contains("key"), "{shown}");
        // What a person enters is checked all the same.
        let entered = json!({"key": 7}).as_object().unwrap().clone();
        assert!(tool.arguments.check("shop_get", &entered).is_err());
    }
}
