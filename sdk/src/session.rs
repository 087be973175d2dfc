//! Who is calling, what the call is about, and what it may still use.
//!
//! For tools that work on one of several things (say which: [`Session::act_on`]), that take long ([`Session::progress`],
//! [`Session::time_left`], [`Session::cancelled`]), or that ask a person something ([`Session::askable`]).
//!
//! ```
//! # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
//! let session = context.session();
//! session.act_on("store:9021")?;
//! session.progress(1.0, Some(3.0), "the first of three pages");
//! # assert!(session.current().is_some());
//! # Ok(())
//! # }).unwrap();
//! ```

use std::time::Duration;

use serde_json::Value;

use crate::arguments::Sealed;
use crate::error::ToolError;

/// What a host does for [`Session`]. Plugins call that; this is the seam behind it.
///
/// ```
/// use orderdesk_plugin::session::{Caller, SessionHost};
/// use orderdesk_plugin::{Sealed, ToolError};
/// use serde_json::{Value, json};
///
/// /// Nobody calls: as while a plugin is being loaded.
/// struct Loading;
///
/// impl SessionHost for Loading {
///     fn current(&self) -> Option<Caller> { None }
///     fn authenticate(&self, _: &Sealed) -> Result<Caller, ToolError> {
///         Err(ToolError::unauthorized("no-caller", "Nobody calls."))
///     }
///     fn act_on(&self, _: &str) -> Result<(), ToolError> {
///         Err(ToolError::denied("no-caller", "Nobody calls."))
///     }
///     fn time_left_ms(&self) -> u32 { 1_000 }
///     fn cancelled(&self) -> bool { false }
///     fn progress(&self, _: f64, _: Option<f64>, _: &str) {}
///     fn askable(&self) -> Vec<String> { Vec::new() }
///     fn settings(&self) -> Value { json!({}) }
/// }
///
/// assert_eq!(Loading.current(), None);
/// ```
pub trait SessionHost {
    /// Who is calling. None while the plugin is being loaded.
    /// See [`SessionHost`]'s example.
    fn current(&self) -> Option<Caller>;

    /// Confirms that a sealed access key is a key of the tenant that calls. Never switches tenants.
    /// See [`SessionHost`]'s example.
    ///
    /// # Errors
    /// `unauthorized` if it is not one; `rate-limited` after too many that were none.
    fn authenticate(&self, key: &Sealed) -> Result<Caller, ToolError>;

    /// Says what this call is about, such as `store:9021`.
    /// See [`SessionHost`]'s example.
    ///
    /// # Errors
    /// The subject is outside the key's scope, or `invalid-input`: it is empty or long.
    fn act_on(&self, subject: &str) -> Result<(), ToolError>;

    /// Milliseconds until the call is ended.
    /// See [`SessionHost`]'s example.
    fn time_left_ms(&self) -> u32;

    /// True once the caller gave up.
    /// See [`SessionHost`]'s example.
    fn cancelled(&self) -> bool;

    /// Tells the caller how far the work is.
    /// See [`SessionHost`]'s example.
    fn progress(&self, done: f64, total: Option<f64>, message: &str);

    /// The kinds of question that can be put to whoever calls.
    /// See [`SessionHost`]'s example.
    fn askable(&self) -> Vec<String>;

    /// The plugin's settings from the config, validated against the schema that it declares.
    /// See [`SessionHost`]'s example.
    fn settings(&self) -> Value;
}

