//! What a plugin has to read, each thing under a URI.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::completion::{Completers, Completion, Typing};
use crate::context::Context;
use crate::error::ToolError;
use crate::tool::parse_texts;

const JSON: &str = "application/json";

/// What a resource and a template say of themselves.
struct About {
    uri: Cow<'static, str>,
    name: Cow<'static, str>,
    title: Option<Cow<'static, str>>,
    description: Cow<'static, str>,
    mime: Option<Cow<'static, str>>,
    tool: Option<Cow<'static, str>>,
    extra: Option<Value>,
}

impl About {
    fn new(name: Cow<'static, str>, uri: Cow<'static, str>) -> Self {
        Self {
            uri,
            name,
            title: None,
            description: Cow::Borrowed(""),
            mime: None,
            tool: None,
            extra: None,
        }
    }

    fn describe(&self) -> ResourceDescription {
        ResourceDescription {
            uri: self.uri.to_string(),
            name: self.name.to_string(),
            title: self.title.as_ref().unwrap_or(&self.name).to_string(),
            description: self.description.to_string(),
            mime: self.mime.as_deref().map(str::to_owned),
            tool: self.tool.as_deref().map(str::to_owned),
            extra: self.extra.clone(),
        }
    }
}

/// A resource or a template as the host lists it: what [`Resource::describe`] and [`ResourceTemplate::describe`] answer.
///
/// ```
/// use orderdesk_plugin::{Resource, ResourceDescription};
///
/// let listed: ResourceDescription = Resource::new("hours", "desk://hours", |_| Ok("9 to 17")).describe();
/// assert_eq!((listed.uri.as_str(), listed.title.as_str()), ("desk://hours", "hours"));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResourceDescription {
    /// The URI, or the URI template.
    pub uri: String,
    /// For programs.
    pub name: String,
    /// A few words for a person.
    pub title: String,
    /// What is there.
    pub description: String,
    /// Its media type.
    pub mime: Option<String>,
    /// The tool that tells the same.
    pub tool: Option<String>,
    /// Open for growth.
    pub extra: Option<Value>,
}

macro_rules! about {
    () => {
        /// A few words for a person. Without it, the name.
        ///
        /// ```
        /// use orderdesk_plugin::Resource;
        ///
        /// let hours = Resource::new("hours", "desk://hours", |_| Ok("9 to 17")).title("Opening hours");
        /// assert_eq!(hours.describe().title, "Opening hours");
        /// ```
        #[must_use]
        pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
            self.about.title = Some(title.into());
            self
        }

        /// What is there, and when it is worth reading.
        ///
        /// ```
        /// use orderdesk_plugin::Resource;
        ///
        /// let hours = Resource::new("hours", "desk://hours", |_| Ok("9 to 17"))
        ///     .description("When the desk is open. Worth reading before a time is promised.");
        /// assert!(hours.describe().description.starts_with("When"));
        /// ```
        #[must_use]
        pub fn description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
            self.about.description = description.into();
            self
        }

        /// Its media type, such as `application/json`.
        ///
        /// ```
        /// use orderdesk_plugin::Resource;
        ///
        /// let hours = Resource::new("hours", "desk://hours", |_| Ok("9 to 17")).mime("text/plain");
        /// assert_eq!(hours.describe().mime.as_deref(), Some("text/plain"));
        /// ```
        #[must_use]
        pub fn mime(mut self, mime: impl Into<Cow<'static, str>>) -> Self {
            self.about.mime = Some(mime.into());
            self
        }

        /// The plugin's tool that tells the same: access keys that are limited to certain tools reach this only with that
        /// one. Without it, any tool of the plugin will do.
        ///
        /// ```
        /// use orderdesk_plugin::Resource;
        ///
        /// let hours = Resource::new("hours", "desk://hours", |_| Ok("9 to 17")).tool("desk_hours");
        /// assert_eq!(hours.describe().tool.as_deref(), Some("desk_hours"));
        /// ```
        #[must_use]
        pub fn tool(mut self, tool: impl Into<Cow<'static, str>>) -> Self {
            self.about.tool = Some(tool.into());
            self
        }

        /// Open for growth: a JSON object whose unknown keys the host ignores (today, all of them).
        ///
        /// ```
        /// use orderdesk_plugin::Resource;
        /// use serde_json::json;
        ///
        /// let hours = Resource::new("hours", "desk://hours", |_| Ok("9 to 17")).extra(json!({ "since": "0.2" }));
        /// assert_eq!(hours.describe().extra, Some(json!({ "since": "0.2" })));
        /// ```
        #[must_use]
        pub fn extra(mut self, extra: Value) -> Self {
            self.about.extra = Some(extra);
            self
        }

        /// As the host lists it.
        ///
        /// ```
        /// use orderdesk_plugin::Resource;
        ///
        /// let hours = Resource::new("hours", "desk://hours", |_| Ok("9 to 17"));
        /// assert_eq!(hours.describe().uri, "desk://hours");
        /// ```
        #[must_use]
        pub fn describe(&self) -> ResourceDescription {
            self.about.describe()
        }
    };
}

