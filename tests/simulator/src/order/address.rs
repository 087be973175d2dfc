//! Addresses of an order (order-desk-api.md §2.1) and the normalisation that a store may have switched on (§7.14).

use serde_json::{Map, Value, json};

use crate::loose;

const CUSTOMER_FIELDS: [&str; 10] = [
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
/// `address3` and `address4` exist in `shipping` only.
const SHIPPING_FIELDS: [&str; 12] = [
    "first_name",
    "last_name",
    "company",
    "address1",
    "address2",
    "address3",
    "address4",
    "city",
    "state",
    "postal_code",
    "country",
    "phone",
];
const RETURN_FIELDS: [&str; 10] = [
    "title",
    "name",
    "company",
    "address1",
    "address2",
    "city",
    "state",
    "postal_code",
    "country",
    "phone",
];

/// Which of the two addresses of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Shipping,
    Customer,
}

impl Side {
    pub(crate) fn field(self) -> &'static str {
        match self {
            Side::Shipping => "shipping",
            Side::Customer => "customer",
        }
    }

    fn other(self) -> Self {
        match self {
            Side::Shipping => Side::Customer,
            Side::Customer => Side::Shipping,
        }
    }

    fn parts(self) -> &'static [&'static str] {
        match self {
            Side::Shipping => &SHIPPING_FIELDS,
            Side::Customer => &CUSTOMER_FIELDS,
        }
    }
}

/// What the store does to addresses that come in. Real stores have both settings; what exactly they do is an
/// assumption (§7.14).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Normalisation {
    /// Names and streets written all in one letter case become `Capitalised Words`.
    pub(crate) capitalization: bool,
    /// Ten-digit phone numbers become `207-555-0144`.
    pub(crate) phone_numbers: bool,
}

/// Reads one address of a request: nested, or from flat aliases like `shipping_first_name` (§2.1).
/// `None` when the request has neither.
pub(crate) fn read(
    input: &Map<String, Value>,
    side: Side,
    rules: Normalisation,
) -> Option<Map<String, Value>> {
    let nested = input
        .get(side.field())
        .and_then(Value::as_object)
        .filter(|address| !address.is_empty());
    let alias = |part: &str| format!("{}_{part}", side.field());
    if nested.is_none()
        && side
            .parts()
            .iter()
            .all(|part| loose::is_blank(input, &alias(part)))
    {
        return None;
    }
    let part_text = |part: &str| match nested {
        Some(address) => loose::text(address, part),
        None => loose::text(input, &alias(part)),
    };
    let parts = side.parts().iter().map(|part| {
        (
            (*part).to_owned(),
            json!(normalised(part, &part_text(part), rules)),
        )
    });
    Some(parts.collect())
}

/// The address of a request, or a copy of the other one (§2.4 rule 3), or blanks.
pub(crate) fn read_or_copy(
    input: &Map<String, Value>,
    side: Side,
    rules: Normalisation,
) -> Map<String, Value> {
    read(input, side, rules)
        .or_else(|| read(input, side.other(), rules).map(|address| only_parts(&address, side)))
        .unwrap_or_else(|| blank(side))
}

/// An address without any content.
pub(crate) fn blank(side: Side) -> Map<String, Value> {
    only_parts(&Map::new(), side)
}

/// `return_address`: all keys, blank where unset.
pub(crate) fn return_address(input: Option<&Value>) -> Value {
    let empty = Map::new();
    let given = input.and_then(Value::as_object).unwrap_or(&empty);
    RETURN_FIELDS
        .iter()
        .map(|part| ((*part).to_owned(), json!(loose::text(given, part))))
        .collect()
}

/// First and last name, or a company (§2.4 rule 2, the stricter of its two wordings).
pub(crate) fn has_valid_name(address: &Map<String, Value>) -> bool {
    let filled = |part: &str| !loose::is_blank(address, part);
    (filled("first_name") && filled("last_name")) || filled("company")
}

fn only_parts(address: &Map<String, Value>, side: Side) -> Map<String, Value> {
    side.parts()
        .iter()
        .map(|part| ((*part).to_owned(), json!(loose::text(address, part))))
        .collect()
}

fn normalised(part: &str, text: &str, rules: Normalisation) -> String {
    match part {
        "phone" if rules.phone_numbers => phone(text),
        "first_name" | "last_name" | "address1" | "address2" | "city" if rules.capitalization => {
            capitalised(text)
        }
        _ => text.to_owned(),
    }
}

fn phone(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match digits.len() {
        10 => format!("{}-{}-{}", &digits[..3], &digits[3..6], &digits[6..]),
        _ => text.to_owned(),
    }
}

fn capitalised(text: &str) -> String {
    let single_case = text.to_uppercase() == text || text.to_lowercase() == text;
    if !single_case {
        return text.to_owned();
    }
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters
            .next()
            .map(|letter| letter.to_uppercase().to_string())
            .unwrap_or_default();
        first + &letters.as_str().to_lowercase()
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
