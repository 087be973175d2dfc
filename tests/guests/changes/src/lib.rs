//! A plugin that changes documents as one of real orders would: with previews, with questions, and not always by the rules.

mod change;
mod erase;
mod hand_over;
mod relay;

use orderdesk_plugin::{Context, Plugin, Tool, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which document.
#[derive(Deserialize, JsonSchema)]
struct Named {
    /// Its key.
    key: String,
}

/// What a document holds.
#[derive(Serialize, JsonSchema)]
struct Held {
    /// Nothing, if there is no such document.
    value: Option<String>,
}

fn get(arguments: Named, context: &Context) -> Result<Held, ToolError> {
    Ok(Held {
        value: read(context, &arguments.key)?,
    })
}

fn read(context: &Context, key: &str) -> Result<Option<String>, ToolError> {
    let document = context.storage().get(None, key)?;
    Ok(document.map(|document| String::from_utf8_lossy(&document.value).into_owned()))
}

/// A digest of what is there: of all that a change of it rests on.
fn basis(context: &Context, value: Option<&str>) -> String {
    context.crypto().sha256_hex(format!("{value:?}").as_bytes())
}

/// Refuses a change that was confirmed for another state.
fn still_holds(context: &Context, value: Option<&str>) -> Result<(), ToolError> {
    match context.confirmation() {
        Some(confirmed) if confirmed.basis != basis(context, value) => Err(ToolError::conflict(
            "changed-meanwhile",
            "The document is not as it was previewed. Nothing was changed.",
        )),
        _ => Ok(()),
    }
}

fn plugin() -> Plugin {
    let tool = |tool: Tool, title: &'static str| tool.title(title).description("For tests.");
    Plugin::new("changes", env!("CARGO_PKG_VERSION"))
        .description("Changes documents, for tests.")
        .wish(
            r#"tools = ["changes_set", "changes_erase", "orders_list", "orders_gone", "stores_list"]"#,
            "to relay calls",
        )
        .tool(tool(Tool::new("changes_get", get), "Read a document").read_only())
        .tool(tool(Tool::new("changes_set", change::set), "Change a document").toolset("changes"))
        .tool(
            tool(Tool::new("changes_erase", erase::erase), "Erase a document")
                .destructive()
                .toolset("changes"),
        )
        .tool(
            tool(Tool::new("changes_find", get), "Find a document")
                .read_only()
                .toolset("rare")
                .only_in_toolset(),
        )
        .tool(
            tool(
                Tool::new("changes_purge", erase::purge),
                "Erase without a preview",
            )
            .destructive()
            .toolset("changes"),
        )
        .tool(
            tool(
                Tool::new("changes_hand_over", hand_over::hand_over),
                "Hand a document over",
            )
            .destructive()
            .toolset("changes"),
        )
        .tool(
            tool(
                Tool::new("changes_give_away", hand_over::give_away),
                "Hand over without a preview",
            )
            .destructive()
            .toolset("changes"),
        )
        .tool(tool(
            Tool::new("relay_call", relay::call),
            "Call another plugin",
        ))
}

orderdesk_plugin::export!(plugin);
