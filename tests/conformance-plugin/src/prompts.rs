//! Prompts.

use orderdesk_plugin::{
    Completion, Context, Embedded, Message, NoArguments, Pause, Plugin, Prompt, Prompted, Question,
    Script, ToolError, Typing,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::PNG;

fn simple(_: NoArguments, _: &Context) -> Result<&'static str, ToolError> {
    Ok("This is a simple prompt for testing.")
}

#[derive(Deserialize, JsonSchema)]
struct Two {
    /// First test argument.
    arg1: String,
    /// Second test argument.
    arg2: String,
}

fn with_arguments(two: Two, _: &Context) -> Result<String, ToolError> {
    Ok(format!(
        "Prompt with arguments: arg1='{}', arg2='{}'",
        two.arg1, two.arg2
    ))
}

fn first_argument(typing: &Typing, _: &Context) -> Result<Completion, ToolError> {
    Ok(typing.among(["paris", "park", "party", "testing"]))
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Which {
    /// URI of the resource to embed.
    resource_uri: String,
}

fn with_resource(which: Which, _: &Context) -> Result<Script, ToolError> {
    let resource = Embedded::text(which.resource_uri, "Embedded resource content for testing.");
    Ok(Script::from(Message::embedded(resource.mime("text/plain")))
        .and(Message::user("Please process the embedded resource above.")))
}

fn with_image(_: NoArguments, _: &Context) -> Result<Script, ToolError> {
    Ok(Script::from(Message::blob("image/png", PNG))
        .and(Message::user("Please analyze the image above.")))
}

fn asking(_: NoArguments, context: &Context) -> Result<Prompted, ToolError> {
    if let Some(resumption) = context.resumption() {
        let form = resumption.accepted("user_context");
        let told = form.and_then(|form| form["context"].as_str());
        return Ok(format!("The context is: {}", told.unwrap_or("none")).into());
    }
    let schema = json!({
        "type": "object",
        "properties": { "context": { "type": "string" } },
        "required": ["context"]
    });
    let message = "What context should the prompt use?";
    Ok(Pause {
        questions: vec![Question::form("user_context", message, schema)],
        ..Pause::default()
    }
    .into())
}

pub(crate) fn add(plugin: Plugin) -> Plugin {
    let prompt = |prompt: Prompt, what: &'static str| prompt.title(what).description(what);
    plugin
        .prompt(prompt(Prompt::new("test_simple_prompt", simple), "A text"))
        .prompt(
            prompt(
                Prompt::new("test_prompt_with_arguments", with_arguments),
                "A text with two arguments",
            )
            .complete("arg1", first_argument),
        )
        .prompt(prompt(
            Prompt::new("test_prompt_with_embedded_resource", with_resource),
            "A resource, handed over",
        ))
        .prompt(prompt(
            Prompt::new("test_prompt_with_image", with_image),
            "An image",
        ))
        .prompt(prompt(
            Prompt::new("test_input_required_result_prompt", asking),
            "A text that asks first",
        ))
}
