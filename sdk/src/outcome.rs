//! What a tool answers when it does not fail.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::ToolError;
use crate::resource::Body;
use crate::schema;

/// The result of a tool: done, or not yet.
///
/// A tool that is always done after one call simply returns its structured result; this type is for those that ask
/// something in between or work in steps. (Content beside the structured result is what [`Output`] is for.)
///
/// ```
/// use orderdesk_plugin::{Context, Outcome, Pause, ToolError};
/// use serde_json::{Value, json};
/// # use orderdesk_plugin::testing::{FakeHost, with_context};
///
/// /// Counts a page per step: the host calls again until it is done.
/// fn count(context: &Context) -> Result<Outcome<Value>, ToolError> {
///     let page = context.resumption().and_then(|last| last.state.first().copied()).unwrap_or(0);
///     if page < 3 {
///         return Ok(Pause { state: vec![page + 1], ..Pause::default() }.into());
///     }
///     Ok(Outcome::complete(json!({ "pages": page })))
/// }
///
/// let first = with_context(&FakeHost::new(), count).unwrap();
/// assert!(matches!(first, Outcome::Pause(pause) if pause.state == [1]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<T = Value> {
    /// Done.
    Complete(Output<T>),
    /// Ask the person, or call again.
    Pause(Pause),
}

impl<T> Outcome<T> {
    /// Done, with a structured result and nothing beside it.
    ///
    /// ```
    /// use orderdesk_plugin::{Outcome, Output};
    ///
    /// let done = Outcome::complete(serde_json::json!({ "moved": 3 }));
    /// assert_eq!(done, Outcome::Complete(Output::new(serde_json::json!({ "moved": 3 }))));
    /// ```
    #[must_use]
    pub fn complete(structured: T) -> Self {
        Self::Complete(Output::new(structured))
    }

    /// The same outcome with another structured result.
    ///
    /// ```
    /// use orderdesk_plugin::{Outcome, ToolError};
    ///
    /// let counted = Outcome::complete(3_u64);
    /// let answer = counted.try_map(|orders| Ok::<_, ToolError>(serde_json::json!({ "orders": orders })))?;
    /// assert_eq!(answer, Outcome::complete(serde_json::json!({ "orders": 3 })));
    /// # Ok::<(), orderdesk_plugin::ToolError>(())
    /// ```
    ///
    /// # Errors
    /// What `change` answers.
    pub fn try_map<U, E>(self, change: impl FnOnce(T) -> Result<U, E>) -> Result<Outcome<U>, E> {
        Ok(match self {
            Self::Complete(output) => Outcome::Complete(Output {
                structured: change(output.structured)?,
                content: output.content,
                basis: output.basis,
                extra: output.extra,
            }),
            Self::Pause(pause) => Outcome::Pause(pause),
        })
    }
}

impl<T> From<Output<T>> for Outcome<T> {
    fn from(output: Output<T>) -> Self {
        Self::Complete(output)
    }
}

impl<T> From<Pause> for Outcome<T> {
    fn from(pause: Pause) -> Self {
        Self::Pause(pause)
    }
}

/// What a tool that is done answers.
///
/// ```
/// use orderdesk_plugin::{Content, Output};
///
/// let output = Output::new(serde_json::json!({ "orders": 3 }))
///     .with_content(Content::Text("Three orders are late.".to_owned()));
/// assert_eq!(output.content.len(), 1);
///
/// // A preview, which the caller can confirm as long as what it rests on stays as it is:
/// let preview = Output::new(serde_json::json!({ "would_move": 3 })).resting_on("digest of the three");
/// assert!(preview.basis.is_some());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Output<T = Value> {
    /// The structured result: an object.
    pub structured: T,
    /// For the person or the model to read. The host shows the structured result as text where this is empty.
    pub content: Vec<Content>,
    /// Of a preview: a digest of all that it rests on, at most 256 bytes. The host answers the preview with a single-use
    /// token for it; the call that carries that token gets it back as [`crate::Context::confirmation`].
    pub basis: Option<String>,
    /// Open for growth: a JSON object whose unknown keys the host ignores.
    pub extra: Option<Value>,
}

