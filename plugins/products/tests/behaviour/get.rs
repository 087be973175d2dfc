//! `products_get`.

use std::time::Duration;

use super::*;

fn of(product: Value) -> FakeHost {
    answering(
        200,
        json!({ "status": "success", "records_returned": 1, "inventory_item": product }),
    )
}

fn get(host: &FakeHost, arguments: Value) -> Value {
    call(host, "products_get", arguments).unwrap()
}

#[test]
fn a_product_comes_whole_and_normalised_with_its_store() {
    let host = of(product(771_204));
    let mut whole = product(771_204);
    whole["id"] = json!("771204");
    whole["variation_list"] = json!({});
    let found = get(&host, json!({ "product_id": 771_204 }));
    assert_eq!(found["version"].as_str().unwrap().len(), 16);
    assert_eq!(
        found,
        json!({
            "store": { "store_id": "9021", "store_name": "Alpha" }, "product": whole, "version": found["version"],
            "cached": false
        })
    );
    assert_eq!(host.requests()[0].path, ["inventory-items", "771204"]);
}

#[test]
fn fields_choose_what_is_shown_and_win_over_the_format() {
    let host = of(product(5));
    let found = get(
        &host,
        json!({ "product_id": 5, "fields": ["stock", "metadata.print_sku"], "response_format": "detailed" }),
    );
    assert_eq!(
        found["product"],
        json!({ "stock": 118, "metadata": { "print_sku": "ORG-WAL-L" } })
    );
    let error = call(
        &host,
        "products_get",
        json!({ "product_id": 5, "fields": ["stok"] }),
    )
    .unwrap_err();
    assert!(
        error.has_code("unknown-field") && error.message.contains("'stock'"),
        "{error}"
    );
}

#[test]
fn an_answer_is_kept_for_a_minute() {
    let host = of(product(5));
    let cached = || get(&host, json!({ "product_id": "5" }))["cached"].clone();
    assert_eq!(cached(), false);
    host.advance(Duration::from_millis(59_999));
    assert_eq!(cached(), true);
    host.advance(Duration::from_millis(1));
    assert_eq!(cached(), false);
}

#[test]
fn a_sku_is_told_apart_before_order_desk_is_asked() {
    let host = of(product(5));
    for id in ["ORG-WAL", "../store", "5.0"] {
        let error = call(&host, "products_get", json!({ "product_id": id })).unwrap_err();
        assert!(error.has_code("bad-product-id"), "{error}");
        assert!(
            error.message.contains("products_list") && error.message.contains(id),
            "{error}"
        );
    }
    assert!(host.requests().is_empty());
}

#[test]
fn an_unknown_product_is_an_error_that_thinks_of_its_sku() {
    let host = answering(404, json!({ "status": "error", "message": "Not Found" }));
    let error = call(&host, "products_get", json!({ "product_id": 10 })).unwrap_err();
    assert!(error.has_code("orderdesk-not-found"), "{error}");
    assert!(error.message.contains(r#"{"code": "10"}"#), "{error}");
}

#[test]
fn an_answer_that_is_no_product_is_an_error() {
    for (body, code) in [
        (json!({ "status": "success" }), "orderdesk-part-missing"),
        (
            json!({ "status": "success", "inventory_item": [] }),
            "orderdesk-unexpected",
        ),
    ] {
        let error = call(
            &answering(200, body),
            "products_get",
            json!({ "product_id": 5 }),
        )
        .unwrap_err();
        assert!(error.has_code(code), "{error}");
    }
}
