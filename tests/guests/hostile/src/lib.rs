//! A plugin that tries everything it must not. The host's tests call it and see that nothing comes of it.

#![allow(
    clippy::print_stdout,
    reason = "printing is one of the things it tries"
)]

mod breaks;
mod declares;
mod reaches;

use declares::Settings;
use orderdesk_plugin::{Plugin, Tool};

fn plugin() -> Plugin {
    let settings = Settings::read();
    settings.reached("describe");
    let name = settings.name.clone().unwrap_or("hostile".into());
    let plugin = Plugin::new(name, env!("CARGO_PKG_VERSION"))
        .description("Tries what it must not.")
        .settings::<Settings>()
        .tool(described(Tool::new("hostile_break", breaks::break_out)).read_only())
        .tool(described(Tool::new("hostile_pause", breaks::pause)).read_only())
        .tool(described(Tool::new("hostile_lie", breaks::lie)).read_only())
        .tool(described(Tool::new("hostile_keep", reaches::keep)))
        .tool(described(Tool::new("hostile_request", reaches::request)))
        .tool(described(Tool::new("hostile_read", reaches::request)).read_only())
        .tool(described(Tool::new("hostile_write", reaches::write)).read_only())
        .tool(described(Tool::new("hostile_spoil", reaches::write)))
        .tool(described(Tool::new("hostile_document", reaches::document)).read_only())
        .tool(described(Tool::new("hostile_peer", reaches::peer)).read_only())
        .tool(described(Tool::new("hostile_wait", reaches::wait)))
        .tool(described(Tool::new("hostile_wasi", reaches::wasi)).read_only());
    settings.offers(settings.tools().into_iter().fold(plugin, Plugin::tool))
}

fn described(tool: Tool) -> Tool {
    tool.title("Hostile").description("Tries what it must not.")
}

orderdesk_plugin::export!(plugin);
