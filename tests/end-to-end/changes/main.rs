//! Changing orders that others change too, through a service that fails: nothing is lost, nothing is done twice.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod bulk;
mod conflicts;
mod crowd;
mod faults;
mod interrupted;
mod moving;
mod overwrites;
mod pace;
mod place;
mod previews;
mod shops;
mod staff;
mod toggles;
