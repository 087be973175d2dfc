//! What a tool is given beside its arguments.

use serde::de::DeserializeOwned;

use crate::cache::Cache;
use crate::clock::Clock;
use crate::crypto::Crypto;
use crate::error::ToolError;
use crate::host::Current;
use crate::http::Http;
use crate::locks::Locks;
use crate::log::Log;
use crate::outcome::{Confirmation, Resumption};
use crate::peers::Peers;
use crate::session::{Session, SessionHost};
use crate::storage::Storage;

/// What the caller wants of a tool.
///
/// ```
/// use orderdesk_plugin::testing::{FakeHost, with_context};
/// use orderdesk_plugin::{Context, Mode};
///
/// fn moved(context: &Context) -> &'static str {
///     match context.mode() {
///         Mode::Run => "moved 3 orders",
///         Mode::Preview => "would move 3 orders",
///     }
/// }
///
/// with_context(&FakeHost::new(), |context| assert_eq!(moved(context), "moved 3 orders"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Do it.
    #[default]
    Run,
    /// Answer the exact difference that [`Mode::Run`] would make. The host lets nothing be written.
    Preview,
}

/// One call's context: the host's capabilities, as far as the operator granted them, and what the caller wants.
///
/// ```
/// use orderdesk_plugin::{Context, ToolError, http::Request};
///
/// fn title(context: &Context, page: &str) -> Result<String, ToolError> {
///     let response = context
///         .http()
///         .send(Request::get("wiki").path(["pages", page]))?;
///     let page: serde_json::Value = response.json()?;
///     context.log().info("read a page", &[("status", "ok")]);
///     Ok(page["title"].to_string())
/// }
/// # let _ = title;
/// ```
pub struct Context {
    host: Current,
    mode: Mode,
    confirmation: Option<Confirmation>,
    resumption: Option<Resumption>,
}

impl Context {
    pub(crate) fn new(
        host: Current,
        mode: Mode,
        confirmation: Option<Confirmation>,
        resumption: Option<Resumption>,
    ) -> Self {
        Self {
            host,
            mode,
            confirmation,
            resumption,
        }
    }

    /// Where nobody calls a tool.
    pub(crate) fn outside_of_tools(host: Current) -> Self {
        Self::new(host, Mode::Run, None, None)
    }

    #[cfg(target_arch = "wasm32")]
    fn host(&self) -> &Current {
        &self.host
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn host(&self) -> &dyn crate::host::Host {
        &*self.host
    }

    /// Requests to granted endpoints.
    #[must_use]
    pub fn http(&self) -> Http<'_> {
        Http::new(self.host())
    }

    /// Durable documents.
    #[must_use]
    pub fn storage(&self) -> Storage<'_> {
        Storage::new(self.host())
    }

    /// Bytes with a time to live.
    #[must_use]
    pub fn cache(&self) -> Cache<'_> {
        Cache::new(self.host())
    }

    /// Secrets by handle, digests, random bytes.
    #[must_use]
    pub fn crypto(&self) -> Crypto<'_> {
        Crypto::new(self.host())
    }

    /// Locks.
    #[must_use]
    pub fn locks(&self) -> Locks<'_> {
        Locks::new(&self.host)
    }

    /// Who is calling, and what the call is about.
    #[must_use]
    pub fn session(&self) -> Session<'_> {
        Session::new(self.host())
    }

    /// What time it is, and waiting.
    #[must_use]
    pub fn clock(&self) -> Clock<'_> {
        Clock::new(self.host())
    }

    /// Other plugins' tools.
    #[must_use]
    pub fn peers(&self) -> Peers<'_> {
        Peers::new(self.host())
    }

    /// The host's log.
    #[must_use]
    pub fn log(&self) -> Log<'_> {
        Log::new(self.host())
    }

    /// The plugin's settings from the config.
    ///
    /// # Errors
    /// `internal` with code `settings-malformed` if they do not fit `T`. That cannot happen with the type given to
    /// [`crate::Plugin::settings`], since the host validates against its schema.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, ToolError> {
        serde_json::from_value(SessionHost::settings(self.host())).map_err(|error| {
            ToolError::internal(
                "settings-malformed",
                format!("The operator's settings of this plugin do not fit it: {error}"),
            )
        })
    }

    /// What the caller wants: the deed, or a preview of it.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The preview that the caller saw and confirms, if there was one.
    #[must_use]
    pub fn confirmation(&self) -> Option<&Confirmation> {
        self.confirmation.as_ref()
    }

    /// What an earlier pause of this call led to, if it is one that goes on.
    #[must_use]
    pub fn resumption(&self) -> Option<&Resumption> {
        self.resumption.as_ref()
    }
}
