//! An MCP server that hosts sandboxed WebAssembly plugins. It knows nothing of Order Desk: that is what its plugins know.
//!
//! Calls run downward only: `main -> application -> mcp -> web -> plugins -> capabilities -> tenancy -> store`; `config`, `clock`,
//! `rate` and `observe` are the ground. See `ARCHITECTURE.md`.

pub mod application;
pub mod capabilities;
pub mod check;
pub mod clock;
pub mod config;
pub mod mcp;
pub mod observe;
pub mod plugins;
pub mod rate;
pub mod store;
pub mod tenancy;
mod web;
