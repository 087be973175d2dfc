//! Items of an order (order-desk-api.md §3). Writes answer a message only, without an id (§11.22).

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use serde_json::{Value, json};

use super::{Call, path_id};
use crate::loose;
use crate::order::{Order, item};
use crate::rejection::Rejection;
use crate::reply::{Answer, Reply};
use crate::world::World;

pub(super) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/orders/{order_id}/order-items", get(list).post(add))
        .route(
            "/orders/{order_id}/order-items/{item_id}",
            get(read).put(replace).delete(delete),
        )
}

async fn list(Path(order_id): Path<String>, call: Call) -> Answer {
    let order_id = path_id(&order_id, "Order")?;
    call.with_store(|store| {
        let (order, _) = store.find_order(order_id)?;
        let items = order.items();
        Ok(Reply::success()
            .with("total_records", json!(items.len()))
            .with("order_items", json!(items)))
    })
}

async fn read(Path((order_id, item_id)): Path<(String, String)>, call: Call) -> Answer {
    let order_id = path_id(&order_id, "Order")?;
    call.with_store(|store| {
        let (order, _) = store.find_order(order_id)?;
        let index = position(order, &item_id)?;
        Ok(Reply::success().with("order_item", order.items()[index].clone()))
    })
}

async fn add(Path(order_id): Path<String>, call: Call) -> Answer {
    let order_id = path_id(&order_id, "Order")?;
    let input = call.object()?;
    call.with_store(|store| {
        let (order, ids) = store.find_order(order_id)?;
        let mut items = order.items().to_vec();
        items.push(item::written(ids.next_item(), &input));
        order.set_items(items, call.now);
        Ok(Reply::success().message("Order Item Added"))
    })
}

async fn replace(Path((order_id, item_id)): Path<(String, String)>, call: Call) -> Answer {
    let order_id = path_id(&order_id, "Order")?;
    let input = call.object()?;
    call.with_store(|store| {
        let (order, _) = store.find_order(order_id)?;
        let index = position(order, &item_id)?;
        let mut items = order.items().to_vec();
        items[index] = item::written(path_id(&item_id, "Order Item")?, &input);
        order.set_items(items, call.now);
        Ok(Reply::success().message("Order Item Updated"))
    })
}

async fn delete(Path((order_id, item_id)): Path<(String, String)>, call: Call) -> Answer {
    let order_id = path_id(&order_id, "Order")?;
    call.with_store(|store| {
        let (order, _) = store.find_order(order_id)?;
        let index = position(order, &item_id)?;
        let mut items: Vec<Value> = order.items().to_vec();
        items.remove(index);
        order.set_items(items, call.now);
        Ok(Reply::success().message(&format!("Order Item {item_id} Deleted")))
    })
}

fn position(order: &Order, item_id: &str) -> Result<usize, Rejection> {
    let id = path_id(item_id, "Order Item")?;
    let found = order
        .items()
        .iter()
        .position(|item| item.get("id").and_then(loose::id) == Some(id));
    found.ok_or_else(|| Rejection::NotFound(format!("Order Item {id}")))
}