/// Something to read that is always there, built up by its methods.
///
/// ```
/// use orderdesk_plugin::testing::{self, FakeHost};
/// use orderdesk_plugin::{Context, Plugin, Resource, ToolError};
///
/// fn hours(_: &Context) -> Result<&'static str, ToolError> {
///     Ok("Monday to Friday, 9 to 17")
/// }
///
/// fn plugin() -> Plugin {
///     Plugin::new("desk", "0.1.0").resource(
///         Resource::new("hours", "desk://hours", hours)
///             .title("Opening hours")
///             .mime("text/plain"),
///     )
/// }
///
/// let read = testing::read(plugin(), &FakeHost::new(), "desk://hours").unwrap();
/// assert_eq!(read.text(), Some("Monday to Friday, 9 to 17"));
/// ```
pub struct Resource {
    about: About,
    handler: Handler,
}

impl Resource {
    /// A resource of this name at this URI (`scheme://segment/segment…`, in a scheme that the operator gave the plugin: by
    /// default its own name), and the function that reads it.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{self, FakeHost};
    /// use orderdesk_plugin::{Contents, Context, Plugin, Resource, ToolError};
    /// use serde_json::json;
    ///
    /// fn folders(_: &Context) -> Result<Contents, ToolError> {
    ///     Contents::json(&json!(["New", "Shipped"]))
    /// }
    ///
    /// let plugin = Plugin::new("desk", "0.1.0").resource(Resource::new("folders", "desk://folders", folders));
    /// let read = testing::read(plugin, &FakeHost::new(), "desk://folders").unwrap();
    /// assert_eq!(read.text(), Some(r#"["New","Shipped"]"#));
    /// ```
    #[must_use]
    pub fn new<R, F>(
        name: impl Into<Cow<'static, str>>,
        uri: impl Into<Cow<'static, str>>,
        handler: F,
    ) -> Self
    where
        R: Into<Contents>,
        F: Fn(&Context) -> Result<R, ToolError> + 'static,
    {
        Self {
            about: About::new(name.into(), uri.into()),
            handler: Box::new(move |context| handler(context).map(Into::into)),
        }
    }

    about!();

    pub(crate) fn uri(&self) -> &str {
        &self.about.uri
    }

    pub(crate) fn read(&self, context: &Context) -> Result<Contents, ToolError> {
        (self.handler)(context)
    }
}

type Handler = Box<dyn Fn(&Context) -> Result<Contents, ToolError>>;
type TemplateHandler = Box<dyn Fn(Vec<(String, String)>, &Context) -> Result<Contents, ToolError>>;

/// Many things to read, under URIs of one shape, built up by its methods.
///
/// ```
/// use orderdesk_plugin::testing::{self, FakeHost};
/// use orderdesk_plugin::{Completion, Context, Id, Plugin, ResourceTemplate, ToolError, Typing};
///
/// #[derive(serde::Deserialize)]
/// struct Page {
///     book: String,
///     number: Id,
/// }
///
/// fn page(page: Page, _: &Context) -> Result<String, ToolError> {
///     Ok(format!("Page {} of {}", page.number, page.book))
/// }
///
/// fn book(typing: &Typing, _: &Context) -> Result<Completion, ToolError> {
///     Ok(typing.among(["Emma", "Evelina"]))
/// }
///
/// fn plugin() -> Plugin {
///     Plugin::new("books", "0.1.0").resource_template(
///         ResourceTemplate::new("page", "books://{book}/pages/{number}", page)
///             .title("A page of a book")
///             .mime("text/plain")
///             .complete("book", book),
///     )
/// }
///
/// let host = FakeHost::new();
/// let read = testing::read(plugin(), &host, "books://Emma/pages/17").unwrap();
/// assert_eq!(read.text(), Some("Page 17 of Emma"));
/// let typing = Typing::new("book", "em");
/// let help = testing::complete(plugin(), &host, "books://{book}/pages/{number}", typing).unwrap();
/// assert_eq!(help.values, ["Emma"]);
/// ```
pub struct ResourceTemplate {
    about: About,
    handler: TemplateHandler,
    completers: Completers,
}

