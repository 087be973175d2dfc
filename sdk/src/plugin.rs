//! A plugin: its name, its tools, and what it asks of the operator.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::completion::{Completion, Typing};
use crate::context::{Context, Mode};
use crate::error::ToolError;
use crate::host::Current;
use crate::outcome::{Confirmation, Outcome, Output, Resumption};
use crate::prompt::{Prompt, PromptDescription, Prompted};
use crate::resource::{Contents, Reading, Resource, ResourceDescription, ResourceTemplate};
use crate::schema;
use crate::tool::{Tool, ToolDescription};
use crate::webhooks::{Event, Reason, Rejection, Request, Verdict};

/// A plugin, built up by its methods. Hand the function that makes it to [`crate::export!`].
///
/// ```
/// use orderdesk_plugin::{Context, NoArguments, Plugin, Tool, ToolError};
///
/// fn pages_list(_: NoArguments, context: &Context) -> Result<serde_json::Value, ToolError> {
///     let request = orderdesk_plugin::http::Request::get("wiki").path(["pages"]);
///     context.http().send(request)?.json()
/// }
///
/// fn plugin() -> Plugin {
///     Plugin::new("pages", env!("CARGO_PKG_VERSION"))
///         .description("Reads the wiki's pages.")
///         .wish(
///             r#"http = [{ endpoint = "wiki", allow = ["GET /pages"] }]"#,
///             "to list pages",
///         )
///         .tool(
///             Tool::new("pages_list", pages_list)
///                 .title("List pages")
///                 .description("Lists the wiki's pages.")
///                 .read_only(),
///         )
/// }
/// orderdesk_plugin::export!(plugin);
///
/// assert_eq!(plugin().tools()[0].name, "pages_list");
/// ```
pub struct Plugin {
    name: String,
    version: String,
    description: String,
    wishes: Vec<Wish>,
    settings_schema: Option<fn() -> Value>,
    extra: Option<Value>,
    tools: Vec<Tool>,
    finish: Option<Finish>,
    webhook: Option<WebhookHandler>,
    events: Vec<(String, EventHandler)>,
    resources: Vec<Resource>,
    templates: Vec<ResourceTemplate>,
    prompts: Vec<Prompt>,
}

type Finish =
    Box<dyn Fn(&str, &str, Output<Box<RawValue>>) -> Result<Output<Box<RawValue>>, ToolError>>;
type WebhookHandler = Box<dyn Fn(&Request, &Context) -> Result<Verdict, ToolError>>;
type EventHandler = Box<dyn Fn(&Event, &Context) -> Result<(), ToolError>>;

/// A grant that a plugin would like, in the words of the config, and why: made by [`Plugin::wish`].
///
/// ```
/// use orderdesk_plugin::{Plugin, Wish};
///
/// let plugin = Plugin::new("hold", "0.1.0").wish("locks = true", "to move each order once");
/// let wish: &Wish = &plugin.manifest().wishes[0];
/// assert_eq!((wish.grant.as_str(), wish.reason.as_str()), ("locks = true", "to move each order once"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wish {
    /// The grant, such as `read = ["stores"]`.
    pub grant: String,
    /// Why, for the operator who decides.
    pub reason: String,
}

/// What a plugin says of itself: what [`Plugin::manifest`] answers and the host reads. The operator's config decides what it is
/// called and what it may do.
///
/// ```
/// use orderdesk_plugin::{Manifest, Plugin};
///
/// let manifest: Manifest = Plugin::new("hold", "0.1.0").description("Holds orders back.").manifest();
/// assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("hold", "0.1.0"));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Manifest {
    /// Its usual name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Grants that it would like.
    pub wishes: Vec<Wish>,
    /// JSON Schema 2020-12 of its settings.
    pub settings_schema: Option<Value>,
    /// Open for growth.
    pub extra: Option<Value>,
}

