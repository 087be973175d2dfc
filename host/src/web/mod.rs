//! What is served over HTTP beside MCP: the door for requests that come through hooks, pages for people, health and metrics.

mod address;
pub(crate) mod body;
pub(crate) mod client_address;
mod door;
mod flood;
mod health;
mod loopback;
mod metrics;
pub(crate) mod operator;
mod page;

pub(crate) use address::{HttpPages, own_url};
pub(crate) use door::router;
pub(crate) use health::router as health;
pub(crate) use loopback::LoopbackPages;
pub(crate) use metrics::{only as only_metrics, router as metrics};
pub(crate) use page::{Audience, router as pages};
