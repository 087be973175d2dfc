//! What tools for many orders share.

use orderdesk_client::Several;
use orderdesk_plugin::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Each order is read before it is moved, within the store's bucket and the time of a call.
const MOST: usize = 50;

/// What became of one order.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Row {
    pub(crate) order_id: String,
    pub(crate) ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) error: Option<String>,
    /// For orders_undo; none if there was nothing to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) change_id: Option<String>,
}

/// The ids, each once, in the sequence in which locks are taken.
pub(crate) fn ids(list: &Several) -> Result<Vec<String>, ToolError> {
    let mut ids = list.values("order_id_list")?;
    if let Some(id) = ids
        .iter()
        .find(|id| !id.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Err(ToolError::invalid_input(
            "bad-order-id",
            format!(
                "'order_id_list' takes Order Desk's own numbers, such as [5512034]: received {:?}. Find an order by the \
                 shop's number with orders_list and source_id.",
                id.chars().take(60).collect::<String>()
            ),
        ));
    }
    ids.sort();
    ids.dedup();
    if ids.len() > MOST {
        return Err(ToolError::invalid_input(
            "too-many-orders",
            format!(
                "'order_id_list' takes {MOST} orders at once, and has {}. Split it.",
                ids.len()
            ),
        ));
    }
    Ok(ids)
}
