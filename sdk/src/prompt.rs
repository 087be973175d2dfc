//! Texts that a person chooses to start a piece of work with.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::completion::{Completers, Completion, Typing};
use crate::context::Context;
use crate::error::ToolError;
use crate::outcome::{Embedded, Pause};
use crate::schema;
use crate::tool::parse_texts;

type Handler = Box<dyn Fn(Vec<(String, String)>, &Context) -> Result<Prompted, ToolError>>;

/// A prompt, built up by its methods.
///
/// ```
/// use orderdesk_plugin::testing::{self, FakeHost};
/// use orderdesk_plugin::{Context, Plugin, Prompt, ToolError};
/// use serde_json::json;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Arguments {
///     /// What to look for.
///     topic: String,
///     /// Where; everywhere if left out.
///     shelf: Option<String>,
/// }
///
/// fn find(arguments: Arguments, _: &Context) -> Result<String, ToolError> {
///     let shelf = arguments.shelf.as_deref().unwrap_or("every shelf");
///     Ok(format!("Look through {shelf} for books about {} with books_search.", arguments.topic))
/// }
///
/// fn plugin() -> Plugin {
///     Plugin::new("books", "0.1.0").prompt(
///         Prompt::new("books_about", find)
///             .title("Find books about something")
///             .description("Searches the shelves for a topic."),
///     )
/// }
///
/// let arguments = &plugin().prompts()[0].arguments;
/// assert!(arguments[0].required && !arguments[1].required);
/// let script = testing::prompt(plugin(), &FakeHost::new(), "books_about", json!({ "topic": "bees" }));
/// assert!(script.unwrap().text().starts_with("Look through every shelf for books about bees"));
/// ```
pub struct Prompt {
    name: Cow<'static, str>,
    title: Option<Cow<'static, str>>,
    description: Cow<'static, str>,
    tool: Option<Cow<'static, str>>,
    extra: Option<Value>,
    schema: fn() -> Value,
    completers: Completers,
    handler: Handler,
}

