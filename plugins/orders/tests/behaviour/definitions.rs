//! The tools as agents see them.

use super::*;

#[test]
fn the_tools_that_only_read_say_so() {
    let tools = orders::plugin().tools();
    let reading = tools.iter().filter(|tool| tool.hints.read_only);
    let tools: Vec<_> = reading
        .filter(|tool| tool.toolset.as_deref() == Some("orders"))
        .collect();
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["orders_list", "orders_get"]);
    for tool in tools {
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
        assert_eq!(tool.toolset.as_deref(), Some("orders"));
        for part in ["Use it", "Do not use it", "Example: {"] {
            assert!(tool.description.contains(part), "{}: {part}", tool.name);
        }
    }
}

#[test]
fn a_definition_costs_a_model_little() {
    for tool in orders::plugin().tools() {
        let definition = json!({
            "name": tool.name, "description": tool.description,
            "inputSchema": tool.input_schema, "outputSchema": tool.output_schema,
        });
        let bytes = definition.to_string().len();
        // About four bytes make a token. A search with thirty documented parameters takes some more, and so may what is
        // only listed on demand.
        let most = match tool.name.as_str() {
            "orders_list" => 1_150,
            _ if !tool.by_default => 1_250,
            _ => 1_000,
        };
        assert!(bytes < most * 4, "{}: {bytes} bytes", tool.name);
    }
}

#[test]
fn an_order_is_open_for_fields_that_nobody_knows_yet() {
    for tool in orders::plugin().tools() {
        let schema = tool.output_schema.unwrap();
        let properties = &schema["properties"];
        let order = match &properties["orders"]["items"] {
            Value::Null => &properties["order"],
            items => items,
        };
        if order.is_null() {
            continue;
        }
        assert_eq!(order["type"], "object", "{}", tool.name);
        assert_ne!(order["additionalProperties"], false, "{}", tool.name);
    }
}

#[test]
fn every_argument_is_typed_and_described() {
    for tool in orders::plugin().tools() {
        for (name, argument) in tool.input_schema["properties"].as_object().unwrap() {
            assert!(argument["description"].is_string(), "{}.{name}", tool.name);
            // What `status` would hold makes no difference: it is refused in words.
            assert!(
                name == "status" || !argument["type"].is_null(),
                "{}.{name}",
                tool.name
            );
        }
    }
}
