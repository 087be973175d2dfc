//! A product in one line.

use orderdesk_plugin::serde_json::{Map, Value};

/// What is mostly looked at; blank fields are left out.
pub(crate) fn concise(product: &Map<String, Value>) -> Map<String, Value> {
    ["id", "code", "name", "price", "stock", "location"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), product.get(name)?.clone())))
        .filter(|(_, value)| !value.is_null() && value.as_str() != Some(""))
        .collect()
}
