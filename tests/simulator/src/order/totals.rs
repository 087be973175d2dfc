//! Order totals, computed from the parts whatever the client sent (order-desk-api.md §2.1, §11.11).

use serde_json::{Map, Value};

use crate::loose;

/// Decimals of money.
pub(crate) const MONEY: i32 = 2;
/// Decimals of a weight.
pub(crate) const WEIGHT: i32 = 4;

/// Recomputes every total of an order in place.
pub(crate) fn recompute(order: &mut Map<String, Value>) {
    let mut quantity = 0_i64;
    let mut weight = 0.0;
    let mut product = 0.0;
    for item in objects(order, "order_items") {
        let count = loose::integer(item, "quantity");
        quantity += count;
        weight += loose::amount(item, "weight") * count as f64;
        product += loose::amount(item, "price") * count as f64;
    }
    // Discounts are stored positive (§2.1), so a negative one counts the same.
    let discount: f64 = objects(order, "discount_list")
        .map(|entry| loose::amount(entry, "amount").abs())
        .sum();
    let charges: f64 = ["shipping_total", "handling_total", "tax_total"]
        .iter()
        .map(|field| loose::amount(order, field))
        .sum();

    order.insert("quantity_total".to_owned(), Value::from(quantity));
    order.insert("weight_total".to_owned(), loose::number(weight, WEIGHT));
    order.insert("product_total".to_owned(), loose::number(product, MONEY));
    order.insert("discount_total".to_owned(), loose::number(discount, MONEY));
    order.insert(
        "order_total".to_owned(),
        loose::number(product + charges - discount, MONEY),
    );
}

fn objects<'a>(
    order: &'a Map<String, Value>,
    field: &str,
) -> impl Iterator<Item = &'a Map<String, Value>> {
    order
        .get(field)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        /// Computed in cents, which are exact, against what comes out of floating point.
        #[test]
        fn totals_are_exact_to_the_cent(
            items in proptest::collection::vec((0_i64..100_000, 0_i64..50), 1..10),
            charges in (0_i64..10_000, 0_i64..10_000, 0_i64..10_000),
            discount in 0_i64..5_000,
        ) {
            let money = |cents: i64| loose::number(cents as f64 / 100.0, MONEY);
            let lines: Vec<Value> =
                items.iter().map(|(price, count)| json!({"price": money(*price), "quantity": count})).collect();
            let mut order = json!({
                "order_items": lines, "shipping_total": money(charges.0), "handling_total": money(charges.1),
                "tax_total": money(charges.2), "discount_list": [{"amount": money(discount)}],
            });
            recompute(order.as_object_mut().unwrap());
            let product: i64 = items.iter().map(|(price, count)| price * count).sum();
            prop_assert_eq!(&order["product_total"], &money(product));
            let total = product + charges.0 + charges.1 + charges.2 - discount;
            prop_assert_eq!(&order["order_total"], &money(total));
        }
    }
}