impl Prompt {
    /// A prompt of this name (as a tool's: `^[a-z][a-z0-9_]{0,39}$`, starting with one of the plugin's prefixes), and the
    /// function that writes it. Its arguments are the fields of the function's first argument; they arrive as text, and those
    /// that are an `Option` may be left out.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{self, FakeHost};
    /// use orderdesk_plugin::{Context, Plugin, Prompt, ToolError};
    /// use serde_json::json;
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Arguments {
    ///     /// The order's number.
    ///     order_id: String,
    /// }
    ///
    /// fn check(arguments: Arguments, _: &Context) -> Result<String, ToolError> {
    ///     Ok(format!("Check the address of order {} with orders_get.", arguments.order_id))
    /// }
    ///
    /// let plugin = Plugin::new("desk", "0.1.0").prompt(Prompt::new("desk_check", check));
    /// let script = testing::prompt(plugin, &FakeHost::new(), "desk_check", json!({ "order_id": "17" }));
    /// assert_eq!(script.unwrap().text(), "Check the address of order 17 with orders_get.");
    /// ```
    #[must_use]
    pub fn new<A, R, F>(name: impl Into<Cow<'static, str>>, handler: F) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        R: Into<Prompted>,
        F: Fn(A, &Context) -> Result<R, ToolError> + 'static,
    {
        Self {
            name: name.into(),
            title: None,
            description: Cow::Borrowed(""),
            tool: None,
            extra: None,
            schema: schema::of_input::<A>,
            completers: Completers::default(),
            handler: Box::new(move |arguments, context| {
                handler(parse_texts(arguments)?, context).map(Into::into)
            }),
        }
    }

    /// A few words for a person. Without it, the name.
    ///
    /// ```
    /// use orderdesk_plugin::{NoArguments, Prompt};
    ///
    /// let prompt = Prompt::new("desk_tidy", |_: NoArguments, _| Ok("Go through the late orders."))
    ///     .title("Tidy up");
    /// assert_eq!(prompt.describe().title, "Tidy up");
    /// ```
    #[must_use]
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// What work it starts, for the person who chooses.
    ///
    /// ```
    /// use orderdesk_plugin::{NoArguments, Prompt};
    ///
    /// let prompt = Prompt::new("desk_tidy", |_: NoArguments, _| Ok("Go through the late orders."))
    ///     .description("Goes through the late orders, oldest first, and asks what to do with each.");
    /// assert!(prompt.describe().description.ends_with("with each."));
    /// ```
    #[must_use]
    pub fn description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.description = description.into();
        self
    }

    /// The plugin's tool that it cannot do without: access keys that are limited to certain tools get the prompt only with
    /// that one. Without it, any tool of the plugin will do.
    ///
    /// ```
    /// use orderdesk_plugin::{NoArguments, Prompt};
    ///
    /// let prompt =
    ///     Prompt::new("desk_tidy", |_: NoArguments, _| Ok("Go through the late orders with desk_late."))
    ///         .tool("desk_late");
    /// assert_eq!(prompt.describe().tool.as_deref(), Some("desk_late"));
    /// ```
    #[must_use]
    pub fn tool(mut self, tool: impl Into<Cow<'static, str>>) -> Self {
        self.tool = Some(tool.into());
        self
    }

    /// Helps while somebody types this argument: see [`Typing`].
    ///
    /// ```
    /// use orderdesk_plugin::testing::{self, FakeHost};
    /// use orderdesk_plugin::{Completion, Context, Plugin, Prompt, ToolError, Typing};
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Arguments {
    ///     folder: String,
    /// }
    ///
    /// fn folders(typing: &Typing, _: &Context) -> Result<Completion, ToolError> {
    ///     Ok(typing.among(["New", "Shipped", "Stuck"]))
    /// }
    ///
    /// let prompt = Prompt::new("desk_sum_up", |arguments: Arguments, _| {
    ///     Ok(format!("Sum up {}.", arguments.folder))
    /// })
    /// .complete("folder", folders);
    /// let plugin = Plugin::new("desk", "0.1.0").prompt(prompt);
    /// let help =
    ///     testing::complete(plugin, &FakeHost::new(), "desk_sum_up", Typing::new("folder", "s")).unwrap();
    /// assert_eq!(help.values, ["Shipped", "Stuck"]);
    /// ```
    #[must_use]
    pub fn complete<F>(mut self, argument: impl Into<Cow<'static, str>>, completer: F) -> Self
    where
        F: Fn(&Typing, &Context) -> Result<Completion, ToolError> + 'static,
    {
        self.completers.add(argument.into(), completer);
        self
    }

    /// Open for growth: a JSON object whose unknown keys the host ignores (today, all of them).
    ///
    /// ```
    /// use orderdesk_plugin::{NoArguments, Prompt};
    /// use serde_json::json;
    ///
    /// let prompt =
    ///     Prompt::new("desk_tidy", |_: NoArguments, _| Ok("Tidy up.")).extra(json!({ "since": "0.2" }));
    /// assert_eq!(prompt.describe().extra, Some(json!({ "since": "0.2" })));
    /// ```
    #[must_use]
    pub fn extra(mut self, extra: Value) -> Self {
        self.extra = Some(extra);
        self
    }

    /// The prompt as the host lists it.
    ///
    /// ```
    /// use orderdesk_plugin::{NoArguments, Prompt};
    ///
    /// let prompt = Prompt::new("desk_tidy", |_: NoArguments, _| Ok("Tidy up."));
    /// assert_eq!(prompt.describe().name, "desk_tidy");
    /// assert!(prompt.describe().arguments.is_empty());
    /// ```
    ///
    /// # Panics
    /// If an argument does not take text: callers can give nothing else.
    #[must_use]
    pub fn describe(&self) -> PromptDescription {
        PromptDescription {
            name: self.name.to_string(),
            title: self.title.as_ref().unwrap_or(&self.name).to_string(),
            description: self.description.to_string(),
            arguments: arguments(&self.name, &(self.schema)()),
            tool: self.tool.as_deref().map(str::to_owned),
            extra: self.extra.clone(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn script(
        &self,
        arguments: Vec<(String, String)>,
        context: &Context,
    ) -> Result<Prompted, ToolError> {
        (self.handler)(arguments, context)
    }

    pub(crate) fn completion(
        &self,
        typing: &Typing,
        context: &Context,
    ) -> Result<Completion, ToolError> {
        self.completers.complete(typing, context)
    }
}

fn arguments(prompt: &str, schema: &Value) -> Vec<PromptArgument> {
    let required = |name: &str| {
        let required = schema["required"].as_array();
        required.is_some_and(|names| names.iter().any(|it| it == name))
    };
    let properties = schema["properties"].as_object();
    properties
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let kinds = &property["type"];
            let takes_text = kinds == "string"
                || kinds
                    .as_array()
                    .is_some_and(|kinds| kinds.iter().any(|kind| kind == "string"));
            assert!(
                takes_text,
                "the argument {name} of the prompt {prompt} must take text"
            );
            PromptArgument {
                name: name.clone(),
                title: in_words(name),
                description: property["description"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                required: required(name),
            }
        })
        .collect()
}

/// `order_id` as "Order id".
fn in_words(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut rest = words.chars();
    rest.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(rest).collect()
    })
}

/// A prompt as the host lists it: what [`Prompt::describe`] answers.
///
/// ```
/// use orderdesk_plugin::{NoArguments, Prompt, PromptDescription};
///
/// let listed: PromptDescription = Prompt::new("desk_tidy", |_: NoArguments, _| Ok("Tidy up.")).describe();
/// assert_eq!(listed.title, "desk_tidy"); // for want of a better one
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PromptDescription {
    /// Its name.
    pub name: String,
    /// A few words for a person.
    pub title: String,
    /// What work it starts.
    pub description: String,
    /// What it takes.
    pub arguments: Vec<PromptArgument>,
    /// The tool that it cannot do without.
    pub tool: Option<String>,
    /// Open for growth.
    pub extra: Option<Value>,
}

/// An argument as the host lists it: a field of the struct that the prompt's function takes.
///
/// ```
/// use orderdesk_plugin::{Prompt, PromptArgument};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Arguments {
///     /// The order's number.
///     order_id: String,
/// }
///
/// let prompt = Prompt::new("desk_check", |arguments: Arguments, _| {
///     Ok(format!("Check {}.", arguments.order_id))
/// });
/// let argument: PromptArgument = prompt.describe().arguments.remove(0);
/// assert_eq!(
///     (argument.title.as_str(), argument.description.as_str()),
///     ("Order id", "The order's number.")
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PromptArgument {
    /// Its name.
    pub name: String,
    /// The name in words, such as `Order id`.
    pub title: String,
    /// What it means.
    pub description: String,
    /// It must be given.
    pub required: bool,
}

/// What a prompt answers: what it says, or a question first. Its function may return anything that becomes one, such as a
/// text, a [`Script`] or a [`Pause`].
///
/// ```
/// use orderdesk_plugin::{Context, NoArguments, Pause, Prompt, Prompted, Question, ToolError};
/// use serde_json::json;
///
/// fn sum_up(_: NoArguments, context: &Context) -> Result<Prompted, ToolError> {
///     let schema = json!({ "type": "object", "properties": { "folder": { "type": "string" } } });
///     let Some(resumption) = context.resumption() else {
///         let question = Question::form("which", "Which folder?", schema);
///         return Ok(Pause { questions: vec![question], ..Pause::default() }.into());
///     };
///     let folder = resumption.accepted("which").and_then(|form| form["folder"].as_str()).unwrap_or("New");
///     Ok(format!("Sum up the orders in {folder}.").into())
/// }
///
/// let prompt = Prompt::new("desk_sum_up", sum_up);
/// # assert_eq!(prompt.describe().name, "desk_sum_up");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Prompted {
    /// What it says.
    Script(Script),
    /// With at least one question, none of kind `confirm`. The answers come as [`Context::resumption`].
    Pause(Pause),
}

impl<T: Into<Script>> From<T> for Prompted {
    fn from(script: T) -> Self {
        Self::Script(script.into())
    }
}

impl From<Pause> for Prompted {
    fn from(pause: Pause) -> Self {
        Self::Pause(pause)
    }
}

/// What a prompt says.
///
/// ```
/// use orderdesk_plugin::{Link, Message, Script};
///
/// let script = Script::default()
///     .described("Looks at order 17")
///     .and(Message::user("What is wrong with order 17?"))
///     .and(Message::link(Link::new("orderdesk://9021/orders/17", "order 17")))
///     .and(Message::assistant("I look at it with orders_get."));
/// assert_eq!(script.messages.len(), 3);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What it is about, where that depends on the arguments.
    pub description: Option<String>,
    /// At least one.
    pub messages: Vec<Message>,
}

impl Script {
    /// Adds a message.
    ///
    /// ```
    /// use orderdesk_plugin::{Message, Script};
    ///
    /// let script = Script::from("What is wrong with order 17?").and(Message::assistant("I look at it."));
    /// assert_eq!(script.messages.len(), 2);
    /// ```
    #[must_use]
    pub fn and(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }

