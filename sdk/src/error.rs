//! The one error of tools and capabilities.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What sort of failure an error is. A closed list: detail goes into [`ToolError::code`].
///
/// ```
/// use orderdesk_plugin::ErrorKind;
///
/// assert_eq!(ErrorKind::RateLimited.as_str(), "rate-limited");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// An argument or a request is malformed. Repeating it unchanged fails again.
    InvalidInput,
    /// The thing named does not exist, or is not the caller's.
    NotFound,
    /// Something changed in between, or already exists.
    Conflict,
    /// The caller or the upstream credentials were not accepted.
    Unauthorized,
    /// The operator has not granted this, or the call may only read.
    Denied,
    /// Too many requests; see [`ToolError::retry_after_ms`].
    RateLimited,
    /// The caller gave up.
    Cancelled,
    /// The time allowed ran out.
    Timeout,
    /// A size limit was passed.
    TooLarge,
    /// The service behind an endpoint answered with an error.
    Upstream,
    /// Not reachable or not ready at the moment.
    Unavailable,
    /// A fault of the host or the plugin.
    Internal,
    /// None of the above; the code says which.
    Other,
}

impl ErrorKind {
    /// The word that the contract and the host use for this kind, such as `invalid-input`.
    ///
    /// ```
    /// use orderdesk_plugin::ErrorKind;
    ///
    /// assert_eq!(ErrorKind::InvalidInput.as_str(), "invalid-input");
    /// assert_eq!(ErrorKind::Denied.to_string(), "denied");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid-input",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::Unauthorized => "unauthorized",
            Self::Denied => "denied",
            Self::RateLimited => "rate-limited",
            Self::Cancelled => "cancelled",
            Self::Timeout => "timeout",
            Self::TooLarge => "too-large",
            Self::Upstream => "upstream",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why a tool or a capability did not do what it was asked.
///
/// Tools return it and every capability answers with it, so that a refusal of the host passes through a plugin
/// unchanged with `?`.
///
/// ```
/// use orderdesk_plugin::{ErrorKind, ToolError};
///
/// fn find(id: u32) -> Result<&'static str, ToolError> {
///     match id {
///         7 => Ok("seven"),
///         _ => Err(ToolError::not_found(
///             "number-not-found",
///             format!("There is no number {id}. Numbers that exist: 7."),
///         )),
///     }
/// }
///
/// let error = find(8).unwrap_err();
/// assert_eq!(error.kind, ErrorKind::NotFound);
/// assert_eq!(error.code.as_deref(), Some("number-not-found"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ToolError {
    /// What sort of failure this is.
    pub kind: ErrorKind,
    /// A stable machine word, such as `order-not-found`.
    pub code: Option<String>,
    /// What the model reads: what is wrong, with what, what to do next. Never a secret.
    pub message: String,
    /// How long to wait before a repetition can succeed, in milliseconds.
    pub retry_after_ms: Option<u32>,
    /// A write may have happened all the same: look before repeating it.
    pub outcome_unknown: bool,
    /// Further facts for programs: a JSON object.
    pub extra: Option<Box<Value>>,
}

