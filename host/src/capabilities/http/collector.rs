//! The way to the OpenTelemetry collector, which the operator named: no plugin has a part in it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;
use url::Url;

use super::endpoint::install_crypto;
use super::exchange::chain;

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(10);
/// An answer says at most what was refused.
const ANSWER_BYTES: usize = 64 << 10;

/// Sends batches of spans.
pub struct CollectorClient {
    client: reqwest::Client,
    /// Spans are exported from a thread that belongs to no runtime.
    runtime: Handle,
    /// Whether the last batch arrived: only a change is worth a line in the log.
    arrives: AtomicBool,
}

impl std::fmt::Debug for CollectorClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CollectorClient")
    }
}

impl CollectorClient {
    /// A client that sends these headers with each batch.
    ///
    /// # Errors
    /// A header is none, or the machine has no root certificates.
    pub fn new(
        base: &Url,
        headers: &[(String, SecretString)],
        runtime: Handle,
    ) -> Result<Self, String> {
        install_crypto();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let wrong = |what| format!("headers.{name}: {what}");
            let parsed: HeaderName = name.parse().map_err(|_| wrong("this is no header name"))?;
            let mut value = HeaderValue::from_str(value.expose_secret())
                .map_err(|_| wrong("its value cannot be sent in a header"))?;
            value.set_sensitive(true);
            map.insert(parsed, value);
        }
        let mut builder = reqwest::Client::builder()
            .default_headers(map)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(WHOLE);
        if base.scheme() != "https" {
            builder = builder.tls_certs_only([]);
        }
        let client = builder
            .build()
            .map_err(|error| format!("no HTTP client: {}", chain(&error)))?;
        Ok(Self {
            client,
            runtime,
            arrives: AtomicBool::new(true),
        })
    }

    fn note(&self, failure: Option<String>) {
        let before = self.arrives.swap(failure.is_none(), Ordering::Relaxed);
        match failure {
            Some(cause) if before => tracing::warn!(cause, "spans do not reach the collector"),
            None if !before => tracing::info!("spans reach the collector again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sending = self.runtime.spawn(send(self.client.clone(), request));
        let sent = sending.await.map_err(HttpError::from).flatten();
        self.note(match &sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status())),
            Err(error) => Some(chain(error.as_ref())),
        });
        sent
    }
}

async fn send(
    client: reqwest::Client,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let request = reqwest::Request::try_from(request)?;
    let mut answer = client
        .execute(request)
        .await
        .map_err(reqwest::Error::without_url)?;
    let mut received = Response::builder().status(answer.status());
    if let Some(headers) = received.headers_mut() {
        headers.clone_from(answer.headers());
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        let room = ANSWER_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    Ok(received.body(body.into())?)
}
