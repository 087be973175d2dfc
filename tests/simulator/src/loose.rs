//! Reading loosely typed input the way a PHP service does: numbers as text, text as numbers, ids as either
//! (order-desk-api.md §7.1, §11.6).

use serde_json::{Map, Number, Value};

/// A field as text; null, absence and anything structured are blank (§7.4).
pub(crate) fn text(input: &Map<String, Value>, field: &str) -> String {
    input.get(field).map(as_text).unwrap_or_default()
}

/// A value as text; null and anything structured are blank.
pub(crate) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(true) => "1".to_owned(),
        _ => String::new(),
    }
}

/// A field as a number; what is no number counts as 0.
pub(crate) fn amount(input: &Map<String, Value>, field: &str) -> f64 {
    input.get(field).map(as_amount).unwrap_or_default()
}

/// A value as a number; what is no number counts as 0.
pub(crate) fn as_amount(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.as_f64().unwrap_or_default(),
        Value::String(text) => text
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .unwrap_or_default(),
        Value::Bool(true) => 1.0,
        _ => 0.0,
    }
}

/// A field as a whole number; what is no number counts as 0.
pub(crate) fn integer(input: &Map<String, Value>, field: &str) -> i64 {
    input.get(field).map(as_integer).unwrap_or_default()
}

/// A value as a whole number; what is no number counts as 0.
pub(crate) fn as_integer(value: &Value) -> i64 {
    match value {
        Value::Number(number) => number.as_i64().unwrap_or_else(|| as_amount(value) as i64),
        _ => as_amount(value) as i64,
    }
}

/// An id that may come as int or string (§11.6).
pub(crate) fn id(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Whether a field is absent, null, a blank string or an empty map: what a PHP service calls empty.
pub(crate) fn is_blank(input: &Map<String, Value>, field: &str) -> bool {
    match input.get(field) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(Value::Array(entries)) => entries.is_empty(),
        Some(Value::Object(entries)) => entries.is_empty(),
        Some(_) => false,
    }
}

/// A number as the service writes it: rounded to `decimals`, and `94` rather than `94.0`.
pub(crate) fn number(value: f64, decimals: i32) -> Value {
    let scale = 10_f64.powi(decimals);
    let rounded = (value * scale).round() / scale;
    if rounded.fract() == 0.0 && rounded.abs() < 9e15 {
        return Value::from(rounded as i64);
    }
    Number::from_f64(rounded).map_or_else(|| Value::from(0), Value::Number)
}
