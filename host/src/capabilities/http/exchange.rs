//! One attempt: out, back, guarded.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode, header};
use tokio::time::Instant;
use tracing::Instrument;
use tracing::field::Empty;
use url::Url;

use super::address::AddressRefused;
use super::endpoint::Endpoint;
use super::guard::Guard;
use super::{ErrorKind, HttpError, Method, Response};
use crate::observe::Metrics;

/// A service that says "too many" without saying for how long.
const PAUSE_UNKNOWN: Duration = Duration::from_secs(30);
/// A longer pause than this is not believed.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Searching a longer body takes so long that other calls would wait for it.
const SEARCHED_ELSEWHERE: usize = 256 << 10;

/// A request that is ready to be sent, several times if need be.
pub(super) struct Outgoing {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
    pub(super) guard: Arc<Guard>,
    pub(super) metrics: Arc<Metrics>,
}

/// An answer with what the service says about its own limits.
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) tokens_remaining: Option<u32>,
    pub(super) pause: Option<Duration>,
}

/// An attempt without an answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: HttpError,
    /// Whether another attempt could end differently.
    pub(super) passing: bool,
    /// The request never left, so a write did not happen.
    pub(super) unsent: bool,
}

impl Outgoing {
    /// Sends it once and reads at most `max_bytes` of headers and body.
    pub(super) async fn exchange(
        &self,
        timeout: Duration,
        max_bytes: usize,
    ) -> Result<Answer, Failure> {
        // Neither path nor query: there are ids and people's names in them.
        let span = tracing::debug_span!(
            "http.request",
            otel.kind = "client",
            otel.status_code = Empty,
            endpoint = self.endpoint.name,
            http.request.method = %self.method,
            server.address = self.url.host_str(),
            http.response.status_code = Empty,
            error.r#type = Empty,
        );
        let started = Instant::now();
        let attempt = self.attempt(max_bytes).instrument(span.clone());
        let answer = match tokio::time::timeout(timeout, attempt).await {
            Ok(answer) => answer,
            Err(_) => Err(self.timed_out()),
        };
        let status = answer.as_ref().ok().map(|answer| answer.response.status);
        self.metrics
            .requested(&self.endpoint.name, status, started.elapsed());
        match &answer {
            Ok(answer) => {
                span.record("http.response.status_code", answer.response.status);
                if answer.response.status >= 400 {
                    span.record("otel.status_code", "ERROR");
                }
            }
            Err(failure) => {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", &*failure.error.code);
            }
        }
        answer
    }

