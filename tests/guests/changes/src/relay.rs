//! Calling another plugin's tool.

use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Relay {
    tool: String,
    arguments: Map<String, Value>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Relayed {
    result: Map<String, Value>,
}

pub(crate) fn call(arguments: Relay, context: &Context) -> Result<Relayed, ToolError> {
    Ok(Relayed {
        result: context
            .peers()
            .call(&arguments.tool, &arguments.arguments)?,
    })
}
