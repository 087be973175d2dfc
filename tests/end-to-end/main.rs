//! The whole server, as an agent meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod arguments;
mod command_line;
mod first_path;
mod leaks;
mod listing;
mod names;
mod offers;
mod orders;
mod platform;
mod previews;
mod processes;
mod program;
mod protocol;
mod questions;
mod selection;
mod shutdown;
mod stdio;
mod stores;
mod toggles;
mod upstream;
mod webhooks;
