//! The whole server, as an agent meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod answers;
mod arguments;
mod audit;
mod command_line;
mod connect;
mod first_path;
mod generated;
mod health;
mod keys;
mod killed;
mod leaks;
mod limits;
mod listing;
mod metrics;
mod names;
mod oauth;
mod offers;
mod orders;
mod pages;
mod platform;
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
mod traces;
mod upstream;
mod webhooks;