    /// Says what it is about.
    ///
    /// ```
    /// use orderdesk_plugin::Script;
    ///
    /// let order_id = "17";
    /// let script = Script::from("What is wrong with it?").described(format!("Looks at order {order_id}"));
    /// assert_eq!(script.description.as_deref(), Some("Looks at order 17"));
    /// ```
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// The text of all messages, a line for each: what a test compares.
    ///
    /// ```
    /// use orderdesk_plugin::{Message, Script};
    ///
    /// let script = Script::from("What is wrong?").and(Message::assistant("I look at it."));
    /// assert_eq!(script.text(), "What is wrong?\nI look at it.");
    /// ```
    #[must_use]
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self
            .messages
            .iter()
            .filter_map(|message| match &message.content {
                MessageContent::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        texts.join("\n")
    }
}

impl From<Message> for Script {
    fn from(message: Message) -> Self {
        Self::default().and(message)
    }
}

impl From<String> for Script {
    fn from(text: String) -> Self {
        Message::user(text).into()
    }
}

impl From<&str> for Script {
    fn from(text: &str) -> Self {
        Message::user(text).into()
    }
}

/// One message of a prompt.
///
/// ```
/// use orderdesk_plugin::{Message, MessageContent, Role};
///
/// let message = Message::user("What is wrong with order 17?");
/// assert_eq!(message.role, Role::User);
/// assert!(matches!(message.content, MessageContent::Text(_)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: MessageContent,
}

/// Who says something.
///
/// ```
/// use orderdesk_plugin::{Message, Role};
///
/// assert_eq!(Message::assistant("I look at it.").role, Role::Assistant);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// What is said: made by the functions of [`Message`].
///
/// ```
/// use orderdesk_plugin::{Message, MessageContent};
///
/// let message = Message::blob("image/png", b"\x89PNG");
/// assert!(matches!(message.content, MessageContent::Blob { mime, .. } if mime == "image/png"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageContent {
    /// Text.
    Text(String),
    /// An image or a sound.
    Blob {
        /// Its media type.
        mime: String,
        /// The bytes.
        data: Vec<u8>,
    },
    /// A pointer to a resource.
    Link(Link),
    /// A resource, handed over with its contents.
    Embedded(Embedded),
}

