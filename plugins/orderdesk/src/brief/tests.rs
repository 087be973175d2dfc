#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn item(number: usize) -> Value {
    json!({
        "id": (90_000 + number).to_string(), "name": "Walnut Organizer", "price": 24.5, "quantity": 2, "code": "ORG-WAL",
        "category_code": "", "variation_list": {"Finish": "Oil"}, "metadata": {},
    })
}

fn order_of(items: usize, note: usize) -> Value {
    json!({
        "id": "5512034", "email": "", "order_total": 102.9, "shipping": {"first_name": "Ruth", "city": "Portland"},
        "order_items": (0..items).map(item).collect::<Vec<_>>(),
        "checkout_data": {"Message": "配達前にお電話ください。".repeat(note)},
    })
}

fn answered(answer: &Value, arguments: &Value) -> Value {
    let (text, arguments) = (answer.to_string(), arguments.to_string());
    match fit(&text, &arguments, "Ask for 'fields'.").unwrap() {
        Some(short) => serde_json::from_str(short.get()).unwrap(),
        None => answer.clone(),
    }
}

#[test]
fn what_fits_stays_as_it_is() {
    let answer = json!({"order": order_of(5, 3), "version": "v"});
    assert_eq!(answered(&answer, &json!({})), answer);
    let answer = json!({"order": order_of(60, 3), "version": "v"});
    assert_eq!(
        answered(&answer, &json!({"response_format": "detailed"})),
        answer
    );
}

#[test]
fn a_long_order_is_shortened_and_says_what_it_lacks_and_how_to_get_it() {
    let answer = json!({"order": order_of(300, 900), "version": "v"});
    let short = answered(&answer, &json!({}));
    let items = short["order"]["order_items"].as_array().unwrap();
    assert!(!items.is_empty());
    let left_out = short["left_out"].to_string();
    assert!(
        left_out.contains(&format!("order.order_items: {} of 300", items.len())),
        "{left_out}"
    );
    assert!(
        left_out.contains("order.checkout_data.Message: "),
        "{left_out}"
    );
    assert!(
        short["note"]
            .as_str()
            .unwrap()
            .contains("Ask for 'fields'.")
    );
    assert_eq!(
        (&short["version"], &short["order"]["order_total"]),
        (&json!("v"), &json!(102.9))
    );
    let detailed = answered(&answer, &json!({"response_format": "detailed"}));
    assert!(detailed["order"]["order_items"].as_array().unwrap().len() > items.len());
}

#[test]
fn those_that_failed_are_shown_before_those_that_did_not() {
    let result = |number: usize| json!({"order_id": number.to_string(), "ok": number % 500 != 499, "change_id": "0123456789abcdef".repeat(4)});
    let answer = json!({"results": (0..1_000).map(result).collect::<Vec<_>>()});
    let short = answered(&answer, &json!({}));
    let failed: Vec<&Value> = short["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["ok"] == false)
        .collect();
    assert_eq!(failed.len(), 2);
    assert!(
        short["left_out"][0].as_str().unwrap().ends_with("of 1000"),
        "{short}"
    );
}

#[test]
fn no_row_of_a_page_is_dropped_behind_its_cursor() {
    let change = json!({"change_id": "a", "diff": [{"path": "x", "before": null, "after": "y".repeat(400)}]});
    let answer = json!({"changes": vec![change; 400], "next_cursor": "b"});
    assert_eq!(
        answered(&answer, &json!({}))["changes"]
            .as_array()
            .unwrap()
            .len(),
        400
    );
}

#[test]
fn a_text_that_was_shortened_cannot_be_written_back() {
    let short = answered(&json!({"order": order_of(1, 900)}), &json!({}));
    let order = short["order"].as_object().unwrap();
    let error = refuse_shortened(order).unwrap_err();
    assert!(
        error.has_code("shortened-text") && error.message.contains("checkout_data"),
        "{error}"
    );
    refuse_shortened(order_of(1, 1).as_object().unwrap()).unwrap();
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        (".{0,12}", 1..400_usize).prop_map(|(text, times)| text.repeat(times).into()),
    ];
    leaf.prop_recursive(4, 200, 60, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..60).prop_map(Value::from),
            prop::collection::btree_map(".{0,12}", inner, 0..60)
                .prop_map(|fields| fields.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_an_order_holds_its_answer_fits(order in value(), more in any::<bool>()) {
        let answer = json!({"order": {"id": "1", "x": order}, "version": "v", "change_id": "c", "diff": []});
        let arguments = if more { json!({"response_format": "detailed"}) } else { json!({}) };
        let text = answered(&answer, &arguments).to_string();
        prop_assert!(estimate(&text) <= if more { LARGE } else { SMALL }, "{}", text);
    }
}
