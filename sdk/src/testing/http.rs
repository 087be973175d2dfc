//! Services behind endpoints.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Serialize;
use serde_json::Value;

use super::{CallHost, FakeHost};
use crate::error::ToolError;
use crate::http::{HeaderValue, HttpHost, Method, Request, Response};

type Service = Rc<dyn Fn(&Received) -> Result<Response, ToolError>>;

#[derive(Default)]
pub(super) struct Services {
    by_endpoint: BTreeMap<String, Service>,
    requests: Vec<Request>,
}

/// A request as it arrives at a service: with its secrets opened.
///
/// ```
/// use orderdesk_plugin::http::{Method, Request};
/// use orderdesk_plugin::testing::{FakeHost, Received, Reply, with_context};
/// use serde_json::json;
///
/// fn wiki(request: &Received) -> Result<orderdesk_plugin::http::Response, orderdesk_plugin::ToolError> {
///     match (request.method, request.path.as_str()) {
///         (Method::Get, "/pages/home") => Reply::json(200, &json!({ "title": "Home" })),
///         _ => Reply::json(404, &json!({})),
///     }
/// }
///
/// let host = FakeHost::new();
/// host.endpoint("wiki", wiki);
/// let request = Request::get("wiki").path(["pages", "start"]);
/// assert_eq!(with_context(&host, |context| context.http().send(request)).unwrap().status, 404);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The method.
    pub method: Method,
    /// The path below the endpoint's base, such as `/orders/17`. Segments are not encoded.
    pub path: String,
    /// Names and values, in the order sent.
    pub query: Vec<(String, String)>,
    /// Lower-case names, and values with their secrets in them.
    pub headers: Vec<(String, String)>,
    /// The body; empty if there was none.
    pub body: Vec<u8>,
}

impl Received {
    /// The first header of this name, in any letter case. Where it was sealed, the secret stands in it.
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    /// use orderdesk_plugin::testing::{FakeHost, Reply, with_context};
    ///
    /// let host = FakeHost::new();
    /// host.endpoint("wiki", |request| match request.header("Authorization") {
    ///     Some("Bearer t0ken") => Reply::bytes(200, ""),
    ///     _ => Reply::bytes(401, ""),
    /// });
    /// let token = host.seal("t0ken", &["endpoint:wiki"]);
    /// let request = Request::get("wiki").sealed_header("authorization", "Bearer ", &token);
    /// assert_eq!(with_context(&host, |context| context.http().send(request)).unwrap().status, 200);
    /// ```
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, &name.to_ascii_lowercase())
    }

    /// The first query parameter of this name.
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    /// use orderdesk_plugin::testing::{FakeHost, Reply, with_context};
    /// use serde_json::json;
    ///
    /// let host = FakeHost::new();
    /// host.endpoint("wiki", |request| Reply::json(200, &json!({ "found": request.parameter("search") })));
    /// let request = Request::get("wiki").query("search", "opening hours");
    /// let response = with_context(&host, |context| context.http().send(request)).unwrap();
    /// assert_eq!(response.json::<serde_json::Value>().unwrap()["found"], "opening hours");
    /// ```
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// The body as JSON, or null.
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    /// use orderdesk_plugin::testing::{FakeHost, Reply, with_context};
    /// use serde_json::json;
    ///
    /// let host = FakeHost::new();
    /// host.endpoint("wiki", |request| {
    ///     assert_eq!(request.json()["title"], "Home");
    ///     Reply::bytes(201, "")
    /// });
    /// let request = Request::post("wiki").json(&json!({ "title": "Home" })).unwrap();
    /// assert_eq!(with_context(&host, |context| context.http().send(request)).unwrap().status, 201);
    /// ```
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// Makes the answers of a service that [`FakeHost::endpoint`] puts there.
///
/// ```
/// use orderdesk_plugin::testing::{FakeHost, Reply};
/// use serde_json::json;
///
/// let host = FakeHost::new();
/// host.endpoint("wiki", |_| Reply::json(200, &json!({ "pages": [] })));
/// host.endpoint("files", |_| Reply::bytes(200, b"%PDF-1.7"));
/// ```
pub struct Reply;

