//! Shipments.

use super::*;

fn orders(stage: &Stage, tool: &str, arguments: Value) -> Result<Value, ToolError> {
    call(orders::plugin, stage, tool, arguments)
}

fn parcel(order: u64) -> Value {
    json!({
        "order_id": order, "tracking_number": "1ZX4420A0390011187", "carrier_code": "UPS", "shipment_method": "Ground",
        "weight": 4.2, "cost": 8
    })
}

#[test]
fn a_shipment_is_added_changed_removed_and_brought_back_with_every_toggle() {
    for toggles in every_toggle() {
        let stage = Stage::with(toggles);
        let order = stage.orders(1)[0];
        let added = orders(&stage, "shipments_add", parcel(order)).unwrap();
        assert_eq!(added.get("warnings"), None, "{added}");
        let again = orders(&stage, "shipments_add", parcel(order)).unwrap();
        assert_eq!(again["already_there"], true);

        let id = added["shipment"]["id"].clone();
        let changes = json!({ "tracking_number": "1ZX4420A0390011188", "cost": 9.5 });
        let update = json!({ "order_id": order, "shipment_id": id, "changes": changes });
        let changed = orders(&stage, "shipments_update", update).unwrap();
        assert_eq!(changed.get("warnings"), None, "{changed}");
        let now = &stage.shipments(order)[0];
        assert_eq!(
            (&now["weight"], &now["cost"]),
            (&json!("4.2"), &json!("9.5"))
        );
        assert!(
            now["tracking_url"]
                .as_str()
                .unwrap()
                .ends_with("1ZX4420A0390011188")
        );
        assert_eq!(now["date_shipped"], added["shipment"]["date_shipped"]);

        let remove = json!({ "order_id": order, "shipment_id": id });
        let removed = orders(&stage, "shipments_delete", remove.clone()).unwrap();
        assert!(stage.shipments(order).is_empty());
        assert!(
            orders(&stage, "shipments_delete", remove)
                .unwrap_err()
                .has_code("shipment-not-found")
        );
        let undone = json!({ "change_id": removed["change_id"] });
        orders(&stage, "orders_undo", undone).unwrap();
        assert_eq!(
            stage.shipments(order)[0]["tracking_number"],
            "1ZX4420A0390011188"
        );

        let error = orders(&stage, "shipments_add", parcel(999_999_999)).unwrap_err();
        assert!(error.has_code("orderdesk-not-found"), "{error}");
    }
}

#[test]
fn whatever_happens_to_a_new_shipment_it_is_there_once_after_a_repetition() {
    for (name, fault, arrives) in every_fault("POST", "/orders/*/shipments") {
        let stage = Stage::with(Toggles::default());
        let order = stage.orders(1)[0];
        stage.desk().inject(fault);
        let answer = orders(&stage, "shipments_add", parcel(order));
        assert_eq!(answer.is_ok(), arrives, "{name}");
        assert_eq!(stage.shipments(order).len(), usize::from(arrives));
        if let Err(error) = answer {
            assert!(!error.outcome_unknown, "{name}: {error}");
        }
        assert_eq!(stage.desk().count("POST", "/orders"), 1, "{name}");
        orders(&stage, "shipments_add", parcel(order)).unwrap();
        assert_eq!(stage.shipments(order).len(), 1, "{name}");
    }
}

#[test]
fn whatever_happens_to_a_change_or_removal_the_answer_is_what_became_of_it() {
    let names = every_fault("PUT", "").len();
    for place in 0..names {
        let stage = Stage::with(Toggles::default());
        let order = stage.orders(1)[0];
        let added = orders(&stage, "shipments_add", parcel(order)).unwrap();
        let id = added["shipment"]["id"].clone();
        let (name, fault, arrives) = every_fault("PUT", "/orders/*/shipments/*").swap_remove(place);
        stage.desk().inject(fault);
        let update = json!({ "order_id": order, "shipment_id": id, "changes": { "cost": 9.5 } });
        assert_eq!(
            orders(&stage, "shipments_update", update).is_ok(),
            arrives,
            "{name}"
        );
        assert_eq!(stage.shipments(order)[0]["cost"] == "9.5", arrives);
        let (name, fault, arrives) =
            every_fault("DELETE", "/orders/*/shipments/*").swap_remove(place);
        stage.desk().inject(fault);
        let remove = json!({ "order_id": order, "shipment_id": id });
        assert_eq!(
            orders(&stage, "shipments_delete", remove).is_ok(),
            arrives,
            "{name}"
        );
        assert_eq!(stage.shipments(order).is_empty(), arrives);
    }
}

#[test]
fn a_batch_answers_for_every_order_with_every_toggle_and_fault() {
    let rows = |ids: &[u64]| {
        let rows: Vec<Value> = ids.iter().map(|id| parcel(*id)).collect();
        json!({ "shipments": rows })
    };
    for toggles in every_toggle() {
        let stage = Stage::with(toggles);
        let mut ids = stage.orders(30);
        ids.push(999_999_999);
        let added = orders(&stage, "shipments_add_batch", rows(&ids)).unwrap();
        assert_eq!(
            (&added["added"], &added["failed"]),
            (&json!(ids.len() - 1), &json!(1))
        );
        let again = orders(&stage, "shipments_add_batch", rows(&ids)).unwrap();
        assert_eq!((&again["added"], &again["failed"]), (&json!(0), &json!(1)));
    }
    for (name, fault, arrives) in every_fault("POST", "/batch-shipments") {
        let stage = Stage::with(Toggles::default());
        let ids = stage.orders(25);
        stage.desk().inject(fault);
        let first = orders(&stage, "shipments_add_batch", rows(&ids)).unwrap();
        let failed = if arrives { 0 } else { 20.min(ids.len()) };
        assert_eq!(first["failed"], failed, "{name}");
        orders(&stage, "shipments_add_batch", rows(&ids)).unwrap();
        for id in ids {
            assert_eq!(stage.shipments(id).len(), 1, "{name}");
        }
    }
}
