//! What the Order Desk plugins share: which store a call is about ([`Store`], [`Registry`]), and how to speak to Order
//! Desk on its behalf ([`Client`]).
//!
//! # Answers
//!
//! Success is a 2xx status **and** `status: "success"` in the envelope. Everything else becomes one of these:
//!
//! | Answer | Kind | Code |
//! |---|---|---|
//! | 401, 403 | unauthorized | `orderdesk-credentials-refused` |
//! | 404, or an error that says so | not-found | `orderdesk-not-found` |
//! | 409, or an error about something that exists already | conflict | `orderdesk-conflict` |
//! | 429 | rate-limited | `orderdesk-rate-limited` |
//! | other 4xx, or an error about what was sent | invalid-input | `orderdesk-refused` |
//! | 5xx, or any other error | upstream | `orderdesk-error` |
//! | a body that is not an envelope | upstream | `orderdesk-not-json` |
//!
//! The error's `extra` holds `upstream_status` and `upstream_message`. After a write, 5xx and unreadable answers have
//! `outcome_unknown` set.
//!
//! # Changes
//!
//! A writing tool previews, merges, records and verifies with these, whatever it changes:
//!
//! 1. [`WriteArguments`] flattened into its arguments; [`WriteArguments::preview`] tells a preview.
//! 2. [`difference::edits`] between the record as it was read and as it shall be; none means that nothing is to do.
//! 3. A preview answers [`difference::shown`] and rests on [`basis::digest`] of the edits; the write compares it with
//!    [`agreed_basis`] and answers [`changed_since`] where it differs. What needs a consent pauses with [`ask`].
//! 4. [`journal::Journal::intend`] before the request, [`journal::Journal::settle`] after it.
//! 5. [`likeness::compare`] tells what Order Desk tidied ([`Normalised`]) from what somebody changed.
//! 6. [`record::take_back`] for an undo.
//! 7. [`aftermath`] for a write of unknown outcome, and for what was stored otherwise than it was sent.
//! 8. [`repeat`] for what must not be done twice.
//!
//! An answer that shows something of an order has [`Notice`] as its field `notice`.
//!
//! # Example
//!
//! ```
//! use orderdesk_client::{ApiRequest, Caching, Store, StoreReference, take};
//! use orderdesk_plugin::{Context, Id, ToolError, serde_json::Value};
//! use std::time::Duration;
//!
//! #[derive(serde::Serialize, schemars::JsonSchema)]
//! struct Found {
//!     store: StoreReference,
//!     order: Value,
//!     cached: bool,
//! }
//!
//! fn order(context: &Context, store_identifier: Option<&Id>, id: &Id) -> Result<Found, ToolError> {
//!     let store = Store::for_read(context, store_identifier)?;
//!     let request = ApiRequest::get(["orders", id.as_str()]);
//!     let caching = Caching::new(Duration::from_secs(15)).tag("orders");
//!     let (mut answer, cached) = store.client(context).get_cached(request, &caching)?;
//!     Ok(Found {
//!         store: store.reference(),
//!         order: take(&mut answer, "order")?,
//!         cached,
//!     })
//! }
//! # let _ = order;
//! ```

pub mod aftermath;
mod answer;
pub mod basis;
pub mod brief;
mod changes;
mod choice;
mod client;
mod completion;
pub mod difference;
mod fields;
mod filter;
pub mod journal;
pub mod likeness;
mod merge_patch;
pub mod normalise;
mod notice;
mod page;
pub mod record;
mod registry;
pub mod repeat;
mod request;
mod store;
mod table;
pub mod tokens;
mod writing;

pub use answer::{take, take_object, take_rows};
pub use changes::{ChangesPage, FittedChanges};
pub use choice::Access;
pub use client::{Caching, Client};
pub use completion::given_store;
pub use fields::{Fields, Inside, Known, ResponseFormat};
pub use filter::{Several, TextOrNumber, filter_text, own_id};
pub use merge_patch::merge_patch;
pub use notice::Notice;
pub use page::{DEFAULT_LIMIT, LARGEST_LIMIT, Page, Sent, Shown};
pub use registry::{Registry, ResolvedBy, StoreRecord, active_key, fold, name_key, store_key};
pub use request::ApiRequest;
pub use store::{Store, StoreReference};
pub use table::as_table;
pub use writing::{
    Normalised, Stopwatch, WriteArguments, WriteSettings, agreed_basis, ask, changed_since,
    in_turn, keep_lock, wait_for_turn,
};

/// The endpoint's name in the config.
pub const ENDPOINT: &str = "orderdesk";
