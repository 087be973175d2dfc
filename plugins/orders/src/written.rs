//! What a change of an order answers.

use orderdesk_client::difference::{self, Difference, Edit};
use orderdesk_client::{Normalised, Notice, Store, StoreReference};
use orderdesk_plugin::Context;
use orderdesk_plugin::serde_json::{Map, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::Row;
use crate::change::undo::Conflict;
use crate::version;

/// The result of a change.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Written {
    pub(crate) store: StoreReference,
    #[serde(default)]
    #[schemars(!default)]
    pub(crate) notice: Notice,
    // What happened comes first: whoever reads only the beginning of a long answer has read that.
    /// Whether anything was changed now.
    pub(crate) changed: bool,
    /// For orders_undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) change_id: Option<String>,
    /// What was changed, or would be: shipping.city, order_items.90231.quantity, order_notes.+1 (added).
    pub(crate) diff: Vec<Difference>,
    /// What Order Desk tidied or computed.
    pub(crate) normalised: Vec<Normalised>,
    /// Tell the person.
    pub(crate) warnings: Vec<String>,
    /// Not taken back, since somebody changed it later: path, theirs, ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub(crate) conflicts: Vec<Conflict>,
    /// Of somebody's edit in the same moment: "not looked at", "none seen" or "possible".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) overwrites: Option<String>,
    /// Of a whole call: order by order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub(crate) results: Vec<Row>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub(crate) dry_run: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) confirm_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) expires_at: Option<String>,
    /// As it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Map<String, Value>")]
    pub(crate) order: Option<Map<String, Value>>,
    // Where orders_undo took a change of a shipment back: as it is now. The definitions of the other tools do without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub(crate) shipment: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) version: Option<String>,
}

impl Written {
    /// Nothing yet.
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.reference(),
            notice: Notice,
            order: None,
            shipment: None,
            version: None,
            change_id: None,
            changed: false,
            diff: Vec::new(),
            normalised: Vec::new(),
            warnings: Vec::new(),
            conflicts: Vec::new(),
            overwrites: None,
            results: Vec::new(),
            dry_run: None,
            confirm_token: None,
            expires_at: None,
        }
    }

    /// What these edits would change.
    pub(crate) fn preview(store: &Store, edits: &[Edit]) -> Self {
        Self {
            diff: difference::shown(edits),
            dry_run: Some(true),
            ..Self::new(store)
        }
    }

    /// With the order as it is now.
    pub(crate) fn with_order(mut self, context: &Context, order: Map<String, Value>) -> Self {
        self.version = Some(version::of(context, &order));
        self.order = Some(order);
        self
    }
}
