//! Inventory items (order-desk-api.md §5).

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, put};
use serde_json::{Value, json};

use super::{Call, path_id};
use crate::inventory::{not_found, require_name_and_code};
use crate::loose;
use crate::reply::{Answer, Reply};
use crate::search::Window;
use crate::toggles::InventoryTotal;
use crate::world::World;

pub(super) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/inventory-items", get(list).post(create))
        .route(
            "/inventory-items/{item_id}",
            get(read).put(replace).delete(delete),
        )
        .route("/batch-inventory-items", put(batch))
}

/// §11.24: `total_records` is a string here. `limit`, `offset` and `search` are plausible but unconfirmed.
async fn list(call: Call) -> Answer {
    call.with_store(|store| {
        let window = Window::read(&call.query, &call.toggles)?;
        let found = store
            .inventory()
            .find(call.query.get("code"), call.query.get("search"));
        let total = match call.toggles.total_records_inventory {
            InventoryTotal::Count => found.len().to_string(),
            InventoryTotal::Zero => "0".to_owned(),
        };
        let page: Vec<&Value> = found
            .into_iter()
            .skip(window.offset)
            .take(window.limit)
            .collect();
        Ok(Reply::success()
            .with("initial_records_returned", json!(page.len()))
            .with("records_returned", json!(page.len()))
            .with("total_records", json!(total))
            .with("inventory_items", json!(page)))
    })
}

async fn read(Path(item_id): Path<String>, call: Call) -> Answer {
    let id = path_id(&item_id, "Inventory Item")?;
    call.with_store(|store| {
        let item = store.inventory().get(id).ok_or_else(|| not_found(id))?;
        Ok(Reply::success()
            .with("initial_records_returned", json!(1))
            .with("records_returned", json!(1))
            .with("inventory_item", item.clone()))
    })
}

async fn create(call: Call) -> Answer {
    let input = Value::Object(call.object()?);
    call.with_store(|store| {
        let item = store.add_inventory_item(&input, call.now)?;
        Ok(Reply::success()
            .message("Inventory Item Added")
            .with("inventory_item", item)
            .with_status(call.toggles.create_status))
    })
}

async fn replace(Path(item_id): Path<String>, call: Call) -> Answer {
    let id = path_id(&item_id, "Inventory Item")?;
    let input = call.object()?;
    call.with_store(|store| {
        store.inventory_mut().replace(id, &input, call.now)?;
        Ok(Reply::success().message("Inventory Item Updated"))
    })
}

async fn delete(Path(item_id): Path<String>, call: Call) -> Answer {
    let id = path_id(&item_id, "Inventory Item")?;
    call.with_store(|store| {
        store.inventory_mut().delete(id)?;
        Ok(Reply::success().message(&format!("Inventory Item {id} Deleted")))
    })
}

/// §5: a bare array of whole items. `id`, `name` and `code` are required in each, else nothing is done; rows that
/// name no item of the store are passed over, and the reply does not say so (assumptions).
async fn batch(call: Call) -> Answer {
    const REFUSED: &str = "Inventory Items Not Updated";
    let rows = call.rows()?;
    for row in &rows {
        require_name_and_code(row, REFUSED)?;
    }
    call.with_store(|store| {
        let replaced = rows.iter().filter(|row| {
            let id = row.get("id").and_then(loose::id);
            id.is_some_and(|id| store.inventory_mut().replace(id, row, call.now).is_ok())
        });
        let updated = replaced.count();
        Ok(Reply::success().message(&format!("{updated} Inventory Items Updated")))
    })
}
