//! Why there is no answer: one text for the caller, one for the log.

use std::borrow::Cow;
use std::time::Duration;

/// The contract's closed list of kinds (`error-kind` in `types.wit`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is malformed; repeating it unchanged fails again.
    InvalidInput,
    /// The thing named does not exist, or is not the caller's.
    NotFound,
    /// Something changed in between.
    Conflict,
    /// The credentials were not accepted.
    Unauthorized,
    /// The operator has not granted this, or the call may only read.
    Denied,
    /// Too many requests.
    RateLimited,
    /// The caller gave up.
    Cancelled,
    /// The time allowed ran out.
    Timeout,
    /// A size limit was passed.
    TooLarge,
    /// The service answered with something unusable.
    Upstream,
    /// Not reachable at the moment.
    Unavailable,
    /// A fault of the host.
    Internal,
    /// None of these; the code says which.
    Other,
}

/// A request without an answer. `message` is what the model reads: never a secret, nothing of the network behind the
/// endpoint's name. `detail` is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HttpError {
    /// The kind.
    pub kind: ErrorKind,
    /// A stable machine word.
    pub code: Cow<'static, str>,
    /// What is wrong, with what, what to do next.
    pub message: String,
    /// After this a repetition can succeed.
    pub retry_after: Option<Duration>,
    /// A write may have happened all the same: look before repeating it.
    pub outcome_unknown: bool,
    /// What the log keeps: no secrets, but internals.
    pub detail: Option<String>,
}

impl HttpError {
    /// An error with no more than what every one has.
    pub fn new(
        kind: ErrorKind,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            code: code.into(),
            message: message.into(),
            retry_after: None,
            outcome_unknown: false,
            detail: None,
        }
    }

    /// The same with what the log is to keep.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with the time after which a repetition can succeed.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The same; once unknown, an outcome stays unknown.
    #[must_use]
    pub fn or_outcome_unknown(mut self, unknown: bool) -> Self {
        self.outcome_unknown |= unknown;
        self
    }

    pub(super) fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, code, message)
    }

    pub(super) fn cancelled() -> Self {
        Self::new(
            ErrorKind::Cancelled,
            "cancelled",
            "The request was given up because the call was cancelled.",
        )
    }

    pub(super) fn deadline() -> Self {
        Self::new(
            ErrorKind::Timeout,
            "call-deadline",
            "The time allowed for this call ran out. Ask for less at once, or try again later.",
        )
    }
}
