//! Changing an order so that nothing is lost: Order Desk has no partial update, no version and no conflict answer, and a
//! PUT blanks what it leaves out (order-desk-api.md §2.5, §8.4).

pub(crate) mod draft;
pub(crate) mod engine;
pub(crate) mod guards;
pub(crate) mod items;
mod limits;
pub(crate) mod merge;
mod notes;
pub(crate) mod outcome;
mod overwrites;
pub(crate) mod place;
#[cfg(test)]
mod properties;
pub(crate) mod put;
pub(crate) mod reply;
pub(crate) mod resolve;
pub(crate) mod shape;
pub(crate) mod undo;
pub(crate) mod whole;
