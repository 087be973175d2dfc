//! HTTP requests carry an access key as a bearer token; anything else is answered with a challenge.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::json;

use crate::capabilities::Services;
use crate::capabilities::context::Caller;
use crate::tenancy::{Principal, ProvisionError, Source};

/// Longer tokens are no keys of ours and are not even hashed.
const TOKEN_BYTES: usize = 512;

/// What stands at the door.
#[derive(Clone)]
pub struct Door {
    /// Tenants and keys.
    pub services: Arc<Services>,
    /// `[security] auto_provision`.
    pub auto_provision: bool,
}

impl Door {
    async fn principal(
        &self,
        token: &SecretString,
        source: Option<IpAddr>,
    ) -> Result<Principal, ProvisionError> {
        let tenancy = &self.services.tenancy;
        if self.auto_provision {
            tenancy.authenticate_or_provision(token, source).await
        } else {
            Ok(tenancy.authenticate(token).await?)
        }
    }
}

/// Lets requests with a valid key pass, with the [`Caller`] in their extensions.
pub async fn authenticate(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let Some(token) = bearer(request.headers()) else {
        return challenge(
            "",
            "Send your access key in the header 'Authorization: Bearer odm_…'.",
        );
    };
    let source = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|connected| connected.0.ip());
    let refused = |message: &str| {
        door.services.tenancy.note_failed_login(source);
        challenge(", error=\"invalid_token\"", message)
    };
    match door.principal(&token, source).await {
        Ok(principal) => {
            // The key has served: nothing behind this layer may see it.
            request.headers_mut().remove(header::AUTHORIZATION);
            request.extensions_mut().insert(Caller {
                principal,
                single_client: false,
                client: None,
                source,
                way: Source::Http(source),
            });
            next.run(request).await
        }
        Err(ProvisionError::Refused(error)) if error.is_refusal() => {
            refused("The access key is not valid, expired or revoked.")
        }
        // Only where unknown keys are welcome: then it helps, and elsewhere nothing is measured.
        Err(ProvisionError::Key(error)) => refused(&error.to_string()),
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
