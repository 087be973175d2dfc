//! HTTP requests carry an access key as a bearer token; anything else is answered with a challenge.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::json;

use crate::capabilities::Services;
use crate::capabilities::context::Caller;
use crate::tenancy::{Principal, ProvisionError, Source};
use crate::web::client_address::ClientAddress;
use crate::web::operator::{self, bearer};

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

/// Lets requests with a valid key pass, with the [`Caller`] in their extensions. Others are counted for their address.
pub async fn authenticate(
    State(door): State<Door>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(token) = bearer(request.headers()) else {
        return challenge(
            "",
            "Send your access key in the header 'Authorization: Bearer odm_…'.",
        );
    };
    let source = Some(address);
    let refused = |message: &str| {
        door.services.tenancy.note_failed_login(source);
        if let Some(wait) = door.services.login_limit.slowed(source) {
            return operator::too_many(wait);
        }
        challenge(", error=\"invalid_token\"", message)
    };
    match door.principal(&token, source).await {
        Ok(principal) => {
            door.services.metrics.authenticated("accepted");
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
            door.services.metrics.authenticated("unavailable");
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
                source: None,
                way: Source::Http(None),
            });
            next.run(request).await
        }
        Err(error) => {
            tracing::error!(cause = %error, "there is no local tenant");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
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