/// Who is calling.
///
/// ```
/// use orderdesk_plugin::session::Caller;
/// use orderdesk_plugin::{Context, ToolError};
/// # use orderdesk_plugin::testing::{FakeHost, with_context};
///
/// fn greeting(context: &Context) -> Result<String, ToolError> {
///     let Caller { client, .. } = context.session().caller()?;
///     Ok(format!("Hello, {}!", client.as_deref().unwrap_or("somebody")))
/// }
///
/// let host = FakeHost::new();
/// host.change_caller(|caller| caller.client = Some("inspector".to_owned()));
/// assert_eq!(with_context(&host, greeting).unwrap(), "Hello, inspector!");
/// ```
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
    ///
    /// ```
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    /// let may_write = context.session().current().is_some_and(|caller| !caller.read_only);
    /// assert!(may_write);
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn current(&self) -> Option<Caller> {
        self.host.current()
    }

    /// Who is calling, where a tool cannot go on without knowing.
    ///
    /// ```
    /// use orderdesk_plugin::storage::Write;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let caller = context.session().caller()?;
    /// let note = Write::put_json("last-import", &serde_json::json!({ "by": caller.key_id }))?;
    /// context.storage().commit(vec![note])?;
    /// # Ok(())
    /// # }).unwrap();
    /// ```
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

    /// Confirms that a sealed access key is a key of the tenant that calls. Never switches tenants. The key comes as an
    /// argument of type [`Sealed`] whose schema says `"x-sealed": ["session"]`.
    ///
    /// ```
    /// use orderdesk_plugin::testing::FakeHost;
    ///
    /// let host = FakeHost::new();
    /// let known = host.caller().unwrap();
    /// let key = host.access_key("odk_17", known);
    /// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// assert_eq!(context.session().authenticate(&key)?.key_id, "key-1");
    /// let forged = host.seal("odk_18", &["session"]);
    /// assert!(context.session().authenticate(&forged).is_err());
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `unauthorized` if it is not one; `rate-limited` after too many that were none.
    pub fn authenticate(&self, key: &Sealed) -> Result<Caller, ToolError> {
        self.host.authenticate(key)
    }

    /// Says what this call is about, such as `store:9021`: it partitions the cache, chooses which secrets open, and
    /// stands in audit and traces.
    ///
    /// ```
    /// use orderdesk_plugin::testing::FakeHost;
    ///
    /// let host = FakeHost::new();
    /// host.limit_to(&["store:9021"]);
    /// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// context.session().act_on("store:9021")?;
    /// assert!(context.session().act_on("store:7").is_err()); // not for this key
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// The subject is outside the key's scope, or `invalid-input`: it is empty or long.
    pub fn act_on(&self, subject: &str) -> Result<(), ToolError> {
        self.host.act_on(subject)
    }

    /// Time until this step of the call is ended. After a pause without questions the next step has time of its own.
    ///
    /// ```
    /// use std::time::Duration;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let mut pages = 0;
    /// while pages < 100 && context.session().time_left() > Duration::from_secs(5) {
    ///     context.clock().sleep(Duration::from_secs(10)); // in earnest: another page
    ///     pages += 1;
    /// }
    /// assert_eq!(pages, 6); // calls have a minute, unless a test says otherwise
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn time_left(&self) -> Duration {
        Duration::from_millis(u64::from(self.host.time_left_ms()))
    }

    /// True where nobody waits any more. Of work in steps also where the server stops, or the whole call's time is almost over:
    /// answer what was done, and how to go on.
    ///
    /// ```
    /// use orderdesk_plugin::testing::FakeHost;
    ///
    /// let host = FakeHost::new();
    /// host.cancel();
    /// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let mut done = 0;
    /// for _order in ["17", "18", "19"] {
    ///     if context.session().cancelled() {
    ///         break; // answer what was done
    ///     }
    ///     done += 1;
    /// }
    /// assert_eq!(done, 0);
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.host.cancelled()
    }

    /// The kinds of question that can be put to whoever calls, such as `form` ([`crate::Question`]); none while nobody waits
    /// for the answer.
    ///
    /// ```
    /// use orderdesk_plugin::testing::FakeHost;
    ///
    /// let host = FakeHost::new();
    /// host.set_askable(&["form"]);
    /// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let askable = context.session().askable();
    /// assert!(askable.iter().any(|kind| kind == "form"));
    /// assert!(!askable.iter().any(|kind| kind == "sampling")); // do without a text of the caller's model
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn askable(&self) -> Vec<String> {
        self.host.askable()
    }

    /// Tells the caller how far the work is: so much is `done`, of so much in all if that is known.
    ///
    /// ```
    /// use orderdesk_plugin::testing::FakeHost;
    ///
    /// let host = FakeHost::new();
    /// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// for page in 1..=3_u8 {
    ///     context.session().progress(page.into(), Some(3.0), &format!("page {page} of 3"));
    /// }
    /// assert_eq!(host.progress_messages()[2], "page 3 of 3");
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    pub fn progress(&self, done: f64, total: Option<f64>, message: &str) {
        self.host.progress(done, total, message);
    }
}
