//! Starts the whole server, with its real components, against the Order Desk simulator, and speaks MCP with it.
//!
//! The server runs in the test's own process on a port of its own, with the `orderdesk.toml` that ships; the components
//! are those that `cargo xtask build` made.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot be set up has failed"
)]

mod browser;
mod client;
mod counts;
mod files;
mod installation;
mod issuer;
mod patience;
mod proxy;
mod schema;
mod server;
mod snapshot;
mod stream;
mod subscription;

pub use browser::{Browser, Page};
pub use client::{Client, Reply, ToolReply};
pub use counts::rounds;
pub use files::{component, guest, program, root, target};
pub use installation::{Agent, Installation, Process};
pub use issuer::Issuer;
pub use patience::eventually;
pub use proxy::Proxy;
pub use rustix::process::Signal;
pub use schema::required;
pub use server::{SERVER_KEY, Server, ServerBuilder, share_compiled_code};
pub use snapshot::assert_snapshot;
pub use stream::Stream;
pub use subscription::Subscription;
