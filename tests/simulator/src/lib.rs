//! A faithful local stand-in for the Order Desk API v2.
//!
//! Tests start it in their own process, put orders and faults into it, move its clock, and ask afterwards what was
//! requested of it:
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use orderdesk_simulator::{Clock, Fault, Simulator, SimulatorConfig};
//!
//! let simulator = Simulator::start(SimulatorConfig::sample(1, Clock::System)).await?;
//! let fault = simulator.inject(Fault::status(503).on("GET", "/orders"));
//! // … let a client work with simulator.base_url() …
//! assert_eq!(simulator.count("GET", "/orders"), fault.hits());
//! simulator.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Comments cite the reference that the behaviour comes from, `order-desk-api.md`, by section; `§11.n` is the n-th
//! of its twenty-five required behaviours. What that reference leaves open is decided by [`Toggles`].

mod clock;
mod dates;
mod faults;
mod ids;
mod inventory;
mod journal;
mod locking;
mod loose;
mod order;
mod php_json;
mod pipeline;
mod query;
mod rate;
mod rejection;
mod reply;
mod routes;
pub mod sample;
mod search;
mod shipment;
mod simulator;
mod store;
mod strike;
pub mod toggles;
mod webhook;
mod world;

pub use clock::{Clock, ManualClock};
pub use faults::{Fault, FaultHandle};
pub use inventory::Inventory;
pub use journal::RecordedRequest;
pub use order::Order;
pub use rate::RateLimit;
pub use rejection::Rejection;
pub use simulator::{Simulator, SimulatorConfig, StartError};
pub use store::Store;
pub use toggles::Toggles;
pub use webhook::{Delivery, WebhookError, sign};
