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
/// use orderdesk_plugin::testing::{FakeHost, Reply, with_context};
/// use orderdesk_plugin::{Context, ToolError, http::Request};
/// use serde_json::{Value, json};
///
/// fn title(context: &Context, page: &str) -> Result<String, ToolError> {
///     let response = context.http().send(Request::get("wiki").path(["pages", page]))?;
///     let page: Value = response.json()?;
///     context.log().info("read a page", &[("status", "ok")]);
///     Ok(page["title"].as_str().unwrap_or("untitled").to_owned())
/// }
///
/// let host = FakeHost::new();
/// host.endpoint("wiki", |_| Reply::json(200, &json!({ "title": "Home" })));
/// assert_eq!(with_context(&host, |context| title(context, "home")).unwrap(), "Home");
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

    /// Requests to granted endpoints: see [`crate::http`].
    ///
    /// ```
    /// use orderdesk_plugin::http::Request;
    /// # use orderdesk_plugin::testing::{FakeHost, Reply};
    /// # let host = FakeHost::new();
    /// # host.endpoint("wiki", |_| Reply::json(200, &serde_json::json!({})));
    /// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let response = context.http().send(Request::get("wiki").path(["pages", "home"]))?;
    /// assert_eq!(response.status, 200);
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn http(&self) -> Http<'_> {
        Http::new(self.host())
    }

    /// Durable documents: see [`crate::storage`].
    ///
    /// ```
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    /// let seen = context.storage().get(None, "seen/17")?;
    /// assert!(seen.is_none());
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn storage(&self) -> Storage<'_> {
        Storage::new(self.host())
    }

    /// Bytes with a time to live: see [`crate::cache`].
    ///
    /// ```
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    /// context.cache().invalidate(["folders"])?;
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn cache(&self) -> Cache<'_> {
        Cache::new(self.host())
    }

    /// Secrets by handle, digests, random bytes: see [`crate::crypto`].
    ///
    /// ```
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    /// let digest = context.crypto().sha256_hex(b"order 17");
    /// # assert_eq!(digest.len(), 64);
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn crypto(&self) -> Crypto<'_> {
        Crypto::new(self.host())
    }

    /// One at a time, across processes: see [`crate::locks`].
    ///
    /// ```
    /// use std::time::Duration;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let lock = context.locks().acquire("order-17", Duration::from_secs(5), Duration::from_secs(30))?;
    /// lock.release()?;
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn locks(&self) -> Locks<'_> {
        Locks::new(&self.host)
    }

    /// Who is calling, and what the call is about: see [`crate::session`].
    ///
    /// ```
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    /// context.session().act_on("store:9021")?;
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn session(&self) -> Session<'_> {
        Session::new(self.host())
    }

    /// What time it is, and waiting: see [`crate::clock`].
    ///
    /// ```
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    /// let started = context.clock().now_ms();
    /// # assert!(started > 0);
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn clock(&self) -> Clock<'_> {
        Clock::new(self.host())
    }

    /// Other plugins' tools: see [`crate::peers`].
    ///
    /// ```
    /// use serde_json::{Value, json};
    /// # use orderdesk_plugin::testing::FakeHost;
    /// # let host = FakeHost::new();
    /// # host.peer("orders_list", |_| Ok(json!({ "orders": [] })));
    /// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let found: Value = context.peers().call("orders_list", &json!({ "folder_name": "New" }))?;
    /// assert_eq!(found["orders"], json!([]));
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn peers(&self) -> Peers<'_> {
        Peers::new(self.host())
    }

    /// The host's log: see [`crate::log`].
    ///
    /// ```
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    /// context.log().info("moved orders", &[("count", "3")]);
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn log(&self) -> Log<'_> {
        Log::new(self.host())
    }

    /// The plugin's settings from the config.
    ///
    /// ```
    /// use orderdesk_plugin::{Context, ToolError};
    /// # use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Settings {
    ///     /// Orders older than this count as late.
    ///     late_after_days: u32,
    /// }
    ///
    /// fn late_after(context: &Context) -> Result<u32, ToolError> {
    ///     Ok(context.settings::<Settings>()?.late_after_days)
    /// }
    ///
    /// let host = FakeHost::new();
    /// host.set_settings(serde_json::json!({ "late_after_days": 3 }));
    /// assert_eq!(with_context(&host, late_after).unwrap(), 3);
    /// ```
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
    ///
    /// ```
    /// use orderdesk_plugin::{Context, Mode, ToolError};
    /// use orderdesk_plugin::storage::Write;
    ///
    /// fn note(context: &Context, text: &str) -> Result<(), ToolError> {
    ///     if context.mode() == Mode::Run {
    ///         context.storage().commit(vec![Write::put("note", text)])?;
    ///     }
    ///     Ok(())
    /// }
    /// # let host = orderdesk_plugin::testing::FakeHost::new();
    /// # orderdesk_plugin::testing::with_context(&host, |context| note(context, "call back")).unwrap();
    /// # assert_eq!(host.keys("plugin"), ["note"]);
    /// ```
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The preview that the caller saw and confirms, if there was one: see [`Confirmation`].
    ///
    /// ```
    /// use orderdesk_plugin::{Context, ToolError};
    ///
    /// fn still_so(context: &Context, digest_now: &str) -> Result<(), ToolError> {
    ///     match context.confirmation() {
    ///         Some(seen) if seen.basis != digest_now => {
    ///             Err(ToolError::conflict("changed-meanwhile", "Look again: the orders changed."))
    ///         }
    ///         _ => Ok(()),
    ///     }
    /// }
    /// # let host = orderdesk_plugin::testing::FakeHost::new();
    /// # orderdesk_plugin::testing::with_context(&host, |context| still_so(context, "digest")).unwrap();
    /// ```
    #[must_use]
    pub fn confirmation(&self) -> Option<&Confirmation> {
        self.confirmation.as_ref()
    }

    /// What an earlier pause of this call led to, if it is one that goes on: see [`crate::Pause`].
    ///
    /// ```
    /// use orderdesk_plugin::{Context, Outcome, Pause, Question, ToolError};
    /// use serde_json::{Value, json};
    ///
    /// fn shred(context: &Context) -> Result<Outcome<Value>, ToolError> {
    ///     match context.resumption() {
    ///         None => {
    ///             Ok(Pause { questions: vec![Question::confirm("sure", "Shred?")], ..Pause::default() }
    ///                 .into())
    ///         }
    ///         Some(resumption) => {
    ///             Ok(Outcome::complete(json!({ "shredded": resumption.confirmed("sure") })))
    ///         }
    ///     }
    /// }
    /// # let host = orderdesk_plugin::testing::FakeHost::new();
    /// # let first = orderdesk_plugin::testing::with_context(&host, shred).unwrap();
    /// # assert!(matches!(first, Outcome::Pause(_)));
    /// ```
    #[must_use]
    pub fn resumption(&self) -> Option<&Resumption> {
        self.resumption.as_ref()
    }
}
