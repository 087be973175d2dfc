//! Shipments of an order, one by one or in a batch (order-desk-api.md §4).

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use super::{Call, path_id};
use crate::rejection::Rejection;
use crate::reply::{Answer, Reply};
use crate::store::Store;
use crate::world::World;
use crate::{loose, shipment};

pub(super) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/orders/{order_id}/shipments", get(list).post(add))
        .route(
            "/orders/{order_id}/shipments/{shipment_id}",
            get(read).put(update).delete(delete),
        )
        .route("/batch-shipments", post(batch))
}

async fn list(Path(order_id): Path<String>, call: Call) -> Answer {
    let order_id = path_id(&order_id, "Order")?;
    call.with_store(|store| {
        let (order, _) = store.find_order(order_id)?;
        let shipments = order.shipments();
        Ok(Reply::success()
            .with("total_records", json!(shipments.len()))
            .with("shipments", json!(shipments)))
    })
}

async fn read(Path((order_id, shipment_id)): Path<(String, String)>, call: Call) -> Answer {
    let order_id = path_id(&order_id, "Order")?;
    let shipment_id = path_id(&shipment_id, "Shipment")?;
    call.with_store(|store| {
        let (order, _) = store.find_order(order_id)?;
        Ok(Reply::success().with("shipment", shipment::find(order, shipment_id)?))
    })
}

/// Neither the shipment nor its id come back (§11.22).
async fn add(Path(order_id): Path<String>, call: Call) -> Answer {
    let order_id = path_id(&order_id, "Order")?;
    let input = Value::Object(call.object()?);
    call.with_store(|store| {
        store.add_shipment(order_id, &input, call.now)?;
        Ok(Reply::success().message("Shipment Added"))
    })
}

async fn update(Path((order_id, shipment_id)): Path<(String, String)>, call: Call) -> Answer {
    let order_id = path_id(&order_id, "Order")?;
    let shipment_id = path_id(&shipment_id, "Shipment")?;
    let input = call.object()?;
    call.with_store(|store| {
        let store_id = store.id();
        let (order, _) = store.find_order(order_id)?;
        shipment::update(order, store_id, shipment_id, &input, call.now)?;
        Ok(Reply::success().message("Shipment Updated"))
    })
}

async fn delete(Path((order_id, shipment_id)): Path<(String, String)>, call: Call) -> Answer {
    let order_id = path_id(&order_id, "Order")?;
    let shipment_id = path_id(&shipment_id, "Shipment")?;
    call.with_store(|store| {
        let (order, _) = store.find_order(order_id)?;
        shipment::delete(order, shipment_id, call.now)?;
        Ok(Reply::success().message(&format!("Shipment {shipment_id} Deleted")))
    })
}

/// §4.2: a bare array; one result per row. The whole says `success` even when rows failed (an assumption, and
/// the harder case for clients).
async fn batch(call: Call) -> Answer {
    let rows = call.rows()?;
    call.with_store(|store| {
        let outcomes: Vec<Result<(), Rejection>> =
            rows.iter().map(|row| add_row(store, row, &call)).collect();
        let added = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let result = |(row, outcome): (&Map<String, Value>, &Result<(), Rejection>)| {
            let (status, message) = match outcome {
                Ok(()) => ("success", "Shipment Added".to_owned()),
                Err(rejection) => ("error", rejection.to_string()),
            };
            json!({"order_id": row.get("order_id"), "status": status, "message": message})
        };
        let results: Value = rows.iter().zip(&outcomes).map(result).collect();
        Ok(Reply::success()
            .message(&format!("{added} Shipments Added"))
            .with("results", results))
    })
}

fn add_row(store: &mut Store, row: &Map<String, Value>, call: &Call) -> Result<(), Rejection> {
    let order_id = row
        .get("order_id")
        .and_then(loose::id)
        .ok_or_else(|| Rejection::invalid("Invalid Shipment", "order_id is required"))?;
    store.add_shipment(order_id, &Value::Object(row.clone()), call.now)
}
