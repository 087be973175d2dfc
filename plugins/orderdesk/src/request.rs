//! A request to Order Desk's API, apart from the store that it is for.

use std::time::Duration;

use orderdesk_plugin::http::{Method, Request};
use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::{ToolError, serde_json};
use serde_json::Value;

use crate::ENDPOINT;

/// A request to Order Desk's API, built up by its methods.
///
/// ```
/// use orderdesk_client::ApiRequest;
///
/// let request = ApiRequest::get(["orders"])
///     .query("email", "a@example.com")
///     .query("limit", 20);
/// assert_eq!(request.describe(), "GET /orders");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ApiRequest {
    method: Method,
    path: Vec<String>,
    query: Vec<(String, String)>,
    body: Option<Value>,
    safe_to_repeat: bool,
    timeout: Option<Duration>,
    hold: u8,
    lock: Option<String>,
}

impl ApiRequest {
    fn new<S: Into<String>>(
        method: Method,
        path: impl IntoIterator<Item = S>,
        body: Option<Value>,
    ) -> Self {
        Self {
            method,
            path: path.into_iter().map(Into::into).collect(),
            query: Vec::new(),
            body,
            safe_to_repeat: method.is_safe(),
            timeout: None,
            hold: 0,
            lock: None,
        }
    }

    /// Reads what stands at this path.
    #[must_use]
    pub fn get<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self::new(Method::Get, path, None)
    }

    /// Creates, or does something.
    #[must_use]
    pub fn post<S: Into<String>>(path: impl IntoIterator<Item = S>, body: Value) -> Self {
        Self::new(Method::Post, path, Some(body))
    }

    /// Replaces what stands at this path: what the body leaves out becomes blank.
    #[must_use]
    pub fn put<S: Into<String>>(path: impl IntoIterator<Item = S>, body: Value) -> Self {
        Self::new(Method::Put, path, Some(body))
    }

    /// Removes what stands at this path.
    #[must_use]
    pub fn delete<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self::new(Method::Delete, path, None)
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// Adds a query parameter, if there is a value.
    #[must_use]
    pub fn query_opt(self, name: impl Into<String>, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Lets the host repeat a write of which it does not know whether it arrived.
    #[must_use]
    pub fn safe_to_repeat(mut self) -> Self {
        self.safe_to_repeat = true;
        self
    }

    /// Waits at most this long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Takes further rate-limit tokens, for the requests that must follow at once.
    #[must_use]
    pub fn hold(mut self, tokens: u8) -> Self {
        self.hold = tokens;
        self
    }

    /// Sends only while this lock's lease outlasts the request's time-out.
    #[must_use]
    pub fn under_lock(mut self, lock: &Lock) -> Self {
        self.lock = Some(lock.id().to_owned());
        self
    }

    /// Method and path, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("{} /{}", self.method.as_str(), self.path.join("/"))
    }

    /// True if it may change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !self.method.is_safe()
    }

    pub(crate) fn is_post(&self) -> bool {
        self.method == Method::Post
    }

    /// The whole request as text: what differs in any part of the path or in any parameter differs here, and the order
    /// of the parameters makes no difference.
    pub(crate) fn identity(&self) -> String {
        let mut query = self.query.clone();
        query.sort();
        // JSON, so that no separator inside a value can make two requests look alike.
        serde_json::json!([self.path, query]).to_string()
    }

    /// The request for the host, without what belongs to the store.
    pub(crate) fn into_http(self) -> Result<Request, ToolError> {
        let mut request = Request::new(self.method, ENDPOINT).path(self.path);
        request.query = self.query;
        request.hold = self.hold;
        request.lock = self.lock;
        request.safe_to_repeat = self.safe_to_repeat;
        if let Some(timeout) = self.timeout {
            request = request.timeout(timeout);
        }
        // Order Desk calls a Content-Type on GET invalid: it goes with a body only.
        match self.body {
            Some(body) => request.json(&body),
            None => Ok(request),
        }
    }
}
