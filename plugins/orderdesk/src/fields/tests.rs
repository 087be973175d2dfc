#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

const KNOWN: &Known = &[
    ("id", Inside::Plain),
    ("email", Inside::Plain),
    ("shipping", Inside::Names(&["city", "country"])),
    (
        "order_items",
        Inside::Names(&["code", "quantity", "metadata"]),
    ),
    ("checkout_data", Inside::Open),
];

fn row() -> Map<String, Value> {
    json!({
        "id": "5", "email": "a@example.com",
        "shipping": {"city": "Portland", "country": "US"},
        "order_items": [
            {"code": "A", "quantity": 1, "metadata": {"sku": "a"}},
            {"quantity": 2, "metadata": {}},
        ],
        "checkout_data": {"Gift Message": "Enjoy"},
    })
    .as_object()
    .unwrap()
    .clone()
}

fn read(fields: &[&str]) -> Result<Option<Fields>, ToolError> {
    let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    Fields::read(Some(&fields), KNOWN)
}

fn picked(fields: &[&str]) -> Value {
    Value::Object(read(fields).unwrap().unwrap().of(&row()))
}

#[test]
fn fields_are_picked_at_any_depth() {
    for (fields, wanted) in [
        (
            &["id", "shipping.city"][..],
            json!({"id": "5", "shipping": {"city": "Portland"}}),
        ),
        (
            &["email , id"],
            json!({"email": "a@example.com", "id": "5"}),
        ),
        (
            &["shipping.country", "shipping.city"],
            json!({"shipping": {"country": "US", "city": "Portland"}}),
        ),
        (
            &["checkout_data.Gift Message"],
            json!({"checkout_data": {"Gift Message": "Enjoy"}}),
        ),
        (&["checkout_data.None", "id"], json!({"id": "5"})),
    ] {
        assert_eq!(picked(fields), wanted);
    }
}

#[test]
fn of_a_long_list_or_text_a_part_can_be_chosen() {
    for (fields, wanted) in [
        (
            &["order_items[1:2].quantity"][..],
            json!({"order_items": [{"quantity": 2}]}),
        ),
        (
            &["order_items[:1].code", "order_items[:1].quantity"],
            json!({"order_items": [{"code": "A", "quantity": 1}]}),
        ),
        (&["order_items[5:9]"], json!({"order_items": []})),
        (
            &["checkout_data.Gift Message[1:3]"],
            json!({"checkout_data": {"Gift Message": "nj"}}),
        ),
        (&["email[3:]"], json!({"email": "xample.com"})),
    ] {
        assert_eq!(picked(fields), wanted);
    }
    let error = read(&["order_items[0:1]", "order_items[1:2]"]).unwrap_err();
    assert!(error.has_code("two-slices"), "{error}");
    assert!(
        read(&["order_items[x:y]"])
            .unwrap_err()
            .has_code("unknown-field")
    );
}

#[test]
fn rows_of_a_list_keep_their_places() {
    assert_eq!(
        picked(&["order_items.code", "order_items.metadata.sku"]),
        json!({"order_items": [{"code": "A", "metadata": {"sku": "a"}}, {}]})
    );
}

#[test]
fn the_whole_holds_every_part_whichever_is_named_first() {
    for fields in [["shipping", "shipping.city"], ["shipping.city", "shipping"]] {
        assert_eq!(
            picked(&fields),
            json!({"shipping": {"city": "Portland", "country": "US"}})
        );
    }
}

#[test]
fn an_unknown_field_is_refused_with_the_nearest() {
    for (field, nearest) in [
        ("emial", "'email'"),
        ("items", "'order_items'"),
        ("shipping.contry", "'shipping.country'"),
        ("email.domain", "'email'"),
        (".id", "'id'"),
    ] {
        let error = read(&[field]).unwrap_err();
        assert!(error.has_code("unknown-field"));
        assert!(
            error.message.contains(&format!("did you mean {nearest}?")),
            "{error}"
        );
    }
}

#[test]
fn nothing_chosen_is_no_choice() {
    assert_eq!(Fields::read(None, KNOWN).unwrap(), None);
    assert_eq!(read(&[" ", ","]).unwrap(), None);
}

/// True if everything in `part` stands at the same place in `whole`.
fn within(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .all(|(name, value)| whole.get(name).is_some_and(|whole| within(value, whole))),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() == whole.len()
                && part
                    .iter()
                    .zip(whole)
                    .all(|(part, whole)| within(part, whole))
        }
        (part, whole) => part == whole,
    }
}

const PATHS: [&str; 11] = [
    "id",
    "email",
    "shipping",
    "shipping.city",
    "shipping.country",
    "order_items",
    "order_items.code",
    "order_items.metadata.sku",
    "order_items.metadata",
    "checkout_data",
    "checkout_data.Gift Message",
];

proptest! {
    #[test]
    fn what_is_picked_stands_in_the_row_and_holds_what_was_chosen(
        chosen in prop::sample::subsequence(PATHS.to_vec(), 1..PATHS.len()).prop_shuffle()
    ) {
        let row = Value::Object(row());
        let all = picked(&chosen);
        prop_assert!(within(&all, &row), "{}", all);
        for field in &chosen {
            prop_assert!(within(&picked(&[field]), &all), "{} in {}", field, all);
        }
        let tops: std::collections::BTreeSet<&str> =
            chosen.iter().filter_map(|field| field.split('.').next()).collect();
        prop_assert_eq!(all.as_object().unwrap().len(), tops.len());
    }

    #[test]
    fn any_text_is_read_or_refused_in_words(field in ".{0,12}") {
        if let Err(error) = read(&[&field]) {
            prop_assert!(error.has_code("unknown-field") && error.message.contains("did you mean"));
        }
    }
}
