//! Runs tools natively, against fakes of everything that a host lends.
//!
//! A [`FakeHost`] is a small world: services behind endpoints, stored documents, a cache, secrets, locks, a caller, a
//! clock that only tests move. It stays between calls, so a test can register something with one call and find it with
//! the next. It behaves as the contract says (a write condition that fails is a `conflict`, a revoked handle opens
//! nothing, a read-only tool cannot write); what operators configure (grants, limits) it does not know.
//!
//! ```
//! use orderdesk_plugin::testing::{self, FakeHost, Reply};
//! use orderdesk_plugin::{Context, Plugin, Tool, ToolError, http::Request};
//! use serde_json::{Value, json};
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Arguments {
//!     page: String,
//! }
//!
//! fn page_get(arguments: Arguments, context: &Context) -> Result<Value, ToolError> {
//!     let request = Request::get("wiki").path(["pages", &arguments.page]);
//!     context.http().send(request)?.json()
//! }
//!
//! fn plugin() -> Plugin {
//!     Plugin::new("page", "0.1.0").tool(Tool::new("page_get", page_get).read_only())
//! }
//!
//! let host = FakeHost::new();
//! host.endpoint("wiki", |request| Reply::json(200, &json!({ "path": request.path })));
//!
//! let page = testing::call(plugin(), &host, "page_get", json!({ "page": "home" })).unwrap();
//! assert_eq!(page, json!({ "path": "/pages/home" }));
//! assert_eq!(host.requests().len(), 1);
//! ```

mod cache;
mod clock;
mod http;
mod locks;
mod log;
mod peers;
mod secrets;
mod session;
mod storage;
mod uri;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use crate::completion::{Completion, Typing};
use crate::context::{Context, Mode};
use crate::error::ToolError;
use crate::outcome::{Confirmation, Outcome, Resumption};
use crate::plugin::{Call, Plugin};
use crate::prompt::{Prompted, Script};
use crate::resource::{Contents, Reading};
use crate::webhooks::{Event, Request, Verdict};

pub use http::{Received, Reply};
pub use log::Line;

/// A host for unit tests. Clones are the same host.
#[derive(Clone, Default)]
pub struct FakeHost {
    world: Rc<World>,
}

#[derive(Default)]
struct World {
    /// Milliseconds since the test began.
    clock: Cell<u64>,
    /// For ids that nothing else may have: versions, tickets, handles, locks.
    counter: Cell<u64>,
    http: RefCell<http::Services>,
    storage: RefCell<storage::Documents>,
    cache: RefCell<cache::Entries>,
    secrets: RefCell<secrets::Vault>,
    locks: RefCell<locks::Held>,
    session: RefCell<session::Scene>,
    peers: RefCell<peers::Peers>,
    log: RefCell<Vec<Line>>,
}

impl FakeHost {
    /// A host with one tenant, whose key `key-1` may do everything, and nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets time pass: cache entries, documents and leases end.
    pub fn advance(&self, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.world
            .clock
            .set(self.now().saturating_add(milliseconds));
    }

    fn now(&self) -> u64 {
        self.world.clock.get()
    }

    fn next_id(&self, what: &str) -> String {
        let number = self.world.counter.get() + 1;
        self.world.counter.set(number);
        format!("{what}-{number}")
    }
}

/// A call, built up by its methods.
///
/// ```
/// use orderdesk_plugin::testing::{FakeHost, Invocation, run};
/// use orderdesk_plugin::{Context, Mode, Plugin, Tool, ToolError};
/// use serde_json::{Value, json};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Arguments {
///     dry_run: Option<bool>,
/// }
///
/// fn clear(arguments: Arguments, context: &Context) -> Result<Value, ToolError> {
///     assert_eq!(arguments.dry_run == Some(true), context.mode() == Mode::Preview);
///     Ok(json!({}))
/// }
///
/// let plugin = Plugin::new("shelf", "0.1.0").tool(Tool::new("shelf_clear", clear));
/// let preview = Invocation::new("shelf_clear", &json!({ "dry_run": true })).preview();
/// run(plugin, &FakeHost::new(), preview).unwrap();
/// ```
pub struct Invocation {
    call: Call,
}

impl Invocation {
    /// A call of this tool.
    #[must_use]
    pub fn new(tool: &str, arguments: &Value) -> Self {
        Self {
            call: Call {
                tool: tool.to_owned(),
                arguments: arguments.to_string(),
                mode: Mode::Run,
                confirmation: None,
                resumption: None,
            },
        }
    }

    /// Asks for a preview: nothing can be written.
    #[must_use]
    pub fn preview(mut self) -> Self {
        self.call.mode = Mode::Preview;
        self
    }

    /// Confirms a preview that rested on this.
    #[must_use]
    pub fn confirming(mut self, basis: impl Into<String>) -> Self {
        self.call.confirmation = Some(Confirmation {
            basis: basis.into(),
        });
        self
    }

    /// Goes on after a pause.
    #[must_use]
    pub fn resumed(mut self, resumption: Resumption) -> Self {
        self.call.resumption = Some(resumption);
        self
    }
}

/// Calls a tool and answers its structured result.
///
/// The arguments are not validated against the schema, just as in a component: the host does that before.
///
/// # Errors
/// What the tool answers; `internal` with code `paused` if it did not come to an end (see [`run`]).
pub fn call(
    plugin: Plugin,
    host: &FakeHost,
    tool: &str,
    arguments: Value,
) -> Result<Value, ToolError> {
    match run(plugin, host, Invocation::new(tool, &arguments))? {
        Outcome::Complete(output) => Ok(output.structured),
        Outcome::Pause(_) => Err(ToolError::internal(
            "paused",
            format!("{tool} paused: use testing::run to see with what."),
        )),
    }
}

/// Calls a tool and answers all that it answered.
///
/// # Errors
/// What the tool answers.
pub fn run(plugin: Plugin, host: &FakeHost, invocation: Invocation) -> Result<Outcome, ToolError> {
    let call = invocation.call;
    let read_only = call.mode == Mode::Preview
        || plugin.find(&call.tool)?.is_read_only()
        || host.caller().is_some_and(|caller| caller.read_only);
    let fake = current(&plugin, host, read_only);
    plugin
        .call(call, fake)?
        .try_map(|structured| serde_json::from_str(structured.get()))
        .map_err(|error| ToolError::internal("result-not-json", error.to_string()))
}

/// Runs code that takes a [`Context`], as a call that may write has it.
///
/// ```
/// use orderdesk_plugin::Context;
/// use orderdesk_plugin::testing::{FakeHost, with_context};
///
/// fn caller(context: &Context) -> String {
///     context.session().current().map_or_else(String::new, |caller| caller.key_id)
/// }
///
/// assert_eq!(with_context(&FakeHost::new(), caller), "key-1");
/// ```
pub fn with_context<T>(host: &FakeHost, code: impl FnOnce(&Context) -> T) -> T {
    let plugin = Plugin::new("plugin", "0.0.0");
    code(&Context::outside_of_tools(current(&plugin, host, false)))
}

/// Reads the resource at this URI: nothing can be written.
///
/// # Errors
/// What the plugin answers; `not-found` if none of its resources and templates fits.
pub fn read(plugin: Plugin, host: &FakeHost, uri: &str) -> Result<Contents, ToolError> {
    let mut reading = Reading {
        uri: uri.to_owned(),
        template: None,
        variables: Vec::new(),
    };
    if plugin.resources().iter().all(|fixed| fixed.uri != uri) {
        for template in plugin.resource_templates() {
            if let Some(variables) = uri::variables(&template.uri, uri) {
                reading.template = Some(template.uri);
                reading.variables = variables;
                break;
            }
        }
    }
    let fake = current(&plugin, host, true);
    plugin.read(reading, fake)
}

/// What a prompt says; `arguments` is an object of texts. Nothing can be written.
///
/// # Errors
/// What the plugin answers; `internal` with code `paused` if it asks first (see [`run_prompt`]). That required arguments are
/// there is checked by the host before.
pub fn prompt(
    plugin: Plugin,
    host: &FakeHost,
    name: &str,
    arguments: Value,
) -> Result<Script, ToolError> {
    match run_prompt(plugin, host, name, arguments, None)? {
        Prompted::Script(script) => Ok(script),
        Prompted::Pause(_) => Err(ToolError::internal(
            "paused",
            format!("{name} asks first: use testing::run_prompt to see what."),
        )),
    }
}

/// All that a prompt answers, also after a pause.
///
/// # Errors
/// What the plugin answers.
pub fn run_prompt(
    plugin: Plugin,
    host: &FakeHost,
    name: &str,
    arguments: Value,
    resumption: Option<Resumption>,
) -> Result<Prompted, ToolError> {
    let arguments = serde_json::from_value(arguments)
        .map(|arguments: BTreeMap<String, String>| arguments.into_iter().collect())
        .map_err(|error| ToolError::invalid_input("invalid-arguments", error.to_string()))?;
    let fake = current(&plugin, host, true);
    plugin.script(name, arguments, resumption, fake)
}

/// What a plugin offers to somebody who is typing: `of` is a URI template, or the name of a prompt.
///
/// # Errors
/// What the plugin answers.
pub fn complete(
    plugin: Plugin,
    host: &FakeHost,
    of: &str,
    typing: Typing,
) -> Result<Completion, ToolError> {
    let fake = current(&plugin, host, true);
    if of.contains("://") {
        plugin.complete_variable(of, &typing, fake)
    } else {
        plugin.complete_argument(of, &typing, fake)
    }
}

fn current(plugin: &Plugin, host: &FakeHost, read_only: bool) -> Rc<CallHost> {
    Rc::new(CallHost {
        host: host.clone(),
        plugin: plugin.name().to_owned(),
        id: host.next_id("call"),
        read_only,
        unattended: false,
        since: host.now(),
        subject: RefCell::new(None),
    })
}

/// Lets a plugin judge a request that came through a hook of its, while nobody is present.
///
/// # Errors
/// What the plugin answers.
pub fn webhook(plugin: Plugin, host: &FakeHost, request: &Request) -> Result<Verdict, ToolError> {
    let fake = outside(&plugin, host, &request.subject, true);
    plugin.judge(request, Rc::new(fake))
}

/// Lets a plugin handle an event, while nobody is present.
///
/// # Errors
/// What the plugin answers.
pub fn event(plugin: Plugin, host: &FakeHost, event: &Event) -> Result<(), ToolError> {
    let fake = outside(&plugin, host, &event.subject, false);
    plugin.handle(event, Rc::new(fake))
}

fn outside(plugin: &Plugin, host: &FakeHost, subject: &str, read_only: bool) -> CallHost {
    CallHost {
        host: host.clone(),
        plugin: plugin.name().to_owned(),
        id: host.next_id("call"),
        read_only,
        unattended: true,
        since: host.now(),
        subject: RefCell::new(Some(subject.to_owned())),
    }
}

/// The host as one call sees it.
struct CallHost {
    host: FakeHost,
    plugin: String,
    id: String,
    read_only: bool,
    /// Nobody of the tenant is present.
    unattended: bool,
    /// When it began.
    since: u64,
    subject: RefCell<Option<String>>,
}

impl CallHost {
    fn require_write(&self, what: &str) -> Result<(), ToolError> {
        if self.read_only {
            return Err(ToolError::denied(
                "read-only",
                format!("{what} was refused: this call may only read."),
            ));
        }
        Ok(())
    }

    fn require_attended(&self, what: &str) -> Result<(), ToolError> {
        if self.unattended {
            return Err(ToolError::denied(
                "unattended",
                format!("{what} stays closed while nobody of the tenant is present."),
            ));
        }
        Ok(())
    }

    fn subject(&self) -> Option<String> {
        self.subject.borrow().clone()
    }
}

impl Drop for CallHost {
    fn drop(&mut self) {
        self.host.world.locks.borrow_mut().end_call(&self.id);
    }
}
