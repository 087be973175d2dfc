//! Runs tools natively, against fakes of everything that a host lends.
//!
//! A [`FakeHost`] is a small world: services behind endpoints, stored documents, a cache, secrets, locks, a caller, a
//! clock that only tests move. It stays between calls, so a test can register something with one call and find it with
//! the next. It behaves as the contract says (a write condition that fails is a `conflict`, a revoked handle opens
//! nothing, a read-only tool cannot write), and refuses with the host's kinds and codes, in words of its own; what
//! operators configure (grants, limits) it does not know.
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
///
/// ```
/// use orderdesk_plugin::storage::Write;
/// use orderdesk_plugin::testing::{FakeHost, with_context};
///
/// let host = FakeHost::new();
/// with_context(&host, |context| context.storage().commit(vec![Write::put("note/17", "call back")]))
///     .unwrap();
/// // The next call finds it, and so does the test:
/// with_context(&host, |context| assert!(context.storage().get(None, "note/17").unwrap().is_some()));
/// assert_eq!(host.keys("plugin"), ["note/17"]);
/// ```
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
    ///
    /// ```
    /// use orderdesk_plugin::testing::FakeHost;
    ///
    /// let host = FakeHost::new();
    /// assert_eq!(host.caller().unwrap().key_id, "key-1");
    /// assert!(host.requests().is_empty() && host.log().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets time pass: cache entries, documents and leases end.
    ///
    /// ```
    /// use std::time::Duration;
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// let before = with_context(&host, |context| context.clock().now_ms());
    /// host.advance(Duration::from_secs(60));
    /// assert_eq!(with_context(&host, |context| context.clock().now_ms()), before + 60_000);
    /// ```
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
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, Invocation, run};
    /// use orderdesk_plugin::{NoArguments, Outcome, Plugin, Tool};
    /// use serde_json::json;
    ///
    /// let tool = Tool::new("desk_hours", |_: NoArguments, _| Ok(json!({ "opens": "9:00" })));
    /// let plugin = Plugin::new("desk", "0.1.0").tool(tool);
    /// let outcome = run(plugin, &FakeHost::new(), Invocation::new("desk_hours", &json!({}))).unwrap();
    /// assert_eq!(outcome, Outcome::complete(json!({ "opens": "9:00" })));
    /// ```
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
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, Invocation, run};
    /// use orderdesk_plugin::{Context, Mode, NoArguments, Outcome, Plugin, Tool};
    /// use serde_json::json;
    ///
    /// let tool = Tool::new("notes_clear", |_: NoArguments, context: &Context| {
    ///     Ok(json!({ "cleared": context.mode() == Mode::Run }))
    /// });
    /// let plugin = Plugin::new("notes", "0.1.0").tool(tool);
    /// let preview = Invocation::new("notes_clear", &json!({})).preview();
    /// let outcome = run(plugin, &FakeHost::new(), preview).unwrap();
    /// assert_eq!(outcome, Outcome::complete(json!({ "cleared": false })));
    /// ```
    #[must_use]
    pub fn preview(mut self) -> Self {
        self.call.mode = Mode::Preview;
        self
    }

    /// Confirms a preview that rested on this: see [`crate::Output::resting_on`].
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, Invocation, run};
    /// use orderdesk_plugin::{Context, NoArguments, Plugin, Tool, ToolError};
    /// use serde_json::{Value, json};
    ///
    /// fn notes_clear(_: NoArguments, context: &Context) -> Result<Value, ToolError> {
    ///     match context.confirmation() {
    ///         Some(seen) if seen.basis != "three notes" => {
    ///             Err(ToolError::conflict("changed-meanwhile", "The notes changed since. Look again."))
    ///         }
    ///         _ => Ok(json!({ "cleared": 3 })),
    ///     }
    /// }
    ///
    /// let plugin = Plugin::new("notes", "0.1.0").tool(Tool::new("notes_clear", notes_clear));
    /// let outdated = Invocation::new("notes_clear", &json!({})).confirming("two notes");
    /// assert!(run(plugin, &FakeHost::new(), outdated).unwrap_err().has_code("changed-meanwhile"));
    /// ```
    #[must_use]
    pub fn confirming(mut self, basis: impl Into<String>) -> Self {
        self.call.confirmation = Some(Confirmation {
            basis: basis.into(),
        });
        self
    }

    /// Goes on after a pause, with its state and the answers to its questions.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, Invocation, run};
    /// use orderdesk_plugin::{Context, NoArguments, Outcome, Plugin, Resumption, Tool};
    /// use serde_json::json;
    ///
    /// let tool = Tool::new("notes_clear", |_: NoArguments, context: &Context| {
    ///     let sure = context.resumption().is_some_and(|it| it.confirmed("sure"));
    ///     Ok(json!({ "cleared": sure }))
    /// });
    /// let plugin = Plugin::new("notes", "0.1.0").tool(tool);
    /// let answers = vec![("sure".to_owned(), json!(true))];
    /// let answered = Invocation::new("notes_clear", &json!({}))
    ///     .resumed(Resumption { answers, ..Resumption::default() });
    /// let outcome = run(plugin, &FakeHost::new(), answered).unwrap();
    /// assert_eq!(outcome, Outcome::complete(json!({ "cleared": true })));
    /// ```
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
/// ```
/// use orderdesk_plugin::testing::{self, FakeHost};
/// use orderdesk_plugin::{NoArguments, Plugin, Tool};
/// use serde_json::json;
///
/// let tool = Tool::new("desk_hours", |_: NoArguments, _| Ok(json!({ "opens": "9:00" })));
/// let plugin = Plugin::new("desk", "0.1.0").tool(tool);
/// let hours = testing::call(plugin, &FakeHost::new(), "desk_hours", json!({})).unwrap();
/// assert_eq!(hours["opens"], "9:00");
/// ```
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