/// A pointer to a resource, of this plugin or elsewhere.
///
/// ```
/// use orderdesk_plugin::{Link, Message, Script};
///
/// let order = Link {
///     mime: Some("application/json".to_owned()),
///     ..Link::new("shop://orders/17", "order 17")
/// };
/// let script = Script::from("What is wrong with this order?").and(Message::link(order));
/// assert_eq!(script.messages.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where.
    pub uri: String,
    /// What it is called.
    pub name: String,
    /// Its media type, if known.
    pub mime: Option<String>,
    /// What is there.
    pub description: Option<String>,
}

impl Link {
    /// A pointer to this URI, under a name that people read.
    ///
    /// ```
    /// use orderdesk_plugin::Link;
    ///
    /// let link = Link::new("shop://orders/17", "order 17");
    /// assert_eq!(link.mime, None);
    /// ```
    #[must_use]
    pub fn new(uri: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            name: name.into(),
            mime: None,
            description: None,
        }
    }
}

impl Message {
    /// The person says this.
    ///
    /// ```
    /// use orderdesk_plugin::{Message, Script};
    ///
    /// let script = Script::from(Message::user("Which orders are late?"));
    /// assert_eq!(script.text(), "Which orders are late?");
    /// ```
    #[must_use]
    pub fn user(text: impl Into<String>) -> Self {
        Self {
            role: Role::User,
            content: MessageContent::Text(text.into()),
        }
    }

