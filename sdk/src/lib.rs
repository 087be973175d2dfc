#![doc = include_str!("../README.md")]

mod arguments;
pub mod cache;
pub mod clock;
mod completion;
mod context;
pub mod crypto;
mod error;
mod export;
mod host;
pub mod http;
pub mod locks;
pub mod log;
mod outcome;
pub mod peers;
mod plugin;
mod prompt;
mod resource;
mod schema;
pub mod session;
pub mod storage;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod tool;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod wasm;
pub mod webhooks;

pub use arguments::{Id, NoArguments, Sealed};
pub use completion::{Completion, Typing};
pub use context::{Context, Mode};
pub use error::{ErrorKind, ToolError};
#[doc(hidden)]
pub use export::makes_a_plugin;
pub use host::Host;
pub use outcome::{
    Confirmation, Content, Embedded, IntoOutcome, Outcome, Output, Pause, Question, Resumption,
};
pub use plugin::{Manifest, Plugin, Wish};
pub use prompt::{
    Link, Message, MessageContent, Prompt, PromptArgument, PromptDescription, Prompted, Role,
    Script,
};
pub use resource::{Body, Contents, Part, Resource, ResourceDescription, ResourceTemplate};
pub use tool::{Hints, Tool, ToolDescription};

// The versions that this SDK's traits are those of.
pub use schemars;
pub use serde_json;

/// The version of the contract between host and plugins that this SDK is for.
///
/// ```
/// // Such as for a tool that tells what it is made of:
/// let made_of = serde_json::json!({ "contract": orderdesk_plugin::CONTRACT_VERSION });
/// assert_eq!(made_of["contract"], "0.1.0");
/// ```
pub const CONTRACT_VERSION: &str = "0.1.0";

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_that_of_the_contract() {
        let package = format!("package orderdesk:plugin@{};", super::CONTRACT_VERSION);
        assert!(include_str!("../../wit/plugin.wit").contains(&package));
    }
}
