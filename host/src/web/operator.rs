//! Who may read what only the operator should: bearers of the token in `[metrics] token`.

use std::net::IpAddr;

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use subtle::ConstantTimeEq;

use crate::capabilities::Services;
use crate::rate::retry_after;

/// Longer tokens are none of ours and are not even compared.
const TOKEN_BYTES: usize = 512;

/// The bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    bearer_within(headers, TOKEN_BYTES)
}

/// The same, of at most this length.
pub(crate) fn bearer_within(headers: &HeaderMap, most: usize) -> Option<SecretString> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= most)
        .then(|| SecretString::from(token))
}

/// Whether this is the operator's token.
pub(super) fn is_operator(services: &Services, token: &SecretString) -> bool {
    services.operator_token.as_ref().is_some_and(|operator| {
        let (ours, theirs) = (operator.expose_secret(), token.expose_secret());
        ours.as_bytes().ct_eq(theirs.as_bytes()).into()
    })
}

/// The answer to whoever is not let in; a token that is none is counted.
pub(super) fn refuse(services: &Services, address: IpAddr, presented: bool) -> Response {
    if presented {
        services.tenancy.note_failed_login(Some(address));
        if let Some(wait) = services.login_limit.slowed(Some(address)) {
            return too_many(wait);
        }
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"orderdesk-mcp\"")];
    let body = json!({"error": "unauthorized", "message": "Send a token in the header 'Authorization: Bearer …'."});
    (StatusCode::UNAUTHORIZED, challenge, Json(body)).into_response()
}

/// The answer to an address that presented too many keys that are none.
pub(crate) fn too_many(wait: std::time::Duration) -> Response {
    let seconds = retry_after(wait);
    let body = json!({
        "error": "rate_limited",
        "message": format!("Too many keys from this address were not valid. Try again in {seconds} s; a valid key is always let in."),
    });
    (
        StatusCode::TOO_MANY_REQUESTS,
        [(header::RETRY_AFTER, seconds.to_string())],
        Json(body),
    )
        .into_response()
}
