//! The order record: every field in the shape and sequence in which the service returns it
//! (order-desk-api.md §2.1, §10.2).

pub(crate) mod address;
mod create;
pub(crate) mod item;
mod note;
mod replace;
mod totals;

pub(crate) use create::create;
pub(crate) use replace::replace;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::ids::Ids;
use crate::{dates, loose, php_json};
use address::Normalisation;

/// One order of a store.
#[derive(Clone, Debug)]
pub struct Order {
    body: Map<String, Value>,
    history: Vec<Value>,
}

impl Order {
    /// The internal id.
    pub fn id(&self) -> u64 {
        self.body.get("id").and_then(loose::id).unwrap_or_default()
    }

    /// A field by its API name, if the order has it.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.body.get(field)
    }

    /// A field as text, blank when there is none.
    pub fn text(&self, field: &str) -> String {
        loose::text(&self.body, field)
    }

    /// The folder that the order is in.
    pub fn folder_id(&self) -> i64 {
        loose::integer(&self.body, "folder_id")
    }

    /// The entries of `order_items`.
    pub fn items(&self) -> &[Value] {
        self.list("order_items")
    }

    /// The entries of `order_shipments`.
    pub fn shipments(&self) -> &[Value] {
        self.list("order_shipments")
    }

    /// The order's history, oldest first.
    pub fn history(&self) -> &[Value] {
        &self.history
    }

    /// The order as the API shows it. `email_count` is the number of orders in the store with this order's
    /// e-mail; it comes out as a **string** (§11.12).
    pub fn to_json(&self, email_count: usize, with_history: bool) -> Value {
        let mut body = self.body.clone();
        body.insert("email_count".to_owned(), json!(email_count.to_string()));
        if with_history {
            body.insert(
                "order_history".to_owned(),
                Value::Array(self.history.clone()),
            );
        }
        Value::Object(body)
    }

    /// Changes the order the way somebody in the web application would: applies an RFC 7396 merge patch,
    /// recomputes the totals and bumps `date_updated`. Fields take the service's own types.
    pub fn edit(&mut self, patch: &Value, now: Timestamp) {
        let mut merged = Value::Object(std::mem::take(&mut self.body));
        merge_patch(&mut merged, patch);
        if let Value::Object(body) = merged {
            self.body = body;
        }
        for field in ["checkout_data", "order_metadata"] {
            let map = php_json::map(self.body.get(field));
            self.body.insert(field.to_owned(), map);
        }
        self.touch(now);
    }

    /// Appends a history entry (§2.7).
    pub fn add_history(&mut self, source_name: &str, note: &str, now: Timestamp) {
        self.history.push(
            json!({"source_name": source_name, "note": note, "date_added": dates::stamp(now)}),
        );
    }

    pub(crate) fn set(&mut self, field: &str, value: Value) {
        self.body.insert(field.to_owned(), value);
    }

    pub(crate) fn set_items(&mut self, items: Vec<Value>, now: Timestamp) {
        self.set("order_items", Value::Array(items));
        self.touch(now);
    }

    pub(crate) fn set_shipments(&mut self, shipments: Vec<Value>, now: Timestamp) {
        self.set("order_shipments", Value::Array(shipments));
        self.touch(now);
    }

    /// After any write: totals follow the parts (§11.11) and `date_updated` moves (§11.18).
    pub(crate) fn touch(&mut self, now: Timestamp) {
        totals::recompute(&mut self.body);
        self.set("date_updated", json!(dates::stamp(now)));
    }

    fn list(&self, field: &str) -> &[Value] {
        self.body
            .get(field)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }
}

/// What a write needs to know besides the request.
pub(crate) struct Writing<'a> {
    pub(crate) now: Timestamp,
    pub(crate) toggles: &'a crate::Toggles,
    pub(crate) ids: &'a mut Ids,
    pub(crate) normalisation: Normalisation,
    /// Ids of the store's folders; the first is where orders go by default.
    pub(crate) folders: &'a [i64],
}

