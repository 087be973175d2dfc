//! Requests to the endpoints that the operator granted.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arguments::Sealed;
use crate::error::ToolError;

/// What a host does for [`Http`].
pub trait HttpHost {
    /// Sends one request. Any HTTP status is a response; an error means that there is none.
    ///
    /// # Errors
    /// `denied` without a grant, `timeout`, `unavailable`, `rate-limited`, `too-large` or `cancelled`.
    fn send(&self, request: Request) -> Result<Response, ToolError>;
}

/// HTTP by endpoint name: base URL, rate, allowed headers and addresses are the operator's.
pub struct Http<'a> {
    host: &'a dyn HttpHost,
}

impl<'a> Http<'a> {
    pub(crate) fn new(host: &'a dyn HttpHost) -> Self {
        Self { host }
    }

    /// Sends one request. Any HTTP status is a response; an error means that there is none.
    ///
    /// # Errors
    /// What the host refuses: see [`HttpHost::send`].
    pub fn send(&self, request: Request) -> Result<Response, ToolError> {
        self.host.send(request)
    }
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Reads the headers only.
    Head,
    /// Creates, or does something.
    Post,
    /// Replaces.
    Put,
    /// Changes a part.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// The method as it stands in a request line, such as `GET`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// True for the methods that change nothing: GET and HEAD.
    #[must_use]
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

/// The value of a request header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderValue {
    /// Sent as it is.
    Text(String),
    /// A secret, which the host opens on the way out if it was sealed for this endpoint.
    Sealed {
        /// Written before the opened secret, as in `"Bearer "`.
        prefix: String,
        /// The secret's handle.
        value: Sealed,
    },
}

/// A request to a named endpoint, built up by its methods.
///
/// ```
/// use orderdesk_plugin::http::{Method, Request};
///
/// let request = Request::get("shop")
///     .path(["orders", "17"])
///     .query("fields", "id,email");
/// assert_eq!(request.method, Method::Get);
/// assert_eq!(request.path, ["orders", "17"]);
/// assert!(request.safe_to_repeat);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The endpoint's name in the config.
    pub endpoint: String,
    /// The method.
    pub method: Method,
    /// Segments below the endpoint's base, unencoded. The host refuses an empty, `.` or `..` segment.
    pub path: Vec<String>,
    /// Unencoded names and values, sent in this order.
    pub query: Vec<(String, String)>,
    /// Only headers that the endpoint lists.
    pub headers: Vec<(String, HeaderValue)>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
    /// The host retries by itself only where this says that repeating is harmless.
    pub safe_to_repeat: bool,
    /// At most this many milliseconds; cut to the time that the call has left.
    pub timeout_ms: Option<u32>,
    /// Further rate-limit tokens to take together with this one, for the requests that must follow at once.
    pub hold: u8,
    /// Send only while this lock's lease outlasts the request's time-out.
    pub lock: Option<String>,
    /// Open for growth: a JSON object whose unknown keys the host ignores.
    pub extra: Option<Value>,
}

impl Request {
    /// A request with this method. GET and HEAD start as safe to repeat, the others do not.
    #[must_use]
    pub fn new(method: Method, endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            method,
            path: Vec::new(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            safe_to_repeat: method.is_safe(),
            timeout_ms: None,
            hold: 0,
            lock: None,
            extra: None,
        }
    }

    /// A GET request.
    #[must_use]
    pub fn get(endpoint: impl Into<String>) -> Self {
        Self::new(Method::Get, endpoint)
    }

    /// A POST request.
    #[must_use]
    pub fn post(endpoint: impl Into<String>) -> Self {
        Self::new(Method::Post, endpoint)
    }

    /// A PUT request.
    #[must_use]
    pub fn put(endpoint: impl Into<String>) -> Self {
        Self::new(Method::Put, endpoint)
    }

    /// A DELETE request.
    #[must_use]
    pub fn delete(endpoint: impl Into<String>) -> Self {
        Self::new(Method::Delete, endpoint)
    }

    /// Adds path segments, unencoded.
    #[must_use]
    pub fn path<S: Into<String>>(mut self, segments: impl IntoIterator<Item = S>) -> Self {
        self.path.extend(segments.into_iter().map(Into::into));
        self
    }

