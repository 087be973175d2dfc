//! What somebody agreed to when they agreed to a move: what they were shown.

use orderdesk_client::basis;
use orderdesk_plugin::Context;
use orderdesk_plugin::serde_json::{self, json};
use serde::{Deserialize, Serialize};

use crate::folders::Folder;

/// Hexadecimal digits of a digest that are kept: 128 bits.
const DIGITS: usize = 32;
/// The host keeps no longer basis of a preview.
const LONGEST: usize = 250;

/// What was shown: the list, and of a preview the folders in which its orders were.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Digest of the orders and the destination.
    list: String,
    /// Digest of the folder of each order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    folders: Option<String>,
    /// The folders in which they were, each once, if there is room for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Vec<String>>,
}

impl Seen {
    /// A list was shown, and where it goes.
    pub(super) fn list(context: &Context, folder: &Folder, ids: &[String]) -> Self {
        Self {
            list: digest(context, &json!([folder.id, ids])),
            folders: None,
            from: None,
        }
    }

    /// Each order was shown with the folder in which it is.
    pub(super) fn folders(
        context: &Context,
        folder: &Folder,
        orders: &[(String, Option<String>)],
    ) -> Self {
        let ids: Vec<String> = orders.iter().map(|(id, _)| id.clone()).collect();
        let mut from: Vec<String> = orders.iter().filter_map(|(_, from)| from.clone()).collect();
        from.sort();
        from.dedup();
        let mut seen = Self {
            folders: Some(digest(context, &json!(orders))),
            from: Some(from),
            ..Self::list(context, folder, &ids)
        };
        if seen.text().len() > LONGEST {
            seen.from = None;
        }
        seen
    }

    /// As it was kept meanwhile; nothing if it cannot be read.
    pub(super) fn of(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn text(&self) -> String {
        json!(self).to_string()
    }

    /// Whether this is all that was shown: `now` is the same list with its orders as they are.
    pub(super) fn holds(&self, now: &Self) -> bool {
        self.list == now.list && (self.folders.is_none() || self.folders == now.folders)
    }

    /// Whether an order was, as far as is known, shown in this folder.
    pub(super) fn may_be_from(&self, folder: &str) -> bool {
        self.from
            .as_ref()
            .is_none_or(|from| from.iter().any(|it| it == folder))
    }
}

fn digest(context: &Context, value: &serde_json::Value) -> String {
    let mut digest = basis::digest(context, value);
    digest.truncate(DIGITS);
    digest
}