impl ResourceTemplate {
    /// A template of this name for URIs of this shape, in which each segment after the scheme is text or one `{variable}`, and
    /// the function that reads what is there. The variables are the fields of its first argument.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{self, FakeHost};
    /// use orderdesk_plugin::{Context, Id, Plugin, ResourceTemplate, ToolError};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Order {
    ///     order_id: Id,
    /// }
    ///
    /// fn note(order: Order, _: &Context) -> Result<String, ToolError> {
    ///     Ok(format!("Nothing is noted on order {}.", order.order_id))
    /// }
    ///
    /// let plugin = Plugin::new("desk", "0.1.0")
    ///     .resource_template(ResourceTemplate::new("note", "desk://orders/{order_id}/note", note));
    /// let read = testing::read(plugin, &FakeHost::new(), "desk://orders/17/note").unwrap();
    /// assert_eq!(read.text(), Some("Nothing is noted on order 17."));
    /// ```
    #[must_use]
    pub fn new<V, R, F>(
        name: impl Into<Cow<'static, str>>,
        uri_template: impl Into<Cow<'static, str>>,
        handler: F,
    ) -> Self
    where
        V: DeserializeOwned,
        R: Into<Contents>,
        F: Fn(V, &Context) -> Result<R, ToolError> + 'static,
    {
        Self {
            about: About::new(name.into(), uri_template.into()),
            handler: Box::new(move |variables, context| {
                handler(parse_texts(variables)?, context).map(Into::into)
            }),
            completers: Completers::default(),
        }
    }

    about!();

    /// Helps while somebody types this variable: see [`Typing`].
    ///
    /// ```
    /// use orderdesk_plugin::testing::{self, FakeHost};
    /// use orderdesk_plugin::{Completion, Context, Plugin, ResourceTemplate, ToolError, Typing};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Folder {
    ///     folder: String,
    /// }
    ///
    /// fn folders(typing: &Typing, _: &Context) -> Result<Completion, ToolError> {
    ///     Ok(typing.among(["New", "Shipped", "Stuck"]))
    /// }
    ///
    /// let template = ResourceTemplate::new("folder", "desk://{folder}", |it: Folder, _| Ok(it.folder))
    ///     .complete("folder", folders);
    /// let plugin = Plugin::new("desk", "0.1.0").resource_template(template);
    /// let typing = Typing::new("folder", "n");
    /// let help = testing::complete(plugin, &FakeHost::new(), "desk://{folder}", typing).unwrap();
    /// assert_eq!(help.values, ["New"]);
    /// ```
    #[must_use]
    pub fn complete<F>(mut self, variable: impl Into<Cow<'static, str>>, completer: F) -> Self
    where
        F: Fn(&Typing, &Context) -> Result<Completion, ToolError> + 'static,
    {
        self.completers.add(variable.into(), completer);
        self
    }

    pub(crate) fn uri_template(&self) -> &str {
        &self.about.uri
    }

    pub(crate) fn read(
        &self,
        variables: Vec<(String, String)>,
        context: &Context,
    ) -> Result<Contents, ToolError> {
        (self.handler)(variables, context)
    }

    pub(crate) fn completion(
        &self,
        typing: &Typing,
        context: &Context,
    ) -> Result<Completion, ToolError> {
        self.completers.complete(typing, context)
    }
}

/// What was read: text, bytes, or several of them.
///
/// ```
/// use std::time::Duration;
/// use orderdesk_plugin::{Body, Contents};
///
/// let contents = Contents::from("Monday to Friday")
///     .and(Body::Text("and Saturday in December".to_owned()))
///     .fresh_for(Duration::from_secs(60));
/// assert_eq!(contents.text(), Some("Monday to Friday"));
/// assert_eq!(contents.parts.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// At least one.
    pub parts: Vec<Part>,
    /// How long a client may keep it.
    pub fresh: Duration,
}

