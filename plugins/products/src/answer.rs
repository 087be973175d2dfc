//! What the tools that change one product answer.

use orderdesk_client::difference::{self, Difference, Edit};
use orderdesk_client::record::Conflict;
use orderdesk_client::{Normalised, Store, StoreReference};
use orderdesk_plugin::serde_json::{Map, Value};
use orderdesk_plugin::{Context, Output};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::deed::Done;
use crate::stock::Row;
use crate::version;

/// A change of a product, or a preview of one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Changed {
    /// The store that it is in.
    store: StoreReference,
    /// As Order Desk has it now; null if removed or not read.
    product: Option<Map<String, Value>>,
    /// Changes with any change of the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Names the change; null if nothing was changed.
    change_id: Option<String>,
    /// Whether anything was changed now.
    pub(crate) changed: bool,
    /// What differs.
    pub(crate) diff: Vec<Difference>,
    /// What Order Desk tidied or computed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    normalised: Vec<Normalised>,
    /// What else to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
    /// Not taken back, since somebody changed it later: path, theirs, ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub(crate) conflicts: Vec<Conflict>,
    /// Of a whole call: product by product.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub(crate) results: Vec<Row>,
    /// True: it was there before, and nothing was sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    already_there: bool,
    /// True: a preview; nothing was changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) dry_run: bool,
    /// Makes exactly this difference, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirm_token: Option<String>,
    /// When the token ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl Changed {
    /// Nothing yet.
    pub(crate) fn nothing(store: &Store) -> Self {
        Self {
            store: store.reference(),
            product: None,
            version: None,
            change_id: None,
            changed: false,
            diff: Vec::new(),
            normalised: Vec::new(),
            warnings: Vec::new(),
            conflicts: Vec::new(),
            results: Vec::new(),
            already_there: false,
            dry_run: false,
            confirm_token: None,
            expires_at: None,
        }
    }

    /// It was done, or nothing was to do.
    pub(crate) fn done(context: &Context, store: &Store, edits: &[Edit], done: Done) -> Self {
        Self {
            version: done.product.as_ref().map(|it| version::of(context, it)),
            product: done.product,
            changed: done.change_id.is_some(),
            change_id: done.change_id,
            diff: difference::shown(edits),
            normalised: done.normalised,
            warnings: done.warnings,
            ..Self::nothing(store)
        }
    }

    /// It was there before.
    pub(crate) fn there(mut self) -> Self {
        self.already_there = true;
        self
    }

    /// No preview, but what came of it.
    pub(crate) fn made(mut self) -> Self {
        self.dry_run = false;
        self
    }

    /// It would be done: a preview that rests on `basis`.
    pub(crate) fn preview(store: &Store, edits: &[Edit], basis: String) -> Output<Self> {
        let preview = Self {
            diff: difference::shown(edits),
            dry_run: true,
            ..Self::nothing(store)
        };
        Output::new(preview).resting_on(basis)
    }
}
