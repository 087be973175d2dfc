//! Who is calling, what the call is about, and what it may still use.

use std::time::Duration;

use serde_json::Value;

use crate::arguments::Sealed;
use crate::error::ToolError;

/// What a host does for [`Session`].
pub trait SessionHost {
    /// Who is calling. None while the plugin is being loaded.
    fn current(&self) -> Option<Caller>;

    /// Confirms that a sealed access key is a key of the tenant that calls. Never switches tenants.
    ///
    /// # Errors
    /// `unauthorized` if it is not.
    fn authenticate(&self, key: &Sealed) -> Result<Caller, ToolError>;

    /// Says what this call is about, such as `store:9021`.
    ///
    /// # Errors
    /// `denied` outside the key's scope.
    fn act_on(&self, subject: &str) -> Result<(), ToolError>;

    /// Milliseconds until the call is ended.
    fn time_left_ms(&self) -> u32;

    /// True once the caller gave up.
    fn cancelled(&self) -> bool;

    /// Tells the caller how far the work is.
    fn progress(&self, done: f64, total: Option<f64>, message: &str);

    /// The kinds of question that can be put to whoever calls.
    fn askable(&self) -> Vec<String>;

    /// The plugin's settings from the config, validated against the schema that it declares.
    fn settings(&self) -> Value;
}

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Opaque, and different for each plugin.
    pub tenant: String,
    /// The access key's id.
    pub key_id: String,
    /// The key may only read.
    pub read_only: bool,
    /// One process serves one client (stdio), so what a session remembers can be trusted for writes too.
    pub single_client: bool,
    /// What the client says it is.
    pub client: Option<String>,
}

/// The call's session.
///
/// ```
/// use orderdesk_plugin::testing::{FakeHost, with_context};
/// use orderdesk_plugin::{Context, ToolError};
///
/// fn work(context: &Context) -> Result<u32, ToolError> {
///     let session = context.session();
///     session.act_on("store:9021")?;
///     for step in 0..3 {
///         if session.cancelled() {
///             return Ok(step);
///         }
///         session.progress(f64::from(step), Some(3.0), "another page");
///     }
///     Ok(3)
/// }
///
/// let host = FakeHost::new();
/// with_context(&host, |context| assert_eq!(work(context).unwrap(), 3));
/// assert_eq!(host.subjects(), ["store:9021"]);
/// host.cancel();
/// with_context(&host, |context| assert_eq!(work(context).unwrap(), 0));
/// ```
pub struct Session<'a> {
    host: &'a dyn SessionHost,
}

impl<'a> Session<'a> {
    pub(crate) fn new(host: &'a dyn SessionHost) -> Self {
        Self { host }
    }

    /// Who is calling. None while the plugin is being loaded.
    #[must_use]
    pub fn current(&self) -> Option<Caller> {
        self.host.current()
    }

    /// Who is calling, where a tool cannot go on without knowing.
    ///
    /// # Errors
    /// `internal` with code `no-caller` while the plugin is being loaded.
    pub fn caller(&self) -> Result<Caller, ToolError> {
        self.current().ok_or_else(|| {
            ToolError::internal(
                "no-caller",
                "The host gave no caller for this call. This is a fault of the host.",
            )
        })
    }

    /// Confirms that a sealed access key is a key of the tenant that calls. Never switches tenants.
    ///
    /// # Errors
    /// `unauthorized` if it is not.
    pub fn authenticate(&self, key: &Sealed) -> Result<Caller, ToolError> {
        self.host.authenticate(key)
    }

    /// Says what this call is about, such as `store:9021`: it partitions the cache, chooses which secrets open, and
    /// stands in audit and traces.
    ///
    /// # Errors
    /// `denied` outside the key's scope.
    pub fn act_on(&self, subject: &str) -> Result<(), ToolError> {
        self.host.act_on(subject)
    }

    /// Time until this step of the call is ended. After a pause without questions the next step has time of its own.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        Duration::from_millis(u64::from(self.host.time_left_ms()))
    }

    /// True where nobody waits any more. Of work in steps also where the server stops, or the whole call's time is almost over:
    /// answer what was done, and how to go on.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.host.cancelled()
    }

    /// The kinds of question that can be put to whoever calls, such as `form` ([`crate::Question`]); none while nobody waits
    /// for the answer.
    #[must_use]
    pub fn askable(&self) -> Vec<String> {
        self.host.askable()
    }

    /// Tells the caller how far the work is.
    pub fn progress(&self, done: f64, total: Option<f64>, message: &str) {
        self.host.progress(done, total, message);
    }
}