    async fn attempt(&self, max_bytes: usize) -> Result<Answer, Failure> {
        let mut request = self
            .endpoint
            .client
            .request(method(self.method), self.url.clone())
            .headers(self.headers.clone());
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        let answer = request.send().await.map_err(|error| self.failed(error))?;
        let status = answer.status();
        let mut left = max_bytes;
        let headers = answer.headers().clone();
        let header_bytes = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len());
        self.count(&mut left, header_bytes.sum())?;
        self.check_readable(&headers)?;
        let body = self.read(answer, &mut left).await?;
        let pause = self.pause(status, &headers);
        Ok(Answer {
            tokens_remaining: self
                .endpoint
                .tokens_remaining
                .as_ref()
                .and_then(|name| number(&headers, name)),
            pause,
            response: Response {
                status: status.as_u16(),
                headers: self.seen_headers(&headers),
                body: self.guarded(body).await?,
            },
        })
    }

    async fn read(
        &self,
        mut answer: reqwest::Response,
        left: &mut usize,
    ) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        if self.method == Method::Head {
            return Ok(body);
        }
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.failed(error))? {
            self.count(left, chunk.len())?;
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn count(&self, left: &mut usize, bytes: usize) -> Result<(), Failure> {
        *left = left
            .checked_sub(bytes)
            .ok_or_else(|| Failure::lasting(too_large(&self.endpoint.name)))?;
        Ok(())
    }

    /// An answer in a form that cannot be searched is not handed on.
    fn check_readable(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let unreadable = |code, what: &str, value: &[u8]| {
            let error = HttpError::new(
                ErrorKind::Upstream,
                code,
                format!(
                    "The answer of the endpoint '{}' has {what} that this server does not read.",
                    self.endpoint.name
                ),
            );
            let value = String::from_utf8_lossy(value);
            Err(Failure::lasting(
                error.with_detail(format!("{what}: {value:?}")),
            ))
        };
        // The client removes the encodings that it undid.
        let encoding = headers.get(header::CONTENT_ENCODING);
        if let Some(encoding) =
            encoding.filter(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
        {
            return unreadable(
                "content-encoding",
                "a content encoding",
                encoding.as_bytes(),
            );
        }
        if self.guard.is_idle() {
            return Ok(());
        }
        if let Some(charset) = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| charset(value.as_bytes()))
            && !extends_ascii(&charset)
        {
            return unreadable("charset", "a character set", charset.as_bytes());
        }
        Ok(())
    }

    async fn guarded(&self, body: Vec<u8>) -> Result<Vec<u8>, Failure> {
        if body.len() <= SEARCHED_ELSEWHERE {
            return Ok(self.guard.body(body));
        }
        let guard = Arc::clone(&self.guard);
        tokio::task::spawn_blocking(move || guard.body(body)).await.map_err(|error| {
            let internal = HttpError::new(
                ErrorKind::Internal,
                "guard",
                "The answer could not be searched for secrets, so it is not shown. Tell the operator of this server.",
            );
            Failure::lasting(internal.with_detail(error.to_string()))
        })
    }

    fn seen_headers(&self, headers: &HeaderMap) -> Vec<(String, String)> {
        headers
            .iter()
            .filter(|(name, value)| self.is_seen(name, value))
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    self.guard.header(value.as_bytes()),
                )
            })
            .collect()
    }

    /// Not seen: what is about the connection, or no longer true of the body; cookies, which are credentials; and where a
    /// redirect to another origin would lead.
    fn is_seen(&self, name: &HeaderName, value: &http::HeaderValue) -> bool {
        match name.as_str() {
            "connection" | "keep-alive" | "proxy-authenticate" | "proxy-connection" | "trailer"
            | "transfer-encoding" | "upgrade" | "content-length" | "content-encoding"
            | "set-cookie" | "set-cookie2" => false,
            "location" | "content-location" => {
                let target = value
                    .to_str()
                    .ok()
                    .and_then(|text| self.url.join(text).ok());
                target.is_some_and(|target| target.origin() == self.url.origin())
            }
            _ => true,
        }
    }

    /// How long to stay away, where the service asks for it.
    fn pause(&self, status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
        let named = self
            .endpoint
            .retry_after
            .iter()
            .chain([&header::RETRY_AFTER]);
        let seconds = named.filter_map(|name| number(headers, name)).next();
        let pause = seconds.map(|seconds| Duration::from_secs(seconds.into()).min(LONGEST_PAUSE));
        match status {
            StatusCode::TOO_MANY_REQUESTS => Some(pause.unwrap_or(PAUSE_UNKNOWN)),
            StatusCode::SERVICE_UNAVAILABLE => pause,
            _ => None,
        }
    }

    fn timed_out(&self) -> Failure {
        Failure::passing(HttpError::new(
            ErrorKind::Timeout,
            "endpoint-timeout",
            format!(
                "The endpoint '{}' did not answer in time. Try again later.",
                self.endpoint.name
            ),
        ))
    }

    fn failed(&self, error: reqwest::Error) -> Failure {
        let name = &self.endpoint.name;
        let error = error.without_url();
        let detail = chain(&error);
        if causes(&error).any(|cause| cause.is::<AddressRefused>()) {
            let refused = HttpError::new(
                ErrorKind::Denied,
                "address-refused",
                format!(
                    "The endpoint '{name}' leads to an address that is not on the public internet. Ask the operator of this server."
                ),
            );
            return Failure {
                unsent: true,
                ..Failure::lasting(refused.with_detail(detail))
            };
        }
        let unsent = error.is_connect() || error.is_builder();
        let failure = if error.is_timeout() && !unsent {
            self.timed_out()
        } else if unsent {
            Failure::passing(HttpError::new(
                ErrorKind::Unavailable,
                "endpoint-unreachable",
                format!("The endpoint '{name}' cannot be reached at the moment. Try again later."),
            ))
        } else {
            Failure::passing(HttpError::new(
                ErrorKind::Unavailable,
                "connection-lost",
                format!(
                    "The connection to the endpoint '{name}' broke before the answer was complete. Try again later."
                ),
            ))
        };
        Failure {
            error: failure.error.with_detail(detail),
            unsent,
            ..failure
        }
    }
}

impl Failure {
    /// Something kept the request from being sent.
    pub(super) fn before(error: HttpError) -> Self {
        Self {
            error,
            passing: false,
            unsent: true,
        }
    }

    fn passing(error: HttpError) -> Self {
        Self {
            error,
            passing: true,
            unsent: false,
        }
    }

    fn lasting(error: HttpError) -> Self {
        Self {
            error,
            passing: false,
            unsent: false,
        }
    }
}

/// The answer does not fit into what the endpoint, or the call, may receive.
pub(super) fn too_large(endpoint: &str) -> HttpError {
    HttpError::new(
        ErrorKind::TooLarge,
        "response-too-large",
        format!(
            "The answer of the endpoint '{endpoint}' is larger than this call may still receive. Ask for less at once."
        ),
    )
}

fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Head => http::Method::HEAD,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
    }
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u32> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// The `charset` parameter of a media type (RFC 9110, section 8.3.2), in lower case.
fn charset(media_type: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(media_type).to_ascii_lowercase();
    text.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        (name.trim() == "charset").then(|| value.trim().trim_matches(['"', '\'']).to_owned())
    })
}

/// Whether ASCII reads the same in a character set: secrets are ASCII, and are looked for as that.
fn extends_ascii(charset: &str) -> bool {
    matches!(
        charset,
        "utf-8" | "utf8" | "us-ascii" | "ascii" | "latin1" | "binary"
    ) || charset.starts_with("iso-8859-")
        || charset.starts_with("windows-125")
}

fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// An error with its causes, for the log.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    texts.join(": ")
}
