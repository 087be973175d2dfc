//! Behaviours 6 to 8 and 10 to 14: what a new order becomes.

use serde_json::{Value, json};

use crate::client::{bench, order_input, order_with, order_without};

#[tokio::test]
async fn behaviour_06_ids_in_bodies_may_be_ints_or_strings() {
    let bench = bench().await;
    let id = bench
        .api
        .create(&order_with(&json!({"folder_id": "31002"})))
        .await;
    assert_eq!(bench.api.order(&id).await["folder_id"], 31002);
    for (list, folder) in [
        (json!([id]), json!("31003")),
        (json!([id.parse::<u64>().unwrap()]), json!(31001)),
    ] {
        let request = json!({"order_id_list": list, "destination_folder_id": folder});
        assert_eq!(
            bench.api.post("/move-orders", &request).await.json()["message"],
            "1 Orders Moved"
        );
    }
    let rows = json!([
        {"order_id": id, "tracking_number": "A"},
        {"order_id": id.parse::<u64>().unwrap(), "tracking_number": "B"},
    ]);
    assert_eq!(
        bench.api.post("/batch-shipments", &rows).await.json()["message"],
        "2 Shipments Added"
    );
}

#[tokio::test]
async fn behaviour_07_empty_maps_are_lists_and_filled_ones_objects() {
    let bench = bench().await;
    for empty in [json!([]), json!({}), Value::Null] {
        let input = order_with(&json!({
            "source_id": "", "checkout_data": empty, "order_metadata": empty,
            "order_items": [{"name": "Lamp", "variation_list": empty, "metadata": empty}],
        }));
        let order = bench.api.order(&bench.api.create(&input).await).await;
        assert_eq!(order["checkout_data"], json!([]));
        assert_eq!(order["order_metadata"], json!([]));
        assert_eq!(order["order_items"][0]["variation_list"], json!([]));
        assert_eq!(order["order_items"][0]["metadata"], json!([]));
    }
    let order = bench
        .api
        .order(&bench.api.create(&order_input()).await)
        .await;
    assert_eq!(
        order["checkout_data"],
        json!({"Gift Message": "Enjoy the new desk"})
    );
    assert_eq!(
        order["order_metadata"],
        json!({"cart_order_id": "8841200", "risk_score": 12})
    );
    assert_eq!(
        order["order_items"][0]["variation_list"],
        json!({"Finish": "Oil", "Size": "Large"})
    );
}

#[tokio::test]
async fn a_map_with_keys_from_zero_up_comes_back_as_a_list() {
    let bench = bench().await;
    let id = bench
        .api
        .create(&order_with(&json!({"checkout_data": {"0": "a", "1": "b"}})))
        .await;
    assert_eq!(
        bench.api.order(&id).await["checkout_data"],
        json!(["a", "b"])
    );
}

#[tokio::test]
async fn behaviour_08_unset_values_are_blank_strings_except_manufacturer_sku() {
    let bench = bench().await;
    let input =
        json!({"shipping": {"company": "Acme"}, "order_items": [{"name": "Lamp"}], "email": null});
    let order = bench.api.order(&bench.api.create(&input).await).await;
    assert!(!order.to_string().contains("null"), "{order}");
    for field in [
        "email",
        "customer_id",
        "tag_name",
        "cc_number_masked",
        "fulfillment_id",
    ] {
        assert_eq!(order[field], "", "{field}");
    }
    assert_eq!(order["return_address"]["postal_code"], "");
    let item = bench
        .api
        .post("/inventory-items", &json!({"name": "Lamp", "code": "LMP"}))
        .await
        .json();
    assert_eq!(item["inventory_item"]["manufacturer_sku"], Value::Null);
    assert_eq!(item["inventory_item"]["location"], "");
}

#[tokio::test]
async fn behaviour_10_a_new_order_needs_an_item_and_a_name_and_gets_five_defaults() {
    let bench = bench().await;
    let no_items = order_with(&json!({"order_items": []}));
    let half_name = order_with(&json!({"shipping": {"first_name": "Ruth"}}));
    for input in [
        no_items,
        order_without(&["order_items"]),
        half_name,
        order_without(&["shipping"]),
    ] {
        let reply = bench.api.post("/orders", &input).await;
        assert_eq!(reply.status, 400);
        assert_eq!(reply.json()["status"], "error");
        assert_eq!(reply.json()["errors"].as_array().unwrap().len(), 1);
    }

    let input = json!({"shipping": {"company": "Acme"}, "order_items": [{"name": "Lamp", "price": 3, "quantity": 2}]});
    let order = bench.api.order(&bench.api.create(&input).await).await;
    assert_eq!(order["folder_id"], 31001);
    assert_eq!(order["source_name"], "Order Desk");
    assert_eq!(order["source_id"], order["id"]);
    assert_eq!(order["payment_status"], "Captured");
    assert_eq!(order["processor_balance"], 6);
}

