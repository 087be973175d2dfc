//! MCP over HTTP and stdio: lists the registry's tools and passes calls on. Knows no WebAssembly.

mod answer;
mod asking;
mod authentication;
mod calls;
mod choice;
#[cfg(feature = "conformance")]
mod conformance;
mod connection;
mod content;
mod correlation;
mod http;
mod json_guard;
mod lasting;
mod lines;
mod listening;
mod local;
mod oauth;
mod offers;
mod once;
mod origin;
mod progress;
mod rate;
mod server;
mod sessions;
mod stdio;
mod url_elicitation;

pub use choice::{Choice, named};
pub use http::{HttpError, serve, serve_on};
pub use local::FirstCalls;
pub use oauth::look as look_for_issuer_keys;
pub use once::{AskPerson, OnceAnswer, call_once};
pub use server::McpServer;
pub use stdio::{StdioCaller, serve_stdio};
