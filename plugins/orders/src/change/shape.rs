//! Which fields of an order a caller may write, and what kind of value each takes (order-desk-api.md §2.1, §2.5, §3).

use orderdesk_client::Inside;
use orderdesk_client::brief::refuse_shortened;
use orderdesk_plugin::ToolError;
use orderdesk_plugin::serde_json::{self, Map, Value, json};

use crate::dates::{self, End, Zone};
use crate::fields::FIELDS;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text; cleared, it is blank.
    Text,
    /// A number; cleared, it is 0.
    Number,
    /// A whole number.
    Count,
    /// The last four digits of a card: given back as `cc_number_masked`.
    Card,
    /// The folder's id: there is always one.
    Folder,
    /// A date: there is always one.
    Date,
    /// Names that the store chose.
    Map,
    /// A fixed set of names.
    Address,
    /// Rows without ids, replaced as a whole.
    Discounts,
    /// Rows that are only ever appended.
    Notes,
    /// Rows with ids.
    Items,
}

use Kind::{Address, Card, Count, Date, Discounts, Folder, Items, Notes, Number, Text};

/// What a caller may write of an order.
const WRITABLE: [(&str, Kind); 28] = [
    ("email", Text),
    ("shipping_method", Text),
    ("shipping_total", Number),
    ("handling_total", Number),
    ("tax_total", Number),
    ("cc_number", Card),
    ("cc_exp", Text),
    ("processor_response", Text),
    ("payment_type", Text),
    ("payment_status", Text),
    ("processor_balance", Number),
    ("refund_total", Number),
    ("customer_id", Text),
    ("ip_address", Text),
    ("source_name", Text),
    ("tag_name", Text),
    ("fulfillment_name", Text),
    ("fulfillment_id", Text),
    ("folder_id", Folder),
    ("date_added", Date),
    ("shipping", Address),
    ("customer", Address),
    ("return_address", Address),
    ("checkout_data", Kind::Map),
    ("order_metadata", Kind::Map),
    ("discount_list", Discounts),
    ("order_notes", Notes),
    ("order_items", Items),
];

/// What a caller may write of an item.
const ITEM: [(&str, Kind); 10] = [
    ("name", Text),
    ("price", Number),
    ("quantity", Count),
    ("weight", Number),
    ("code", Text),
    ("delivery_type", Text),
    ("category_code", Text),
    ("fulfillment_method", Text),
    ("variation_list", Kind::Map),
    ("metadata", Kind::Map),
];

/// What Order Desk computes or sets by itself.
pub(crate) const COMPUTED: [&str; 10] = [
    "id",
    "quantity_total",
    "weight_total",
    "product_total",
    "discount_total",
    "order_total",
    "cc_number_masked",
    "email_count",
    "date_updated",
    "tag_color",
];

/// What kind a writable field of an order is of.
pub(crate) fn of_order(name: &str) -> Option<Kind> {
    find(&WRITABLE, name)
}

/// What kind a writable field of an item is of.
pub(crate) fn of_item(name: &str) -> Option<Kind> {
    find(&ITEM, name)
}

fn find(fields: &[(&str, Kind)], name: &str) -> Option<Kind> {
    fields
        .iter()
        .find(|(field, _)| *field == name)
        .map(|(_, kind)| *kind)
}

/// The names inside a field with a fixed set of them.
pub(crate) fn names_in(field: &str) -> &'static [&'static str] {
    match FIELDS.iter().find(|(name, _)| *name == field) {
        // `address3` and `address4` exist in `shipping` only (order-desk-api.md §2.1).
        Some(("customer", Inside::Names(names))) => {
            static CUSTOMER: [&str; 10] = [
                "first_name",
                "last_name",
                "company",
                "address1",
                "address2",
                "city",
                "state",
                "postal_code",
                "country",
                "phone",
            ];
            debug_assert!(CUSTOMER.iter().all(|name| names.contains(name)));
            &CUSTOMER
        }
        Some((_, Inside::Names(names))) => names,
        _ => &[],
    }
}

