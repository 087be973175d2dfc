//! The tools as agents see them.

use super::*;

#[test]
fn the_tools_that_only_read_say_so() {
    let mut tools = products::plugin().tools();
    tools.retain(|tool| tool.hints.read_only);
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["products_list", "products_get", "products_changes"]);
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
        // About four bytes make a token; what is only listed on demand may take some more.
        let most = if tool.by_default { 1_000 } else { 1_250 };
        assert!(bytes < most * 4, "{}: {bytes} bytes", tool.name);
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
        if product.is_null() || product["type"] == json!(["object", "null"]) {
            continue;
        }
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

#[test]
fn what_writes_is_listed_on_demand_and_says_what_it_does() {
    let mut tools = products::plugin().tools();
    tools.retain(|tool| !tool.hints.read_only);
    let described: Vec<_> = tools
        .iter()
        .map(|tool| {
            assert!(!tool.by_default && !tool.hints.open_world, "{}", tool.name);
            for part in ["Use it", "Do not use it", "Example: {"] {
                assert!(tool.description.contains(part), "{}: {part}", tool.name);
            }
            for argument in ["store_identifier", "dry_run", "confirm_token"] {
                assert!(
                    tool.input_schema["properties"][argument].is_object(),
                    "{}",
                    tool.name
                );
            }
            let hints = tool.hints;
            (
                tool.name.as_str(),
                tool.toolset.as_deref().unwrap(),
                hints.destructive,
                hints.idempotent,
            )
        })
        .collect();
    assert_eq!(
        described,
        [
            ("products_create", "products", false, true),
            ("products_update", "products", true, true),
            ("products_delete", "products", true, true),
            ("products_adjust_stock", "stock", false, false),
            ("products_undo", "products", true, true),
        ]
    );
}

#[test]
fn nested_arguments_take_documented_fields_only() {
    for tool in products::plugin().tools() {
        let properties = &tool.input_schema["properties"];
        let inner = match tool.name.as_str() {
            "products_create" => &properties["product_data"],
            "products_update" => &properties["changes"],
            "products_adjust_stock" => &properties["adjustments"]["items"],
            _ => continue,
        };
        assert_eq!(inner["additionalProperties"], false, "{}", tool.name);
        for (name, argument) in inner["properties"].as_object().unwrap() {
            assert!(argument["description"].is_string(), "{}.{name}", tool.name);
        }
    }
}
