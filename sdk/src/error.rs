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
    /// An error of this kind, with a stable machine word and a message for the model.
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
        invalid_input => InvalidInput,
        /// The thing named does not exist, or is not the caller's.
        not_found => NotFound,
        /// Something changed in between, or already exists.
        conflict => Conflict,
        /// The caller or the upstream credentials were not accepted.
        unauthorized => Unauthorized,
        /// Not granted, or the call may only read.
        denied => Denied,
        /// Too many requests. Add [`ToolError::with_retry_after_ms`] where the wait is known.
        rate_limited => RateLimited,
        /// The caller gave up.
        cancelled => Cancelled,
        /// The time allowed ran out.
        timeout => Timeout,
        /// A size limit was passed: name it.
        too_large => TooLarge,
        /// The service behind an endpoint answered with an error.
        upstream => Upstream,
        /// Not reachable or not ready at the moment.
        unavailable => Unavailable,
        /// A fault of this plugin.
        internal => Internal,
        /// None of the other kinds.
        other => Other,
    }

    /// Says how long to wait before a repetition can succeed.
    #[must_use]
    pub fn with_retry_after_ms(mut self, milliseconds: u32) -> Self {
        self.retry_after_ms = Some(milliseconds);
        self
    }

    /// Says that a write may have happened all the same.
    #[must_use]
    pub fn with_outcome_unknown(mut self) -> Self {
        self.outcome_unknown = true;
        self
    }

    /// Adds facts for programs: a JSON object.
    #[must_use]
    pub fn with_extra(mut self, extra: Value) -> Self {
        self.extra = Some(Box::new(extra));
        self
    }

    /// True if the error carries this code.
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
