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
    /// The first header of this name, in any letter case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, &name.to_ascii_lowercase())
    }

    /// The first query parameter of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// The body as JSON, or null.
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

/// Makes a service's answers.
pub struct Reply;

impl Reply {
    /// A JSON answer.
    ///
    /// # Errors
    /// `internal` if the body has no JSON form.
    pub fn json(status: u16, body: &impl Serialize) -> Result<Response, ToolError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| ToolError::internal("fake-not-json", error.to_string()))?;
        Self::bytes(status, body)
    }

    /// An answer of any bytes.
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
                "endpoint-not-granted",
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
