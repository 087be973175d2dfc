//! The capability: from a plugin's request to a guarded answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reqwest::dns::Resolve;
use tokio::time::Instant;

use super::address::SystemResolver;
use super::download::{self, DownloadError};
use super::endpoint::Endpoint;
use super::exchange::{Outgoing, too_large};
use super::flight::{FlightKey, Flights, Through};
use super::guard::Guard;
use super::retry::{Delivery, Terms};
use super::{
    AllowPattern, CallScope, EndpointSettings, ErrorKind, HttpError, Method, Request, Response,
    SettingsError, TokenBuckets, bucket, headers, issuer, path,
};
use crate::observe::Metrics;

/// HTTP to the endpoints that the operator named. Made once; shared by all calls.
pub struct HttpCapability {
    endpoints: HashMap<String, Arc<Endpoint>>,
    buckets: Arc<dyn TokenBuckets>,
    flights: Arc<Flights>,
    metrics: Arc<Metrics>,
    resolver: Arc<dyn Resolve>,
}

impl HttpCapability {
    /// A client for each endpoint.
    ///
    /// # Errors
    /// An endpoint's settings cannot be used, or the machine has no root certificates.
    pub fn new(
        endpoints: HashMap<String, EndpointSettings>,
        buckets: Arc<dyn TokenBuckets>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, SettingsError> {
        Self::with_resolver(endpoints, buckets, Arc::new(SystemResolver), metrics)
    }

    /// The same with another source of addresses, which are checked as those of the system are.
    pub(super) fn with_resolver(
        endpoints: HashMap<String, EndpointSettings>,
        buckets: Arc<dyn TokenBuckets>,
        resolver: Arc<dyn Resolve>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, SettingsError> {
        let endpoints = endpoints
            .into_iter()
            .map(|(name, settings)| {
                let endpoint = Endpoint::new(&name, settings, Arc::clone(&resolver))?;
                Ok((name, Arc::new(endpoint)))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            endpoints,
            buckets,
            flights: Arc::new(Flights::default()),
            metrics,
            resolver,
        })
    }

    /// Sends a plugin's request, if it is granted, and answers what came back, whatever its status.
    ///
    /// # Errors
    /// There is no answer: the request was refused, could not be sent, or the time ran out. `outcome_unknown` says
    /// whether a write may have happened all the same.
    pub async fn send(
        &self,
        call: &CallScope<'_>,
        request: Request,
    ) -> Result<Response, HttpError> {
        let started = Instant::now();
        let (method, segments) = (request.method, request.path.len());
        let endpoint = request.endpoint.clone();
        let outcome = self.checked(call, request).await;
        let ms = started.elapsed().as_millis();
        let (tenant, plugin, correlation_id) = (call.tenant, call.plugin, call.correlation_id);
        match &outcome {
            Ok(response) => tracing::debug!(
                tenant, plugin, correlation_id, ?endpoint, %method, segments, status = response.status, ms, "http"
            ),
            Err(error) => tracing::debug!(
                tenant, plugin, correlation_id, ?endpoint, %method, segments, error = %error.code,
                detail = error.detail.as_deref(), outcome_unknown = error.outcome_unknown, ms, "http"
            ),
        }
        outcome
    }

    /// Where an endpoint's base is, as `scheme://host:port`; none if there is no such endpoint.
    pub fn origin(&self, endpoint: &str) -> Option<String> {
        self.endpoints
            .get(endpoint)
            .map(|endpoint| endpoint.origin.clone())
    }

    /// The headers of an endpoint that take a sealed secret, sorted; none if there is no such endpoint.
    pub fn sealed_headers(&self, endpoint: &str) -> Vec<String> {
        let headers = self.endpoints.get(endpoint).into_iter();
        let mut headers: Vec<String> = headers
            .flat_map(|it| it.sealed_headers.iter())
            .map(|it| it.as_str().to_owned())
            .collect();
        headers.sort();
        headers
    }

    /// Fetches a file for the operator, of at most `most` bytes; believe in it only once it was checked.
    ///
    /// # Errors
    /// There is none, or it leads to an address that is not public.
    pub async fn download(&self, url: &url::Url, most: usize) -> Result<Vec<u8>, DownloadError> {
        download::fetch(url, most, Arc::clone(&self.resolver)).await
    }

    /// Fetches what an issuer of tokens publishes, of at most `most` bytes. `named`: the operator named its origin, which is
    /// then not questioned.
    ///
    /// # Errors
    /// There is none, or it leads to an address that is not public.
    pub async fn published(
        &self,
        url: &url::Url,
        named: bool,
        most: usize,
    ) -> Result<Vec<u8>, DownloadError> {
        issuer::fetch(url, named, most, Arc::clone(&self.resolver)).await
    }

    /// Asks an endpoint for a path, without headers, tokens or repetition, and answers the status: whether it can be reached.
    ///
    /// # Errors
    /// There is no such endpoint, or no answer.
    pub async fn probe(
        &self,
        endpoint: &str,
        path: &[String],
        timeout: Duration,
    ) -> Result<u16, HttpError> {
        let endpoint = self.endpoint(endpoint)?;
        let outgoing = Outgoing {
            method: Method::Get,
            url: path::join(&endpoint.base, path, &[])?,
            headers: http::HeaderMap::new(),
            body: None,
            guard: Arc::new(Guard::new(Arc::clone(&endpoint.conceal), &[])),
            endpoint: Arc::clone(endpoint),
            metrics: Arc::clone(&self.metrics),
        };
        let answer = outgoing
            .exchange(timeout, endpoint.max_response_bytes)
            .await;
        answer
            .map(|answer| answer.response.status)
            .map_err(|failure| failure.error)
    }

    /// Endpoints by name, with where they are, sorted.
    pub fn origins(&self) -> Vec<(String, String)> {
        let endpoints = self.endpoints.iter();
        let mut origins: Vec<_> = endpoints
            .map(|(name, endpoint)| (name.clone(), endpoint.origin.clone()))
            .collect();
        origins.sort();
        origins
    }

    fn endpoint(&self, name: &str) -> Result<&Arc<Endpoint>, HttpError> {
        self.endpoints.get(name).ok_or_else(|| {
            HttpError::new(
                ErrorKind::NotFound,
                "endpoint-unknown",
                "There is no such endpoint in the configuration. Ask the operator of this server.",
            )
        })
    }

    async fn checked(&self, call: &CallScope<'_>, request: Request) -> Result<Response, HttpError> {
        check_granted(call, &request)?;
        if call.read_only && !request.method.reads() {
            return Err(HttpError::new(
                ErrorKind::Denied,
                "read-only",
                format!(
                    "A {} request was refused: this call may only read.",
                    request.method
                ),
            ));
        }
        let endpoint = self.endpoint(&request.endpoint)?;
        let url = path::join(&endpoint.base, &request.path, &request.query)?;
        check_body(endpoint, &request)?;
        let planned = headers::plan(endpoint, &request.headers)?;
        call.budget.take_request(call.plugin)?;
        let prepared = planned.open(call, endpoint).await?;

        let mut secrets: Vec<String> = prepared
            .secrets
            .iter()
            .map(|secret| secret.id.clone())
            .collect();
        secrets.sort_unstable();
        secrets.dedup();
        let through = Through {
            endpoint: endpoint.name.clone(),
            secrets,
        };
        let key = FlightKey {
            through: through.clone(),
            url: url.clone().into(),
            headers: prepared.identity,
            timeout: request.timeout,
        };
        let delivery = Delivery {
            buckets: Arc::clone(&self.buckets),
            bucket: bucket::name(&endpoint.name, call.plugin, &prepared.secrets),
            repeat: request.safe_to_repeat,
            timeout: request.timeout.unwrap_or(endpoint.timeout),
            maybe_written: AtomicBool::new(false),
            outgoing: Outgoing {
                endpoint: Arc::clone(endpoint),
                method: request.method,
                url,
                headers: prepared.map,
                body: request.body,
                guard: Arc::new(Guard::new(Arc::clone(&endpoint.conceal), &prepared.secrets)),
                metrics: Arc::clone(&self.metrics),
            },
        };
        // Who holds a lock or pays in advance is about to write and has to see the state as it is now.
        let shared = request.method == Method::Get
            && request.safe_to_repeat
            && request.lock.is_none()
            && request.hold == 0
            && !call.budget.has_prepaid(&delivery.bucket);
        if shared {
            return self.share(call, key, delivery).await;
        }
        let _closes_flights = (!request.method.reads()).then(|| self.flights.write(through));
        alone(call, &delivery, request.lock.as_deref(), request.hold).await
    }

    async fn share(
        &self,
        call: &CallScope<'_>,
        key: FlightKey,
        delivery: Delivery,
    ) -> Result<Response, HttpError> {
        let name = key.through.endpoint.clone();
        let max_bytes = delivery.outgoing.endpoint.max_response_bytes;
        within(call, &|| false, async {
            let seat = self.flights.join(key, call.deadline, |flight| async move {
                let terms = Terms {
                    deadline: &|| flight.deadline(),
                    max_bytes,
                    hold: None,
                    lock: None,
                };
                delivery.run(&terms).await
            });
            let response = seat.landed().await?;
            let size = size(&response);
            let fits = size <= call.budget.bytes_left();
            call.budget.take_bytes(size);
            if fits {
                Ok(Response::clone(&response))
            } else {
                Err(too_large(&name))
            }
        })
        .await
    }
}

async fn alone(
    call: &CallScope<'_>,
    delivery: &Delivery,
    lock: Option<&str>,
    hold: u8,
) -> Result<Response, HttpError> {
    let terms = Terms {
        deadline: &|| call.deadline,
        max_bytes: delivery
            .outgoing
            .endpoint
            .max_response_bytes
            .min(call.budget.bytes_left()),
        hold: Some((call.budget, hold)),
        lock: lock.map(|lock| (lock, call.locks)),
    };
    let outcome = within(call, &|| delivery.maybe_written(), delivery.run(&terms)).await;
    match &outcome {
        Ok(response) => call.budget.take_bytes(size(response)),
        Err(error) if error.kind == ErrorKind::TooLarge => call.budget.take_bytes(terms.max_bytes),
        Err(_) => {}
    }
    outcome
}

/// Runs until done, cancelled, or the call's time is over.
async fn within(
    call: &CallScope<'_>,
    maybe_written: &(dyn Fn() -> bool + Send + Sync),
    sending: impl Future<Output = Result<Response, HttpError>>,
) -> Result<Response, HttpError> {
    tokio::select! {
        biased;
        () = call.cancelled.cancelled() => Err(HttpError::cancelled().or_outcome_unknown(maybe_written())),
        outcome = sending => outcome,
        () = tokio::time::sleep_until(call.deadline) => Err(HttpError::deadline().or_outcome_unknown(maybe_written())),
    }
}

fn size(response: &Response) -> usize {
    let headers = response
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len());
    response.body.len() + headers.sum::<usize>()
}

fn check_granted(call: &CallScope<'_>, request: &Request) -> Result<(), HttpError> {
    let (endpoint, method, path) = (&request.endpoint, request.method, &request.path);
    let granted = call
        .grants
        .iter()
        .any(|grant| grant.endpoint == *endpoint && grant.allows(method, path));
    if granted {
        return Ok(());
    }
    let line = format!(
        "http = [{{ endpoint = {endpoint:?}, allow = [{:?}] }}]",
        AllowPattern::covering(method, path).to_string()
    );
    tracing::warn!(
        tenant = call.tenant,
        plugin = call.plugin,
        correlation_id = call.correlation_id,
        "denied: an HTTP request that is not granted; to grant it, put under [plugins.{}.grants]: {line}",
        call.plugin
    );
    Err(HttpError::new(
        ErrorKind::Denied,
        "http-not-granted",
        format!(
            "The plugin '{}' may not send this {method} request. Ask the operator of this server to grant it.",
            call.plugin
        ),
    )
    .with_detail(line))
}

fn check_body(endpoint: &Endpoint, request: &Request) -> Result<(), HttpError> {
    let Some(body) = &request.body else {
        return Ok(());
    };
    if request.method.reads() {
        return Err(HttpError::invalid(
            "body-not-allowed",
            format!("A {} request has no body; use the query.", request.method),
        ));
    }
    if body.len() > endpoint.max_request_bytes {
        return Err(HttpError::new(
            ErrorKind::TooLarge,
            "request-too-large",
            format!(
                "The request's body has {} bytes; the endpoint '{}' takes at most {}. Send less at once.",
                body.len(),
                endpoint.name,
                endpoint.max_request_bytes
            ),
        ));
    }
    Ok(())
}