impl<T> Output<T> {
    /// A structured result, with nothing beside it.
    ///
    /// ```
    /// use orderdesk_plugin::{Content, Context, NoArguments, Output, ToolError};
    ///
    /// #[derive(serde::Serialize, schemars::JsonSchema)]
    /// struct Late {
    ///     orders: u32,
    /// }
    ///
    /// fn orders_late(_: NoArguments, _: &Context) -> Result<Output<Late>, ToolError> {
    ///     let words = Content::Text("Three orders are late.".to_owned());
    ///     Ok(Output::new(Late { orders: 3 }).with_content(words))
    /// }
    /// # let tool = orderdesk_plugin::Tool::new("orders_late", orders_late);
    /// # assert!(tool.describe().output_schema.is_some());
    /// ```
    #[must_use]
    pub fn new(structured: T) -> Self {
        Self {
            structured,
            content: Vec::new(),
            basis: None,
            extra: None,
        }
    }

    /// Adds something to read: where it is there, the host does not show the structured result as text.
    ///
    /// ```
    /// use orderdesk_plugin::{Content, Output};
    ///
    /// let output = Output::new(serde_json::json!({ "label": "17.png" }))
    ///     .with_content(Content::Text("The label of order 17:".to_owned()))
    ///     .with_content(Content::Blob { mime: "image/png".to_owned(), data: b"\x89PNG".to_vec() });
    /// assert_eq!(output.content.len(), 2);
    /// ```
    #[must_use]
    pub fn with_content(mut self, content: Content) -> Self {
        self.content.push(content);
        self
    }

    /// Makes it a preview that can be confirmed, resting on what this is a digest of (at most 256 bytes).
    ///
    /// ```
    /// use orderdesk_plugin::Output;
    /// use serde_json::json;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let orders = json!([{ "id": "17", "folder": "New" }]);
    /// let digest = context.crypto().sha256_hex(orders.to_string().as_bytes());
    /// let preview = Output::new(json!({ "would_move": 1 })).resting_on(digest);
    /// assert_eq!(preview.basis.map(|it| it.len()), Some(64));
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn resting_on(mut self, basis: impl Into<String>) -> Self {
        self.basis = Some(basis.into());
        self
    }
}

impl Output<()> {
    /// Something to read, and no structured result.
    ///
    /// ```
    /// use orderdesk_plugin::{Content, Context, NoArguments, Output, Tool, ToolError};
    ///
    /// fn desk_greeting(_: NoArguments, _: &Context) -> Result<Output<()>, ToolError> {
    ///     Ok(Output::of_content(Content::Text("Good morning!".to_owned())))
    /// }
    ///
    /// assert_eq!(Tool::new("desk_greeting", desk_greeting).describe().output_schema, None);
    /// ```
    #[must_use]
    pub fn of_content(content: Content) -> Self {
        Self::new(()).with_content(content)
    }
}

/// Something to read beside the structured result.
///
/// ```
/// use orderdesk_plugin::{Content, Output};
///
/// let label = Content::Blob { mime: "image/png".into(), data: b"\x89PNG".to_vec() };
/// let tracking = Content::Link {
///     uri: "https://carrier.example/17".into(),
///     name: "parcel 17".into(),
///     mime: None,
///     description: None,
/// };
/// let output =
///     Output::new(serde_json::json!({ "parcel": "17" })).with_content(label).with_content(tracking);
/// assert_eq!(output.content.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text.
    Text(String),
    /// An image or a sound.
    Blob {
        /// Its media type.
        mime: String,
        /// The bytes.
        data: Vec<u8>,
    },
    /// Something to be fetched elsewhere.
    Link {
        /// Where.
        uri: String,
        /// What it is called.
        name: String,
        /// Its media type, if known.
        mime: Option<String>,
        /// What it is.
        description: Option<String>,
    },
    /// A resource, handed over with its contents.
    Embedded(Embedded),
}

