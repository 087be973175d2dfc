//! What rmcp answers in plain text or not at all, as JSON-RPC wants it: malformed JSON, batches, too large bodies; and
//! `Accept` headers of simple clients.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::IgnoredAny;
use serde_json::json;

use crate::web::body;

/// The largest request that is read.
pub const BODY_BYTES: usize = 4 << 20;

/// Passes requests whose body is one JSON object.
pub async fn guard(request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let bytes = match body::read(body, BODY_BYTES).await {
        Ok(bytes) => bytes,
        Err(status) => {
            return refuse(
                status,
                -32600,
                "the request is larger than 4 MiB, or did not arrive whole",
            );
        }
    };
    if !is_json(parts.headers.get(header::CONTENT_TYPE)) {
        return refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            -32600,
            "Content-Type must be application/json",
        );
    }
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(&bytes) {
        return refuse(
            StatusCode::BAD_REQUEST,
            -32700,
            &format!("the request is not JSON: {error}"),
        );
    }
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return refuse(
            StatusCode::BAD_REQUEST,
            -32600,
            "the request must be one JSON-RPC message; batches are not served",
        );
    }
    let accepts_anything = parts
        .headers
        .get(header::ACCEPT)
        .is_none_or(|accept| accept == "*/*");
    if accepts_anything {
        parts.headers.insert(
            header::ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
    }
    next.run(Request::from_parts(parts, Body::from(bytes)))
        .await
}

fn is_json(content_type: Option<&HeaderValue>) -> bool {
    content_type
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

fn refuse(status: StatusCode, code: i32, message: &str) -> Response {
    let body = json!({"jsonrpc": "2.0", "id": null, "error": {"code": code, "message": message}});
    (status, axum::Json(body)).into_response()
}
