//! HTTP to endpoints that the operator named: the only way out of the sandbox.
//!
//! A plugin gives an endpoint's name, a method, path segments and a few headers. Everything else is decided here, in
//! this order: is it granted (`grant`), is the request well-formed (`path`, `headers`), which secrets go into it,
//! are there tokens (`bucket`), is somebody asking the same already (`flight`), what is taken out of the answer
//! before anybody sees it (`guard`).
//!
//! Architecture invariant: `reqwest` is used in this module and nowhere else. Nothing here knows MCP, WebAssembly or
//! any particular service.

mod address;
mod bucket;
mod call;
mod client;
mod collector;
mod conceal;
mod download;
mod encodings;
mod endpoint;
mod error;
mod exchange;
mod flight;
mod grant;
mod guard;
mod headers;
mod issuer;
mod json_text;
mod needle;
mod path;
mod request;
mod retry;

#[cfg(test)]
mod tests;

pub use crate::config::Rate;
pub use call::{
    CallScope, LockLease, OpenedSecret, ResponseBudget, SecretOpener, Take, TokenBuckets,
};
pub use client::HttpCapability;
pub use collector::CollectorClient;
pub use download::DownloadError;
pub use endpoint::{EndpointSettings, SettingsError};
pub use error::{ErrorKind, HttpError};
pub use grant::{AllowPattern, HttpGrant, PatternError};
pub use request::{HeaderValue, Method, Request, Response};
