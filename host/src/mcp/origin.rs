//! Web pages of other origins are refused before anything else is looked at (DNS rebinding, MCP "Security Warning").

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Passes requests without an `Origin`, which come from no web page, and those of allowed ones.
pub async fn guard(State(allowed): State<Arc<[String]>>, request: Request, next: Next) -> Response {
    let foreign = request.headers().get(header::ORIGIN).is_some_and(|origin| {
        !allowed
            .iter()
            .any(|allowed| origin.as_bytes().eq_ignore_ascii_case(allowed.as_bytes()))
    });
    if foreign {
        let body = json!({"error": "forbidden", "message": "Pages of this origin may not call; see [server] allowed_origins."});
        return (StatusCode::FORBIDDEN, Json(body)).into_response();
    }
    next.run(request).await
}