impl Reply {
    /// A JSON answer.
    ///
    /// ```
    /// use orderdesk_plugin::testing::Reply;
    ///
    /// let response = Reply::json(200, &serde_json::json!({ "title": "Home" })).unwrap();
    /// assert_eq!(response.body, br#"{"title":"Home"}"#);
    /// ```
    ///
    /// # Errors
    /// `internal` if the body has no JSON form.
    pub fn json(status: u16, body: &impl Serialize) -> Result<Response, ToolError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| ToolError::internal("fake-not-json", error.to_string()))?;
        Self::bytes(status, body)
    }

    /// An answer of any bytes. For headers, change the response.
    ///
    /// ```
    /// use orderdesk_plugin::http::Response;
    /// use orderdesk_plugin::testing::{FakeHost, Reply};
    ///
    /// let host = FakeHost::new();
    /// host.endpoint("wiki", |_| {
    ///     let busy = Reply::bytes(429, "")?;
    ///     Ok(Response { headers: vec![("retry-after".to_owned(), "2".to_owned())], ..busy })
    /// });
    /// ```
    ///
    /// # Errors
    /// None: the type is that of a service.
    pub fn bytes(status: u16, body: impl Into<Vec<u8>>) -> Result<Response, ToolError> {
        Ok(Response {
            status,
            headers: Vec::new(),
            body: body.into(),
        })
    }
}

impl FakeHost {
    /// Puts a service behind an endpoint. It may answer an error instead: then there was no response.
    ///
    /// ```
    /// use orderdesk_plugin::ToolError;
    /// use orderdesk_plugin::http::Request;
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// host.endpoint("wiki", |_| Err(ToolError::timeout("slow", "The wiki did not answer.")));
    /// let failed = with_context(&host, |context| context.http().send(Request::get("wiki"))).unwrap_err();
    /// assert!(failed.has_code("slow"));
    /// ```
    pub fn endpoint(
        &self,
        name: &str,
        service: impl Fn(&Received) -> Result<Response, ToolError> + 'static,
    ) {
        self.world
            .http
            .borrow_mut()
            .by_endpoint
            .insert(name.to_owned(), Rc::new(service));
    }

    /// Every request so far, as the plugins sent them: secrets are handles.
    ///
    /// ```
    /// use orderdesk_plugin::http::{Method, Request};
    /// use orderdesk_plugin::testing::{FakeHost, Reply, with_context};
    ///
    /// let host = FakeHost::new();
    /// host.endpoint("wiki", |_| Reply::bytes(204, ""));
    /// with_context(&host, |context| context.http().send(Request::delete("wiki").path(["pages", "home"])))
    ///     .unwrap();
    /// let requests = host.requests();
    /// assert_eq!((requests[0].method, requests[0].path[1].as_str()), (Method::Delete, "home"));
    /// ```
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.world.http.borrow().requests.clone()
    }
}

impl HttpHost for CallHost {
    fn send(&self, request: Request) -> Result<Response, ToolError> {
        if !request.method.is_safe() {
            self.require_write(request.method.as_str())?;
        }
        if let Some(segment) = request
            .path
            .iter()
            .find(|segment| matches!(segment.as_str(), "" | "." | ".."))
        {
            return Err(ToolError::invalid_input(
                "bad-path-segment",
                format!("The path segment {segment:?} is refused."),
            ));
        }
        if let Some(lock) = &request.lock
            && !self.holds(lock)
        {
            return Err(ToolError::conflict(
                "lease-too-short",
                "The lock does not outlast the request, so it was not sent.",
            ));
        }
        let service = {
            let mut services = self.host.world.http.borrow_mut();
            services.requests.push(request.clone());
            services.by_endpoint.get(&request.endpoint).cloned()
        };
        let Some(service) = service else {
            return Err(ToolError::denied(
                "http-not-granted",
                format!("There is no endpoint {}.", request.endpoint),
            ));
        };
        let mut headers = Vec::new();
        for (name, value) in request.headers {
            let value = match value {
                HeaderValue::Text(text) => text,
                HeaderValue::Sealed { prefix, value } => {
                    format!("{prefix}{}", self.open_for(&request.endpoint, &value)?)
                }
            };
            headers.push((name.to_ascii_lowercase(), value));
        }
        service(&Received {
            method: request.method,
            path: format!("/{}", request.path.join("/")),
            query: request.query,
            headers,
            body: request.body.unwrap_or_default(),
        })
    }
}