impl Plugin {
    /// A plugin of this name (`^[a-z][a-z0-9-]*$`) and version (`env!("CARGO_PKG_VERSION")`). Its tools' names start with its own,
    /// `_` for `-`.
    ///
    /// ```
    /// use orderdesk_plugin::Plugin;
    ///
    /// fn plugin() -> Plugin {
    ///     Plugin::new("hold", env!("CARGO_PKG_VERSION"))
    /// }
    /// orderdesk_plugin::export!(plugin);
    /// # assert_eq!(plugin().manifest().name, "hold");
    /// ```
    #[must_use]
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            description: String::new(),
            wishes: Vec::new(),
            settings_schema: None,
            extra: None,
            tools: Vec::new(),
            finish: None,
            webhook: None,
            events: Vec::new(),
            resources: Vec::new(),
            templates: Vec::new(),
            prompts: Vec::new(),
        }
    }

    /// What it is for, in a sentence: what an operator reads who considers it.
    ///
    /// ```
    /// use orderdesk_plugin::Plugin;
    ///
    /// let plugin = Plugin::new("hold", "0.1.0").description("Holds orders back that ship to PO boxes.");
    /// assert!(plugin.manifest().description.starts_with("Holds"));
    /// ```
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Asks the operator for a grant, in the words of the config, and says why.
    ///
    /// ```
    /// use orderdesk_plugin::Plugin;
    ///
    /// let plugin = Plugin::new("hold", "0.1.0")
    ///     .wish(r#"tools = ["orders_list"]"#, "to find orders by their address")
    ///     .wish("locks = true", "so that two calls do not move one order twice");
    /// assert_eq!(plugin.manifest().wishes[1].grant, "locks = true");
    /// ```
    #[must_use]
    pub fn wish(mut self, grant: impl Into<String>, reason: impl Into<String>) -> Self {
        self.wishes.push(Wish {
            grant: grant.into(),
            reason: reason.into(),
        });
        self
    }

    /// Declares the settings that an operator may give it; read them with [`Context::settings`].
    ///
    /// ```
    /// use orderdesk_plugin::testing::{self, FakeHost};
    /// use orderdesk_plugin::{Context, NoArguments, Plugin, Tool, ToolError};
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Settings {
    ///     /// Orders older than this count as late.
    ///     late_after_days: u32,
    /// }
    ///
    /// fn late(_: NoArguments, context: &Context) -> Result<serde_json::Value, ToolError> {
    ///     let settings: Settings = context.settings()?;
    ///     Ok(serde_json::json!({ "days": settings.late_after_days }))
    /// }
    ///
    /// let plugin = Plugin::new("late", "0.1.0").settings::<Settings>().tool(Tool::new("late_days", late));
    /// let host = FakeHost::new();
    /// host.set_settings(serde_json::json!({ "late_after_days": 3 }));
    /// assert_eq!(testing::call(plugin, &host, "late_days", serde_json::json!({})).unwrap()["days"], 3);
    /// ```
    #[must_use]
    pub fn settings<T: JsonSchema>(mut self) -> Self {
        self.settings_schema = Some(schema::of_input::<T>);
        self
    }

    /// Open for growth: a JSON object whose unknown keys the host ignores (today, all of them).
    ///
    /// ```
    /// use orderdesk_plugin::Plugin;
    /// use serde_json::json;
    ///
    /// let plugin = Plugin::new("hold", "0.1.0").extra(json!({ "homepage": "https://hold.example" }));
    /// assert_eq!(plugin.manifest().extra, Some(json!({ "homepage": "https://hold.example" })));
    /// ```
    #[must_use]
    pub fn extra(mut self, extra: Value) -> Self {
        self.extra = Some(extra);
        self
    }

    /// Adds a tool. Its name starts with the plugin's, unless the operator gives the plugin other `prefixes`.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{self, FakeHost};
    /// use orderdesk_plugin::{Context, NoArguments, Plugin, Tool, ToolError};
    /// use serde_json::{Value, json};
    ///
    /// fn desk_hours(_: NoArguments, _: &Context) -> Result<Value, ToolError> {
    ///     Ok(json!({ "opens": "9:00" }))
    /// }
    ///
    /// let plugin = Plugin::new("desk", "0.1.0").tool(Tool::new("desk_hours", desk_hours).read_only());
    /// let hours = testing::call(plugin, &FakeHost::new(), "desk_hours", json!({})).unwrap();
    /// assert_eq!(hours["opens"], "9:00");
    /// ```
    #[must_use]
    pub fn tool(mut self, tool: Tool) -> Self {
        self.tools.push(tool);
        self
    }

    /// Has a last look at what each tool answers: gets the tool's name, its arguments as JSON and the result, and answers what
    /// goes out instead. For what all tools have in common, such as a size that no answer exceeds.
    ///
    /// ```
    /// use orderdesk_plugin::{Content, Plugin};
    ///
    /// let plugin = Plugin::new("pages", "0.1.0").finish(|tool, _arguments, output| {
    ///     Ok(output.with_content(Content::Text(format!("So says {tool}."))))
    /// });
    /// # let _ = plugin;
    /// ```
    #[must_use]
    pub fn finish(
        mut self,
        finish: impl Fn(&str, &str, Output<Box<RawValue>>) -> Result<Output<Box<RawValue>>, ToolError>
        + 'static,
    ) -> Self {
        self.finish = Some(Box::new(finish));
        self
    }

    /// Judges the requests that come through this plugin's hooks (`orderdesk-mcp webhooks create --plugin …`): see
    /// [`crate::webhooks`].
    ///
    /// The call may only read, and runs while nobody of the tenant is present: storage and sealed secrets stay closed, except
    /// that [`crate::crypto::Crypto::verify_hmac`] takes the request's key.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{self, FakeHost};
    /// use orderdesk_plugin::webhooks::{Happening, Reason, Rejection, Request, Verdict};
    /// use orderdesk_plugin::{Context, Plugin, ToolError};
    /// # /// The bytes that hexadecimal digits stand for.
    /// # fn bytes(hex: &str) -> Vec<u8> {
    /// #     let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    /// #     digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | *digit as u8)).collect()
    /// # }
    ///
    /// fn judge(request: &Request, context: &Context) -> Result<Verdict, ToolError> {
    ///     let Some(key) = &request.key else {
    ///         return Err(ToolError::unavailable("no-key", "The hook has no key."));
    ///     };
    ///     // This sender writes it in hexadecimal digits; `bytes` is any function that decodes them.
    ///     let signature = bytes(request.header("x-signature").unwrap_or_default());
    ///     if !context.crypto().verify_hmac(key, &request.body, &signature)? {
    ///         return Ok(Rejection::new(Reason::BadSignature, "the signature is wrong").into());
    ///     }
    ///     let identity = context.crypto().sha256(&request.body);
    ///     Ok(Happening::new("page-changed", identity, serde_json::Value::Null).stale("pages").into())
    /// }
    ///
    /// let plugin = Plugin::new("pages", "0.1.0").webhook(judge);
    /// let host = FakeHost::new();
    /// let request = Request::new("wiki:main", "what do ya want for nothing?")
    ///     .with_key(host.seal("Jefe", &["hmac:pages"]))
    ///     .with_header("X-Signature", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    /// assert!(matches!(testing::webhook(plugin, &host, &request).unwrap(), Verdict::Accepted(_)));
    /// ```
    #[must_use]
    pub fn webhook(
        mut self,
        judge: impl Fn(&Request, &Context) -> Result<Verdict, ToolError> + 'static,
    ) -> Self {
        self.webhook = Some(Box::new(judge));
        self
    }

    /// Handles events of this kind, of those plugins whose events the operator grants (`grants.events = ["orders"]`). The call
    /// runs while nobody of the tenant is present: storage and sealed secrets stay closed. What fails is tried again later, so
    /// the same event can come twice.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{self, FakeHost};
    /// use orderdesk_plugin::webhooks::Event;
    /// use orderdesk_plugin::{Context, Plugin, ToolError};
    ///
    /// fn changed(event: &Event, context: &Context) -> Result<(), ToolError> {
    ///     context.log().info("an order changed", &[("subject", &event.subject)]);
    ///     Ok(())
    /// }
    ///
    /// let host = FakeHost::new();
    /// let plugin = Plugin::new("watch", "0.1.0")
    ///     .wish(r#"events = ["orders"]"#, "to hear of changed orders")
    ///     .on_event("order-changed", changed);
    /// let event = Event::new("orders", "order-changed", "store:9021", serde_json::json!({ "id": "17" }));
    /// testing::event(plugin, &host, &event).unwrap();
    /// assert_eq!(host.log().len(), 1);
    /// ```
    #[must_use]
    pub fn on_event(
        mut self,
        kind: impl Into<String>,
        handle: impl Fn(&Event, &Context) -> Result<(), ToolError> + 'static,
    ) -> Self {
        self.events.push((kind.into(), Box::new(handle)));
        self
    }

    /// Adds something to read at one URI: see [`Resource`].
    ///
    /// ```
    /// use orderdesk_plugin::{Context, Plugin, Resource, ToolError};
    ///
    /// fn hours(_: &Context) -> Result<&'static str, ToolError> {
    ///     Ok("9 to 17")
    /// }
    ///
    /// let plugin = Plugin::new("desk", "0.1.0").resource(Resource::new("hours", "desk://hours", hours));
    /// assert_eq!(plugin.resources()[0].uri, "desk://hours");
    /// ```
    #[must_use]
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resources.push(resource);
        self
    }

    /// Adds many things to read, under URIs of one shape: see [`ResourceTemplate`].
    ///
    /// ```
    /// use orderdesk_plugin::{Context, Id, Plugin, ResourceTemplate, ToolError};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Page {
    ///     number: Id,
    /// }
    ///
    /// fn page(page: Page, _: &Context) -> Result<String, ToolError> {
    ///     Ok(format!("Page {}", page.number))
    /// }
    ///
    /// let plugin = Plugin::new("book", "0.1.0")
    ///     .resource_template(ResourceTemplate::new("page", "book://pages/{number}", page));
    /// assert_eq!(plugin.resource_templates()[0].uri, "book://pages/{number}");
    /// ```
    #[must_use]
    pub fn resource_template(mut self, template: ResourceTemplate) -> Self {
        self.templates.push(template);
        self
    }

    /// Adds a text that a person can start work with: see [`Prompt`].
    ///
    /// ```
    /// use orderdesk_plugin::{Context, NoArguments, Plugin, Prompt, ToolError};
    ///
    /// fn tidy(_: NoArguments, _: &Context) -> Result<&'static str, ToolError> {
    ///     Ok("Go through the late orders with orders_list, oldest first.")
    /// }
    ///
    /// let plugin = Plugin::new("desk", "0.1.0").prompt(Prompt::new("desk_tidy", tidy));
    /// assert_eq!(plugin.prompts()[0].name, "desk_tidy");
    /// ```
    #[must_use]
    pub fn prompt(mut self, prompt: Prompt) -> Self {
        self.prompts.push(prompt);
        self
    }

    /// What the plugin says of itself. For tests: the host asks by itself.
    ///
    /// ```
    /// use orderdesk_plugin::Plugin;
    ///
    /// let plugin = Plugin::new("hold", "0.1.0").wish(r#"tools = ["orders_list"]"#, "to find orders");
    /// assert_eq!(plugin.manifest().wishes.len(), 1);
    /// ```
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        Manifest {
            name: self.name.clone(),
            version: self.version.clone(),
            description: self.description.clone(),
            wishes: self.wishes.clone(),
            settings_schema: self.settings_schema.map(|schema| schema()),
            extra: self.extra.clone(),
        }
    }

    /// The tools as the host lists them, in the order in which they were added.
    ///
    /// ```
    /// use orderdesk_plugin::{Context, NoArguments, Plugin, Tool, ToolError};
    /// use serde_json::{Value, json};
    ///
    /// fn desk_hours(_: NoArguments, _: &Context) -> Result<Value, ToolError> {
    ///     Ok(json!({ "opens": "9:00" }))
    /// }
    ///
    /// let plugin = Plugin::new("desk", "0.1.0").tool(Tool::new("desk_hours", desk_hours));
    /// for tool in plugin.tools() {
    ///     assert!(tool.name.starts_with("desk_"));
    /// }
    /// ```
    ///
    /// # Panics
    /// If an argument of type [`crate::Sealed`] names no audience.
    #[must_use]
    pub fn tools(&self) -> Vec<ToolDescription> {
        self.tools.iter().map(Tool::describe).collect()
    }

    /// The fixed resources as the host lists them, in the order in which they were added.
    ///
    /// ```
    /// use orderdesk_plugin::{Context, Plugin, Resource, ToolError};
    ///
    /// fn hours(_: &Context) -> Result<&'static str, ToolError> {
    ///     Ok("9 to 17")
    /// }
    ///
    /// let plugin = Plugin::new("desk", "0.1.0").resource(Resource::new("hours", "desk://hours", hours));
    /// let uris: Vec<String> = plugin.resources().into_iter().map(|resource| resource.uri).collect();
    /// assert_eq!(uris, ["desk://hours"]);
    /// ```
    #[must_use]
    pub fn resources(&self) -> Vec<ResourceDescription> {
        self.resources.iter().map(Resource::describe).collect()
    }

    /// The resource templates as the host lists them, in the order in which they were added.
    ///
    /// ```
    /// use orderdesk_plugin::{Context, Plugin, ResourceTemplate, ToolError};
    /// use std::collections::BTreeMap;
    ///
    /// fn page(variables: BTreeMap<String, String>, _: &Context) -> Result<String, ToolError> {
    ///     Ok(format!("Page {}", variables["number"]))
    /// }
    ///
    /// let plugin = Plugin::new("book", "0.1.0")
    ///     .resource_template(ResourceTemplate::new("page", "book://pages/{number}", page));
    /// assert_eq!(plugin.resource_templates()[0].name, "page");
    /// ```
    #[must_use]
    pub fn resource_templates(&self) -> Vec<ResourceDescription> {
        self.templates
            .iter()
            .map(ResourceTemplate::describe)
            .collect()
    }

    /// The prompts as the host lists them, in the order in which they were added.
    ///
    /// ```
    /// use orderdesk_plugin::{Context, Plugin, Prompt, ToolError};
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Arguments {
    ///     topic: String,
    /// }
    ///
    /// fn about(arguments: Arguments, _: &Context) -> Result<String, ToolError> {
    ///     Ok(format!("What do we know about {}?", arguments.topic))
    /// }
    ///
    /// let plugin = Plugin::new("desk", "0.1.0").prompt(Prompt::new("desk_about", about));
    /// assert_eq!(plugin.prompts()[0].arguments[0].name, "topic");
    /// ```
    ///
    /// # Panics
    /// If an argument does not take text.
    #[must_use]
    pub fn prompts(&self) -> Vec<PromptDescription> {
        self.prompts.iter().map(Prompt::describe).collect()
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn find(&self, tool: &str) -> Result<&Tool, ToolError> {
        self.tools
            .iter()
            .find(|candidate| candidate.name() == tool)
            .ok_or_else(|| {
                ToolError::not_found(
                    "tool-not-found",
                    format!("The plugin {} has no tool {tool}.", self.name),
                )
            })
    }

    /// Judges a request: the one way that components and tests share.
    pub(crate) fn judge(&self, request: &Request, host: Current) -> Result<Verdict, ToolError> {
        match &self.webhook {
            Some(judge) => judge(request, &Context::outside_of_tools(host)),
            None => Ok(Rejection::new(Reason::NotOurs, "this plugin takes no requests").into()),
        }
    }

    /// Handles an event, in each way that was given for its kind.
    pub(crate) fn handle(&self, event: &Event, host: Current) -> Result<(), ToolError> {
        let context = Context::outside_of_tools(host);
        self.events
            .iter()
            .filter(|(kind, _)| *kind == event.kind)
            .try_for_each(|(_, handle)| handle(event, &context))
    }

    /// Runs a tool: the one way that components and tests share.
    pub(crate) fn call(
        &self,
        call: Call,
        host: Current,
    ) -> Result<Outcome<Box<RawValue>>, ToolError> {
        let context = Context::new(host, call.mode, call.confirmation, call.resumption);
        let outcome = self.find(&call.tool)?.run(&call.arguments, &context)?;
        Ok(match (&self.finish, outcome) {
            (Some(finish), Outcome::Complete(output)) => {
                Outcome::Complete(finish(&call.tool, &call.arguments, output)?)
            }
            (_, outcome) => outcome,
        })
    }

    pub(crate) fn read(&self, reading: Reading, host: Current) -> Result<Contents, ToolError> {
        let context = Context::new(host, Mode::Run, None, None);
        match reading.template {
            Some(template) => self.template(&template)?.read(reading.variables, &context),
            None => match self.resources.iter().find(|it| it.uri() == reading.uri) {
                Some(resource) => resource.read(&context),
                None => Err(self.lacks("resource", &reading.uri)),
            },
        }
    }

    pub(crate) fn complete_variable(
        &self,
        template: &str,
        typing: &Typing,
        host: Current,
    ) -> Result<Completion, ToolError> {
        let context = Context::new(host, Mode::Run, None, None);
        self.template(template)?.completion(typing, &context)
    }

    pub(crate) fn script(
        &self,
        prompt: &str,
        arguments: Vec<(String, String)>,
        resumption: Option<Resumption>,
        host: Current,
    ) -> Result<Prompted, ToolError> {
        let context = Context::new(host, Mode::Run, None, resumption);
        self.find_prompt(prompt)?.script(arguments, &context)
    }

    pub(crate) fn complete_argument(
        &self,
        prompt: &str,
        typing: &Typing,
        host: Current,
    ) -> Result<Completion, ToolError> {
        let context = Context::new(host, Mode::Run, None, None);
        self.find_prompt(prompt)?.completion(typing, &context)
    }

    fn template(&self, uri_template: &str) -> Result<&ResourceTemplate, ToolError> {
        let mut templates = self.templates.iter();
        templates
            .find(|candidate| candidate.uri_template() == uri_template)
            .ok_or_else(|| self.lacks("resource template", uri_template))
    }

    fn find_prompt(&self, prompt: &str) -> Result<&Prompt, ToolError> {
        let mut prompts = self.prompts.iter();
        prompts
            .find(|candidate| candidate.name() == prompt)
            .ok_or_else(|| self.lacks("prompt", prompt))
    }

    fn lacks(&self, what: &str, which: &str) -> ToolError {
        ToolError::not_found(
            format!("{}-not-found", what.replace(' ', "-")),
            format!("The plugin {} has no {what} {which}.", self.name),
        )
    }
}

/// A call of a tool as it arrives.
pub(crate) struct Call {
    pub(crate) tool: String,
    /// A JSON object.
    pub(crate) arguments: String,
    pub(crate) mode: Mode,
    pub(crate) confirmation: Option<Confirmation>,
    pub(crate) resumption: Option<Resumption>,
}
