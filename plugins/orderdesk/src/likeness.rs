//! Whether two values mean the same to Order Desk.
//!
//! It gives numbers back as text and text as numbers, blanks in five shapes, and a store may have it tidy letter case,
//! spacing and phone numbers (order-desk-api.md §7.2, §7.4, §7.14): none of that is a change that somebody made.

use orderdesk_plugin::serde_json;
use serde_json::Value;

/// How near a stored value is to the one that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// The same, however it is typed.
    Same,
    /// The same but for letter case, spacing, or the format of a phone number.
    Normalised,
    /// Another value.
    Different,
}

/// Compares two values; none is what is not there.
#[must_use]
pub fn compare(one: Option<&Value>, other: Option<&Value>) -> Likeness {
    let (one, other) = match (
        one.filter(|value| !blank(value)),
        other.filter(|value| !blank(value)),
    ) {
        (None, None) => return Likeness::Same,
        (Some(one), Some(other)) => (one, other),
        // A blank amount is stored as 0.
        (Some(value), None) | (None, Some(value)) if is_zero(value) => return Likeness::Normalised,
        _ => return Likeness::Different,
    };
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let names = one.keys().chain(other.keys());
            names
                .map(|name| compare(one.get(name), other.get(name)))
                .max()
                .unwrap_or(Likeness::Same)
        }
        (Value::Array(one), Value::Array(other)) => (0..one.len().max(other.len()))
            .map(|place| compare(one.get(place), other.get(place)))
            .max()
            .unwrap_or(Likeness::Same),
        (Value::String(one), Value::String(other)) => texts(one, other),
        (one, other) => match (number(one), number(other)) {
            (Some(one), Some(other)) if equal(one, other) => Likeness::Same,
            _ if one == other => Likeness::Same,
            _ => Likeness::Different,
        },
    }
}

/// True for two values that are the same, however they are typed.
#[must_use]
pub fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    compare(one, other) == Likeness::Same
}

/// True for two values that differ in nothing but what Order Desk may have tidied.
#[must_use]
pub fn alike(one: Option<&Value>, other: Option<&Value>) -> bool {
    compare(one, other) <= Likeness::Normalised
}

/// True for what stands for nothing: null, blank text, an empty list, a map of nothing else.
#[must_use]
pub fn blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(map) => map.values().all(blank),
        _ => false,
    }
}

/// Text as notes and names are compared: without spaces around it, in any letter case, runs of spaces as one.
#[must_use]
pub fn folded(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

fn texts(one: &str, other: &str) -> Likeness {
    // Amounts as text ("9.4" and "9.40"); without a point it may be a code whose zeros count.
    let amounts = (one.contains('.') || other.contains('.'))
        && matches!((one.parse(), other.parse()), (Ok(one), Ok(other)) if equal(one, other));
    if one == other || amounts {
        Likeness::Same
    } else if folded(one) == folded(other)
        || phone(one).is_some_and(|digits| Some(digits) == phone(other))
    {
        Likeness::Normalised
    } else {
        Likeness::Different
    }
}

/// The digits of what can be a phone number.
fn phone(text: &str) -> Option<String> {
    let fits = text
        .chars()
        .all(|character| character.is_ascii_digit() || " +-./()".contains(character));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (fits && digits.len() >= 7).then_some(digits)
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn is_zero(value: &Value) -> bool {
    number(value).is_some_and(|number| number == 0.0)
}

fn equal(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_order_desk_types_differently_is_the_same() {
        for (one, other) in [
            (json!(9.75), json!("9.75")),
            (json!("9.40"), json!("9.4")),
            (json!([]), json!({})),
            (json!(""), Value::Null),
            (json!({"a": "", "b": 1}), json!({"b": "1"})),
        ] {
            assert_eq!(
                compare(Some(&one), Some(&other)),
                Likeness::Same,
                "{one} {other}"
            );
        }
    }

    #[test]
    fn letter_case_spacing_and_phone_format_are_normalised() {
        for (one, other) in [
            (json!("ruth okafor"), json!("Ruth  Okafor ")),
            (json!("(207) 555-0144"), json!("207-555-0144")),
            (json!(""), json!(0)),
        ] {
            assert_eq!(
                compare(Some(&one), Some(&other)),
                Likeness::Normalised,
                "{one} {other}"
            );
        }
    }

    #[test]
    fn everything_else_is_different() {
        for (one, other) in [
            (json!("04101"), json!("4101")),
            (json!("Portland"), json!("Portland ME")),
            (json!(1), json!(1.01)),
            (json!([1, 2]), json!([1])),
            (json!(""), json!("x")),
            (json!("12-34"), json!("1234")),
        ] {
            assert_eq!(
                compare(Some(&one), Some(&other)),
                Likeness::Different,
                "{one} {other}"
            );
        }
    }
}
