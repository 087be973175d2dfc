//! What an adjustment of stock comes to: from what is there and what is asked for, the numbers that are sent.

use std::collections::BTreeMap;

use orderdesk_client::changed_since;
use orderdesk_client::difference::{self, Edit};
use orderdesk_plugin::ToolError;
use orderdesk_plugin::serde_json::{Value, json};
use serde::{Deserialize, Serialize};

use crate::Product;
use crate::shelf::{same_code, text};

/// Products named in a message; the rest is counted.
const LISTED: usize = 20;

/// How much more or less of a product there shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) code: String,
    pub(super) by: i64,
}

/// The stock of one product, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) code: String,
    pub(super) before: i64,
    pub(super) by: i64,
    pub(super) after: i64,
}

impl Line {
    /// What differs by it.
    pub(super) fn edit(&self) -> Edit {
        Edit {
            at: vec!["products".to_owned(), self.id.clone(), "stock".to_owned()],
            before: Some(json!(self.before)),
            after: Some(json!(self.after)),
        }
    }
}

/// What differs by all of them.
pub(super) fn edits(lines: &[Line]) -> Vec<Edit> {
    lines.iter().map(Line::edit).collect()
}

/// What a refusal stands between: the stock that there is, and what it would become.
pub(super) fn both_sides(lines: &[Line]) -> Value {
    let side = |stock: fn(&Line) -> i64| -> Value {
        lines
            .iter()
            .take(LISTED)
            .map(|line| json!({ "code": line.code, "stock": stock(line) }))
            .collect()
    };
    json!({ "theirs": side(|line| line.before), "ours": side(|line| line.after) })
}

/// The refusal of a change that was previewed over another stock: the stock of now, and what would become of it.
pub(super) fn stock_changed(lines: &[Line]) -> ToolError {
    let now: Vec<Value> = lines
        .iter()
        .map(|line| json!({ "code": line.code, "stock": line.before }))
        .collect();
    changed_since(
        "The stock",
        json!(now),
        json!(difference::shown(&edits(lines))),
    )
}

/// One line for each product, in the order of their ids; what is asked for twice adds up.
///
/// # Errors
/// `product-not-found`, `code-ambiguous`, `stock-unreadable`, `stock-out-of-range`, `stock-too-low`: then nothing of all is
/// to be done.
pub(super) fn plan(
    asked: &[Asked],
    products: &[Product],
    allow_negative: bool,
) -> Result<Vec<Line>, ToolError> {
    let mut lines: BTreeMap<&str, Line> = BTreeMap::new();
    let mut missing = Vec::new();
    for asked in asked {
        let Some(product) = find(products, &asked.code)? else {
            missing.push(asked.code.as_str());
            continue;
        };
        let id = text(product, "id");
        let line = match lines.get(id) {
            Some(line) => line.clone(),
            None => {
                let stock = stock(product)?;
                Line {
                    id: id.to_owned(),
                    code: text(product, "code").to_owned(),
                    before: stock,
                    by: 0,
                    after: stock,
                }
            }
        };
        lines.insert(id, moved(line, asked.by)?);
    }
    if !missing.is_empty() {
        return Err(not_found(&missing));
    }
    let lines: Vec<Line> = lines.into_values().filter(|line| line.by != 0).collect();
    let short: Vec<String> = lines
        .iter()
        .filter(|line| !allow_negative && line.by < 0 && line.after < 0)
        .map(|line| format!("{:?} has {}, {} asked for", line.code, line.before, line.by))
        .collect();
    if !short.is_empty() {
        return Err(ToolError::conflict(
            "stock-too-low",
            format!(
                "There is not enough stock: {}. Nothing was changed, not even the others. Correct 'adjustments', or pass \
                 allow_negative: true if the store sells more than it has.",
                listed(&short)
            ),
        )
        .with_extra(both_sides(&lines)));
    }
    Ok(lines)
}

