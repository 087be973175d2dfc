//! The shipments of an order (order-desk-api.md §4): numbers as text, and a message for an answer.

use orderdesk_plugin::ToolError;
use orderdesk_plugin::http::{Method, Response};
use orderdesk_plugin::testing::Reply;
use serde_json::{Value, json};

use super::Orders;
use super::record::text;

impl Orders {
    /// An order is there; its shipments are asked for or changed.
    pub(super) fn shipments(
        &mut self,
        method: Method,
        order: &str,
        shipment: Option<&str>,
        body: &Value,
    ) -> Result<Response, ToolError> {
        let place = |shipments: &[Value]| {
            let found = shipments
                .iter()
                .position(|it| it["id"].as_str() == shipment);
            found.ok_or(())
        };
        let mut shipments = self.parcels(order);
        let done = match method {
            Method::Get => {
                return Reply::json(
                    200,
                    &json!({"status": "success", "total_records": shipments.len(), "shipments": shipments}),
                );
            }
            Method::Post => return answered(self.add_parcel(order, body)),
            Method::Put => place(&shipments).map(|place| {
                let id = text(&shipments[place], "id");
                shipments[place] = stored(&id, order, body);
            }),
            _ => place(&shipments).map(|place| {
                shipments.remove(place);
            }),
        };
        if done.is_err() {
            return Reply::json(
                404,
                &json!({"status": "error", "message": "Shipment Not Found"}),
            );
        }
        self.keep(order, shipments);
        answered(true)
    }

    /// A bare array of shipments, each with its order (§4.2).
    pub(super) fn add_parcels(&mut self, rows: &Value) -> Result<Response, ToolError> {
        let mut results = Vec::new();
        for row in rows.as_array().unwrap() {
            let order = text(row, "order_id");
            let added = self.by_id.contains_key(&order) && self.add_parcel(&order, row);
            results.push(json!({
                "order_id": row["order_id"],
                "status": if added { "success" } else { "error" },
                "message": if added { "Shipment Added" } else { "Shipment Not Added" },
            }));
        }
        Reply::json(200, &json!({"status": "success", "results": results}))
    }

    fn add_parcel(&mut self, order: &str, fields: &Value) -> bool {
        let mut shipments = self.parcels(order);
        let number = &fields["tracking_number"];
        if shipments.iter().any(|it| it["tracking_number"] == *number) {
            return false;
        }
        // By order, so that the sequence in which orders get theirs makes no difference.
        let id = format!("{order}00{}", shipments.len());
        shipments.push(stored(&id, order, fields));
        self.keep(order, shipments);
        true
    }

    fn parcels(&self, order: &str) -> Vec<Value> {
        let shipments = self.by_id[order].get("order_shipments");
        shipments
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    }

    fn keep(&mut self, order: &str, shipments: Vec<Value>) {
        let record = self.by_id.get_mut(order).unwrap();
        record.insert("order_shipments".to_owned(), json!(shipments));
        self.touch(order, "API", "Shipments Changed");
    }
}

fn answered(added: bool) -> Result<Response, ToolError> {
    match added {
        true => Reply::json(200, &json!({"status": "success", "message": "Done"})),
        false => Reply::json(
            200,
            &json!({"status": "error", "message": "Shipment Not Added"}),
        ),
    }
}

fn stored(id: &str, order: &str, fields: &Value) -> Value {
    let mut shipment = json!({ "id": id, "order_id": order });
    for name in [
        "tracking_number",
        "carrier_code",
        "shipment_method",
        "weight",
        "cost",
        "status",
        "tracking_url",
    ] {
        shipment[name] = json!(text(fields, name));
    }
    shipment
}
