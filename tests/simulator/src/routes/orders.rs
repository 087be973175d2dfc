//! Orders, their history, and moving them (order-desk-api.md §2).

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::{Call, path_id};
use crate::loose;
use crate::rejection::Rejection;
use crate::reply::{Answer, Reply};
use crate::search;
use crate::store::{Store, order_not_found};
use crate::world::World;

pub(super) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/orders", get(list).post(create))
        .route("/orders/{order_id}", get(read).put(replace).delete(delete))
        .route("/orders/{order_id}/order-history", post(add_history))
        .route("/move-orders", post(move_orders))
}

/// §2.3, §11.20.
async fn list(call: Call) -> Answer {
    call.with_store(|store| {
        let page = search::find(store, &call.query, &call.toggles)?;
        let orders = store.render_all(&page.orders, wants_history(&call));
        Ok(Reply::success()
            .with("total_records", json!(page.total_records))
            .with("records_returned", json!(page.orders.len()))
            .with("offset", json!(page.offset))
            .with("limit", json!(page.limit))
            .with("orders", orders))
    })
}

/// §2.2. Whether history can be had here is unconfirmed, hence the toggle.
async fn read(Path(order_id): Path<String>, call: Call) -> Answer {
    let id = path_id(&order_id, "Order")?;
    let with_history = call.toggles.history_on_single_get && wants_history(&call);
    call.with_store(|store| Ok(Reply::success().with("order", rendered(store, id, with_history)?)))
}

/// §2.4, §11.14.
async fn create(call: Call) -> Answer {
    let input = call.object()?;
    call.with_store(|store| {
        let id = store.create_order(&input, call.now, &call.toggles)?;
        let order = rendered(store, id, false)?;
        Ok(Reply::success()
            .message("Order Added")
            .with("order", order)
            .with_status(call.toggles.create_status))
    })
}

/// §2.5. Whatever the client sends in `If-Match`: there is no locking (§11.19).
async fn replace(Path(order_id): Path<String>, call: Call) -> Answer {
    let id = path_id(&order_id, "Order")?;
    let input = call.object()?;
    call.with_store(|store| {
        store.replace_order(id, &input, call.now, &call.toggles)?;
        Ok(Reply::success()
            .message("Order Updated")
            .with("order", rendered(store, id, false)?))
    })
}

/// §2.6.
async fn delete(Path(order_id): Path<String>, call: Call) -> Answer {
    let id = path_id(&order_id, "Order")?;
    call.with_store(|store| {
        store.delete_order(id)?;
        Ok(Reply::success().message(&format!("Order {id} Deleted")))
    })
}

/// §2.7: answers the whole order with its history.
async fn add_history(Path(order_id): Path<String>, call: Call) -> Answer {
    let id = path_id(&order_id, "Order")?;
    let input = call.object()?;
    if loose::is_blank(&input, "note") {
        return Err(Rejection::invalid("History Not Added", "note is required"));
    }
    call.with_store(|store| {
        let (order, _) = store.find_order(id)?;
        order.add_history(
            &loose::text(&input, "source_name"),
            &loose::text(&input, "note"),
            call.now,
        );
        order.touch(call.now);
        Ok(Reply::success()
            .with("total_records", json!(1))
            .with("order", rendered(store, id, true)?))
    })
}

/// §2.9, §11.23: ids in the results are ints, unlike `order.id`.
async fn move_orders(call: Call) -> Answer {
    let input = call.object()?;
    let ids = input
        .get("order_id_list")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if ids.is_empty() {
        return Err(Rejection::invalid(
            "Orders Not Moved",
            "order_id_list must be a list of order ids",
        ));
    }
    let by_id = !loose::is_blank(&input, "destination_folder_id");
    let by_name = !loose::is_blank(&input, "destination_folder_name");
    if by_id == by_name {
        let text = "give exactly one of destination_folder_id and destination_folder_name";
        return Err(Rejection::invalid("Orders Not Moved", text));
    }
    call.with_store(|store| {
        let folder_id = match by_id {
            true => loose::integer(&input, "destination_folder_id"),
            false => store
                .folder_named(&loose::text(&input, "destination_folder_name"))
                .unwrap_or_default(),
        };
        let folder = store
            .folder_name(folder_id)
            .ok_or_else(|| Rejection::NotFound("Folder".to_owned()))?
            .to_owned();
        let mut moved = 0;
        let mut results = Vec::new();
        for id in &ids {
            let result = loose::id(id)
                .and_then(|id| store.order_mut(id))
                .map(|order| {
                    let original = order.folder_id();
                    order.set("folder_id", json!(folder_id));
                    order.touch(call.now);
                    order.add_history("API", &format!("Order Moved to {folder} Folder"), call.now);
                    original
                });
            let mut row = json!({"order_id": loose::as_integer(id)});
            if let Some(original) = result {
                moved += 1;
                row["message"] = json!(format!("Order Moved to {folder} Folder"));
                row["original_folder_id"] = json!(original);
            } else {
                row["message"] = json!("Order Not Found");
            }
            results.push(row);
        }
        Ok(Reply::success()
            .message(&format!("{moved} Orders Moved"))
            .with("results", Value::Array(results)))
    })
}

fn rendered(store: &Store, id: u64, with_history: bool) -> Result<Value, Rejection> {
    let order = store.order(id).ok_or_else(|| order_not_found(id))?;
    Ok(store.render(order, with_history))
}

/// Only `1` is documented (§2.3).
fn wants_history(call: &Call) -> bool {
    call.query.get("get_order_history") == Some("1")
}