fn moved(mut line: Line, by: i64) -> Result<Line, ToolError> {
    let sum = line.by.checked_add(by);
    match sum.and_then(|sum| Some((sum, line.before.checked_add(sum)?))) {
        Some((sum, after)) => {
            line.by = sum;
            line.after = after;
            Ok(line)
        }
        None => Err(ToolError::invalid_input(
            "stock-out-of-range",
            format!(
                "'adjustments': {:?} by {by} is more than a stock can be. Nothing was changed.",
                line.code
            ),
        )),
    }
}

/// The product of a code: the one that is spelt so, else the only one in another letter case.
fn find<'a>(products: &'a [Product], code: &str) -> Result<Option<&'a Product>, ToolError> {
    let exact: Vec<&Product> = products
        .iter()
        .filter(|it| text(it, "code") == code)
        .collect();
    if let [product] = exact.as_slice() {
        return Ok(Some(product));
    }
    let alike: Vec<&Product> = products
        .iter()
        .filter(|it| same_code(text(it, "code"), code))
        .collect();
    match alike.as_slice() {
        [] => Ok(None),
        [product] => Ok(Some(product)),
        several => {
            let ids: Vec<&str> = several.iter().map(|it| text(it, "id")).collect();
            Err(ToolError::conflict(
                "code-ambiguous",
                format!(
                    "Several products have the code {code:?}: their ids are {}. Nothing was changed. Set the stock of the \
                     right one with products_update.",
                    ids.join(", ")
                ),
            ))
        }
    }
}

