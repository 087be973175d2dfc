//! HTTP requests carry an access key as a bearer token; anything else is answered with a challenge.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::json;

use crate::capabilities::Services;
use crate::capabilities::context::Caller;
use crate::tenancy::AuthenticationError;

/// Longer tokens are no keys of ours and are not even hashed.
const TOKEN_BYTES: usize = 512;

/// Lets requests with a valid key pass, with the [`Caller`] in their extensions.
pub async fn authenticate(
    State(services): State<Arc<Services>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(token) = bearer(request.headers()) else {
        return challenge(
            "",
            "Send your access key in the header 'Authorization: Bearer odm_…'.",
        );
    };
    match services.tenancy.authenticate(&token).await {
        Ok(principal) => {
            // The key has served: nothing behind this layer may see it.
            request.headers_mut().remove(header::AUTHORIZATION);
            request.extensions_mut().insert(Caller {
                principal,
                single_client: false,
                client: None,
            });
            next.run(request).await
        }
        Err(AuthenticationError::Refused | AuthenticationError::Malformed(_)) => challenge(
            ", error=\"invalid_token\"",
            "The access key is not valid, expired or revoked.",
        ),
        Err(error) => {
            tracing::error!(cause = %error, "keys cannot be checked");
            let body = json!({"error": "unavailable", "message": "Keys cannot be checked at the moment. Try again."});
            (StatusCode::SERVICE_UNAVAILABLE, axum::Json(body)).into_response()
        }
    }
}

/// Lets every request pass as the local tenant's: the conformance suite brings no key. `serve --conformance` listens on loopback
/// only.
#[cfg(feature = "conformance")]
pub async fn local_without_key(
    State(services): State<Arc<Services>>,
    mut request: Request,
    next: Next,
) -> Response {
    match services.tenancy.local_principal().await {
        Ok(principal) => {
            request.extensions_mut().insert(Caller {
                principal,
                single_client: false,
                client: None,
            });
            next.run(request).await
        }
        Err(error) => {
            tracing::error!(cause = %error, "there is no local tenant");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= TOKEN_BYTES)
        .then(|| SecretString::from(token))
}

fn challenge(error: &str, message: &str) -> Response {
    let challenge = format!("Bearer realm=\"orderdesk-mcp\"{error}");
    let body = json!({"error": "unauthorized", "message": message});
    (
        StatusCode::UNAUTHORIZED,
        [(header::WWW_AUTHENTICATE, challenge)],
        axum::Json(body),
    )
        .into_response()
}
