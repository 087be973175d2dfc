//! `POST /webhooks/{hook}`: where other programs tell us that something happened.
//!
//! Whoever does not know a hook's id costs one look-up and gets a bare 404. For the others there are limits before any plugin
//! runs; then the hook's plugin says whose the request is. The sender reads a status and nothing else.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use super::body;
use super::client_address::ClientAddress;
use super::flood::Flood;
use crate::capabilities::contract::webhooks::Reason;
use crate::plugins::{HookRequest, Judged, PluginHost};
use crate::rate::retry_after;

/// The largest request that is read. An order of hundreds of items has a tenth of it.
const BODY_BYTES: usize = 1 << 20;
/// Names and values of all headers that a plugin gets.
const HEADER_BYTES: usize = 16 << 10;
/// When there is no better advice.
const AGAIN: Duration = Duration::from_secs(5);
/// Meant for this host or a proxy before it, and no business of plugins.
const CREDENTIALS: [header::HeaderName; 3] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
];

struct Door {
    host: Arc<PluginHost>,
    flood: Flood,
}

/// The door's route.
pub(crate) fn router(host: Arc<PluginHost>) -> Router {
    let door = Door {
        host,
        flood: Flood::default(),
    };
    Router::new()
        .route("/webhooks/{hook}", post(receive))
        .with_state(Arc::new(door))
}

async fn receive(
    State(door): State<Arc<Door>>,
    extension: Extension<ClientAddress>,
    path: Path<String>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let metrics = door.host.services().metrics.clone();
    let response = judge(door, extension, path, query, headers, body).await;
    metrics.hook_answered(
        match (response.status(), response.extensions().get::<Judged>()) {
            (_, Some(Judged::Repeated)) => "repeated",
            (StatusCode::OK, _) => "accepted",
            (StatusCode::NOT_FOUND, _) => "unknown",
            (StatusCode::TOO_MANY_REQUESTS, _) => "limited",
            (status, _) if status.is_client_error() => "rejected",
            _ => "failed",
        },
    );
    response
}

async fn judge(
    door: Arc<Door>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let metrics = &door.host.services().metrics;
    if let Err(wait) = door.flood.from(address) {
        metrics.refused("hook-address");
        return later(StatusCode::TOO_MANY_REQUESTS, wait);
    }
    let hook = match door.host.services().hooks.find(&id).await {
        Ok(Some(hook)) => hook,
        Ok(None) => return StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(cause = %error, "a hook cannot be looked up");
            return later(StatusCode::SERVICE_UNAVAILABLE, AGAIN);
        }
    };
    if let Err(wait) = door.flood.through(&hook.hash, address) {
        metrics.refused("hook");
        return later(StatusCode::TOO_MANY_REQUESTS, wait);
    }
    let Some(place) = door.flood.enter(&hook.hash) else {
        metrics.refused("hooks-at-once");
        return later(StatusCode::SERVICE_UNAVAILABLE, AGAIN);
    };
    let Some(headers) = readable(&headers) else {
        return StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response();
    };
    let body = match body::read(body, BODY_BYTES).await {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    let request = HookRequest {
        headers,
        query: query.unwrap_or_default(),
        body,
    };
    let (hash, label) = (hook.hash.clone(), hook.label.clone());
    let judged = door.host.receive(hook, request).await;
    drop(place);
    match judged {
        Ok(judged @ (Judged::Accepted | Judged::Repeated)) => {
            (StatusCode::OK, Extension(judged)).into_response()
        }
        Ok(Judged::Gone) => StatusCode::NOT_FOUND.into_response(),
        Ok(Judged::Rejected(reason)) => {
            match reason {
                Reason::BadSignature => door.flood.failed(&hash, address),
                Reason::NotOurs | Reason::Malformed => {}
            }
            match reason {
                Reason::BadSignature | Reason::NotOurs => StatusCode::FORBIDDEN,
                Reason::Malformed => StatusCode::BAD_REQUEST,
            }
            .into_response()
        }
        Err(error) => {
            tracing::warn!(hook = label, code = error.code, cause = %error.message, "a request through a hook was not judged");
            let wait = error
                .retry_after_ms
                .map_or(AGAIN, |wait| Duration::from_millis(wait.into()));
            later(StatusCode::SERVICE_UNAVAILABLE, wait)
        }
    }
}

fn later(status: StatusCode, wait: Duration) -> Response {
    let retry_after = [(header::RETRY_AFTER, retry_after(wait).to_string())];
    (status, retry_after).into_response()
}

/// The headers that a plugin may read; those that are no text are left out. None: there are too many.
fn readable(headers: &HeaderMap) -> Option<Vec<(String, String)>> {
    let readable: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !CREDENTIALS.contains(name))
        .filter_map(|(name, value)| {
            Some((
                name.as_str().to_owned(),
                std::str::from_utf8(value.as_bytes()).ok()?.to_owned(),
            ))
        })
        .collect();
    let bytes: usize = readable
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    (bytes <= HEADER_BYTES).then_some(readable)
}
