//! A plugin that tries everything it must not. The host's tests call it and see that nothing comes of it.

#![allow(
    clippy::print_stdout,
    reason = "printing is one of the things it tries"
)]

mod breaks;
mod declares;
mod keeps;
mod reaches;
mod says;

use declares::Settings;
use orderdesk_plugin::{Plugin, Tool};

fn plugin() -> Plugin {
    let settings = Settings::read();
    settings.reached("describe");
    let name = settings.name.clone().unwrap_or("hostile".into());
    let plugin = Plugin::new(name, env!("CARGO_PKG_VERSION"))
        .description("Tries what it must not.")
        .settings::<Settings>()
        .wish(
            r#"http = [{ endpoint = "orderdesk", allow = ["GET /**", "POST /**", "PUT /**", "PATCH /**", "DELETE /**"] }]"#,
            "to reach what it must not",
        )
        .wish(r#"http = [{ endpoint = "own", allow = ["GET /**"] }]"#, "to see what arrives")
        .wish(r#"read = ["stores", "echo"]"#, "to read what others keep")
        .wish(
            r#"tools = ["stores_list", "stores_use_store", "echo_say", "hostile_peer"]"#,
            "to use what others may",
        )
        .wish(r#"events = ["hostile"]"#, "to hear itself")
        .wish("locks = true", "to hold others up")
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
        .tool(described(Tool::new("hostile_remember", keeps::remember)).read_only())
        .tool(described(Tool::new("hostile_cache", keeps::cache)).read_only())
        .tool(described(Tool::new("hostile_session", keeps::session)).read_only())
        .tool(described(Tool::new("hostile_fill", keeps::fill)))
        .tool(described(Tool::new("hostile_empty", keeps::empty)))
        .webhook(keeps::judge)
        .on_event("told", keeps::hear)
        .tool(described(Tool::new("hostile_wait", reaches::wait)))
        .tool(described(Tool::new("hostile_say", says::say)))
        .tool(described(Tool::new("hostile_wasi", reaches::wasi)).read_only());
    settings.offers(settings.tools().into_iter().fold(plugin, Plugin::tool))
}

fn described(tool: Tool) -> Tool {
    tool.title("Hostile").description("Tries what it must not.")
}

orderdesk_plugin::export!(plugin);
