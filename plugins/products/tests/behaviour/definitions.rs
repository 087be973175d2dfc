//! The tools as agents see them.

use super::*;

#[test]
fn both_tools_only_read_and_say_so() {
    let tools = products::plugin().tools();
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["products_list", "products_get"]);
    for tool in &tools {
        let hints = tool.hints;
        assert_eq!(
            (
                hints.read_only,
                hints.destructive,
                hints.idempotent,
                hints.open_world
            ),
            (true, false, true, false)
        );
        assert_eq!(tool.toolset.as_deref(), Some("products"));
        for part in ["Use it", "Do not use it", "Example: {"] {
            assert!(tool.description.contains(part), "{}: {part}", tool.name);
        }
    }
}

#[test]
fn a_definition_costs_a_model_little() {
    for tool in products::plugin().tools() {
        let definition = json!({
            "name": tool.name, "description": tool.description,
            "inputSchema": tool.input_schema, "outputSchema": tool.output_schema,
        });
        let bytes = definition.to_string().len();
        // About four bytes make a token.
        assert!(bytes < 1_000 * 4, "{}: {bytes} bytes", tool.name);
    }
}

#[test]
fn a_product_is_open_for_fields_that_nobody_knows_yet() {
    for tool in products::plugin().tools() {
        let schema = tool.output_schema.unwrap();
        let properties = &schema["properties"];
        let product = match &properties["products"]["items"] {
            Value::Null => &properties["product"],
            items => items,
        };
        assert_eq!(product["type"], "object", "{}", tool.name);
        assert_ne!(product["additionalProperties"], false, "{}", tool.name);
    }
}

#[test]
fn every_argument_is_typed_and_described() {
    for tool in products::plugin().tools() {
        for (name, argument) in tool.input_schema["properties"].as_object().unwrap() {
            assert!(
                argument["description"].is_string() && !argument["type"].is_null(),
                "{}.{name}",
                tool.name
            );
        }
    }
}
