//! Requests to the endpoints that the operator granted.
//!
//! For a service that no other plugin speaks to; where one does, its tools ([`crate::peers`]) are the better way. A plugin
//! names an endpoint, and asks for it with [`crate::Plugin::wish`]; its address, rate, allowed headers and secrets are the
//! operator's.
//!
//! ```
//! use orderdesk_plugin::http::Request;
//! use orderdesk_plugin::testing::{FakeHost, Reply};
//! use serde_json::{Value, json};
//!
//! let host = FakeHost::new();
//! host.endpoint("wiki", |_| Reply::json(200, &json!({ "title": "Home" })));
//! # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
//!
//! let response = context.http().send(Request::get("wiki").path(["pages", "home"]))?;
//! let page: Value = response.json()?;
//! assert_eq!(page["title"], "Home");
//! # Ok(())
//! # }).unwrap();
//! ```

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arguments::Sealed;
use crate::error::ToolError;

/// What a host does for [`Http`]. Plugins call that; this is the seam behind it.
///
/// ```
/// use orderdesk_plugin::ToolError;
/// use orderdesk_plugin::http::{HttpHost, Request, Response};
///
/// /// There is nobody there.
/// struct Offline;
///
/// impl HttpHost for Offline {
///     fn send(&self, request: Request) -> Result<Response, ToolError> {
///         Err(ToolError::unavailable("offline", format!("{} cannot be reached.", request.endpoint)))
///     }
/// }
///
/// assert!(Offline.send(Request::get("wiki")).unwrap_err().has_code("offline"));
/// ```
pub trait HttpHost {
    /// Sends one request. Any HTTP status is a response; an error means that there is none.
    /// See [`HttpHost`]'s example.
    ///
    /// # Errors
    /// `denied` without a grant, for a header that the endpoint does not list, and for a write where the call may only read;
    /// `not-found` for an endpoint that is not in the config; `invalid-input` for a path segment that is refused; `conflict` where
    /// the lock does not outlast the request; `timeout`, `unavailable`, `upstream`, `rate-limited`, `too-large` or `cancelled`.
    fn send(&self, request: Request) -> Result<Response, ToolError>;
}

/// HTTP by endpoint name: base URL, rate, allowed headers and addresses are the operator's. [`crate::Context::http`] gives it.
///
/// ```
/// use orderdesk_plugin::http::{Http, Request};
/// use orderdesk_plugin::ToolError;
/// # use orderdesk_plugin::testing::{FakeHost, Reply, with_context};
///
/// fn exists(http: &Http, page: &str) -> Result<bool, ToolError> {
///     let response = http.send(Request::get("wiki").path(["pages", page]))?;
///     Ok(response.is_success())
/// }
///
/// let host = FakeHost::new();
/// host.endpoint("wiki", |_| Reply::bytes(404, ""));
/// assert!(!with_context(&host, |context| exists(&context.http(), "home")).unwrap());
/// ```
pub struct Http<'a> {
    host: &'a dyn HttpHost,
}

impl<'a> Http<'a> {
    pub(crate) fn new(host: &'a dyn HttpHost) -> Self {
        Self { host }
    }

    /// Sends one request. Any HTTP status is a response, 404 and 500 too; an error means that there is none.
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    /// use orderdesk_plugin::{Context, ToolError};
    /// # use orderdesk_plugin::testing::{FakeHost, Reply, with_context};
    ///
    /// fn status(context: &Context, endpoint: &str) -> Result<u16, ToolError> {
    ///     Ok(context.http().send(Request::get(endpoint))?.status)
    /// }
    ///
    /// let host = FakeHost::new();
    /// host.endpoint("wiki", |_| Reply::bytes(500, ""));
    /// assert_eq!(with_context(&host, |context| status(context, "wiki")).unwrap(), 500);
    /// // Nobody granted this one:
    /// assert!(with_context(&host, |context| status(context, "blog")).is_err());
    /// ```
    ///
    /// # Errors
    /// What the host refuses: see [`HttpHost::send`].
    pub fn send(&self, request: Request) -> Result<Response, ToolError> {
        self.host.send(request)
    }
}

