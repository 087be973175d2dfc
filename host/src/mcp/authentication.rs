//! HTTP requests carry an access key as a bearer token, or a token of the issuer; anything else is answered with a challenge.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::json;

use crate::capabilities::Services;
use crate::capabilities::context::Caller;
use crate::tenancy::{Identity, Principal, ProvisionError, Source};
use crate::web::client_address::ClientAddress;
use crate::web::operator::{self, bearer, bearer_within};

use super::oauth::{self, Bearer, Coverage, Refusal, ResourceServer};

/// What every challenge begins with.
pub(super) const REALM: &str = "Bearer realm=\"orderdesk-mcp\"";

/// What stands at the door.
#[derive(Clone)]
pub(super) struct Door {
    /// Tenants and keys.
    pub(super) services: Arc<Services>,
    /// `[security] auto_provision`.
    pub(super) auto_provision: bool,
    /// `[oauth]`
    pub(super) oauth: Option<Arc<ResourceServer>>,
}

/// Why somebody is not let in.
enum NoEntry {
    /// What was presented is not valid: which of the reasons, callers are not told.
    Refused(String),
    /// It was valid, and its time is over: nobody guesses such a thing.
    Expired,
    /// Nobody can say at the moment.
    Unavailable,
}

impl Door {
    /// What this request presents.
    fn presented(&self, headers: &HeaderMap) -> Option<SecretString> {
        match &self.oauth {
            Some(_) => bearer_within(headers, oauth::TOKEN_BYTES),
            None => bearer(headers),
        }
    }

    async fn by_key(
        &self,
        key: &SecretString,
        source: Option<IpAddr>,
    ) -> Result<Principal, NoEntry> {
        let tenancy = &self.services.tenancy;
        let entered = if self.auto_provision {
            tenancy.authenticate_or_provision(key, source).await
        } else {
            tenancy.authenticate(key).await.map_err(Into::into)
        };
        entered.map_err(|error| match error {
            ProvisionError::Refused(error) if error.is_refusal() => {
                NoEntry::Refused("The access key is not valid, expired or revoked.".to_owned())
            }
            // Only where unknown keys are welcome: then it helps, and elsewhere nothing is measured.
            ProvisionError::Key(error) => NoEntry::Refused(error.to_string()),
            error => {
                tracing::error!(cause = %error, "keys cannot be checked");
                NoEntry::Unavailable
            }
        })
    }

    async fn by_token(
        &self,
        server: &ResourceServer,
        token: &SecretString,
    ) -> Result<(Principal, Coverage), NoEntry> {
        let refused = || NoEntry::Refused("The token is not valid, expired or revoked.".to_owned());
        let Bearer { identity, coverage } =
            server.check(token).await.map_err(|refusal| match refusal {
                Refusal::Invalid => refused(),
                Refusal::Expired => NoEntry::Expired,
                Refusal::Unavailable => NoEntry::Unavailable,
            })?;
        let entered = self.services.tenancy.authenticate_identity(&identity).await;
        let principal = entered.map_err(|error| {
            let Identity { issuer, subject } = &identity;
            if error.is_refusal() {
                tracing::info!(issuer, subject, "an identity is let in by no tenant");
                return refused();
            }
            tracing::error!(cause = %error, "identities cannot be looked up");
            NoEntry::Unavailable
        })?;
        Ok((principal, coverage))
    }

    /// Who presents this, and what it covers where it is a token.
    async fn enter(
        &self,
        presented: &SecretString,
        source: Option<IpAddr>,
    ) -> Result<(Principal, Option<Coverage>), NoEntry> {
        match &self.oauth {
            Some(server) if server.is_for(presented) => {
                let (principal, coverage) = self.by_token(server, presented).await?;
                Ok((principal, Some(coverage)))
            }
            _ => Ok((self.by_key(presented, source).await?, None)),
        }
    }

    fn challenge(&self, error: &str, message: &str) -> Response {
        let oauth = self.oauth.as_ref().map(|server| server.challenge());
        let challenge = format!("{REALM}{error}{}", oauth.unwrap_or_default());
        let body = json!({"error": "unauthorized", "message": message});
        (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, challenge)],
            axum::Json(body),
        )
            .into_response()
    }
}

/// Lets requests with a valid key or token pass, with the [`Caller`] in their extensions. Others are counted for their address.
pub(super) async fn authenticate(
    State(door): State<Door>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(presented) = door.presented(request.headers()) else {
        return door.challenge(
            "",
            "Send your access key in the header 'Authorization: Bearer odm_…'.",
        );
    };
    let source = Some(address);
    let invalid = ", error=\"invalid_token\"";
    match door.enter(&presented, source).await {
        Ok((principal, coverage)) => {
            door.services.metrics.authenticated("accepted");
            // It has served: nothing behind this layer may see it.
            request.headers_mut().remove(header::AUTHORIZATION);
            request.extensions_mut().insert(Caller {
                principal,
                single_client: false,
                client: None,
                source,
                way: Source::Http(source),
            });
            if let Some(coverage) = coverage {
                request.extensions_mut().insert(coverage);
            }
            next.run(request).await
        }
        Err(NoEntry::Refused(message)) => {
            door.services.tenancy.note_failed_login(source);
            if let Some(wait) = door.services.login_limit.slowed(source) {
                return operator::too_many(wait);
            }
            door.challenge(invalid, &message)
        }
        // What every client comes with once an hour. It has to read the challenge to get another, so it is never told to wait.
        Err(NoEntry::Expired) => {
            door.services.metrics.authenticated("refused");
            door.challenge(invalid, "The token is not valid, expired or revoked.")
        }
        Err(NoEntry::Unavailable) => {
            door.services.metrics.authenticated("unavailable");
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
