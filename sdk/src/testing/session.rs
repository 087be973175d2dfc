//! The caller, and what the call is about.

use serde_json::{Value, json};

use super::{CallHost, FakeHost};
use crate::arguments::Sealed;
use crate::error::ToolError;
use crate::session::{Caller, SessionHost};

pub(super) struct Scene {
    caller: Option<Caller>,
    scope: Option<Vec<String>>,
    keys: Vec<(String, Caller)>,
    subjects: Vec<String>,
    time_left_ms: u32,
    cancelled: bool,
    progress: Vec<String>,
    askable: Vec<String>,
    settings: Value,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            caller: Some(Caller {
                tenant: "tenant-1".to_owned(),
                key_id: "key-1".to_owned(),
                read_only: false,
                single_client: false,
                client: None,
            }),
            scope: None,
            keys: Vec::new(),
            subjects: Vec::new(),
            time_left_ms: 60_000,
            cancelled: false,
            progress: Vec::new(),
            askable: Vec::new(),
            settings: json!({}),
        }
    }
}

impl FakeHost {
    /// Who calls, until [`FakeHost::change_caller`] changes it.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// with_context(&host, |context| assert_eq!(context.session().current(), host.caller()));
    /// ```
    #[must_use]
    pub fn caller(&self) -> Option<Caller> {
        self.world.session.borrow().caller.clone()
    }

    /// Changes who calls from now on.
    ///
    /// ```
    /// use orderdesk_plugin::storage::Write;
    /// use orderdesk_plugin::testing::{self, FakeHost};
    /// use orderdesk_plugin::{Context, NoArguments, Plugin, Tool};
    /// use serde_json::json;
    ///
    /// let tool = Tool::new("notes_clear", |_: NoArguments, context: &Context| {
    ///     context.storage().commit(vec![Write::remove("note/17")])?;
    ///     Ok(json!({}))
    /// });
    /// let host = FakeHost::new();
    /// host.change_caller(|caller| caller.read_only = true);
    /// let plugin = Plugin::new("notes", "0.1.0").tool(tool);
    /// assert!(testing::call(plugin, &host, "notes_clear", json!({})).is_err());
    /// ```
    pub fn change_caller(&self, change: impl FnOnce(&mut Caller)) {
        if let Some(caller) = &mut self.world.session.borrow_mut().caller {
            change(caller);
        }
    }

    /// Limits the caller's key to these subjects: it can act on no others, and does not see their documents.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// host.limit_to(&["store:9021"]);
    /// with_context(&host, |context| {
    ///     assert!(context.session().act_on("store:9021").is_ok());
    ///     assert!(context.session().act_on("store:7").is_err());
    /// });
    /// ```
    pub fn limit_to(&self, subjects: &[&str]) {
        let subjects = subjects.iter().map(|&subject| subject.to_owned()).collect();
        self.world.session.borrow_mut().scope = Some(subjects);
    }

    /// Adds an access key that [`crate::session::Session::authenticate`] recognises; it must be the caller's tenant's
    /// to be confirmed. Answers its handle, as the host gives it for `"x-sealed": ["session"]`.
    ///
    /// ```
    /// use orderdesk_plugin::session::Caller;
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// let stranger = Caller { tenant: "tenant-2".to_owned(), ..host.caller().unwrap() };
    /// let key = host.access_key("odk_17", stranger);
    /// with_context(&host, |context| assert!(context.session().authenticate(&key).is_err()));
    /// ```
    #[must_use]
    pub fn access_key(&self, key: &str, caller: Caller) -> Sealed {
        self.world
            .session
            .borrow_mut()
            .keys
            .push((key.to_owned(), caller));
        self.seal(key, &["session"])
    }

    /// Every subject that calls acted on, in order.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// with_context(&host, |context| context.session().act_on("store:9021")).unwrap();
    /// assert_eq!(host.subjects(), ["store:9021"]);
    /// ```
    #[must_use]
    pub fn subjects(&self) -> Vec<String> {
        self.world.session.borrow().subjects.clone()
    }

    /// The time that calls have in all, in milliseconds (60,000 at first). The fake clock uses it up.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// host.set_time_left_ms(1_500);
    /// with_context(&host, |context| assert_eq!(context.session().time_left().as_millis(), 1_500));
    /// ```
    pub fn set_time_left_ms(&self, milliseconds: u32) {
        self.world.session.borrow_mut().time_left_ms = milliseconds;
    }

