//! Tools that answer at once, and those that tell how far they are.

use std::borrow::Cow;
use std::time::Duration;

use orderdesk_plugin::{Content, Context, Embedded, NoArguments, Output, Plugin, Tool, ToolError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::{PNG, WAV};

type Answer = Result<Output<()>, ToolError>;

/// As long as the suite wants a tool to take between two reports.
const STEP: Duration = Duration::from_millis(50);

fn text(text: impl Into<String>) -> Output<()> {
    Output::of_content(Content::Text(text.into()))
}

fn image() -> Content {
    Content::Blob {
        mime: "image/png".into(),
        data: PNG.to_vec(),
    }
}

fn simple_text(_: NoArguments, _: &Context) -> Answer {
    Ok(text("This is a simple text response for testing."))
}

fn image_content(_: NoArguments, _: &Context) -> Answer {
    Ok(Output::of_content(image()))
}

fn audio_content(_: NoArguments, _: &Context) -> Answer {
    Ok(Output::of_content(Content::Blob {
        mime: "audio/wav".into(),
        data: WAV.to_vec(),
    }))
}

fn embedded_resource(_: NoArguments, _: &Context) -> Answer {
    let resource = Embedded::text(
        "test://embedded-resource",
        "This is an embedded resource content.",
    );
    Ok(Output::of_content(Content::Embedded(
        resource.mime("text/plain"),
    )))
}

fn multiple_content_types(_: NoArguments, _: &Context) -> Answer {
    let resource = Embedded::text(
        "test://mixed-content-resource",
        r#"{"test":"data","value":123}"#,
    );
    Ok(text("Multiple content types test:")
        .with_content(image())
        .with_content(Content::Embedded(resource.mime("application/json"))))
}

fn with_logging(_: NoArguments, context: &Context) -> Answer {
    context.log().info("Tool execution started", &[]);
    context.clock().sleep(STEP);
    context.log().info("Tool processing data", &[]);
    context.clock().sleep(STEP);
    context.log().info("Tool execution completed", &[]);
    Ok(text("Logged three lines."))
}

fn with_progress(_: NoArguments, context: &Context) -> Answer {
    for done in [0.0, 50.0, 100.0] {
        context.session().progress(done, Some(100.0), "Working");
        context.clock().sleep(STEP);
    }
    Ok(text("Done in three steps."))
}

fn error_handling(_: NoArguments, _: &Context) -> Answer {
    Err(ToolError::new(
        orderdesk_plugin::ErrorKind::Other,
        "intended",
        "This tool intentionally returns an error for testing",
    ))
}

/// The change itself is the host's: a build for the suite tells of changed lists after this call.
fn trigger(_: NoArguments, _: &Context) -> Answer {
    Ok(text("The list has changed."))
}

#[derive(Deserialize)]
struct Person {
    name: Option<String>,
}

/// A schema with everything that JSON Schema 2020-12 added.
impl JsonSchema for Person {
    fn schema_name() -> Cow<'static, str> {
        "Person".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "$defs": {
                "address": {
                    "$anchor": "addressDef",
                    "type": "object",
                    "properties": { "street": { "type": "string" }, "city": { "type": "string" } }
                }
            },
            "properties": {
                "name": { "type": "string" },
                "address": { "$ref": "#/$defs/address" },
                "contactMethod": { "type": "string", "enum": ["phone", "email"] },
                "phone": { "type": "string" },
                "email": { "type": "string" }
            },
            "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
            "if": {
                "properties": { "contactMethod": { "const": "phone" } },
                "required": ["contactMethod"]
            },
            "then": { "required": ["phone"] },
            "else": { "required": ["email"] },
            "additionalProperties": false
        })
    }
}

fn person(person: Person, _: &Context) -> Answer {
    Ok(text(format!("Hello, {}.", person.name.unwrap_or_default())))
}

#[derive(Deserialize)]
struct Region {
    region: Option<String>,
}

impl JsonSchema for Region {
    fn schema_name() -> Cow<'static, str> {
        "Region".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "region": {
                    "type": "string",
                    "description": "Stands in the header Mcp-Param-Region, too.",
                    "x-mcp-header": "Region"
                }
            },
            "additionalProperties": false
        })
    }
}

fn custom_header(region: Region, _: &Context) -> Answer {
    Ok(text(region.region.unwrap_or_default()))
}

pub(crate) fn add(plugin: Plugin) -> Plugin {
    let tool = |tool: Tool, what: &'static str| tool.title(what).description(what).read_only();
    plugin
        .tool(tool(
            Tool::new("test_simple_text", simple_text),
            "Answers a text",
        ))
        .tool(tool(
            Tool::new("test_image_content", image_content),
            "Answers an image",
        ))
        .tool(tool(
            Tool::new("test_audio_content", audio_content),
            "Answers a sound",
        ))
        .tool(tool(
            Tool::new("test_embedded_resource", embedded_resource),
            "Answers a resource",
        ))
        .tool(tool(
            Tool::new("test_multiple_content_types", multiple_content_types),
            "Answers a text, an image and a resource",
        ))
        .tool(tool(
            Tool::new("test_tool_with_logging", with_logging),
            "Writes three lines into the log",
        ))
        .tool(tool(
            Tool::new("test_logging_tool", with_logging),
            "Writes three lines into the log, which only those hear of who want to",
        ))
        .tool(tool(
            Tool::new("test_tool_with_progress", with_progress),
            "Tells how far it is",
        ))
        .tool(tool(
            Tool::new("test_error_handling", error_handling),
            "Fails",
        ))
        .tool(tool(
            Tool::new("test_trigger_tool_change", trigger),
            "Changes the list of tools",
        ))
        .tool(tool(
            Tool::new("test_trigger_prompt_change", trigger),
            "Changes the list of prompts",
        ))
        .tool(tool(
            Tool::new("json_schema_2020_12_tool", person),
            "Takes what JSON Schema 2020-12 can say",
        ))
        .tool(tool(
            Tool::new("test_custom_header", custom_header),
            "Has an argument that stands in a header, too",
        ))
}