/// The stock of a product; blank is none.
pub(super) fn stock(product: &Product) -> Result<i64, ToolError> {
    let read = match product.get("stock") {
        None | Some(Value::Null) => Some(0),
        Some(Value::String(text)) if text.trim().is_empty() => Some(0),
        Some(Value::String(text)) => text.trim().parse().ok(),
        #[allow(clippy::cast_possible_truncation)] // Whole, and within what a float tells apart.
        Some(Value::Number(number)) => number.as_i64().or_else(|| {
            let number = number.as_f64()?;
            (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
        }),
        Some(_) => None,
    };
    read.ok_or_else(|| {
        ToolError::upstream(
            "stock-unreadable",
            format!(
                "The stock of the product {} is {}, which is no whole number. Nothing was changed. Set it with \
                 products_update first.",
                text(product, "id"),
                product.get("stock").unwrap_or(&Value::Null)
            ),
        )
    })
}

fn not_found(missing: &[&str]) -> ToolError {
    let codes: Vec<String> = missing.iter().map(|code| format!("{code:?}")).collect();
    ToolError::not_found(
        "product-not-found",
        format!(
            "'adjustments': no product has the code {}. Nothing was changed, not even the others. Find the right code with \
             products_list and search.",
            listed(&codes)
        ),
    )
}

fn listed(all: &[String]) -> String {
    let mut text = all
        .iter()
        .take(LISTED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if all.len() > LISTED {
        text.push_str(&format!(" and {} more", all.len() - LISTED));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn product(id: usize, stock: Value) -> Product {
        json!({ "id": id.to_string(), "code": format!("SKU-{id}"), "stock": stock })
            .as_object()
            .unwrap()
            .clone()
    }

    fn asked(code: &str, by: i64) -> Asked {
        Asked {
            code: code.to_owned(),
            by,
        }
    }

    #[test]
    fn what_is_asked_for_twice_adds_up_in_any_letter_case() {
        let shelf = [product(1, json!(10)), product(2, json!("5"))];
        let lines = plan(
            &[
                asked("SKU-1", -3),
                asked("sku-1", -4),
                asked("SKU-2", 2),
                asked("SKU-2", -2),
            ],
            &shelf,
            false,
        )
        .unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].before, lines[0].by, lines[0].after), (10, -7, 3));
    }

    #[test]
    fn one_that_cannot_be_done_means_that_none_is() {
        let shelf = [
            product(1, json!(10)),
            product(2, json!(null)),
            product(3, json!("many")),
        ];
        let refused = |asked: &[Asked]| plan(asked, &shelf, false).unwrap_err();
        assert!(refused(&[asked("SKU-1", 1), asked("SKU-9", 1)]).has_code("product-not-found"));
        let short = refused(&[asked("SKU-1", 1), asked("SKU-2", -1)]);
        assert!(short.has_code("stock-too-low"));
        assert!(
            short.message.contains("\"SKU-2\" has 0, -1 asked for"),
            "{short}"
        );
        assert!(refused(&[asked("SKU-3", 1)]).has_code("stock-unreadable"));
        assert!(refused(&[asked("SKU-1", i64::MAX)]).has_code("stock-out-of-range"));
        assert_eq!(
            plan(&[asked("SKU-2", -1)], &shelf, true).unwrap()[0].after,
            -1
        );
    }

    #[test]
    fn a_stock_below_zero_can_be_raised_without_being_asked_about() {
        let shelf = [product(1, json!(-5))];
        assert_eq!(
            plan(&[asked("SKU-1", 2)], &shelf, false).unwrap()[0].after,
            -3
        );
        assert!(plan(&[asked("SKU-1", -2)], &shelf, false).is_err());
    }

    #[test]
    fn a_code_that_several_products_have_is_not_guessed() {
        let mut twin = product(2, json!(1));
        twin.insert("code".to_owned(), "sku-1".into());
        let shelf = [product(1, json!(1)), twin];
        assert_eq!(
            plan(&[asked("SKU-1", 1)], &shelf, false).unwrap()[0].id,
            "1"
        );
        assert!(
            plan(&[asked("Sku-1", 1)], &shelf, false)
                .unwrap_err()
                .has_code("code-ambiguous")
        );
    }

    proptest! {
        #[test]
        fn every_product_moves_by_the_sum_of_what_is_asked_and_no_other_moves(
            stocks in prop::collection::vec(-50_i64..1_000, 1..8),
            moves in prop::collection::vec((0_usize..8, -40_i64..40), 0..20),
        ) {
            let shelf: Vec<Product> = stocks.iter().enumerate().map(|(id, stock)| product(id, json!(stock))).collect();
            let moves: Vec<(usize, i64)> = moves.into_iter().map(|(id, by)| (id % stocks.len(), by)).collect();
            let wanted: Vec<Asked> = moves.iter().map(|(id, by)| asked(&format!("SKU-{id}"), *by)).collect();
            let sum = |id: usize| moves.iter().filter(|(it, _)| *it == id).map(|(_, by)| by).sum::<i64>();
            let too_low = (0..stocks.len()).any(|id| sum(id) < 0 && stocks[id] + sum(id) < 0);
            match plan(&wanted, &shelf, false) {
                Err(error) => prop_assert!(too_low && error.has_code("stock-too-low")),
                Ok(lines) => {
                    prop_assert!(!too_low);
                    for (id, stock) in stocks.iter().enumerate() {
                        let line = lines.iter().find(|line| line.id == id.to_string());
                        prop_assert_eq!(line.map_or(*stock, |line| line.after), stock + sum(id));
                        prop_assert_eq!(line.is_some(), sum(id) != 0);
                    }
                }
            }
        }

        #[test]
        fn how_the_rows_are_ordered_makes_no_difference(
            rows in prop::collection::vec((0_usize..4, -5_i64..5), 1..10).prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))
        ) {
            let shelf: Vec<Product> = (0..4).map(|id| product(id, json!(100))).collect();
            let lines = |rows: &[(usize, i64)]| {
                let rows: Vec<Asked> = rows.iter().map(|(id, by)| asked(&format!("SKU-{id}"), *by)).collect();
                plan(&rows, &shelf, false).unwrap()
            };
            prop_assert_eq!(lines(&rows.0), lines(&rows.1));
        }
    }
}