/// An HTTP method.
///
/// ```
/// use orderdesk_plugin::http::{Method, Request};
///
/// let request = Request::new(Method::Patch, "wiki").path(["pages", "home"]);
/// assert_eq!(request.method, Method::Patch);
/// ```
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
    ///
    /// ```
    /// use orderdesk_plugin::http::Method;
    ///
    /// assert_eq!(Method::Delete.as_str(), "DELETE");
    /// ```
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
    ///
    /// ```
    /// use orderdesk_plugin::http::Method;
    ///
    /// assert!(Method::Get.is_safe());
    /// assert!(!Method::Put.is_safe());
    /// ```
    #[must_use]
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

/// The value of a request header: made by [`Request::header`] and [`Request::sealed_header`].
///
/// ```
/// use orderdesk_plugin::http::{HeaderValue, Request};
///
/// let request = Request::get("wiki").header("Accept-Language", "en");
/// assert_eq!(request.headers[0].1, HeaderValue::Text("en".to_owned()));
/// ```
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
    ///
    /// ```
    /// use orderdesk_plugin::http::{Method, Request};
    ///
    /// let request = Request::new(Method::Head, "wiki").path(["pages", "home"]);
    /// assert!(request.safe_to_repeat);
    /// ```
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
    ///
    /// ```
    /// use orderdesk_plugin::http::{Method, Request};
    ///
    /// let request = Request::get("wiki").path(["pages"]);
    /// assert_eq!(request.method, Method::Get);
    /// ```
    #[must_use]
    pub fn get(endpoint: impl Into<String>) -> Self {
        Self::new(Method::Get, endpoint)
    }

    /// A POST request. The host repeats it by itself only after [`Request::safe_to_repeat`].
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    /// use serde_json::json;
    ///
    /// let request = Request::post("wiki").path(["pages"]).json(&json!({ "title": "Home" }))?;
    /// assert!(!request.safe_to_repeat);
    /// # Ok::<(), orderdesk_plugin::ToolError>(())
    /// ```
    #[must_use]
    pub fn post(endpoint: impl Into<String>) -> Self {
        Self::new(Method::Post, endpoint)
    }

    /// A PUT request. The host repeats it by itself only after [`Request::safe_to_repeat`].
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    /// use serde_json::json;
    ///
    /// let request = Request::put("wiki").path(["pages", "home"]).json(&json!({ "title": "Start" }))?;
    /// assert_eq!(request.method.as_str(), "PUT");
    /// # Ok::<(), orderdesk_plugin::ToolError>(())
    /// ```
    #[must_use]
    pub fn put(endpoint: impl Into<String>) -> Self {
        Self::new(Method::Put, endpoint)
    }

    /// A DELETE request. The host repeats it by itself only after [`Request::safe_to_repeat`].
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    ///
    /// let request = Request::delete("wiki").path(["pages", "home"]);
    /// assert_eq!(request.method.as_str(), "DELETE");
    /// ```
    #[must_use]
    pub fn delete(endpoint: impl Into<String>) -> Self {
        Self::new(Method::Delete, endpoint)
    }

    /// Adds path segments below the endpoint's base address, unencoded: a slash in one stays in it.
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    ///
    /// let request = Request::get("wiki").path(["pages", "a/b"]).path(["history"]);
    /// assert_eq!(request.path, ["pages", "a/b", "history"]);
    /// ```
    #[must_use]
    pub fn path<S: Into<String>>(mut self, segments: impl IntoIterator<Item = S>) -> Self {
        self.path.extend(segments.into_iter().map(Into::into));
        self
    }

    /// Adds one query parameter, unencoded.
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    ///
    /// let request = Request::get("wiki").path(["pages"]).query("search", "opening hours").query("limit", "10");
    /// assert_eq!(request.query[0], ("search".to_owned(), "opening hours".to_owned()));
    /// ```
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a header, one of those that the operator lists for the endpoint.
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    ///
    /// let request = Request::get("wiki").header("If-None-Match", "\"v17\"");
    /// assert_eq!(request.headers[0].0, "If-None-Match");
    /// ```
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers
            .push((name.into(), HeaderValue::Text(value.into())));
        self
    }

    /// Adds a header whose value is a secret, with `prefix` before it (`"Bearer "`, or `""`).
    ///
    /// ```
    /// use orderdesk_plugin::Sealed;
    /// use orderdesk_plugin::http::Request;
    /// # use orderdesk_plugin::testing::{FakeHost, Reply};
    ///
    /// fn pages(token: &Sealed) -> Request {
    ///     Request::get("wiki").path(["pages"]).sealed_header("Authorization", "Bearer ", token)
    /// }
    ///
    /// let host = FakeHost::new();
    /// host.endpoint("wiki", |request| {
    ///     assert_eq!(request.header("authorization"), Some("Bearer t0ken")); // the host opened it
    ///     Reply::bytes(200, "[]")
    /// });
    /// let token = host.seal("t0ken", &["endpoint:wiki"]);
    /// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
    /// assert!(context.http().send(pages(&token))?.is_success());
    /// # Ok(())
    /// # }).unwrap();
    /// ```
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

    /// Sets a body of any bytes. Say what they are with [`Request::header`], if the operator lists `Content-Type`.
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    ///
    /// let request = Request::put("wiki").path(["pages", "home"]).body("# Home");
    /// assert_eq!(request.body.as_deref(), Some(&b"# Home"[..]));
    /// ```
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets a JSON body and the header `Content-Type: application/json`.
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    ///
    /// #[derive(serde::Serialize)]
    /// struct Page<'a> {
    ///     title: &'a str,
    /// }
    ///
    /// let request = Request::post("wiki").path(["pages"]).json(&Page { title: "Home" })?;
    /// assert_eq!(request.body.as_deref(), Some(&br#"{"title":"Home"}"#[..]));
    /// # Ok::<(), orderdesk_plugin::ToolError>(())
    /// ```
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
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    ///
    /// // To put the same page twice changes nothing more:
    /// let request = Request::put("wiki").path(["pages", "home"]).body("# Home").safe_to_repeat();
    /// assert!(request.safe_to_repeat);
    /// ```
    #[must_use]
    pub fn safe_to_repeat(mut self) -> Self {
        self.safe_to_repeat = true;
        self
    }

    /// Waits at most this long; the host cuts it to the time that the call has left.
    ///
    /// ```
    /// use std::time::Duration;
    /// use orderdesk_plugin::http::Request;
    ///
    /// let request = Request::get("wiki").path(["pages"]).timeout(Duration::from_secs(3));
    /// assert_eq!(request.timeout_ms, Some(3_000));
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = Some(milliseconds(timeout));
        self
    }

    /// Takes `tokens` further tokens of the endpoint's rate limit together with this request's own, for the requests that must
    /// follow at once.
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    ///
    /// // A page is read, changed and read once more: three requests that nothing should come between.
    /// let request = Request::get("wiki").path(["pages", "home"]).hold(2);
    /// assert_eq!(request.hold, 2);
    /// ```
    #[must_use]
    pub fn hold(mut self, tokens: u8) -> Self {
        self.hold = tokens;
        self
    }

    /// Sends only while this lock's lease outlasts the request's time-out.
    ///
    /// ```
    /// use std::time::Duration;
    /// use orderdesk_plugin::http::Request;
    /// # use orderdesk_plugin::testing::{FakeHost, Reply};
    /// # let host = FakeHost::new();
    /// # host.endpoint("wiki", |_| Reply::bytes(200, ""));
    /// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let lock = context.locks().acquire("page-home", Duration::from_secs(5), Duration::from_secs(30))?;
    /// let request = Request::put("wiki").path(["pages", "home"]).body("# Home").under_lock(&lock);
    /// context.http().send(request)?; // not sent where the lease would end before
    /// lock.release()?;
    /// # Ok(())
    /// # }).unwrap();
    /// ```
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
    ///
    /// ```
    /// use orderdesk_plugin::http::Response;
    ///
    /// let response = Response { status: 204, ..Response::default() };
    /// assert!(response.is_success());
    /// ```
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of this name, in any letter case.
    ///
    /// ```
    /// use orderdesk_plugin::http::Response;
    ///
    /// let headers = vec![("retry-after".to_owned(), "2".to_owned())];
    /// let response = Response { status: 429, headers, ..Response::default() };
    /// assert_eq!(response.header("Retry-After"), Some("2"));
    /// ```
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as a JSON value of type `T`, whatever the status is.
    ///
    /// ```
    /// use orderdesk_plugin::http::Response;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Page {
    ///     title: String,
    /// }
    ///
    /// let response =
    ///     Response { status: 200, body: br#"{"title":"Home","id":17}"#.to_vec(), ..Response::default() };
    /// let page: Page = response.json()?;
    /// assert_eq!(page.title, "Home");
    /// # Ok::<(), orderdesk_plugin::ToolError>(())
    /// ```
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