/// Calls a tool and answers all that it answered: a pause, and content beside the structured result.
///
/// ```
/// use orderdesk_plugin::testing::{self, FakeHost, Invocation};
/// use orderdesk_plugin::{NoArguments, Outcome, Pause, Plugin, Question, Tool};
/// use serde_json::{Value, json};
///
/// let tool = Tool::new("notes_clear", |_: NoArguments, _| {
///     let questions = vec![Question::confirm("sure", "Clear all notes?")];
///     Ok(Outcome::<Value>::from(Pause { questions, ..Pause::default() }))
/// });
/// let plugin = Plugin::new("notes", "0.1.0").tool(tool);
/// let outcome = testing::run(plugin, &FakeHost::new(), Invocation::new("notes_clear", &json!({})));
/// let Outcome::Pause(pause) = outcome.unwrap() else { panic!("it must ask first") };
/// assert_eq!(pause.questions[0].kind, "confirm");
/// ```
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

/// Runs code that takes a [`Context`], as a call that may write has it. The plugin is called `plugin`: so is its namespace.
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
/// ```
/// use orderdesk_plugin::testing::{self, FakeHost};
/// use orderdesk_plugin::{Plugin, Resource};
///
/// let plugin = || {
///     Plugin::new("desk", "0.1.0").resource(Resource::new("hours", "desk://hours", |_| Ok("9 to 17")))
/// };
/// let host = FakeHost::new();
/// assert_eq!(testing::read(plugin(), &host, "desk://hours").unwrap().text(), Some("9 to 17"));
/// assert!(testing::read(plugin(), &host, "desk://minutes").is_err());
/// ```
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
/// ```
/// use orderdesk_plugin::testing::{self, FakeHost};
/// use orderdesk_plugin::{Plugin, Prompt};
/// use serde_json::json;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Arguments {
///     topic: String,
/// }
///
/// let about = Prompt::new("desk_about", |it: Arguments, _| Ok(format!("What of {}?", it.topic)));
/// let plugin = Plugin::new("desk", "0.1.0").prompt(about);
/// let script = testing::prompt(plugin, &FakeHost::new(), "desk_about", json!({ "topic": "bees" }));
/// assert_eq!(script.unwrap().text(), "What of bees?");
/// ```
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
/// ```
/// use orderdesk_plugin::testing::{self, FakeHost};
/// use orderdesk_plugin::{
///     Context, NoArguments, Pause, Plugin, Prompt, Prompted, Question, Resumption, ToolError,
/// };
/// use serde_json::json;
///
/// fn greet(_: NoArguments, context: &Context) -> Result<Prompted, ToolError> {
///     let schema = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
///     Ok(match context.resumption().and_then(|it| it.accepted("who")) {
///         None => Pause {
///             questions: vec![Question::form("who", "For whom?", schema)],
///             ..Pause::default()
///         }
///         .into(),
///         Some(form) => format!("Greet {}.", form["name"]).into(),
///     })
/// }
///
/// let plugin = || Plugin::new("desk", "0.1.0").prompt(Prompt::new("desk_greet", greet));
/// let host = FakeHost::new();
/// let asked = testing::run_prompt(plugin(), &host, "desk_greet", json!({}), None).unwrap();
/// assert!(matches!(asked, Prompted::Pause(_)));
///
/// let answers = vec![("who".to_owned(), json!({ "action": "accept", "content": { "name": "Ada" } }))];
/// let answered = Some(Resumption { answers, ..Resumption::default() });
/// let said = testing::run_prompt(plugin(), &host, "desk_greet", json!({}), answered).unwrap();
/// assert_eq!(said, Prompted::Script("Greet \"Ada\".".into()));
/// ```
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
/// ```
/// use orderdesk_plugin::testing::{self, FakeHost};
/// use orderdesk_plugin::{Context, Plugin, ResourceTemplate, Typing};
///
/// #[derive(serde::Deserialize)]
/// struct Folder {
///     folder: String,
/// }
///
/// let template = ResourceTemplate::new("folder", "desk://{folder}", |it: Folder, _| Ok(it.folder))
///     .complete("folder", |typing: &Typing, _: &Context| Ok(typing.among(["New", "Shipped"])));
/// let plugin = Plugin::new("desk", "0.1.0").resource_template(template);
/// let help = testing::complete(plugin, &FakeHost::new(), "desk://{folder}", Typing::new("folder", "sh"));
/// assert_eq!(help.unwrap().values, ["Shipped"]);
/// ```
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