#[tokio::test]
async fn a_missing_address_is_copied_from_the_other_one() {
    let bench = bench().await;
    let order = bench
        .api
        .order(&bench.api.create(&order_input()).await)
        .await;
    assert_eq!(order["customer"]["last_name"], "Okafor");
    assert_eq!(
        order["customer"].get("address3"),
        None,
        "only shipping has it"
    );

    let mut input = order_without(&["shipping", "source_id"]);
    input["customer"] = json!({"first_name": "Mei", "last_name": "Tanaka", "postal_code": "23219"});
    let order = bench.api.order(&bench.api.create(&input).await).await;
    assert_eq!(order["shipping"]["last_name"], "Tanaka");
    assert_eq!(order["shipping"]["postal_code"], "23219");
    assert_eq!(order["shipping"]["address3"], "");
}

#[tokio::test]
async fn flat_name_fields_stand_for_an_address() {
    let bench = bench().await;
    let input = json!({
        "shipping_first_name": "Mei", "shipping_last_name": "Tanaka", "order_items": [{"name": "Lamp"}],
    });
    let order = bench.api.order(&bench.api.create(&input).await).await;
    assert_eq!(order["shipping"]["first_name"], "Mei");
    assert_eq!(order["customer"]["last_name"], "Tanaka");
}

#[tokio::test]
async fn behaviour_11_totals_are_computed_and_what_was_sent_is_ignored() {
    let bench = bench().await;
    let claimed = json!({
        "quantity_total": 99, "weight_total": 99, "product_total": 99, "discount_total": 99, "order_total": 99,
    });
    let id = bench.api.create(&order_with(&claimed)).await;
    let order = bench.api.order(&id).await;
    assert_eq!(order["quantity_total"], 6);
    assert_eq!(order["weight_total"], json!(4.2));
    assert_eq!(order["product_total"], 94);
    assert_eq!(order["discount_total"], json!(9.4));
    assert_eq!(order["order_total"], json!(102.9));
    assert_eq!(order["discount_list"][0]["amount"], "9.40");

    let items = format!("/orders/{id}/order-items");
    bench
        .api
        .post(
            &items,
            &json!({"name": "Rope", "price": 10, "quantity": 3, "weight": 1}),
        )
        .await;
    let order = bench.api.order(&id).await;
    assert_eq!(
        (&order["quantity_total"], &order["product_total"]),
        (&json!(9), &json!(124))
    );
    assert_eq!(order["order_total"], json!(132.9));
    let rope = order["order_items"][2]["id"].as_str().unwrap();
    bench
        .api
        .put(
            &format!("{items}/{rope}"),
            &json!({"name": "Rope", "price": 10, "quantity": 1}),
        )
        .await;
    assert_eq!(bench.api.order(&id).await["product_total"], 104);
    bench.api.delete(&format!("{items}/{rope}")).await;
    assert_eq!(bench.api.order(&id).await["order_total"], json!(102.9));
}

#[tokio::test]
async fn behaviour_12_email_count_is_a_string_over_orders_with_that_email() {
    let bench = bench().await;
    let id = bench.api.create(&order_input()).await;
    assert_eq!(bench.api.order(&id).await["email_count"], "1");
    bench
        .api
        .create(&order_with(
            &json!({"source_id": "B", "email": "R.Okafor@example.com"}),
        ))
        .await;
    bench
        .api
        .create(&order_with(
            &json!({"source_id": "C", "email": "else@example.com"}),
        ))
        .await;
    assert_eq!(bench.api.order(&id).await["email_count"], "2");
    let listed = bench.api.get("/orders?source_id=WEB-10482").await.json();
    assert_eq!(listed["orders"][0]["email_count"], "2");
}

#[tokio::test]
async fn behaviour_13_card_digits_come_back_masked_only() {
    let bench = bench().await;
    let id = bench
        .api
        .create(&order_with(&json!({"cc_number": "4111111111111881"})))
        .await;
    let order = bench.api.order(&id).await;
    assert_eq!(order["cc_number_masked"], "xxxxxxxxxxxx1881");
    assert_eq!(order.get("cc_number"), None);
    assert!(!order.to_string().contains("41111"));
}

#[tokio::test]
async fn behaviour_14_create_and_update_answer_the_full_order() {
    let bench = bench().await;
    let created = bench.api.post("/orders", &order_input()).await;
    assert_eq!(created.status, 201);
    let order = created.json()["order"].clone();
    let id = order["id"].as_str().unwrap();
    assert_eq!(order, bench.api.order(id).await);

    let updated = bench.api.put(&format!("/orders/{id}"), &order).await;
    assert_eq!(updated.status, 200);
    assert_eq!(updated.json()["order"], bench.api.order(id).await);
}

#[tokio::test]
async fn stores_with_normalisation_rewrite_addresses() {
    let bench = crate::client::bench_with(|config| {
        let store = crate::client::store()
            .with_setting("normalize_capitalization", json!("1"))
            .with_setting("normalize_phone_numbers", json!("1"));
        config.stores = vec![store];
    })
    .await;
    let shipping = json!({"first_name": "RUTH", "last_name": "okafor", "city": "McAllen", "phone": "(207) 555 0144"});
    let id = bench
        .api
        .create(&order_with(&json!({"shipping": shipping})))
        .await;
    let order = bench.api.order(&id).await;
    assert_eq!(order["shipping"]["first_name"], "Ruth");
    assert_eq!(order["shipping"]["last_name"], "Okafor");
    assert_eq!(order["shipping"]["city"], "McAllen");
    assert_eq!(order["shipping"]["phone"], "207-555-0144");
}