    /// Makes the caller give up.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// host.cancel();
    /// with_context(&host, |context| assert!(context.session().cancelled()));
    /// ```
    pub fn cancel(&self) {
        self.world.session.borrow_mut().cancelled = true;
    }

    /// Calls from now on are not cancelled any more.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// host.cancel();
    /// // … a call that stops half-way; then somebody calls again:
    /// host.uncancel();
    /// with_context(&host, |context| assert!(!context.session().cancelled()));
    /// ```
    pub fn uncancel(&self) {
        self.world.session.borrow_mut().cancelled = false;
    }

    /// Every message of progress, in order.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// with_context(&host, |context| context.session().progress(1.0, Some(3.0), "page 1 of 3"));
    /// assert_eq!(host.progress_messages(), ["page 1 of 3"]);
    /// ```
    #[must_use]
    pub fn progress_messages(&self) -> Vec<String> {
        self.world.session.borrow().progress.clone()
    }

    /// The kinds of question that can be put to the caller (none at first).
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// host.set_askable(&["form", "roots"]);
    /// with_context(&host, |context| assert_eq!(context.session().askable(), ["form", "roots"]));
    /// ```
    pub fn set_askable(&self, kinds: &[&str]) {
        let kinds = kinds.iter().map(|&kind| kind.to_owned()).collect();
        self.world.session.borrow_mut().askable = kinds;
    }

    /// The plugin's settings from the config (`{}` at first).
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    /// use serde_json::{Value, json};
    ///
    /// let host = FakeHost::new();
    /// host.set_settings(json!({ "late_after_days": 3 }));
    /// with_context(&host, |context| {
    ///     assert_eq!(context.settings::<Value>().unwrap()["late_after_days"], 3);
    /// });
    /// ```
    pub fn set_settings(&self, settings: Value) {
        self.world.session.borrow_mut().settings = settings;
    }

    pub(super) fn in_scope(&self, subject: &str) -> bool {
        let session = self.world.session.borrow();
        session
            .scope
            .as_ref()
            .is_none_or(|scope| scope.iter().any(|allowed| allowed == subject))
    }
}

impl SessionHost for CallHost {
    fn current(&self) -> Option<Caller> {
        self.host.caller()
    }

    fn authenticate(&self, key: &Sealed) -> Result<Caller, ToolError> {
        let plaintext = self.host.plaintext(key);
        let session = self.host.world.session.borrow();
        session
            .keys
            .iter()
            .find(|(known, _)| Some(known.as_bytes()) == plaintext.as_deref())
            .map(|(_, caller)| caller.clone())
            .filter(|caller| {
                session
                    .caller
                    .as_ref()
                    .is_some_and(|current| current.tenant == caller.tenant)
            })
            .ok_or_else(|| ToolError::unauthorized("key-refused", "This is no key of this tenant."))
    }

    fn act_on(&self, subject: &str) -> Result<(), ToolError> {
        let elsewhere = self.unattended && self.subject().as_deref() != Some(subject);
        if elsewhere || !self.host.in_scope(subject) {
            return Err(ToolError::not_found(
                "subject-not-found",
                format!("There is no {subject} within reach of this key."),
            ));
        }
        let mut session = self.host.world.session.borrow_mut();
        session.subjects.push(subject.to_owned());
        *self.subject.borrow_mut() = Some(subject.to_owned());
        Ok(())
    }

    fn time_left_ms(&self) -> u32 {
        let spent = self.host.now().saturating_sub(self.since);
        let allowed = self.host.world.session.borrow().time_left_ms;
        allowed.saturating_sub(u32::try_from(spent).unwrap_or(u32::MAX))
    }

    fn cancelled(&self) -> bool {
        self.host.world.session.borrow().cancelled
    }

    fn progress(&self, _: f64, _: Option<f64>, message: &str) {
        let mut session = self.host.world.session.borrow_mut();
        session.progress.push(message.to_owned());
    }

    fn askable(&self) -> Vec<String> {
        self.host.world.session.borrow().askable.clone()
    }

    fn settings(&self) -> Value {
        self.host.world.session.borrow().settings.clone()
    }
}
