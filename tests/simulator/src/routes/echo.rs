//! `GET /echo`, which Order Desk does not have: it hands the request's headers back in every encoding in which a
//! host must conceal its secrets. Only there when [`SimulatorConfig::echo`](crate::SimulatorConfig::echo) is set.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::php_json;
use crate::query::Query;
use crate::world::World;

/// All but the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(super) fn router() -> Router<Arc<World>> {
    Router::new().route("/echo", get(echo))
}

/// An encoding: its name, and how it writes a header value.
type Encoding = (&'static str, fn(&str) -> String);

const ENCODINGS: [Encoding; 4] = [
    ("plain", |value| value.to_owned()),
    ("percent-encoded", |value| {
        utf8_percent_encode(value, RESERVED).to_string()
    }),
    ("json-escaped", json_escaped),
    ("base64", |value| STANDARD.encode(value)),
];

/// The body is a JSON object with one member per encoding, each a map from header name to value; with
/// `?format=NAME` it is text in that encoding alone, one `name: value` per line. Either way the reply repeats each
/// request header `h` as `x-echo-ENCODING-h`.
async fn echo(request: Request) -> Response {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let received = received(request.headers());
    let wanted = query
        .get("format")
        .and_then(|name| ENCODINGS.iter().find(|(known, _)| *known == name));
    let mut response = match wanted {
        Some((_, encode)) => {
            let lines: Vec<String> = received
                .iter()
                .map(|(name, value)| format!("{name}: {}", encode(value)))
                .collect();
            lines.join("\n").into_response()
        }
        None => axum::Json(document(&received)).into_response(),
    };
    for (encoding, encode) in ENCODINGS {
        for (name, value) in &received {
            let name = HeaderName::try_from(format!("x-echo-{encoding}-{name}"));
            if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(encode(value))) {
                response.headers_mut().append(name, value);
            }
        }
    }
    response
}

fn document(received: &[(String, String)]) -> Value {
    let mut document = Map::from_iter([("status".to_owned(), json!("success"))]);
    for (encoding, encode) in ENCODINGS {
        let headers: Map<String, Value> = received
            .iter()
            .map(|(name, value)| (name.clone(), json!(encode(value))))
            .collect();
        document.insert(encoding.to_owned(), Value::Object(headers));
    }
    Value::Object(document)
}

fn received(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

/// The inside of the JSON string that PHP would write.
fn json_escaped(value: &str) -> String {
    let quoted = php_json::to_string(&json!(value));
    quoted[1..quoted.len() - 1].to_owned()
}