/// A resource that is handed over with its contents instead of a link to it.
///
/// ```
/// use orderdesk_plugin::{Content, Embedded, Output};
///
/// let invoice = Embedded::text("shop://orders/17/invoice", "Invoice 17 …").mime("text/plain");
/// let output =
///     Output::new(serde_json::json!({ "invoice": "17" })).with_content(Content::Embedded(invoice));
/// assert_eq!(output.content.len(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Where it stands.
    pub uri: String,
    /// Its media type, if known.
    pub mime: Option<String>,
    /// What stands there.
    pub body: Body,
}

impl Embedded {
    /// A text that stands at this URI.
    ///
    /// ```
    /// use orderdesk_plugin::{Body, Embedded};
    ///
    /// let note = Embedded::text("shop://orders/17/note", "Call back on Monday.");
    /// assert_eq!(note.body, Body::Text("Call back on Monday.".to_owned()));
    /// ```
    #[must_use]
    pub fn text(uri: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            mime: None,
            body: Body::Text(text.into()),
        }
    }

    /// Bytes that stand at this URI.
    ///
    /// ```
    /// use orderdesk_plugin::{Body, Embedded};
    ///
    /// let label = Embedded::bytes("shop://orders/17/label", b"%PDF-1.7").mime("application/pdf");
    /// assert_eq!(label.body, Body::Blob(b"%PDF-1.7".to_vec()));
    /// ```
    #[must_use]
    pub fn bytes(uri: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            uri: uri.into(),
            mime: None,
            body: Body::Blob(bytes.into()),
        }
    }

    /// Says its media type.
    ///
    /// ```
    /// use orderdesk_plugin::Embedded;
    ///
    /// let page = Embedded::text("wiki://pages/home", "# Home").mime("text/markdown");
    /// assert_eq!(page.mime.as_deref(), Some("text/markdown"));
    /// ```
    #[must_use]
    pub fn mime(mut self, mime: impl Into<String>) -> Self {
        self.mime = Some(mime.into());
        self
    }
}

/// A stop in the middle. With questions: the host asks the person, then calls again with the answers. Without: it calls
/// again (long work in steps), in a fresh instance with time and requests of its own.
///
/// ```
/// use orderdesk_plugin::testing::{self, FakeHost, Invocation};
/// use orderdesk_plugin::{
///     Context, NoArguments, Outcome, Pause, Plugin, Question, Resumption, Tool, ToolError,
/// };
/// use serde_json::{Value, json};
///
/// fn shred(_: NoArguments, context: &Context) -> Result<Outcome<Value>, ToolError> {
///     let Some(resumption) = context.resumption() else {
///         let question = Question::confirm("sure", "Shred all pages?");
///         return Ok(Pause { questions: vec![question], ..Pause::default() }.into());
///     };
///     Ok(Outcome::complete(json!({ "shredded": resumption.confirmed("sure") })))
/// }
///
/// let plugin = || Plugin::new("pages", "0.1.0").tool(Tool::new("pages_shred", shred));
/// let call = || Invocation::new("pages_shred", &json!({}));
/// let asked = testing::run(plugin(), &FakeHost::new(), call()).unwrap();
/// assert!(matches!(asked, Outcome::Pause(_)));
///
/// let answers = vec![("sure".to_owned(), json!(true))];
/// let resumed = call().resumed(Resumption { answers, ..Resumption::default() });
/// let done = testing::run(plugin(), &FakeHost::new(), resumed).unwrap();
/// assert_eq!(done, Outcome::complete(json!({ "shredded": true })));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pause {
    /// What the tool needs to go on. The host seals it, bound to caller, tool and arguments.
    pub state: Vec<u8>,
    /// What to ask.
    pub questions: Vec<Question>,
    /// How far the work is, in words.
    pub message: Option<String>,
}

