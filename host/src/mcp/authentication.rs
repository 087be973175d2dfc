//! HTTP requests carry an access key as a bearer token; anything else is answered with a challenge.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::json;

use crate::capabilities::Services;
use crate::capabilities::context::Caller;
use crate::tenancy::{AuthenticationError, Source};

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
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let source = Source::Http(address.map(|address| address.ip()));
    match services.tenancy.authenticate(&token).await {
        Ok(principal) => {
            // The key has served: nothing behind this layer may see it.
            request.headers_mut().remove(header::AUTHORIZATION);
            request.extensions_mut().insert(Caller {
                principal,
                single_client: false,
                client: None,
                source,
            });
            next.run(request).await
        }
        Err(AuthenticationError::Refused | AuthenticationError::Malformed(_)) => {
            services.tenancy.audit().failed_login(&source);
            challenge(
                ", error=\"invalid_token\"",
                "The access key is not valid, expired or revoked.",
            )
        }
        Err(error) => {
            tracing::error!(cause = %error, "keys cannot be checked");
            let body = json!({"error": "unavailable", "message": "Keys cannot be checked at the moment. Try again."});
            (StatusCode::SERVICE_UNAVAILABLE, axum::Json(body)).into_response()
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
