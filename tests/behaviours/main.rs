//! What `docs/behaviours.md` promises of the protocol, as far as no other test shows it.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod documented;
mod endurance;
mod instances;
mod lasting;
mod results;
mod sessions;
mod streams;