/// A question to the person or the program that calls.
///
/// ```
/// use orderdesk_plugin::Question;
///
/// let question = Question::confirm("sure", "Move 12 orders to Prepared?");
/// assert_eq!(question.kind, "confirm");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Told back with the answer.
    pub id: String,
    /// The kind: `confirm`, `form`, `sampling`, `roots`. [`crate::session::Session::askable`] tells which the caller takes.
    pub kind: String,
    /// What the kind asks for.
    pub parameters: Value,
}

impl Question {
    /// May this be done? Answered by `true` or `false`: see [`Resumption::confirmed`].
    ///
    /// ```
    /// use orderdesk_plugin::{Outcome, Pause, Question};
    ///
    /// let question = Question::confirm("sure", "Move 12 orders to Shipped?");
    /// let pause = Pause { questions: vec![question], ..Pause::default() };
    /// let outcome: Outcome = pause.into();
    /// # assert!(matches!(outcome, Outcome::Pause(_)));
    /// ```
    #[must_use]
    pub fn confirm(id: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind: "confirm".into(),
            parameters: serde_json::json!({ "message": message.into() }),
        }
    }

    /// A form, whose fields are a flat JSON Schema of an object; none of them may ask for a secret. The answer is
    /// `{"action": "accept", "content": {…}}`, or `{"action": "decline"}` or `{"action": "cancel"}`: see
    /// [`Resumption::accepted`].
    ///
    /// ```
    /// use orderdesk_plugin::{Question, Resumption};
    /// use serde_json::json;
    ///
    /// let question = Question::form("parcel", "How big is it?", json!({
    ///     "type": "object",
    ///     "properties": { "weight_g": { "type": "integer", "title": "Weight in grams" } },
    ///     "required": ["weight_g"],
    /// }));
    /// // The next call has the answer:
    /// let answers = vec![(question.id, json!({ "action": "accept", "content": { "weight_g": 500 } }))];
    /// let resumption = Resumption { answers, ..Resumption::default() };
    /// assert_eq!(resumption.accepted("parcel").unwrap()["weight_g"], 500);
    /// ```
    #[must_use]
    pub fn form(id: impl Into<String>, message: impl Into<String>, schema: Value) -> Self {
        Self {
            id: id.into(),
            kind: "form".into(),
            parameters: serde_json::json!({ "message": message.into(), "schema": schema }),
        }
    }

    /// A text of the caller's model. Parameters and answer are those of MCP's `sampling/createMessage`.
    ///
    /// ```
    /// use orderdesk_plugin::Question;
    /// use serde_json::json;
    ///
    /// let question = Question::sampling("summary", json!({
    ///     "messages": [{ "role": "user", "content": { "type": "text", "text": "Sum up these notes: …" } }],
    ///     "maxTokens": 200,
    /// }));
    /// assert_eq!(question.kind, "sampling");
    /// ```
    #[must_use]
    pub fn sampling(id: impl Into<String>, parameters: Value) -> Self {
        Self {
            id: id.into(),
            kind: "sampling".into(),
            parameters,
        }
    }

    /// The folders that the caller works in, answered by `{"roots": [{"uri": …}]}`.
    ///
    /// ```
    /// use orderdesk_plugin::{Question, Resumption};
    /// use serde_json::json;
    ///
    /// let question = Question::roots("folders");
    /// // The next call has the answer:
    /// let answers = vec![(question.id, json!({ "roots": [{ "uri": "file:///home/ada/shop" }] }))];
    /// let resumption = Resumption { answers, ..Resumption::default() };
    /// assert_eq!(resumption.answer("folders").unwrap()["roots"][0]["uri"], "file:///home/ada/shop");
    /// ```
    #[must_use]
    pub fn roots(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind: "roots".into(),
            parameters: serde_json::json!({}),
        }
    }
}

