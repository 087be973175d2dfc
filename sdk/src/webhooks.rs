//! Requests that come in from outside through a hook, and the plugin's verdict on them.
//!
//! For services that tell what changed instead of being asked again and again. The operator makes a hook for the plugin
//! (`orderdesk-mcp webhooks create`); whoever knows its address can post to it, so the plugin checks each request's signature.
//! What it accepts becomes an [`Event`], which this plugin and others can handle ([`crate::Plugin::on_event`]).
//!
//! ```
//! use orderdesk_plugin::testing::{self, FakeHost};
//! use orderdesk_plugin::webhooks::{Happening, Reason, Rejection, Request, Verdict};
//! use orderdesk_plugin::{Context, Plugin, ToolError};
//! use serde_json::{Value, json};
//!
//! fn judge(request: &Request, context: &Context) -> Result<Verdict, ToolError> {
//!     let Ok(page) = serde_json::from_slice::<Value>(&request.body) else {
//!         return Ok(Rejection::new(Reason::Malformed, "the body is no JSON").into());
//!     };
//!     // In earnest, the signature comes first: see `Plugin::webhook`.
//!     let identity = context.crypto().sha256(&request.body);
//!     Ok(Happening::new("page-changed", identity, page).stale("pages").into())
//! }
//!
//! let plugin = || Plugin::new("wiki", "0.1.0").webhook(judge);
//! let request = Request::new("wiki:main", json!({ "page": "home" }).to_string());
//! let verdict = testing::webhook(plugin(), &FakeHost::new(), &request).unwrap();
//! assert!(matches!(verdict, Verdict::Accepted(happening) if happening.tags == ["pages"]));
//! let garbled = testing::webhook(plugin(), &FakeHost::new(), &Request::new("wiki:main", "{")).unwrap();
//! assert!(matches!(garbled, Verdict::Rejected(_)));
//! ```

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
/// let request =
///     Request::new("store:9021", "{}").with_header("Content-Type", "application/json; charset=utf-8");
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
    ///
    /// ```
    /// use orderdesk_plugin::webhooks::Request;
    ///
    /// let request = Request::new("store:9021", r#"{"id":"17"}"#);
    /// assert_eq!((request.method.as_str(), request.subject.as_str()), ("POST", "store:9021"));
    /// ```
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

    /// With another header. For tests.
    ///
    /// ```
    /// use orderdesk_plugin::webhooks::Request;
    ///
    /// let request = Request::new("store:9021", "{}").with_header("X-Topic", "orders");
    /// assert_eq!(request.headers, [("x-topic".to_owned(), "orders".to_owned())]);
    /// ```
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_lowercase(), value.into()));
        self
    }

    /// With this key for its signatures. For tests.
    ///
    /// ```
    /// use orderdesk_plugin::testing::FakeHost;
    /// use orderdesk_plugin::webhooks::Request;
    ///
    /// let host = FakeHost::new();
    /// let key = host.seal("a key", &["hmac:wiki"]); // for the plugin `wiki`
    /// let request = Request::new("wiki:main", "{}").with_key(key);
    /// assert!(request.key.is_some());
    /// ```
    #[must_use]
    pub fn with_key(mut self, key: Sealed) -> Self {
        self.key = Some(key);
        self
    }

    /// The first header of this name, in any letter case.
    ///
    /// ```
    /// use orderdesk_plugin::webhooks::Request;
    ///
    /// let request = Request::new("store:9021", "{}").with_header("X-Topic", "orders");
    /// assert_eq!(request.header("x-topic"), Some("orders"));
    /// ```
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The media type of the body, in lower case and without parameters; may be empty.
    ///
    /// ```
    /// use orderdesk_plugin::webhooks::{Reason, Rejection, Request};
    ///
    /// fn check(request: &Request) -> Result<(), Rejection> {
    ///     match request.media_type().as_str() {
    ///         "application/json" => Ok(()),
    ///         _ => Err(Rejection::new(Reason::Malformed, "the body is no JSON")),
    ///     }
    /// }
    ///
    /// let request =
    ///     Request::new("store:9021", "{}").with_header("Content-Type", "Application/JSON; charset=utf-8");
    /// assert!(check(&request).is_ok());
    /// ```
    #[must_use]
    pub fn media_type(&self) -> String {
        let whole = self.header("content-type").unwrap_or_default();
        let bare = whole.split(';').next().unwrap_or_default();
        bare.trim().to_ascii_lowercase()
    }
}

