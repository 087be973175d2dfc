//! Making and building plugins, in Rust, JavaScript and Python, by somebody who has nothing but this program and the
//! language itself.
//!
//! - [`new::create`] writes a folder with a tool, a test and all that they rest on: [`vendor`] carries the contract and the
//!   SDKs of this very version, so that neither a repository nor a registry of ours is needed.
//! - [`build::build`] turns such a folder into a component. What that takes beside the language (a WebAssembly target,
//!   `componentize-qjs`, `componentize-py`) is fetched once by the languages' own package managers, in pinned versions with
//!   pinned digests, into the user's cache ([`tools`]).
//! - [`contract`] reads and writes the version of the contract that a component was built for.
//!
//! Knows neither the host nor wasmtime: `xtask` uses it too. Progress goes to standard error.

pub mod build;
pub mod contract;
pub mod debian;
mod embedded;
pub mod language;
pub mod new;
pub mod process;
pub mod tools;
pub mod vendor;
pub mod wasm_target;
