//! Products and their stock.

use super::*;

fn products(stage: &Stage, tool: &str, arguments: Value) -> Result<Value, ToolError> {
    call(products::plugin, stage, tool, arguments)
}

fn item(stage: &Stage, id: &Value) -> Option<Value> {
    stage.products().into_iter().find(|it| it["id"] == *id)
}

fn new() -> Value {
    json!({ "product_data": {
        "code": "NEW-1", "name": "Organizer", "price": 34.5, "stock": 10, "variation_list": { "Size": "L" }
    } })
}

#[test]
fn a_product_is_created_changed_and_deleted_with_every_toggle() {
    for toggles in every_toggle() {
        let stage = Stage::with(toggles);
        let count = stage.products().len();
        let created = products(&stage, "products_create", new()).unwrap();
        assert_eq!(created.get("warnings"), None, "{created}");
        assert_eq!(
            products(&stage, "products_create", new()).unwrap()["already_there"],
            true
        );
        assert_eq!(stage.products().len(), count + 1);

        let id = created["product"]["id"]
            .as_str()
            .unwrap()
            .parse::<u64>()
            .unwrap();
        let changes = json!({ "price": 36, "metadata": { "own": "x" }, "location": "Aisle 4" });
        let update = json!({ "product_id": id, "changes": changes, "if_unchanged_since": created["version"] });
        let changed = products(&stage, "products_update", update).unwrap();
        assert_eq!(changed.get("warnings"), None, "{changed}");
        let now = item(&stage, &json!(id)).unwrap();
        assert_eq!((&now["price"], &now["stock"]), (&json!(36), &json!(10)));
        assert_eq!(now["variation_list"], json!({ "Size": "L" }));

        products(&stage, "products_delete", json!({ "product_id": id })).unwrap();
        assert_eq!(stage.products().len(), count);
        let error = products(&stage, "products_delete", json!({ "product_id": id })).unwrap_err();
        assert!(error.has_code("orderdesk-not-found"), "{error}");
    }
}

#[test]
fn whatever_happens_to_a_new_product_it_is_there_once_after_a_repetition() {
    for (name, fault, arrives) in every_fault("POST", "/inventory-items") {
        let stage = Stage::with(Toggles::default());
        let count = stage.products().len();
        stage.desk().inject(fault);
        let answer = products(&stage, "products_create", new());
        assert_eq!(answer.is_ok(), arrives, "{name}");
        assert!(
            answer.is_ok_and(|_| true) || stage.products().len() == count,
            "{name}"
        );
        products(&stage, "products_create", new()).unwrap();
        assert_eq!(stage.products().len(), count + 1, "{name}");
    }
}

#[test]
fn whatever_happens_to_a_change_or_deletion_the_answer_is_what_became_of_it() {
    for (name, fault, arrives) in every_fault("PUT", "/inventory-items/*") {
        let stage = Stage::with(Toggles::default());
        let before = stage.products()[0].clone();
        stage.desk().inject(fault);
        let update = json!({ "product_id": before["id"], "changes": { "price": 1234 } });
        assert_eq!(
            products(&stage, "products_update", update).is_ok(),
            arrives,
            "{name}"
        );
        assert_eq!(
            item(&stage, &before["id"]).unwrap()["price"] == 1234,
            arrives
        );
    }
    for (name, fault, arrives) in every_fault("DELETE", "/inventory-items/*") {
        let stage = Stage::with(Toggles::default());
        let id = stage.products()[0]["id"].clone();
        stage.desk().inject(fault);
        let answer = products(&stage, "products_delete", json!({ "product_id": id }));
        assert_eq!(
            (answer.is_ok(), item(&stage, &id).is_none()),
            (arrives, arrives),
            "{name}"
        );
    }
}

#[test]
fn whatever_happens_to_an_adjustment_it_is_made_once_under_its_key() {
    let faults = every_fault("PUT", "/batch-inventory-items").len();
    for place in 0..=faults {
        for toggles in every_toggle() {
            let stage = Stage::with(toggles);
            let before: Vec<Value> = stage.products().into_iter().take(3).collect();
            let mut arrives = true;
            let mut name = "no fault";
            if place < faults {
                let fault = every_fault("PUT", "/batch-inventory-items").swap_remove(place);
                (name, arrives) = (fault.0, fault.2);
                stage.desk().inject(fault.1);
            }
            let rows: Vec<Value> = before
                .iter()
                .map(|it| json!({ "code": it["code"], "by": 5 }))
                .collect();
            let adjust = json!({ "adjustments": rows, "idempotency_key": "k" });
            let answer = products(&stage, "products_adjust_stock", adjust.clone());
            assert_eq!(answer.is_ok(), arrives, "{name}");
            for _ in 0..2 {
                products(&stage, "products_adjust_stock", adjust.clone()).unwrap();
            }
            for old in before {
                let mut wanted = old.clone();
                wanted["stock"] = json!(old["stock"].as_i64().unwrap() + 5);
                let mut now = item(&stage, &old["id"]).unwrap();
                now["date_updated"] = old["date_updated"].clone();
                assert_eq!(now, wanted, "{name}");
            }
        }
    }
}
