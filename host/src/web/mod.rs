//! What is served over HTTP beside MCP: health, metrics, and the door for requests that come through hooks.

pub(crate) mod body;
pub(crate) mod client_address;
mod door;
mod flood;
mod health;
mod metrics;
pub(crate) mod operator;

pub(crate) use door::router;
pub(crate) use health::router as health;
pub(crate) use metrics::{only as only_metrics, router as metrics};
