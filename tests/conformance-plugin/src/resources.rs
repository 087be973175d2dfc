//! Resources.

use orderdesk_plugin::{Context, Plugin, Resource, ResourceTemplate, ToolError};
use serde::Deserialize;

use crate::PNG;

fn text(_: &Context) -> Result<&'static str, ToolError> {
    Ok("This is the content of the static text resource.")
}

fn binary(_: &Context) -> Result<Vec<u8>, ToolError> {
    Ok(PNG.to_vec())
}

fn watched(_: &Context) -> Result<&'static str, ToolError> {
    Ok("Nothing has changed.")
}

#[derive(Deserialize)]
struct Data {
    id: String,
}

fn data(data: Data, _: &Context) -> Result<String, ToolError> {
    let id = data.id;
    let data =
        serde_json::json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
    Ok(data.to_string())
}

pub(crate) fn add(plugin: Plugin) -> Plugin {
    plugin
        .resource(
            Resource::new("static-text", "test://static-text", text)
                .title("A text")
                .description("A text")
                .mime("text/plain"),
        )
        .resource(
            Resource::new("static-binary", "test://static-binary", binary)
                .title("An image")
                .description("An image")
                .mime("image/png"),
        )
        .resource(
            Resource::new("watched-resource", "test://watched-resource", watched)
                .title("Something to watch")
                .description("Something to watch")
                .mime("text/plain"),
        )
        .resource_template(
            ResourceTemplate::new("data", "test://template/{id}/data", data)
                .title("Data by id")
                .description("Data by id")
                .mime("application/json"),
        )
}
