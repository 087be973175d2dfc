//! What is served over HTTP beside MCP: at present the door for requests that come through hooks.

pub(crate) mod body;
mod door;
mod flood;

pub(crate) use door::router;
