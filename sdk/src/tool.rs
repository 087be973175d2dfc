//! One tool: what it is, and the function behind it.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::error::ToolError;
use crate::outcome::{IntoOutcome, Outcome};
use crate::schema;

type Handler = Box<dyn Fn(&str, &Context) -> Result<Outcome<Box<RawValue>>, ToolError>>;

/// What a tool may do. The host enforces `read_only` (such a tool can only read) and passes the rest on.
///
/// ```
/// use orderdesk_plugin::{Context, NoArguments, Tool, ToolError};
///
/// fn clear(_: NoArguments, _: &Context) -> Result<serde_json::Value, ToolError> {
///     Ok(serde_json::json!({}))
/// }
///
/// let hints = Tool::new("shelf_clear", clear).destructive().idempotent().describe().hints;
/// assert!(hints.destructive && !hints.read_only);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hints {
    /// Changes nothing.
    pub read_only: bool,
    /// May remove or overwrite something.
    pub destructive: bool,
    /// A repetition with the same arguments changes nothing more.
    pub idempotent: bool,
    /// Reaches beyond the service that the plugin is for.
    pub open_world: bool,
}

/// A tool, built up by its methods.
///
/// ```
/// use orderdesk_plugin::{Context, NoArguments, Tool, ToolError};
///
/// #[derive(serde::Serialize, schemars::JsonSchema)]
/// struct Now {
///     /// Minutes since midnight.
///     minutes: u32,
/// }
///
/// fn clock_now(_: NoArguments, _: &Context) -> Result<Now, ToolError> {
///     Ok(Now { minutes: 61 })
/// }
///
/// let tool = Tool::new("clock_now", clock_now)
///     .title("What time is it")
///     .description("Tells the time of day. Use it when somebody asks for the time.")
///     .read_only();
/// assert_eq!(tool.describe().output_schema.unwrap()["required"][0], "minutes");
/// ```
pub struct Tool {
    // Borrowed where they are literals: all of a plugin's tools are described for every call of one.
    name: Cow<'static, str>,
    title: Option<Cow<'static, str>>,
    description: Cow<'static, str>,
    hints: Hints,
    toolset: Option<Cow<'static, str>>,
    by_default: bool,
    extra: Option<Value>,
    // Functions, since schemas are wanted once at load, and a tool is built for every call.
    input_schema: fn() -> Value,
    output_schema: fn() -> Option<Value>,
    handler: Handler,
}

impl Tool {
    /// A tool of this name (`^[a-z][a-z0-9_]{0,39}$`, starting with one of the plugin's prefixes), and the function that
    /// does the work. Its argument type gives the input schema, its result type the output schema.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{self, FakeHost};
    /// use orderdesk_plugin::{Context, Plugin, Tool, ToolError};
    /// use serde_json::json;
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Arguments {
    ///     /// In grams.
    ///     weight: u32,
    /// }
    ///
    /// #[derive(serde::Serialize, schemars::JsonSchema)]
    /// struct Postage {
    ///     /// In cents.
    ///     cents: u32,
    /// }
    ///
    /// fn parcel_postage(parcel: Arguments, _: &Context) -> Result<Postage, ToolError> {
    ///     Ok(Postage { cents: 300 + parcel.weight / 10 })
    /// }
    ///
    /// let plugin = Plugin::new("parcel", "0.1.0").tool(Tool::new("parcel_postage", parcel_postage));
    /// let postage = testing::call(plugin, &FakeHost::new(), "parcel_postage", json!({ "weight": 500 }));
    /// assert_eq!(postage.unwrap(), json!({ "cents": 350 }));
    /// ```
    #[must_use]
    pub fn new<A, R, F>(name: impl Into<Cow<'static, str>>, handler: F) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        R: IntoOutcome,
        F: Fn(A, &Context) -> Result<R, ToolError> + 'static,
    {
        Self {
            name: name.into(),
            title: None,
            description: Cow::Borrowed(""),
            hints: Hints::default(),
            toolset: None,
            by_default: true,
            extra: None,
            input_schema: schema::of_input::<A>,
            output_schema: R::schema,
            handler: Box::new(move |arguments, context| {
                handler(parse(arguments)?, context)?.into_outcome()
            }),
        }
    }

    /// A few words for a person. Without it, the name.
    ///
    /// ```
    /// use orderdesk_plugin::{NoArguments, Tool};
    /// use serde_json::json;
    ///
    /// let tool = Tool::new("desk_hours", |_: NoArguments, _| Ok(json!({}))).title("Opening hours");
    /// assert_eq!(tool.describe().title, "Opening hours");
    /// ```
    #[must_use]
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// What the model reads: what it does, when to use it, when not, one example.
    ///
    /// ```
    /// use orderdesk_plugin::{NoArguments, Tool};
    /// use serde_json::json;
    ///
    /// let tool = Tool::new("desk_hours", |_: NoArguments, _| Ok(json!({}))).description(
    ///     "Tells when the desk is open. Use it before you promise a time. \
    ///      Do not use it for the shop's hours. Example: {}.",
    /// );
    /// assert!(tool.describe().description.contains("Example"));
    /// ```
    #[must_use]
    pub fn description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.description = description.into();
        self
    }

    /// Changes nothing. The host holds the tool to it: a write is refused.
    ///
    /// ```
    /// use orderdesk_plugin::storage::Write;
    /// use orderdesk_plugin::testing::{self, FakeHost};
    /// use orderdesk_plugin::{Context, NoArguments, Plugin, Tool, ToolError};
    /// use serde_json::{Value, json};
    ///
    /// fn notes_list(_: NoArguments, context: &Context) -> Result<Value, ToolError> {
    ///     context.storage().commit(vec![Write::put("listed", "")])?; // a mistake
    ///     Ok(json!({ "notes": [] }))
    /// }
    ///
    /// let plugin = Plugin::new("notes", "0.1.0").tool(Tool::new("notes_list", notes_list).read_only());
    /// let refused = testing::call(plugin, &FakeHost::new(), "notes_list", json!({})).unwrap_err();
    /// assert_eq!(refused.kind.as_str(), "denied");
    /// ```
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.hints.read_only = true;
        self
    }

