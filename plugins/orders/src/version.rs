//! An order's version: changes with any change of the order.

use orderdesk_client::basis::digest;
use orderdesk_plugin::Context;
use orderdesk_plugin::serde_json::{Map, Value};

/// Hexadecimal digits; two states of one order do not meet by chance.
const LENGTH: usize = 16;

/// A digest of the whole order, whatever the order of its keys. History is left out: it is only there if asked for.
pub(crate) fn of(context: &Context, order: &Map<String, Value>) -> String {
    let mut order = order.clone();
    order.remove("order_history");
    digest(context, &order).chars().take(LENGTH).collect()
}
