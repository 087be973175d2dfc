//! `GET /metrics`, for Prometheus: on a listener of its own, or on the main one for whoever has the operator's token.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use super::client_address::ClientAddress;
use super::operator;
use crate::capabilities::Services;
use crate::observe::{MEDIA_TYPE, Metrics};

/// The page of the main listener; without a token there is none.
pub(crate) fn router(services: Arc<Services>) -> Router {
    if services.operator_token.is_none() {
        return Router::new();
    }
    Router::new()
        .route("/metrics", get(guarded))
        .with_state(services)
}

/// The page of a listener of its own.
pub(crate) fn only(metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(async move || text(&metrics)))
}

async fn guarded(
    State(services): State<Arc<Services>>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    headers: HeaderMap,
) -> Response {
    match operator::bearer(&headers) {
        Some(token) if operator::is_operator(&services, &token) => text(&services.metrics),
        presented => operator::refuse(&services, address, presented.is_some()),
    }
}

fn text(metrics: &Metrics) -> Response {
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], metrics.text()).into_response()
}
