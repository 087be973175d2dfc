//! What is served over HTTP beside MCP: the door for requests that come through hooks, and pages for people.

mod address;
pub(crate) mod body;
mod door;
mod flood;
mod loopback;
mod page;

pub(crate) use address::HttpPages;
pub(crate) use door::router;
pub(crate) use loopback::LoopbackPages;
pub(crate) use page::{Audience, router as pages};
