//! The response envelope (order-desk-api.md §1.2): always JSON with `status` and `execution_time` (§11.2).

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::php_json;
use crate::rejection::Rejection;
use crate::toggles::Toggles;

/// What a route answers.
pub(crate) type Answer = Result<Reply, Rejection>;

/// The contents of a reply, before the envelope.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    fields: Map<String, Value>,
}

impl Reply {
    /// `"status": "success"` over HTTP 200.
    pub(crate) fn success() -> Self {
        Self::envelope(200, "success")
    }

    /// `"status": "error"` with a message.
    pub(crate) fn error(status: StatusCode, message: &str) -> Self {
        Self::envelope(status.as_u16(), "error").message(message)
    }

    pub(crate) fn message(self, text: &str) -> Self {
        self.with("message", json!(text))
    }

    pub(crate) fn with(mut self, field: &str, value: Value) -> Self {
        self.fields.insert(field.to_owned(), value);
        self
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn envelope(status: u16, word: &str) -> Self {
        Self {
            status,
            fields: Map::new(),
        }
        .with("status", json!(word))
    }

    /// Which refusals get which HTTP status is unconfirmed; the toggles say (§1.3).
    fn refusal(rejection: &Rejection, toggles: &Toggles) -> Self {
        let (status, errors) = match rejection {
            Rejection::Invalid { errors, .. } => (400, errors.clone()),
            Rejection::DuplicateOrder { .. } => {
                (toggles.duplicate_order.unwrap_or(400), Vec::new())
            }
            Rejection::ShipmentNotAdded => (toggles.shipment_dup_status, Vec::new()),
            Rejection::NotFound(_) => (toggles.not_found_status, Vec::new()),
        };
        let reply = Self::envelope(status, "error").message(&rejection.to_string());
        if errors.is_empty() {
            reply
        } else {
            reply.with("errors", json!(errors))
        }
    }

    /// The HTTP response, written as PHP writes JSON.
    pub(crate) fn render(mut self, elapsed: Duration) -> Response {
        let execution_time = json!(format!("{:.4} seconds", elapsed.as_secs_f64()));
        // Where the samples have it: right after the message, before the payload.
        let payload = self
            .fields
            .keys()
            .position(|name| name != "status" && name != "message");
        let index = payload.unwrap_or(self.fields.len());
        self.fields
            .shift_insert(index, "execution_time".to_owned(), execution_time);
        let mut response =
            Response::new(Body::from(php_json::to_string(&Value::Object(self.fields))));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        response
    }
}

/// A route's answer on its way out: routes leave it in the response's extensions, and the request pipeline, which
/// knows the toggles and the time taken, renders it.
#[derive(Clone, Debug)]
struct Pending(Answer);

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        pending(Ok(self))
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        pending(Err(self))
    }
}

fn pending(answer: Answer) -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Pending(answer));
    response
}

/// Renders what a route has left in `response`; a response without such a thing passes unchanged.
pub(crate) fn finish(mut response: Response, toggles: &Toggles, elapsed: Duration) -> Response {
    match response.extensions_mut().remove::<Pending>() {
        Some(Pending(Ok(reply))) => reply.render(elapsed),
        Some(Pending(Err(rejection))) => Reply::refusal(&rejection, toggles).render(elapsed),
        None => response,
    }
}
