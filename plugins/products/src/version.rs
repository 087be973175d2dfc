//! A product's version: changes with any change of the product.

use orderdesk_client::basis;
use orderdesk_plugin::Context;

use crate::Product;

/// Hexadecimal digits; two states of one product do not meet by chance.
const LENGTH: usize = 16;

/// A digest of the whole product, whatever the order of its keys.
pub(crate) fn of(context: &Context, product: &Product) -> String {
    let digest = basis::digest(context, product);
    digest.chars().take(LENGTH).collect()
}
