//! What the conformance suite of MCP (`@modelcontextprotocol/conformance`) wants of the server that it tests: tools, resources and
//! prompts of these very names. A plugin like any other, so that the suite goes the way that every call goes.

mod asking;
mod prompts;
mod resources;
mod tools;

use orderdesk_plugin::Plugin;

/// One red pixel.
const PNG: &[u8] = include_bytes!("pixel.png");
/// A hundredth of a second of silence.
const WAV: &[u8] = include_bytes!("silence.wav");

fn plugin() -> Plugin {
    let plugin = Plugin::new("conformance", env!("CARGO_PKG_VERSION"))
        .description("The fixtures of the conformance suite of MCP.");
    prompts::add(resources::add(asking::add(tools::add(plugin))))
}

orderdesk_plugin::export!(plugin);