    /// Adds one query parameter, unencoded.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers
            .push((name.into(), HeaderValue::Text(value.into())));
        self
    }

    /// Adds a header whose value is a secret, with `prefix` before it (`"Bearer "`, or `""`).
    #[must_use]
    pub fn sealed_header(
        mut self,
        name: impl Into<String>,
        prefix: impl Into<String>,
        value: &Sealed,
    ) -> Self {
        let value = HeaderValue::Sealed {
            prefix: prefix.into(),
            value: value.clone(),
        };
        self.headers.push((name.into(), value));
        self
    }

    /// Sets a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets a JSON body and the header `Content-Type: application/json`.
    ///
    /// # Errors
    /// `internal` if the value has no JSON form (a map whose keys are not text).
    pub fn json(self, value: &impl Serialize) -> Result<Self, ToolError> {
        let body = serde_json::to_vec(value).map_err(|error| {
            ToolError::internal(
                "request-not-json",
                format!("The request's body could not be written as JSON: {error}"),
            )
        })?;
        Ok(self.header("Content-Type", "application/json").body(body))
    }

    /// Lets the host repeat the request where the first attempt may have arrived.
    #[must_use]
    pub fn safe_to_repeat(mut self) -> Self {
        self.safe_to_repeat = true;
        self
    }

    /// Waits at most this long; the host cuts it to the time that the call has left.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = Some(milliseconds(timeout));
        self
    }

    /// Takes `tokens` further rate-limit tokens, for the requests that must follow at once.
    #[must_use]
    pub fn hold(mut self, tokens: u8) -> Self {
        self.hold = tokens;
        self
    }

    /// Sends only while this lock's lease outlasts the request's time-out.
    #[must_use]
    pub fn under_lock(mut self, lock: &crate::locks::Lock) -> Self {
        self.lock = Some(lock.id().to_owned());
        self
    }
}

/// What came back.
///
/// ```
/// use orderdesk_plugin::http::Request;
/// use orderdesk_plugin::testing::{FakeHost, Reply, with_context};
///
/// let host = FakeHost::new();
/// host.endpoint("wiki", |_| Reply::json(200, &serde_json::json!({ "title": "Home" })));
/// with_context(&host, |context| {
///     let response = context.http().send(Request::get("wiki").path(["pages", "home"])).unwrap();
///     assert!(response.is_success());
///     let page: serde_json::Value = response.json().unwrap();
///     assert_eq!(page["title"], "Home");
/// });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Lower-case names. Opened secrets are replaced by `[sealed]`.
    pub headers: Vec<(String, String)>,
    /// Decompressed, without what the endpoint conceals.
    pub body: Vec<u8>,
}

impl Response {
    /// True for a status from 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of this name, in any letter case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as a JSON value of type `T`.
    ///
    /// # Errors
    /// `upstream` with code `response-not-json` if it is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ToolError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            ToolError::upstream(
                "response-not-json",
                format!(
                    "The answer (HTTP {}) was not the JSON expected: {error}",
                    self.status
                ),
            )
        })
    }
}

/// A duration in whole milliseconds, at most what the contract's 32 bits hold.
pub(crate) fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_reads_start_as_safe_to_repeat() {
        assert!(Request::get("shop").safe_to_repeat);
        assert!(!Request::post("shop").safe_to_repeat);
        assert!(!Request::put("shop").safe_to_repeat);
        assert!(Request::put("shop").safe_to_repeat().safe_to_repeat);
    }

    #[test]
    fn a_json_body_brings_its_content_type() {
        let request = Request::post("shop")
            .json(&serde_json::json!({"a": 1}))
            .unwrap();
        assert_eq!(request.body.as_deref(), Some(&b"{\"a\":1}"[..]));
        assert_eq!(
            request.headers,
            [(
                "Content-Type".to_owned(),
                HeaderValue::Text("application/json".to_owned())
            )]
        );
    }

    #[test]
    fn a_header_is_found_in_any_letter_case() {
        let response = Response {
            headers: vec![("x-tokens-remaining".to_owned(), "19".to_owned())],
            ..Response::default()
        };
        assert_eq!(response.header("X-Tokens-Remaining"), Some("19"));
    }

    #[test]
    fn a_time_out_longer_than_the_contract_can_say_is_its_longest() {
        let request = Request::get("shop").timeout(Duration::from_secs(u64::MAX));
        assert_eq!(request.timeout_ms, Some(u32::MAX));
    }
}