/// The caller saw a preview and wants exactly that. The host has checked that it is the same caller, tool and arguments.
///
/// ```
/// use orderdesk_plugin::testing::{FakeHost, Invocation, run};
/// use orderdesk_plugin::{Confirmation, Context, NoArguments, Plugin, Tool, ToolError};
/// use serde_json::{Value, json};
///
/// fn orders_tidy(_: NoArguments, context: &Context) -> Result<Value, ToolError> {
///     let now = "digest of two orders"; // in earnest: of what is there now
///     match context.confirmation() {
///         Some(Confirmation { basis }) if basis != now => Err(ToolError::conflict(
///             "changed-meanwhile",
///             "The orders changed since the preview. Nothing was moved; look again.",
///         )),
///         _ => Ok(json!({ "moved": 2 })),
///     }
/// }
///
/// let plugin = Plugin::new("orders", "0.1.0").tool(Tool::new("orders_tidy", orders_tidy));
/// let confirmed = Invocation::new("orders_tidy", &json!({})).confirming("digest of three orders");
/// let refused = run(plugin, &FakeHost::new(), confirmed).unwrap_err();
/// assert!(refused.has_code("changed-meanwhile"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// What the preview rested on ([`Output::resting_on`]): where it no longer holds, the tool answers `conflict` and
    /// changes nothing.
    pub basis: String,
}

/// What a pause led to.
///
/// ```
/// use orderdesk_plugin::Resumption;
/// use serde_json::json;
///
/// let resumption = Resumption { answers: vec![("sure".into(), json!(false))], ..Resumption::default() };
/// assert!(!resumption.confirmed("sure"));
/// assert_eq!(resumption.answer("other"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resumption {
    /// The pause's state.
    pub state: Vec<u8>,
    /// The answers, by the questions' ids.
    pub answers: Vec<(String, Value)>,
}

impl Resumption {
    /// The answer to the question of this id, as it came.
    ///
    /// ```
    /// use orderdesk_plugin::Resumption;
    /// use serde_json::json;
    ///
    /// let answers =
    ///     vec![("summary".to_owned(), json!({ "content": { "type": "text", "text": "All is well." } }))];
    /// let resumption = Resumption { answers, ..Resumption::default() };
    /// let summary = resumption.answer("summary").and_then(|answer| answer["content"]["text"].as_str());
    /// assert_eq!(summary, Some("All is well."));
    /// ```
    #[must_use]
    pub fn answer(&self, id: &str) -> Option<&Value> {
        self.answers
            .iter()
            .find(|(question, _)| question == id)
            .map(|(_, value)| value)
    }

    /// What a [`Question::form`] was filled in with, if it was accepted.
    ///
    /// ```
    /// use orderdesk_plugin::Resumption;
    /// use serde_json::json;
    ///
    /// let answers = vec![
    ///     ("parcel".to_owned(), json!({ "action": "accept", "content": { "weight_g": 500 } })),
    ///     ("gift".to_owned(), json!({ "action": "decline" })),
    /// ];
    /// let resumption = Resumption { answers, ..Resumption::default() };
    /// assert_eq!(resumption.accepted("parcel"), Some(&json!({ "weight_g": 500 })));
    /// assert_eq!(resumption.accepted("gift"), None);
    /// ```
    #[must_use]
    pub fn accepted(&self, id: &str) -> Option<&Value> {
        let answer = self.answer(id).filter(|it| it["action"] == "accept")?;
        answer.get("content")
    }

    /// True if a [`Question::confirm`] was answered with yes.
    ///
    /// ```
    /// use orderdesk_plugin::Resumption;
    /// use serde_json::json;
    ///
    /// let answers = vec![("sure".to_owned(), json!(true))];
    /// let resumption = Resumption { answers, ..Resumption::default() };
    /// assert!(resumption.confirmed("sure"));
    /// assert!(!resumption.confirmed("another")); // what was not asked is not allowed
    /// ```
    #[must_use]
    pub fn confirmed(&self, id: &str) -> bool {
        self.answer(id) == Some(&Value::Bool(true))
    }
}

