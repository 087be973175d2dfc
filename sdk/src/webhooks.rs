//! Requests that come in from outside through a hook, and the plugin's verdict on them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arguments::Sealed;
use crate::error::ToolError;

/// A request that came through a hook. The host has bounded it (size, rate); whose it is is for the plugin to check.
///
/// ```
/// use orderdesk_plugin::webhooks::Request;
///
/// let request = Request::new("store:9021", "{}").with_header("Content-Type", "application/json; charset=utf-8");
/// assert_eq!(request.media_type(), "application/json");
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    /// In upper case. At present always POST.
    pub method: String,
    /// Lower-case names, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// What stands in the URL after `?`, as it came; may be empty.
    pub query: String,
    /// As it came: signatures are over bytes.
    pub body: Vec<u8>,
    /// What the hook was made for, such as `store:9021`. The call acts on it already.
    pub subject: String,
    /// The key of its signatures, for [`crate::crypto::Crypto::verify_hmac`] only. None: the hook was made without one, or its
    /// secret was replaced since.
    pub key: Option<Sealed>,
}

impl Request {
    /// A request for a hook of this subject, for tests.
    #[must_use]
    pub fn new(subject: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST".to_owned(),
            headers: Vec::new(),
            query: String::new(),
            body: body.into(),
            subject: subject.into(),
            key: None,
        }
    }

    /// With another header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_lowercase(), value.into()));
        self
    }

    /// With this key for its signatures.
    #[must_use]
    pub fn with_key(mut self, key: Sealed) -> Self {
        self.key = Some(key);
        self
    }

    /// The first header of this name, in any letter case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The media type of the body, in lower case and without parameters; may be empty.
    #[must_use]
    pub fn media_type(&self) -> String {
        let whole = self.header("content-type").unwrap_or_default();
        let bare = whole.split(';').next().unwrap_or_default();
        bare.trim().to_ascii_lowercase()
    }
}

/// What a plugin says of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It says that something happened.
    Accepted(Happening),
    /// It is refused.
    Rejected(Rejection),
}

/// What a request says that happened, to the hook's subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// A word of this plugin's, such as `order-changed`.
    pub kind: String,
    /// What makes this the same as another of this hook: the host takes each once.
    pub identity: Vec<u8>,
    /// What became stale: dropped from this plugin's cache for the subject.
    pub tags: Vec<String>,
    /// URIs of resources that changed: clients that subscribed to them are told.
    pub resources: Vec<String>,
    /// For those who handle it.
    pub payload: Value,
}

impl Happening {
    /// An event of this kind.
    #[must_use]
    pub fn new(kind: impl Into<String>, identity: impl Into<Vec<u8>>, payload: Value) -> Self {
        Self {
            kind: kind.into(),
            identity: identity.into(),
            tags: Vec::new(),
            resources: Vec::new(),
            payload,
        }
    }

    /// Drops what is kept under this tag.
    #[must_use]
    pub fn stale(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Tells those who subscribed to this resource.
    #[must_use]
    pub fn changed(mut self, uri: impl Into<String>) -> Self {
        self.resources.push(uri.into());
        self
    }
}

impl From<Happening> for Verdict {
    fn from(happening: Happening) -> Self {
        Self::Accepted(happening)
    }
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The signature is missing or wrong.
    BadSignature,
    /// Signed or addressed for somebody else.
    NotOurs,
    /// Not what a sender of this kind would send.
    Malformed,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Why.
    pub reason: Reason,
    /// For the operator's log, never for the sender: what is wrong, without any of the content.
    pub detail: String,
}

impl Rejection {
    /// Why, and what is wrong.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

impl From<Rejection> for Verdict {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// Something that happened, told by another plugin or this one.
///
/// ```
/// use orderdesk_plugin::webhooks::Event;
///
/// let event = Event::new("orders", "order-changed", "store:9021", serde_json::json!({ "id": "17" }));
/// let payload: serde_json::Value = event.payload().unwrap();
/// assert_eq!(payload["id"], "17");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// The same for each attempt to handle it.
    pub id: String,
    /// The plugin that told it, by its name in the config.
    pub source: String,
    /// In that plugin's words.
    pub kind: String,
    /// What it happened to, such as `store:9021`. The call acts on it already.
    pub subject: String,
    /// More about it.
    pub payload: Value,
    /// Milliseconds since the Unix epoch.
    pub received_at_ms: u64,
    /// 1 for the first.
    pub attempt: u32,
}

impl Event {
    /// An event, for tests.
    #[must_use]
    pub fn new(source: &str, kind: &str, subject: &str, payload: Value) -> Self {
        Self {
            id: "event-1".to_owned(),
            source: source.to_owned(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            payload,
            received_at_ms: 0,
            attempt: 1,
        }
    }

    /// The payload as a type.
    ///
    /// # Errors
    /// `invalid-input` with code `event-malformed` if it is not of that type.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, ToolError> {
        serde_json::from_value(self.payload.clone()).map_err(|error| {
            ToolError::invalid_input(
                "event-malformed",
                format!("The event {} does not fit: {error}.", self.kind),
            )
        })
    }
}
