//! A plugin for orderdesk-mcp: replace the greeting by what your shop needs.

use orderdesk_plugin::{Context, Plugin, Tool, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The tool's input schema is made from this, and what the model gives is parsed into it.
#[derive(Deserialize, JsonSchema)]
struct Arguments {
    /// Whom to greet.
    person: String,
}

/// The output schema is made from this.
#[derive(Serialize, JsonSchema)]
struct Greeting {
    /// What to say.
    greeting: String,
}

fn hello(arguments: Arguments, context: &Context) -> Result<Greeting, ToolError> {
    let person = arguments.person.trim();
    if person.is_empty() {
        // The model reads this: what is wrong, with what, what to do next.
        return Err(ToolError::invalid_input(
            "nobody",
            "`person` is blank. Say whom to greet.",
        ));
    }
    context.log().info("greeting somebody", &[]);
    Ok(Greeting {
        greeting: format!("Hello, {person}!"),
    })
}

pub fn plugin() -> Plugin {
    Plugin::new("{{name}}", env!("CARGO_PKG_VERSION"))
        .description("Greets people.")
        .tool(
            Tool::new("{{word}}_hello", hello)
                .title("Greet somebody")
                .description("Greets a person by name. Example: {\"person\": \"Ada\"}.")
                .read_only()
                .idempotent(),
        )
}

orderdesk_plugin::export!(plugin);
