//! What is sent for each argument.

use end_to_end::required;
use serde_json::{Map, Value, json};

use orderdesk_simulator::sample;

use super::Sweep;
use super::harvest::Harvest;

/// Arguments that refer to something of a tenant, and to what.
pub(super) const REFERENCES: &[(&str, &str)] = &[
    ("change_id", "change"),
    ("code", "product code"),
    ("confirm_token", "token"),
    ("cursor", "cursor"),
    ("customer_id", "customer"),
    ("destination_folder_id", "folder"),
    ("email", "e-mail"),
    ("folder_id", "folder"),
    ("identifier", "store"),
    ("master_key", "key"),
    ("order_id", "order"),
    ("order_id_list", "order"),
    ("product_id", "product"),
    ("shipment_id", "shipment"),
    ("source_id", "source"),
    ("store_id", "store"),
    ("store_identifier", "store"),
    ("subject", "subject"),
];

/// Arguments whose names look like those of references, and why they are none.
pub(super) const NO_REFERENCES: &[(&str, &str)] = &[
    (
        "idempotency_key",
        "the caller's own word; where it is kept, the tenant's documents are",
    ),
    ("item_id", "looked for in the order that is named beside it"),
    ("api_key", "a secret that is checked against Order Desk"),
];

/// What is sent for arguments that refer to nothing: by tool and name, or by name.
fn plain(tool: &str, name: &str, mine: &Harvest) -> Option<Value> {
    Some(match (tool, name) {
        ("products_update", "changes") => json!({"price": 12.5}),
        ("shipments_update", "changes") => json!({"tracking_number": "SWEEP2"}),
        (_, "changes") => json!({"email": "someone@example.com"}),
        ("orders_create", "order_data") => json!({
            "source_id": "SWEEP-1", "email": "someone@example.com",
            "shipping": {"first_name": "Ann", "last_name": "Lee"},
            "order_items": [{"name": "Desk", "code": "D-1", "price": 10, "quantity": 1}],
        }),
        ("products_create", "products" | "product" | "product_data") => {
            json!({"name": "Desk", "code": "SWEEP-D-1", "price": 10})
        }
        (_, "items") => {
            json!([{"code": mine.one("product code"), "name": "Desk", "price": 1, "quantity": 1}])
        }
        (_, "filter") => json!({"folder_name": "New"}),
        (_, "adjustments") => json!([{"code": mine.one("product code"), "by": 1}]),
        (_, "shipments") => json!([{"order_id": mine.one("order"), "tracking_number": "SWEEP1"}]),
        (_, "api_key") => json!(sample::NORTH_PIER_KEY),
        _ => return None,
    })
}

impl Sweep {
    /// Arguments that are valid for the sweep's own tenant; `skip` is left to the caller.
    pub(super) fn fill(&mut self, tool: &Value, skip: &str) -> Map<String, Value> {
        let name = tool["name"].as_str().unwrap();
        let schema = &tool["inputSchema"];
        let required = required(schema);
        let mut arguments = Map::new();
        for (argument, of) in schema["properties"].as_object().into_iter().flatten() {
            let needed = required.contains(&argument.as_str());
            if argument == skip || !(needed || argument == "dry_run") {
                continue;
            }
            if argument == "dry_run" {
                // Nothing is to be changed, but a token confirms no preview.
                if skip != "confirm_token" {
                    arguments.insert(argument.clone(), true.into());
                }
                continue;
            }
            let reference = REFERENCES.iter().find(|(it, _)| it == argument);
            let value = match (plain(name, argument, &self.mine), reference) {
                (Some(value), _) => Some(value),
                (None, Some((_, kind))) => Some(in_form(of, &self.mine.one(kind))),
                (None, None) => generated(of),
            };
            match value {
                Some(value) => {
                    arguments.insert(argument.clone(), value);
                }
                None => self
                    .found
                    .push(format!("{name}: cannot fill '{argument}': {of}")),
            }
        }
        // Which one of either, where a schema cannot say it.
        if name == "orders_move" && skip != "destination_folder_id" {
            arguments.insert(
                "destination_folder_id".into(),
                self.mine.one("folder").into(),
            );
        }
        arguments
    }
}

/// A reference as an argument with this schema takes it.
pub(super) fn in_form(schema: &Value, value: &str) -> Value {
    match &schema["type"] {
        Value::String(kind) if kind == "array" => json!([value]),
        _ => value.into(),
    }
}

/// A value for an argument that refers to nothing.
fn generated(schema: &Value) -> Option<Value> {
    if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
        return Some(first.clone());
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first()?,
        kind => kind,
    };
    Some(match kind.as_str()? {
        "string" => "sweep".into(),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| 1.into()),
        "boolean" => false.into(),
        "array" => json!([generated(&schema["items"])?]),
        "object" => {
            let properties = schema["properties"].as_object()?;
            let required = required(schema);
            let mut object = Map::new();
            for name in required {
                object.insert(name.to_owned(), generated(properties.get(name)?)?);
            }
            object.into()
        }
        _ => return None,
    })
}
