//! The tools as they are listed.

use super::*;

#[test]
fn the_tools_have_the_names_and_arguments_that_outsiders_rely_on() {
    let listed: Vec<_> = stores::plugin()
        .tools()
        .into_iter()
        .map(|tool| {
            let properties = tool.input_schema["properties"].as_object();
            let arguments: Vec<_> = properties
                .into_iter()
                .flat_map(|properties| properties.keys().cloned())
                .collect();
            format!("{}({})", tool.name, arguments.join(", "))
        })
        .collect();
    assert_eq!(
        listed,
        [
            "tenant_use_master_key(master_key)",
            "stores_register(store_id, api_key, store_name, label, replace)",
            "stores_list()",
            "stores_use_store(identifier)",
            "stores_delete(store_id)",
            "stores_resolve(identifier)",
            "stores_folders(store_identifier)",
            "stores_settings(store_identifier)",
        ]
    );
}

#[test]
fn secrets_are_sealed_before_the_plugin_runs() {
    let tools = stores::plugin().tools();
    let schema = |name: &str| {
        &tools
            .iter()
            .find(|tool| tool.name == name)
            .unwrap()
            .input_schema
    };
    assert_eq!(
        schema("stores_register")["properties"]["api_key"]["x-sealed"],
        json!(["endpoint:orderdesk", "hmac:orders"])
    );
    assert_eq!(
        schema("tenant_use_master_key")["properties"]["master_key"]["x-sealed"],
        json!(["session"])
    );
}

#[test]
fn what_changes_something_does_not_claim_to_read_only() {
    let hints: Vec<_> = stores::plugin()
        .tools()
        .into_iter()
        .map(|tool| {
            let hints = tool.hints;
            (
                tool.name,
                hints.read_only,
                hints.destructive,
                hints.idempotent,
                hints.open_world,
            )
        })
        .collect();
    let expected = [
        ("tenant_use_master_key", true, false, true, false),
        ("stores_register", false, false, false, false),
        ("stores_list", true, false, true, false),
        ("stores_use_store", false, false, true, false),
        ("stores_delete", false, true, true, false),
        ("stores_resolve", true, false, true, false),
        ("stores_folders", true, false, true, false),
        ("stores_settings", true, false, true, false),
    ]
    .map(|(name, read, destroy, again, open)| (name.to_owned(), read, destroy, again, open));
    assert_eq!(hints, expected);
}

#[test]
fn every_tool_is_in_its_set_and_says_when_to_use_it_and_when_not_with_an_example_that_fits() {
    for tool in stores::plugin().tools() {
        let set = match tool.by_default {
            true => "stores",
            false => "settings",
        };
        assert_eq!(tool.toolset.as_deref(), Some(set), "{}", tool.name);
        assert!(tool.output_schema.is_some(), "{}", tool.name);
        let text = &tool.description;
        assert!(
            text.contains("Use it") && text.contains("Do not"),
            "{}",
            tool.name
        );
        let example = text
            .split_once("Example: ")
            .unwrap()
            .1
            .trim_end_matches('.');
        let example: Value = serde_json::from_str(example).unwrap();
        let example = example.as_object().unwrap();
        let schema = &tool.input_schema;
        for name in example.keys() {
            assert!(
                schema["properties"].get(name).is_some(),
                "{}: {name}",
                tool.name
            );
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap();
            // What is secret may be left out, and better is: the host has a person enter it.
            let is_sealed = schema["properties"][name].get("x-sealed").is_some();
            assert!(
                is_sealed || example.contains_key(name),
                "{}: {name}",
                tool.name
            );
        }
    }
}

#[test]
fn schemas_hold_no_references_and_describe_every_argument() {
    for tool in stores::plugin().tools() {
        let schema = tool.input_schema.to_string();
        assert!(
            !schema.contains("$ref") && !schema.contains("$defs"),
            "{}",
            tool.name
        );
        assert_eq!(tool.input_schema["additionalProperties"], false);
        for (name, property) in tool.input_schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
        {
            assert!(property["description"].is_string(), "{}: {name}", tool.name);
        }
    }
}
