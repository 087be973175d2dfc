//! The contract's records for a request and its answer, as plain types.

use std::fmt;
use std::time::Duration;

/// A request's method; the contract knows no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Reads, without a body in the answer.
    Head,
    /// Creates or acts.
    Post,
    /// Replaces.
    Put,
    /// Changes in part.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
    ];

    /// As it stands in a request line.
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

    /// Whether the method changes nothing by its definition (RFC 9110, section 9.2.1).
    pub fn reads(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A header's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// Written as it is.
    Text(String),
    /// A secret that is opened on the way out.
    Sealed {
        /// Written before the opened secret, as in `Bearer `.
        prefix: String,
        /// The secret's handle.
        handle: String,
    },
}

/// What a plugin wants sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The endpoint's name in the config.
    pub endpoint: String,
    /// The method.
    pub method: Method,
    /// Segments below the endpoint's base, unencoded.
    pub path: Vec<String>,
    /// Names and values, unencoded, sent in this order.
    pub query: Vec<(String, String)>,
    /// Only headers that the endpoint lists.
    pub headers: Vec<(String, HeaderValue)>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
    /// Whether sending it twice does no harm. Only then is it repeated or shared.
    pub safe_to_repeat: bool,
    /// How long one attempt may take, from connecting to the answer's last byte; the endpoint's time-outs otherwise. Always
    /// cut to the time that the call has left. Waiting for tokens does not count.
    pub timeout: Option<Duration>,
    /// Tokens to take in advance for requests of the same call that must follow at once.
    pub hold: u8,
    /// Send only while this lock's lease outlasts the time-out.
    pub lock: Option<String>,
}

impl Request {
    /// A request with nothing but method and path.
    pub fn new<S: Into<String>>(
        endpoint: impl Into<String>,
        method: Method,
        path: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            endpoint: endpoint.into(),
            method,
            path: path.into_iter().map(Into::into).collect(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            safe_to_repeat: false,
            timeout: None,
            hold: 0,
            lock: None,
        }
    }
}

/// What came back: any status is an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Lower-case names; opened secrets replaced by `[sealed]`.
    pub headers: Vec<(String, String)>,
    /// Decompressed, with everything concealed removed.
    pub body: Vec<u8>,
}
