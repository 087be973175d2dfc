//! The API's routes, one module per resource.

mod echo;
mod inventory;
mod items;
mod orders;
mod shipments;
mod store;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::locking::lock;

use crate::query::Query;
use crate::rejection::Rejection;
use crate::reply::{Answer, Reply};
use crate::store::Store;
use crate::toggles::Toggles;
use crate::world::World;

/// Where the API lives below the simulator's address (§1.1).
pub(crate) const BASE_PATH: &str = "/api/v2";

/// All routes below `/api/v2`. `echo` adds the one that the real API does not have.
pub(crate) fn router(world: Arc<World>, echo: bool) -> Router {
    let api = Router::new()
        .merge(store::router())
        .merge(orders::router())
        .merge(items::router())
        .merge(shipments::router())
        .merge(inventory::router());
    let api = if echo { api.merge(echo::router()) } else { api };
    Router::new()
        .nest(BASE_PATH, api)
        .fallback(async || Reply::error(StatusCode::NOT_FOUND, "Unknown Path"))
        .method_not_allowed_fallback(async || {
            Reply::error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
        })
        .with_state(world)
}

/// Which store a request was admitted for; the pipeline sets it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) store_id: u64,
}

/// An admitted request as the routes see it.
struct Call {
    world: Arc<World>,
    store_id: u64,
    /// The moment at which it is carried out.
    now: Timestamp,
    /// The toggles of that moment.
    toggles: Toggles,
    query: Query,
    body: Bytes,
}

impl Call {
    /// Works on the caller's store; nobody else does meanwhile.
    fn with_store(&self, work: impl FnOnce(&mut Store) -> Answer) -> Answer {
        let mut stores = lock(&self.world.stores);
        let store = stores.get_mut(&self.store_id);
        work(store.ok_or_else(|| Rejection::NotFound("Store".to_owned()))?)
    }

    /// The body as an object.
    fn object(&self) -> Result<Map<String, Value>, Rejection> {
        match self.json()? {
            Value::Object(fields) => Ok(fields),
            _ => Err(Rejection::invalid(
                "Invalid Request",
                "the body must be a JSON object",
            )),
        }
    }

    /// The body as a bare array of objects, as the batch routes take it (§4.2, §5).
    fn rows(&self) -> Result<Vec<Map<String, Value>>, Rejection> {
        let refusal = || {
            Rejection::invalid(
                "Invalid Request",
                "the body must be a bare JSON array of objects",
            )
        };
        let Value::Array(rows) = self.json()? else {
            return Err(refusal());
        };
        let object = |row| {
            if let Value::Object(fields) = row {
                Ok(fields)
            } else {
                Err(refusal())
            }
        };
        rows.into_iter().map(object).collect()
    }

    fn json(&self) -> Result<Value, Rejection> {
        serde_json::from_slice(&self.body)
            .map_err(|_| Rejection::invalid("Invalid Request", "the body is not valid JSON"))
    }
}

impl FromRequest<Arc<World>> for Call {
    type Rejection = Reply;

    async fn from_request(request: Request, world: &Arc<World>) -> Result<Self, Reply> {
        let refused = || Reply::error(StatusCode::BAD_REQUEST, "Invalid Request");
        let (parts, body) = request.into_parts();
        let caller = parts
            .extensions
            .get::<Caller>()
            .copied()
            .ok_or_else(refused)?;
        // The pipeline has read the body already, within its limit.
        let body = axum::body::to_bytes(body, usize::MAX)
            .await
            .map_err(|_| refused())?;
        Ok(Self {
            world: Arc::clone(world),
            store_id: caller.store_id,
            now: world.clock.now(),
            toggles: world.toggles(),
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            body,
        })
    }
}

/// An id in a path; what is no number names nothing.
fn path_id(segment: &str, kind: &str) -> Result<u64, Rejection> {
    segment
        .parse()
        .map_err(|_| Rejection::NotFound(format!("{kind} {segment}")))
}
