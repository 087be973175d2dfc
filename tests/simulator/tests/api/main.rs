//! The simulator over real HTTP: the twenty-five behaviours of the reference (order-desk-api.md §11), every toggle
//! on both settings, faults, journal, webhooks, sample data and the program.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod client;
mod concurrency;
mod creating;
mod echo;
mod envelope;
mod faults;
mod inventory;
mod items_and_shipments;
mod journal;
mod listing;
mod moving_and_history;
mod program;
mod rate;
mod replacing;
mod sample_data;
mod toggles;
mod webhooks;
