//! HTTP requests carry an access key as a bearer token; anything else is answered with a challenge.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::capabilities::Services;
use crate::capabilities::context::Caller;
use crate::tenancy::AuthenticationError;
use crate::web::client_address::ClientAddress;
use crate::web::operator::{self, bearer};

/// Lets requests with a valid key pass, with the [`Caller`] in their extensions. Others are counted for their address.
pub async fn authenticate(
    State(services): State<Arc<Services>>,
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
    match services.tenancy.authenticate(&token).await {
        Ok(principal) => {
            services.metrics.authenticated("accepted");
            // The key has served: nothing behind this layer may see it.
            request.headers_mut().remove(header::AUTHORIZATION);
            request.extensions_mut().insert(Caller {
                principal,
                single_client: false,
                client: None,
                address: Some(address),
            });
            next.run(request).await
        }
        Err(AuthenticationError::Refused | AuthenticationError::Malformed(_)) => {
            if let Err(wait) = services.failed_logins.failed(address) {
                tracing::info!(%address, "too many keys from one address are not valid");
                return operator::too_many(wait);
            }
            challenge(
                ", error=\"invalid_token\"",
                "The access key is not valid, expired or revoked.",
            )
        }
        Err(error) => {
            services.metrics.authenticated("unavailable");
            tracing::error!(cause = %error, "keys cannot be checked");
            let body = json!({"error": "unavailable", "message": "Keys cannot be checked at the moment. Try again."});
            (StatusCode::SERVICE_UNAVAILABLE, axum::Json(body)).into_response()
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