    /// The model says this: it goes on from there.
    ///
    /// ```
    /// use orderdesk_plugin::{Message, Script};
    ///
    /// let script =
    ///     Script::from("Which orders are late?").and(Message::assistant("I ask orders_list for them:"));
    /// assert_eq!(script.messages.len(), 2);
    /// ```
    #[must_use]
    pub fn assistant(text: impl Into<String>) -> Self {
        Self {
            role: Role::Assistant,
            content: MessageContent::Text(text.into()),
        }
    }

    /// The person shows an image, or plays a sound.
    ///
    /// ```
    /// use orderdesk_plugin::{Message, Script};
    ///
    /// let label = b"\x89PNG".to_vec();
    /// let script = Script::from("Is this label right?").and(Message::blob("image/png", label));
    /// assert_eq!(script.messages.len(), 2);
    /// ```
    #[must_use]
    pub fn blob(mime: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self {
            role: Role::User,
            content: MessageContent::Blob {
                mime: mime.into(),
                data: data.into(),
            },
        }
    }

    /// The person hands over a resource.
    ///
    /// ```
    /// use orderdesk_plugin::{Embedded, Message, Script};
    ///
    /// let note = Embedded::text("shop://orders/17/note", "Call back on Monday.");
    /// let script = Script::from("What is left to do?").and(Message::embedded(note));
    /// assert_eq!(script.messages.len(), 2);
    /// ```
    #[must_use]
    pub fn embedded(embedded: Embedded) -> Self {
        Self {
            role: Role::User,
            content: MessageContent::Embedded(embedded),
        }
    }

    /// The person points to this.
    ///
    /// ```
    /// use orderdesk_plugin::{Link, Message, Script};
    ///
    /// let script = Script::from("What is wrong with this order?")
    ///     .and(Message::link(Link::new("shop://orders/17", "order 17")));
    /// assert_eq!(script.messages.len(), 2);
    /// ```
    #[must_use]
    pub fn link(link: Link) -> Self {
        Self {
            role: Role::User,
            content: MessageContent::Link(link),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Context, Prompt, ToolError};

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Counted {
        #[allow(dead_code)]
        count: u32,
    }

    #[test]
    #[should_panic(expected = "must take text")]
    fn an_argument_that_cannot_be_given_shows_at_once() {
        let counted = |_: Counted, _: &Context| Ok::<_, ToolError>("counted");
        let _ = Prompt::new("shop_count", counted).describe();
    }
}