impl Writing<'_> {
    /// The folder that the request names, if the store has it.
    fn requested_folder(&self, input: &Map<String, Value>) -> Option<i64> {
        let wanted = loose::integer(input, "folder_id");
        self.folders
            .iter()
            .copied()
            .find(|folder| *folder == wanted)
    }

    fn first_folder(&self) -> i64 {
        self.folders.first().copied().unwrap_or_default()
    }
}

/// Everything that a client may write, blank where the request is silent, with computed fields in their places.
/// Identity, dates, folder, addresses, card, items and shipments are left to the caller.
fn written_fields(input: &Map<String, Value>, now: Timestamp) -> Map<String, Value> {
    let text = |field: &str| Value::String(loose::text(input, field));
    let money = |field: &str| loose::number(loose::amount(input, field), totals::MONEY);
    let fields: [(&str, Value); 39] = [
        ("id", json!("")),
        ("email", text("email")),
        ("shipping_method", text("shipping_method")),
        ("quantity_total", json!(0)),
        ("weight_total", json!(0)),
        ("product_total", json!(0)),
        ("shipping_total", money("shipping_total")),
        ("handling_total", money("handling_total")),
        ("tax_total", money("tax_total")),
        ("discount_total", json!(0)),
        ("order_total", json!(0)),
        ("cc_number_masked", json!("")),
        ("cc_exp", text("cc_exp")),
        ("processor_response", text("processor_response")),
        ("payment_type", text("payment_type")),
        ("payment_status", text("payment_status")),
        ("processor_balance", money("processor_balance")),
        ("refund_total", money("refund_total")),
        ("customer_id", text("customer_id")),
        ("email_count", json!("0")),
        ("ip_address", text("ip_address")),
        // Documented as "not in use" and, unlike tag_name, never written by live code (§2.1).
        ("tag_color", json!("")),
        ("source_name", text("source_name")),
        ("source_id", json!("")),
        ("fulfillment_name", text("fulfillment_name")),
        ("fulfillment_id", text("fulfillment_id")),
        ("tag_name", text("tag_name")),
        ("folder_id", json!(0)),
        ("date_added", json!("")),
        ("date_updated", json!("")),
        ("shipping", json!({})),
        ("customer", json!({})),
        (
            "return_address",
            address::return_address(input.get("return_address")),
        ),
        ("checkout_data", php_json::map(input.get("checkout_data"))),
        ("order_metadata", php_json::map(input.get("order_metadata"))),
        ("discount_list", discounts(input.get("discount_list"))),
        ("order_notes", note::list(input.get("order_notes"), now)),
        ("order_items", json!([])),
        ("order_shipments", json!([])),
    ];
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// `discount_list`: the amount is kept as text with two decimals (§2.1).
fn discounts(input: Option<&Value>) -> Value {
    let entries = input
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object);
    entries
        .map(|entry| {
            json!({
                "name": loose::text(entry, "name"),
                "code": loose::text(entry, "code"),
                "amount": format!("{:.2}", loose::amount(entry, "amount").abs()),
            })
        })
        .collect()
}

/// `cc_number` as it is given back: all but the last four digits hidden (§2.1, §11.13).
fn masked(card_number: &str) -> String {
    let digits: Vec<char> = card_number.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return String::new();
    }
    let shown: String = digits[digits.len().saturating_sub(4)..].iter().collect();
    format!("xxxxxxxxxxxx{shown}")
}

/// RFC 7396, section 2.
fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(fields) = target {
        for (name, change) in changes {
            if change.is_null() {
                fields.remove(name);
            } else {
                merge_patch(fields.entry(name.clone()).or_insert(Value::Null), change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    /// The examples of RFC 7396, appendix A.
    #[test]
    fn merge_patch_follows_the_rfc() {
        let examples = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
            (
                json!([1, 2]),
                json!({"a": "b", "c": null}),
                json!({"a": "b"}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ];
        for (mut target, patch, expected) in examples {
            merge_patch(&mut target, &patch);
            assert_eq!(target, expected, "{patch}");
        }
    }

    #[test]
    fn card_numbers_show_their_last_four_digits_at_most() {
        assert_eq!(masked("4111-1111-1111-1881"), "xxxxxxxxxxxx1881");
        assert_eq!(masked("42"), "xxxxxxxxxxxx42");
        assert_eq!(masked("none"), "");
    }
}