/// Lets a plugin judge a request that came through a hook of its own, while nobody of the tenant is present.
///
/// ```
/// use orderdesk_plugin::testing::{self, FakeHost};
/// use orderdesk_plugin::webhooks::{Reason, Rejection, Request, Verdict};
/// use orderdesk_plugin::{Context, Plugin, ToolError};
///
/// fn judge(request: &Request, _: &Context) -> Result<Verdict, ToolError> {
///     // What the signature is worth: see Plugin::webhook.
///     let what = request.header("x-signature").map_or("there is no signature", |_| "it is not ours");
///     Ok(Rejection::new(Reason::BadSignature, what).into())
/// }
///
/// let plugin = Plugin::new("wiki", "0.1.0").webhook(judge);
/// let verdict = testing::webhook(plugin, &FakeHost::new(), &Request::new("wiki:main", "{}")).unwrap();
/// assert!(matches!(verdict, Verdict::Rejected(it) if it.reason == Reason::BadSignature));
/// ```
///
/// # Errors
/// What the plugin answers.
pub fn webhook(plugin: Plugin, host: &FakeHost, request: &Request) -> Result<Verdict, ToolError> {
    let fake = outside(&plugin, host, &request.subject, true);
    plugin.judge(request, Rc::new(fake))
}

/// Lets a plugin handle an event, while nobody of the tenant is present.
///
/// ```
/// use orderdesk_plugin::testing::{self, FakeHost};
/// use orderdesk_plugin::webhooks::Event;
/// use orderdesk_plugin::{Context, Plugin, ToolError};
/// use serde_json::json;
///
/// fn changed(event: &Event, context: &Context) -> Result<(), ToolError> {
///     context.log().info("an order changed", &[("subject", &event.subject)]);
///     Ok(())
/// }
///
/// let host = FakeHost::new();
/// let plugin = Plugin::new("watch", "0.1.0").on_event("order-changed", changed);
/// let event = Event::new("orders", "order-changed", "store:9021", json!({}));
/// testing::event(plugin, &host, &event).unwrap();
/// assert_eq!(host.log()[0].fields[0].1, "store:9021");
/// ```
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
