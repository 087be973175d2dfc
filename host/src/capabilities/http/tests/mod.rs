//! The capability against real servers on 127.0.0.1.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod addresses;
mod answers;
mod fixture;
mod flights;
mod grants;
mod guarding;
mod issuer;
mod limits;
mod outgoing;
mod repeating;
mod settings;