/// What a tool may return: a structured result, an [`Output`] or an [`Outcome`].
///
/// ```
/// use orderdesk_plugin::IntoOutcome;
///
/// #[derive(serde::Serialize, schemars::JsonSchema)]
/// struct Count {
///     orders: u32,
/// }
///
/// assert_eq!(Count::schema().unwrap()["required"][0], "orders");
/// let refused = vec![1, 2].into_outcome().unwrap_err();
/// assert!(refused.has_code("result-not-an-object"));
/// ```
#[diagnostic::on_unimplemented(
    message = "a tool cannot answer `{Self}`",
    label = "not a structured result",
    note = "derive `serde::Serialize` and `schemars::JsonSchema` for it, or answer an `Output` or `Outcome`"
)]
pub trait IntoOutcome {
    /// The outcome, with its structured result as JSON text: what a tool passes on as [`RawValue`] is not read once more.
    ///
    /// ```
    /// use orderdesk_plugin::{IntoOutcome, Outcome};
    /// use serde_json::json;
    ///
    /// let outcome = json!({ "orders": 3 }).into_outcome()?;
    /// assert!(matches!(outcome, Outcome::Complete(output) if output.structured.get() == r#"{"orders":3}"#));
    /// assert!("three".into_outcome().is_err());
    /// # Ok::<(), orderdesk_plugin::ToolError>(())
    /// ```
    ///
    /// # Errors
    /// `internal` with code `result-not-an-object`: a structured result is a JSON object.
    fn into_outcome(self) -> Result<Outcome<Box<RawValue>>, ToolError>;

    /// The JSON Schema of the structured result, if that is an object.
    ///
    /// ```
    /// use orderdesk_plugin::{IntoOutcome, Output};
    ///
    /// #[derive(serde::Serialize, schemars::JsonSchema)]
    /// struct Count {
    ///     orders: u32,
    /// }
    ///
    /// assert_eq!(Output::<Count>::schema(), Count::schema());
    /// assert_eq!(Vec::<Count>::schema(), None); // a list is no structured result
    /// ```
    fn schema() -> Option<Value>;
}

impl<T: Serialize + JsonSchema> IntoOutcome for T {
    fn into_outcome(self) -> Result<Outcome<Box<RawValue>>, ToolError> {
        Output::new(self).into_outcome()
    }

    fn schema() -> Option<Value> {
        schema::of_output::<T>()
    }
}

impl<T: Serialize + JsonSchema> IntoOutcome for Output<T> {
    fn into_outcome(self) -> Result<Outcome<Box<RawValue>>, ToolError> {
        Outcome::Complete(self).into_outcome()
    }

    fn schema() -> Option<Value> {
        schema::of_output::<T>()
    }
}

impl<T: Serialize + JsonSchema> IntoOutcome for Outcome<T> {
    fn into_outcome(self) -> Result<Outcome<Box<RawValue>>, ToolError> {
        self.try_map(|structured| object(&structured))
    }

    fn schema() -> Option<Value> {
        schema::of_output::<T>()
    }
}

fn object(structured: &impl Serialize) -> Result<Box<RawValue>, ToolError> {
    let not_an_object = |what: &str| {
        ToolError::internal(
            "result-not-an-object",
            format!("The tool's result is not a JSON object: {what}"),
        )
    };
    let json = serde_json::value::to_raw_value(structured)
        .map_err(|error| not_an_object(&error.to_string()))?;
    match json.get().as_bytes().first() {
        Some(b'{') => Ok(json),
        // Nothing structured: what there is stands in the content.
        Some(b'n') => Ok(json),
        Some(b'[') => Err(not_an_object("it is a list.")),
        _ => Err(not_an_object("it is a single value.")),
    }
}