/// What a plugin says of a request: a [`Happening`] and a [`Rejection`] become one by `into()`.
///
/// ```
/// use orderdesk_plugin::webhooks::{Reason, Rejection, Request, Verdict};
///
/// fn for_orders_only(request: &Request) -> Option<Verdict> {
///     let other = request.header("x-topic") != Some("orders");
///     other.then(|| Rejection::new(Reason::NotOurs, "of another topic").into())
/// }
///
/// let verdict = for_orders_only(&Request::new("store:9021", "{}"));
/// assert!(matches!(verdict, Some(Verdict::Rejected(rejection)) if rejection.reason == Reason::NotOurs));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is genuine, and says that this happened.
    Accepted(Happening),
    /// It is refused, for this reason.
    Rejected(Rejection),
}

/// What a request says that happened, to the hook's subject.
///
/// ```
/// use orderdesk_plugin::webhooks::Happening;
/// use serde_json::json;
/// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
///
/// let body = br#"{"id":"17"}"#;
/// let happening = Happening::new("order-changed", context.crypto().sha256(body), json!({ "id": "17" }))
///     .stale("orders")
///     .changed("shop://orders/17");
/// assert_eq!(happening.kind, "order-changed");
/// # Ok(())
/// # }).unwrap();
/// ```
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
    /// An event of this kind. The identity is what tells it from the others of the hook: the sender's own id of it, or a digest
    /// of the body.
    ///
    /// ```
    /// use orderdesk_plugin::webhooks::Happening;
    /// use serde_json::json;
    ///
    /// let happening = Happening::new("order-changed", "delivery-4711", json!({ "id": "17" }));
    /// assert_eq!(happening.identity, b"delivery-4711");
    /// ```
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

    /// Drops what this plugin cached under this tag ([`crate::cache::Cache::put`]).
    ///
    /// ```
    /// use orderdesk_plugin::webhooks::Happening;
    ///
    /// let happening =
    ///     Happening::new("folder-renamed", "delivery-4712", serde_json::Value::Null).stale("folders");
    /// assert_eq!(happening.tags, ["folders"]);
    /// ```
    #[must_use]
    pub fn stale(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Tells those who subscribed to this resource, by its URI.
    ///
    /// ```
    /// use orderdesk_plugin::webhooks::Happening;
    ///
    /// let happening = Happening::new("order-changed", "delivery-4713", serde_json::Value::Null)
    ///     .changed("shop://orders/17");
    /// assert_eq!(happening.resources, ["shop://orders/17"]);
    /// ```
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
///
/// ```
/// use orderdesk_plugin::webhooks::{Reason, Rejection, Request};
///
/// fn refuse(request: &Request) -> Rejection {
///     match request.header("x-signature") {
///         None => Rejection::new(Reason::BadSignature, "there is no signature"),
///         Some(_) => Rejection::new(Reason::BadSignature, "the signature is not of this body"),
///     }
/// }
///
/// assert_eq!(refuse(&Request::new("store:9021", "{}")).detail, "there is no signature");
/// ```
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
///
/// ```
/// use orderdesk_plugin::webhooks::{Reason, Rejection, Verdict};
///
/// let verdict: Verdict = Rejection::new(Reason::Malformed, "the order has no id").into();
/// assert!(matches!(verdict, Verdict::Rejected(_)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Why.
    pub reason: Reason,
    /// For the operator's log, never for the sender: what is wrong, without any of the content.
    pub detail: String,
}

impl Rejection {
    /// Why, and what is wrong.
    ///
    /// ```
    /// use orderdesk_plugin::webhooks::{Reason, Rejection};
    ///
    /// let rejection = Rejection::new(Reason::NotOurs, "signed for another shop");
    /// assert_eq!(rejection.reason, Reason::NotOurs);
    /// ```
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
    ///
    /// ```
    /// use orderdesk_plugin::webhooks::Event;
    /// use serde_json::json;
    ///
    /// let event = Event {
    ///     attempt: 2,
    ///     ..Event::new("orders", "order-changed", "store:9021", json!({ "id": "17" }))
    /// };
    /// assert_eq!((event.source.as_str(), event.attempt), ("orders", 2));
    /// ```
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
    /// ```
    /// use orderdesk_plugin::webhooks::Event;
    /// use orderdesk_plugin::{Context, ToolError};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Changed {
    ///     id: String,
    /// }
    ///
    /// fn changed(event: &Event, context: &Context) -> Result<(), ToolError> {
    ///     let Changed { id } = event.payload()?;
    ///     context.log().info("an order changed", &[("id", &id)]);
    ///     Ok(())
    /// }
    /// # let event = Event::new("orders", "order-changed", "store:9021", serde_json::json!({ "id": "17" }));
    /// # let host = orderdesk_plugin::testing::FakeHost::new();
    /// # orderdesk_plugin::testing::with_context(&host, |context| changed(&event, context)).unwrap();
    /// # assert_eq!(host.log()[0].fields[0].1, "17");
    /// ```
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
