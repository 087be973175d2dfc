//! Products as resources.

use orderdesk_plugin::Typing;

use super::*;

const TEMPLATE: &str = "orderdesk://{store}/products/{code}";

fn read(host: &FakeHost, uri: &str) -> Result<Value, ToolError> {
    let contents = testing::read(products::plugin(), host, uri)?;
    Ok(serde_json::from_str(contents.text().unwrap()).unwrap())
}

#[test]
fn a_product_is_found_by_its_code() {
    let host = holding(vec![product(1), product(2)], None);
    let read = read(&host, "orderdesk://Alpha/products/ORG-2").unwrap();
    assert_eq!(sent(&host, "code").as_deref(), Some("ORG-2"));
    assert_eq!(read["product"]["id"], "2");
    assert_eq!(read["product"]["stock"], 118);
    assert_eq!(read["store"]["store_id"], "9021");
}

#[test]
fn a_code_that_nobody_has_is_not_found() {
    let host = holding(vec![product(1)], None);
    let error = read(&host, "orderdesk://9021/products/ORG-2").unwrap_err();
    assert!(error.has_code("product-not-found"), "{error}");
    let error = read(&host, "orderdesk://9021/products/A%2CB").unwrap_err();
    assert!(error.has_code("comma-in-code"), "{error}");
    let error = read(&host, "orderdesk://9999/products/ORG-1").unwrap_err();
    assert!(error.has_code("store-not-found"), "{error}");
}

#[test]
fn codes_are_offered_while_somebody_types() {
    let host = holding((1..=30).map(product).collect(), None);
    let offered = |typing| testing::complete(products::plugin(), &host, TEMPLATE, typing).unwrap();
    let codes = offered(Typing::new("code", "org-2").with("store", "9021"));
    assert_eq!(codes.values.len(), 11);
    assert_eq!((codes.total, codes.has_more), (Some(11), false));
    assert_eq!(offered(Typing::new("store", "")).values, ["Alpha"]);
    assert!(
        offered(Typing::new("code", "").with("store", "x"))
            .values
            .is_empty()
    );
    assert_eq!(host.requests().len(), 1);
}