/// Refuses the fields that nobody can write, all at once, and says what to do instead. `creating`: the shop's own number
/// can still be given.
///
/// # Errors
/// `read-only-field` or `unknown-field`; `shortened-text` for a text that an answer shows only in part.
pub(crate) fn check_names(changes: &Map<String, Value>, creating: bool) -> Result<(), ToolError> {
    refuse_shortened(changes)?;
    let refused: Vec<&str> = changes
        .keys()
        .map(String::as_str)
        .filter(|name| of_order(name).is_none() && !(creating && *name == "source_id"))
        .collect();
    let Some(first) = refused.first() else {
        return Ok(());
    };
    let fixed: Vec<&str> = refused
        .iter()
        .copied()
        .filter(|name| {
            COMPUTED.contains(name)
                || ["source_id", "order_shipments", "order_history"].contains(name)
        })
        .collect();
    if fixed.is_empty() {
        return Err(unknown(first));
    }
    let instead = match fixed[0] {
        "order_shipments" => " Shipments have tools of their own (shipments_add).",
        "order_history" => " History has a tool of its own (orders_add_history).",
        "source_id" => " The shop's own number is set when an order is created.",
        "cc_number_masked" => " Give the last four digits as cc_number.",
        "tag_color" => " Use tag_name.",
        _ => " Order Desk computes it from the order's other fields.",
    };
    Err(ToolError::invalid_input(
        "read-only-field",
        format!(
            "These fields cannot be written: {}.{instead} Nothing was changed. Leave them out.",
            fixed.join(", ")
        ),
    )
    .with_extra(json!({ "fields": fixed })))
}

fn unknown(name: &str) -> ToolError {
    let shown: String = name.chars().take(60).collect();
    let hint = match name {
        "status" | "folder" | "folder_name" => {
            "an order's folder is its status: give folder_id (stores_folders lists them), or use orders_move".to_owned()
        }
        "notes" => "use order_notes".to_owned(),
        "items" => "use order_items".to_owned(),
        _ => {
            let names: Vec<&str> = WRITABLE.iter().map(|(name, _)| *name).collect();
            format!("there are: {}", names.join(", "))
        }
    };
    ToolError::invalid_input(
        "unknown-field",
        format!(
            "An order has no field \"{shown}\" that can be written: {hint}. Nothing was changed."
        ),
    )
    .with_extra(json!({ "fields": [name] }))
}

/// A plain value as an order holds it. `path` names it in errors.
///
/// # Errors
/// `bad-value` names the field and what it takes.
pub(crate) fn plain(path: &str, kind: Kind, value: &Value) -> Result<Value, ToolError> {
    match (kind, value) {
        (Text, Value::Null) => Ok(json!("")),
        (Text, Value::String(text)) => Ok(json!(text)),
        (Text, Value::Number(number)) => Ok(json!(number.to_string())),
        (Number, Value::Null) => Ok(json!(0)),
        (Number, value) => number(value).ok_or_else(|| bad(path, "a number", value)),
        (Count, value) => number(value)
            .filter(|number| number.as_i64().is_some_and(|count| count >= 0))
            .ok_or_else(|| bad(path, "a whole number", value)),
        (Folder, value) => match text(value).filter(|text| digits(text)) {
            Some(id) => Ok(json!(id)),
            None => Err(bad(
                path,
                "a folder's id, such as 31001 (an order is always in one; stores_folders lists them)",
                value,
            )),
        },
        (Date, Value::String(text)) => {
            dates::read(path, text, End::Start, Zone::Utc).map(Value::from)
        }
        (Card, Value::Null) => Ok(json!("")),
        (Card, value) => match text(value).filter(|text| digits(text) && text.len() <= 4) {
            Some(digits) => Ok(json!(format!("xxxxxxxxxxxx{digits}"))),
            None => Err(ToolError::invalid_input(
                "bad-value",
                format!("'{path}' takes the last four digits of a card and never more."),
            )),
        },
        (_, value) => Err(bad(path, "text", value)),
    }
}

/// Text, or a number's digits.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn number(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) => serde_json::from_str::<serde_json::Number>(text.trim())
            .ok()
            .map(Value::Number),
        _ => None,
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The refusal of a value of the wrong kind.
pub(crate) fn bad(path: &str, takes: &str, value: &Value) -> ToolError {
    let shown: String = value.to_string().chars().take(60).collect();
    ToolError::invalid_input(
        "bad-value",
        format!("'{path}' takes {takes}: received {shown}. Nothing was changed."),
    )
}