/// One piece of what was read. A [`Body`] becomes one by itself.
///
/// ```
/// use orderdesk_plugin::{Body, Contents, Part};
///
/// let invoice = Part {
///     uri: Some("shop://orders/17/invoice".to_owned()),
///     mime: Some("application/pdf".to_owned()),
///     body: Body::Blob(b"%PDF-1.7".to_vec()),
/// };
/// let contents = Contents::from("Order 17, and its invoice").and(invoice);
/// assert_eq!(contents.parts.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its URI, if it is not the one that was asked for: another one of this plugin's.
    pub uri: Option<String>,
    /// Its media type, if it is not the one that was listed.
    pub mime: Option<String>,
    /// What it says.
    pub body: Body,
}

/// What a piece says.
///
/// ```
/// use orderdesk_plugin::{Body, Contents};
///
/// let label = Contents::new(Body::Blob(b"\x89PNG".to_vec()));
/// assert_eq!(label.text(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl From<Body> for Part {
    fn from(body: Body) -> Self {
        Self {
            uri: None,
            mime: None,
            body,
        }
    }
}

impl Contents {
    /// Contents of this one piece, which clients ask for anew each time.
    ///
    /// ```
    /// use orderdesk_plugin::{Body, Contents, Part};
    ///
    /// let page = Contents::new(Part {
    ///     mime: Some("text/markdown".to_owned()),
    ///     ..Body::Text("# Home".to_owned()).into()
    /// });
    /// assert_eq!(page.text(), Some("# Home"));
    /// ```
    #[must_use]
    pub fn new(part: impl Into<Part>) -> Self {
        Self {
            parts: vec![part.into()],
            fresh: Duration::ZERO,
        }
    }

    /// A document in JSON, of the media type `application/json`.
    ///
    /// ```
    /// use orderdesk_plugin::Contents;
    ///
    /// let contents = Contents::json(&serde_json::json!({ "orders": 3 }))?;
    /// assert_eq!(contents.text(), Some(r#"{"orders":3}"#));
    /// # Ok::<(), orderdesk_plugin::ToolError>(())
    /// ```
    ///
    /// # Errors
    /// `internal` with code `not-json` if it cannot be written so.
    pub fn json(document: &impl Serialize) -> Result<Self, ToolError> {
        let text = serde_json::to_string(document).map_err(|error| {
            ToolError::internal("not-json", format!("What was read is no JSON: {error}"))
        })?;
        Ok(Self::new(Part {
            mime: Some(JSON.to_owned()),
            ..Body::Text(text).into()
        }))
    }

    /// Adds a piece.
    ///
    /// ```
    /// use orderdesk_plugin::{Body, Contents};
    ///
    /// let contents = Contents::from("Monday to Friday").and(Body::Text("and Saturday in December".to_owned()));
    /// assert_eq!(contents.parts.len(), 2);
    /// ```
    #[must_use]
    pub fn and(mut self, part: impl Into<Part>) -> Self {
        self.parts.push(part.into());
        self
    }

    /// Lets clients keep it for this long.
    ///
    /// ```
    /// use std::time::Duration;
    /// use orderdesk_plugin::Contents;
    ///
    /// let hours = Contents::from("Monday to Friday").fresh_for(Duration::from_secs(3600));
    /// assert_eq!(hours.fresh.as_secs(), 3600);
    /// ```
    #[must_use]
    pub fn fresh_for(mut self, time: Duration) -> Self {
        self.fresh = time;
        self
    }

    /// The text of the first piece, if it is text: what a test compares.
    ///
    /// ```
    /// use orderdesk_plugin::Contents;
    ///
    /// assert_eq!(Contents::from("Monday to Friday").text(), Some("Monday to Friday"));
    /// assert_eq!(Contents::from(b"\x89PNG".to_vec()).text(), None);
    /// ```
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.parts.first()?.body {
            Body::Text(text) => Some(text),
            Body::Blob(_) => None,
        }
    }
}

impl From<String> for Contents {
    fn from(text: String) -> Self {
        Self::new(Body::Text(text))
    }
}

impl From<&str> for Contents {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<Vec<u8>> for Contents {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(Body::Blob(bytes))
    }
}

/// A resource that is to be read, as the host says it.
pub(crate) struct Reading {
    pub(crate) uri: String,
    pub(crate) template: Option<String>,
    pub(crate) variables: Vec<(String, String)>,
}