    /// May remove or overwrite something: clients may ask the person first.
    ///
    /// ```
    /// use orderdesk_plugin::{NoArguments, Tool};
    /// use serde_json::json;
    ///
    /// let tool = Tool::new("notes_clear", |_: NoArguments, _| Ok(json!({}))).destructive();
    /// assert!(tool.describe().hints.destructive);
    /// ```
    #[must_use]
    pub fn destructive(mut self) -> Self {
        self.hints.destructive = true;
        self
    }

    /// A repetition with the same arguments changes nothing more: clients may repeat a call that failed.
    ///
    /// ```
    /// use orderdesk_plugin::{NoArguments, Tool};
    /// use serde_json::json;
    ///
    /// let tool = Tool::new("notes_clear", |_: NoArguments, _| Ok(json!({}))).idempotent();
    /// assert!(tool.describe().hints.idempotent);
    /// ```
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.hints.idempotent = true;
        self
    }

    /// Reaches beyond the service that the plugin is for, such as a search of the web.
    ///
    /// ```
    /// use orderdesk_plugin::{NoArguments, Tool};
    /// use serde_json::json;
    ///
    /// let tool = Tool::new("parcel_news", |_: NoArguments, _| Ok(json!({}))).open_world();
    /// assert!(tool.describe().hints.open_world);
    /// ```
    #[must_use]
    pub fn open_world(mut self) -> Self {
        self.hints.open_world = true;
        self
    }

    /// The set of tools that it belongs to: operators list and hide tools by set.
    ///
    /// ```
    /// use orderdesk_plugin::{NoArguments, Tool};
    /// use serde_json::json;
    ///
    /// let tool = Tool::new("desk_hours", |_: NoArguments, _| Ok(json!({}))).toolset("desk");
    /// assert_eq!(tool.describe().toolset.as_deref(), Some("desk"));
    /// ```
    #[must_use]
    pub fn toolset(mut self, toolset: impl Into<Cow<'static, str>>) -> Self {
        self.toolset = Some(toolset.into());
        self
    }

    /// Listed only where somebody chose its set: for what few callers need, since every listed tool costs each of them
    /// room to think.
    ///
    /// ```
    /// use orderdesk_plugin::{NoArguments, Tool};
    /// use serde_json::json;
    ///
    /// let tool =
    ///     Tool::new("desk_repair", |_: NoArguments, _| Ok(json!({}))).toolset("admin").only_in_toolset();
    /// assert!(!tool.describe().by_default);
    /// ```
    #[must_use]
    pub fn only_in_toolset(mut self) -> Self {
        self.by_default = false;
        self
    }

    /// Open for growth: a JSON object whose unknown keys the host ignores (today, all of them).
    ///
    /// ```
    /// use orderdesk_plugin::{NoArguments, Tool};
    /// use serde_json::json;
    ///
    /// let tool = Tool::new("desk_hours", |_: NoArguments, _| Ok(json!({}))).extra(json!({ "since": "0.2" }));
    /// assert_eq!(tool.describe().extra, Some(json!({ "since": "0.2" })));
    /// ```
    #[must_use]
    pub fn extra(mut self, extra: Value) -> Self {
        self.extra = Some(extra);
        self
    }

    /// The tool as the host lists it: a test can look at its schemas.
    ///
    /// ```
    /// use orderdesk_plugin::Tool;
    /// use serde_json::json;
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Arguments {
    ///     /// At most this many.
    ///     #[schemars(range(min = 1, max = 50))]
    ///     limit: Option<u32>,
    /// }
    ///
    /// let tool = Tool::new("notes_list", |it: Arguments, _| Ok(json!({ "limit": it.limit })));
    /// let schema = tool.describe().input_schema;
    /// assert_eq!(schema["properties"]["limit"]["maximum"], 50);
    /// assert_eq!(schema.get("required"), None);
    /// ```
    ///
    /// # Panics
    /// If an argument of type [`crate::Sealed`] names no audience.
    #[must_use]
    pub fn describe(&self) -> ToolDescription {
        ToolDescription {
            name: self.name.to_string(),
            title: self.title.as_ref().unwrap_or(&self.name).to_string(),
            description: self.description.to_string(),
            input_schema: (self.input_schema)(),
            output_schema: (self.output_schema)(),
            hints: self.hints,
            toolset: self.toolset.as_deref().map(str::to_owned),
            by_default: self.by_default,
            extra: self.extra.clone(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn is_read_only(&self) -> bool {
        self.hints.read_only
    }

    pub(crate) fn run(
        &self,
        arguments: &str,
        context: &Context,
    ) -> Result<Outcome<Box<RawValue>>, ToolError> {
        (self.handler)(arguments, context)
    }
}

/// A tool as the host lists it: what [`Tool::describe`] answers.
///
/// ```
/// use orderdesk_plugin::{NoArguments, Tool, ToolDescription};
/// use serde_json::json;
///
/// let listed: ToolDescription = Tool::new("desk_hours", |_: NoArguments, _| Ok(json!({}))).describe();
/// assert_eq!(listed.title, "desk_hours"); // for want of a better one
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolDescription {
    /// Its name.
    pub name: String,
    /// A few words for a person.
    pub title: String,
    /// What the model reads.
    pub description: String,
    /// JSON Schema 2020-12 of the arguments.
    pub input_schema: Value,
    /// JSON Schema 2020-12 of the structured result.
    pub output_schema: Option<Value>,
    /// What it may do.
    pub hints: Hints,
    /// The set that it belongs to.
    pub toolset: Option<String>,
    /// Listed where nobody chose sets.
    pub by_default: bool,
    /// Open for growth.
    pub extra: Option<Value>,
}

/// Arguments as their type. The host validated them against the schema before; what is left to find here is what a
/// schema cannot say.
pub(crate) fn parse<A: DeserializeOwned>(arguments: &str) -> Result<A, ToolError> {
    let mut deserializer = serde_json::Deserializer::from_str(arguments);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.inner().to_string();
        // Line and column of a document that the caller never saw.
        let problem = problem
            .rsplit_once(" at line ")
            .map_or(problem.as_str(), |(problem, _)| problem);
        let message = match path.as_str() {
            "." => format!("The arguments do not fit: {problem}."),
            path => format!("The argument {path} does not fit: {problem}."),
        };
        ToolError::invalid_input("invalid-argument", message)
            .with_extra(serde_json::json!({ "path": path }))
    })
}

/// Arguments that came as texts, as those of prompts and the variables of templates do.
pub(crate) fn parse_texts<A: DeserializeOwned>(
    texts: Vec<(String, String)>,
) -> Result<A, ToolError> {
    let texts: Map<String, Value> = texts
        .into_iter()
        .map(|(name, value)| (name, Value::String(value)))
        .collect();
    parse(&Value::Object(texts).to_string())
}
