//! What the tools that change one shipment answer.

use orderdesk_client::difference::{self, Difference, Edit};
use orderdesk_client::{Normalised, Notice, Store, StoreReference};
use orderdesk_plugin::Output;
use orderdesk_plugin::serde_json::{Map, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deed::Done;
use crate::written::Written;

/// A change of a shipment, or a preview of one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Changed {
    store: StoreReference,
    #[serde(default)]
    #[schemars(!default)]
    notice: Notice,
    order_id: String,
    /// As it is now; null if removed or not read.
    shipment: Option<Map<String, Value>>,
    /// For orders_undo; null if nothing was changed.
    change_id: Option<String>,
    /// Whether anything was changed now.
    changed: bool,
    diff: Vec<Difference>,
    /// What Order Desk tidied or computed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    normalised: Vec<Normalised>,
    /// Tell the person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// True: nothing was sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    already_there: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    confirm_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    expires_at: Option<String>,
}

impl Changed {
    fn of(store: &Store, order_id: &str, edits: &[Edit]) -> Self {
        Self {
            store: store.reference(),
            notice: Notice,
            order_id: order_id.to_owned(),
            shipment: None,
            change_id: None,
            changed: false,
            diff: difference::shown(edits),
            normalised: Vec::new(),
            warnings: Vec::new(),
            already_there: false,
            dry_run: false,
            confirm_token: None,
            expires_at: None,
        }
    }

    /// It was done.
    pub(super) fn done(store: &Store, order_id: &str, edits: &[Edit], done: Done) -> Self {
        Self {
            shipment: done.shipment,
            changed: done.change_id.is_some(),
            change_id: done.change_id,
            normalised: done.normalised,
            warnings: done.warnings,
            ..Self::of(store, order_id, edits)
        }
    }

    /// There was nothing to do.
    pub(super) fn nothing(store: &Store, order_id: &str, done: Done) -> Self {
        Self::done(store, order_id, &[], done)
    }

    /// It was there before.
    pub(super) fn there(mut self) -> Self {
        self.already_there = true;
        self
    }

    /// The same with something more to know.
    pub(super) fn remarking(mut self, remarks: &[String]) -> Self {
        self.warnings.extend_from_slice(remarks);
        self
    }

    /// As orders_undo answers it.
    pub(crate) fn written(self, store: &Store) -> Written {
        Written {
            shipment: self.shipment,
            change_id: self.change_id,
            changed: self.changed,
            diff: self.diff,
            normalised: self.normalised,
            warnings: self.warnings,
            dry_run: self.dry_run.then_some(true),
            ..Written::new(store)
        }
    }

    /// It would be done: a preview that rests on `basis`.
    pub(super) fn preview(
        store: &Store,
        order_id: &str,
        edits: &[Edit],
        found: Option<Done>,
        basis: String,
    ) -> Output<Self> {
        let there = found.is_some();
        let mut preview = Self::done(store, order_id, edits, found.unwrap_or_default());
        preview.dry_run = true;
        preview.already_there = there;
        Output::new(preview).resting_on(basis)
    }
}
