//! `http`: the contract's requests, handed to the endpoint machinery in [`super::http`] with this call's rights.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::context::{CallContext, CallState};
use super::contract::http as contract;
use super::contract::{Error, ErrorKind};
use super::http::{self, CallScope, HttpError, LockLease, OpenedSecret, SecretOpener};
use super::{Services, crypto::secret_error};
use crate::tenancy::Audience;

/// A call's view of what requests need from elsewhere.
struct Rights<'a> {
    services: &'a Services,
    call: &'a CallContext,
}

#[async_trait]
impl SecretOpener for Rights<'_> {
    async fn open(
        &self,
        handle: &str,
        endpoint: &str,
        origin: &str,
    ) -> Result<OpenedSecret, HttpError> {
        let wanted = Audience::Endpoint {
            name: endpoint.to_owned(),
            origin: origin.to_owned(),
        };
        self.call.attended("That key").map_err(from_contract)?;
        self.services
            .consented(self.call)
            .await
            .map_err(from_contract)?;
        let subject = self.call.subject();
        let opened = self
            .services
            .secrets
            .open(
                &self.call.caller.principal,
                handle,
                &wanted,
                subject.as_deref(),
            )
            .await
            .map_err(|error| from_contract(secret_error(&error)))?;
        if !self.call.may_use_secrets_of(&opened.owner_plugin) {
            return Err(from_contract(Error::not_granted(
                &self.call.grantee.name,
                "a key that another plugin keeps",
                &format!("read = [{:?}]", opened.owner_plugin),
            )));
        }
        let plaintext = Zeroizing::new(opened.plaintext.expose_secret().to_vec());
        // Not the handle: a key that was sealed twice still has one bucket at the service.
        let id = self.services.tenancy.secret_fingerprint(&plaintext);
        Ok(OpenedSecret { plaintext, id })
    }
}

#[async_trait]
impl LockLease for Rights<'_> {
    async fn lease_left(&self, lock: &str) -> Option<Duration> {
        let call = self.call;
        self.services
            .locks
            .lease(
                &call.caller.principal,
                &call.grantee.name,
                lock,
                &call.lock_holder,
            )
            .await
            .inspect_err(
                |error| tracing::debug!(cause = %error, "a request names a lock that is not held"),
            )
            .ok()
            .map(|until| until.saturating_duration_since(self.services.clock.now()))
    }
}

impl contract::Host for CallState {
    #[tracing::instrument(level = "debug", name = "http.send", skip_all)]
    async fn send(&mut self, request: contract::Request) -> Result<contract::Response, Error> {
        let call = self.call()?;
        let rights = Rights {
            services: &self.services,
            call: &call,
        };
        let scope = CallScope {
            tenant: call.tenant(),
            plugin: &call.grantee.name,
            grants: &call.grantee.http,
            read_only: call.read_only,
            secrets: &rights,
            locks: &rights,
            deadline: call.deadline,
            cancelled: &call.stopped,
            correlation_id: &call.correlation_id,
            budget: &call.budget,
        };
        let response = self
            .services
            .http
            .send(&scope, outgoing(request))
            .await
            .map_err(to_contract)?;
        Ok(contract::Response {
            status: response.status,
            headers: response.headers,
            body: response.body,
        })
    }
}

fn outgoing(request: contract::Request) -> http::Request {
    let method = match request.method {
        contract::Method::Get => http::Method::Get,
        contract::Method::Head => http::Method::Head,
        contract::Method::Post => http::Method::Post,
        contract::Method::Put => http::Method::Put,
        contract::Method::Patch => http::Method::Patch,
        contract::Method::Delete => http::Method::Delete,
    };
    let headers = request
        .headers
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                contract::HeaderValue::Text(text) => http::HeaderValue::Text(text),
                contract::HeaderValue::Sealed(sealed) => http::HeaderValue::Sealed {
                    prefix: sealed.prefix,
                    handle: sealed.value,
                },
            };
            (name, value)
        })
        .collect();
    http::Request {
        endpoint: request.endpoint,
        method,
        path: request.path,
        query: request.query,
        headers,
        body: request.body,
        safe_to_repeat: request.safe_to_repeat,
        timeout: request
            .timeout_ms
            .map(|ms| Duration::from_millis(ms.into())),
        hold: request.hold,
        lock: request.lock,
    }
}

/// The kinds are the same list in both; the endpoint machinery does not know the bindings.
const KINDS: [(http::ErrorKind, ErrorKind); 13] = [
    (http::ErrorKind::InvalidInput, ErrorKind::InvalidInput),
    (http::ErrorKind::NotFound, ErrorKind::NotFound),
    (http::ErrorKind::Conflict, ErrorKind::Conflict),
    (http::ErrorKind::Unauthorized, ErrorKind::Unauthorized),
    (http::ErrorKind::Denied, ErrorKind::Denied),
    (http::ErrorKind::RateLimited, ErrorKind::RateLimited),
    (http::ErrorKind::Cancelled, ErrorKind::Cancelled),
    (http::ErrorKind::Timeout, ErrorKind::Timeout),
    (http::ErrorKind::TooLarge, ErrorKind::TooLarge),
    (http::ErrorKind::Upstream, ErrorKind::Upstream),
    (http::ErrorKind::Unavailable, ErrorKind::Unavailable),
    (http::ErrorKind::Internal, ErrorKind::Internal),
    (http::ErrorKind::Other, ErrorKind::Other),
];

fn to_contract(error: HttpError) -> Error {
    let kind = KINDS
        .iter()
        .find(|(ours, _)| *ours == error.kind)
        .map_or(ErrorKind::Other, |(_, theirs)| *theirs);
    Error {
        retry_after_ms: error
            .retry_after
            .map(|wait| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)),
        outcome_unknown: error.outcome_unknown,
        ..Error::new(kind, &error.code, error.message)
    }
}

fn from_contract(error: Error) -> HttpError {
    let kind = KINDS
        .iter()
        .find(|(_, theirs)| *theirs == error.kind)
        .map_or(http::ErrorKind::Other, |(ours, _)| *ours);
    HttpError::new(kind, error.code.unwrap_or_default(), error.message)
}