macro_rules! constructors {
    ($($(#[$documentation:meta])* $name:ident => $kind:ident,)*) => {
        $(
            $(#[$documentation])*
            #[must_use]
            pub fn $name(code: impl Into<String>, message: impl Into<String>) -> Self {
                Self::new(ErrorKind::$kind, code, message)
            }
        )*
    };
}

impl ToolError {
    /// An error of this kind, with a stable machine word and a message for the model. The functions named after the kinds are
    /// shorter.
    ///
    /// ```
    /// use orderdesk_plugin::{ErrorKind, ToolError};
    ///
    /// fn of_status(status: u16) -> ToolError {
    ///     let kind = match status {
    ///         404 => ErrorKind::NotFound,
    ///         429 => ErrorKind::RateLimited,
    ///         _ => ErrorKind::Upstream,
    ///     };
    ///     ToolError::new(kind, "carrier-refused", format!("The carrier answered HTTP {status}."))
    /// }
    ///
    /// assert_eq!(of_status(429).kind, ErrorKind::RateLimited);
    /// ```
    #[must_use]
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: Some(code.into()),
            message: message.into(),
            retry_after_ms: None,
            outcome_unknown: false,
            extra: None,
        }
    }

    constructors! {
        /// An argument is malformed: say which, by what rule, and show what would be right.
        ///
        /// ```
        /// use orderdesk_plugin::ToolError;
        ///
        /// fn check(days: u32) -> Result<(), ToolError> {
        ///     if (1..=90).contains(&days) {
        ///         return Ok(());
        ///     }
        ///     Err(ToolError::invalid_input(
        ///         "days-out-of-range",
        ///         format!("days must be from 1 to 90, and is {days}. Example: 30."),
        ///     ))
        /// }
        ///
        /// assert!(check(365).unwrap_err().message.ends_with("Example: 30."));
        /// ```
        invalid_input => InvalidInput,
        /// The thing named does not exist, or is not the caller's.
        ///
        /// ```
        /// use orderdesk_plugin::ToolError;
        ///
        /// let error =
        ///     ToolError::not_found("order-not-found", "There is no order 17. Find its id with orders_list.");
        /// assert_eq!(
        ///     error.to_string(),
        ///     "not-found (order-not-found): There is no order 17. Find its id with orders_list."
        /// );
        /// ```
        not_found => NotFound,
        /// Something changed in between, or already exists.
        ///
        /// ```
        /// use orderdesk_plugin::ToolError;
        ///
        /// fn check(version_read: &str, version_now: &str) -> Result<(), ToolError> {
        ///     if version_read == version_now {
        ///         return Ok(());
        ///     }
        ///     Err(ToolError::conflict(
        ///         "page-changed",
        ///         "Somebody changed the page meanwhile. Read it again, then repeat the change.",
        ///     ))
        /// }
        ///
        /// assert!(check("1", "2").unwrap_err().has_code("page-changed"));
        /// ```
        conflict => Conflict,
        /// The caller or the upstream credentials were not accepted.
        ///
        /// ```
        /// use orderdesk_plugin::ToolError;
        /// use orderdesk_plugin::http::Response;
        ///
        /// fn accepted(response: Response) -> Result<Response, ToolError> {
        ///     match response.status {
        ///         401 => Err(ToolError::unauthorized(
        ///             "carrier-key-refused",
        ///             "The carrier does not take the key. Enter it again with carrier_connect.",
        ///         )),
        ///         _ => Ok(response),
        ///     }
        /// }
        ///
        /// assert!(accepted(Response { status: 401, ..Response::default() }).is_err());
        /// ```
        unauthorized => Unauthorized,
        /// Not granted, or the call may only read.
        ///
        /// ```
        /// use orderdesk_plugin::ToolError;
        /// use orderdesk_plugin::session::Caller;
        ///
        /// fn may_write(caller: &Caller) -> Result<(), ToolError> {
        ///     match caller.read_only {
        ///         true => Err(ToolError::denied(
        ///             "key-reads-only",
        ///             "This access key may only read. Nothing was changed.",
        ///         )),
        ///         false => Ok(()),
        ///     }
        /// }
        /// # let caller = orderdesk_plugin::testing::FakeHost::new().caller().unwrap();
        /// # assert!(may_write(&caller).is_ok());
        /// ```
        denied => Denied,
        /// Too many requests. Add [`ToolError::with_retry_after_ms`] where the wait is known.
        ///
        /// ```
        /// use orderdesk_plugin::ToolError;
        ///
        /// let error = ToolError::rate_limited(
        ///     "carrier-busy",
        ///     "The carrier takes no more requests for 2 seconds. Wait, then repeat.",
        /// )
        /// .with_retry_after_ms(2_000);
        /// assert_eq!(error.retry_after_ms, Some(2_000));
        /// ```
        rate_limited => RateLimited,
        /// The caller gave up: see [`crate::session::Session::cancelled`].
        ///
        /// ```
        /// use orderdesk_plugin::{Context, ToolError};
        ///
        /// fn go_on(context: &Context, done: u32) -> Result<(), ToolError> {
        ///     match context.session().cancelled() {
        ///         true => Err(ToolError::cancelled(
        ///             "stopped",
        ///             format!("Stopped after {done} orders. Repeat the call for the others."),
        ///         )),
        ///         false => Ok(()),
        ///     }
        /// }
        /// # let host = orderdesk_plugin::testing::FakeHost::new();
        /// # host.cancel();
        /// # assert!(orderdesk_plugin::testing::with_context(&host, |context| go_on(context, 3)).is_err());
        /// ```
        cancelled => Cancelled,
        /// The time allowed ran out.
        ///
        /// ```
        /// use std::time::Duration;
        /// use orderdesk_plugin::{Context, ToolError};
        ///
        /// fn time_for_another_page(context: &Context) -> Result<(), ToolError> {
        ///     if context.session().time_left() > Duration::from_secs(2) {
        ///         return Ok(());
        ///     }
        ///     Err(ToolError::timeout("too-many-pages", "There was no time for all pages. Ask for fewer days."))
        /// }
        /// # let host = orderdesk_plugin::testing::FakeHost::new();
        /// # host.set_time_left_ms(1_000);
        /// # assert!(orderdesk_plugin::testing::with_context(&host, time_for_another_page).is_err());
        /// ```
        timeout => Timeout,
        /// A size limit was passed: name it.
        ///
        /// ```
        /// use orderdesk_plugin::ToolError;
        ///
        /// fn check(label: &[u8]) -> Result<(), ToolError> {
        ///     if label.len() <= 100_000 {
        ///         return Ok(());
        ///     }
        ///     let message = format!("The label has {} bytes; at most 100000 can be attached.", label.len());
        ///     Err(ToolError::too_large("label-too-large", message))
        /// }
        ///
        /// assert!(check(&[0; 100_001]).is_err());
        /// ```
        too_large => TooLarge,
        /// The service behind an endpoint answered with an error.
        ///
        /// ```
        /// use orderdesk_plugin::ToolError;
        /// use orderdesk_plugin::http::Response;
        ///
        /// fn succeeded(response: Response) -> Result<Response, ToolError> {
        ///     if response.is_success() {
        ///         return Ok(response);
        ///     }
        ///     Err(ToolError::upstream("carrier-failed", format!("The carrier answered HTTP {}.", response.status)))
        /// }
        ///
        /// assert!(succeeded(Response { status: 500, ..Response::default() }).is_err());
        /// ```
        upstream => Upstream,
        /// Not reachable or not ready at the moment.
        ///
        /// ```
        /// use orderdesk_plugin::ToolError;
        ///
        /// let error = ToolError::unavailable(
        ///     "carrier-closed",
        ///     "The carrier is closed for maintenance. Repeat this in an hour.",
        /// );
        /// assert_eq!(error.kind.as_str(), "unavailable");
        /// ```
        unavailable => Unavailable,
        /// A fault of this plugin, or of the host.
        ///
        /// ```
        /// use orderdesk_plugin::ToolError;
        ///
        /// fn first(folders: &[String]) -> Result<&String, ToolError> {
        ///     // The code before made sure of it. An error all the same: a panic says nothing to the caller.
        ///     folders
        ///         .first()
        ///         .ok_or_else(|| ToolError::internal("no-folder", "The plugin lost the list of folders."))
        /// }
        ///
        /// assert!(first(&[]).is_err());
        /// ```
        internal => Internal,
        /// None of the other kinds: the code says which.
        ///
        /// ```
        /// use orderdesk_plugin::ToolError;
        ///
        /// let error = ToolError::other(
        ///     "parcel-lost",
        ///     "The carrier lost the parcel 17. Ask the shop whether to send another.",
        /// );
        /// assert!(error.has_code("parcel-lost"));
        /// ```
        other => Other,
    }

    /// Says how long to wait before a repetition can succeed.
    ///
    /// ```
    /// use orderdesk_plugin::ToolError;
    ///
    /// let busy = ToolError::unavailable("carrier-busy", "The carrier is busy. Repeat this in 5 seconds.")
    ///     .with_retry_after_ms(5_000);
    /// assert_eq!(busy.retry_after_ms, Some(5_000));
    /// ```
    #[must_use]
    pub fn with_retry_after_ms(mut self, milliseconds: u32) -> Self {
        self.retry_after_ms = Some(milliseconds);
        self
    }

    /// Says that a write may have happened all the same: who reads it looks before repeating the call.
    ///
    /// ```
    /// use orderdesk_plugin::{ErrorKind, ToolError};
    ///
    /// fn of_a_write(error: ToolError) -> ToolError {
    ///     match error.kind {
    ///         ErrorKind::Timeout => error.with_outcome_unknown(), // the request may have arrived
    ///         _ => error,
    ///     }
    /// }
    ///
    /// assert!(of_a_write(ToolError::timeout("slow", "The carrier did not answer in time.")).outcome_unknown);
    /// ```
    #[must_use]
    pub fn with_outcome_unknown(mut self) -> Self {
        self.outcome_unknown = true;
        self
    }

    /// Adds facts for programs: a JSON object.
    ///
    /// ```
    /// use orderdesk_plugin::ToolError;
    /// use serde_json::json;
    ///
    /// let error = ToolError::conflict("orders-changed", "Two orders changed since the preview: 17 and 18.")
    ///     .with_extra(json!({ "order_ids": ["17", "18"] }));
    /// assert_eq!(error.extra.unwrap()["order_ids"][0], "17");
    /// ```
    #[must_use]
    pub fn with_extra(mut self, extra: Value) -> Self {
        self.extra = Some(Box::new(extra));
        self
    }

    /// True if the error carries this code: the way to tell errors of other plugins' tools and of the host apart.
    ///
    /// ```
    /// use orderdesk_plugin::{Context, ToolError};
    /// use serde_json::{Value, json};
    ///
    /// fn order(context: &Context, id: &str) -> Result<Option<Value>, ToolError> {
    ///     match context.peers().call("orders_get", &json!({ "order_id": id })) {
    ///         Ok(order) => Ok(Some(order)),
    ///         Err(error) if error.has_code("order-not-found") => Ok(None),
    ///         Err(error) => Err(error),
    ///     }
    /// }
    /// # let host = orderdesk_plugin::testing::FakeHost::new();
    /// # host.peer("orders_get", |_| Err(ToolError::not_found("order-not-found", "There is no order 17.")));
    /// # assert_eq!(orderdesk_plugin::testing::with_context(&host, |context| order(context, "17")).unwrap(), None);
    /// ```
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(formatter, "{} ({}): {}", self.kind, code, self.message),
            None => write!(formatter, "{}: {}", self.kind, self.message),
        }
    }
}

impl std::error::Error for ToolError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_kind_code_and_message() {
        let error = ToolError::not_found("order-not-found", "There is no order 5.");
        assert_eq!(
            error.to_string(),
            "not-found (order-not-found): There is no order 5."
        );
        assert!(error.has_code("order-not-found"));
    }

    #[test]
    fn every_kind_is_spelt_as_the_contract_spells_it() {
        for kind in [
            ErrorKind::InvalidInput,
            ErrorKind::NotFound,
            ErrorKind::Conflict,
            ErrorKind::Unauthorized,
            ErrorKind::Denied,
            ErrorKind::RateLimited,
            ErrorKind::Cancelled,
            ErrorKind::Timeout,
            ErrorKind::TooLarge,
            ErrorKind::Upstream,
            ErrorKind::Unavailable,
            ErrorKind::Internal,
            ErrorKind::Other,
        ] {
            assert_eq!(
                serde_json::to_value(kind).ok(),
                Some(Value::from(kind.as_str()))
            );
        }
    }
}
