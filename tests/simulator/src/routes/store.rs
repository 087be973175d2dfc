//! `GET /test` and `GET /store` (order-desk-api.md §1.4, §1.5).

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use serde_json::json;

use super::Call;
use crate::dates;
use crate::reply::{Answer, Reply};
use crate::world::World;

pub(super) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/test", get(test))
        .route("/store", get(store))
}

/// §11.3: system time in UTC.
async fn test(call: Call) -> Reply {
    let now = dates::stamp(call.now);
    Reply::success()
        .message("Connection Successful")
        .with("current_date_time", json!(now))
}

/// §11.4: folders as a map, and settings that hold the API key.
async fn store(call: Call) -> Answer {
    call.with_store(|store| Ok(Reply::success().with("store", store.to_json())))
}
