//! The whole server, as an agent meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod arguments;
mod audit;
mod command_line;
mod connect;
mod first_path;
mod keys;
mod killed;
mod leaks;
mod listing;
mod names;
mod offers;
mod orders;
mod pages;
mod previews;
mod processes;
mod program;
mod protocol;
mod questions;
mod scopes;
mod selection;
mod server_key;
mod shutdown;
mod stdio;
mod stores;
mod sweep;
mod toggles;
mod upstream;
mod webhooks;
