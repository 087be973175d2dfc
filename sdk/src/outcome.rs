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
/// something in between, work in steps, or add content beside the structured result.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<T = Value> {
    /// Done.
    Complete(Output<T>),
    /// Ask the person, or call again.
    Pause(Pause),
}

impl<T> Outcome<T> {
    /// Done, with a structured result and nothing beside it.
    #[must_use]
    pub fn complete(structured: T) -> Self {
        Self::Complete(Output::new(structured))
    }

    /// The same outcome with another structured result.
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
    /// A structured result.
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
    #[must_use]
    pub fn with_content(mut self, content: Content) -> Self {
        self.content.push(content);
        self
    }

    /// Makes it a preview that can be confirmed, resting on what this is a digest of.
    #[must_use]
    pub fn resting_on(mut self, basis: impl Into<String>) -> Self {
        self.basis = Some(basis.into());
        self
    }
}

impl Output<()> {
    /// Something to read, and no structured result.
    #[must_use]
    pub fn of_content(content: Content) -> Self {
        Self::new(()).with_content(content)
    }
}

/// Something to read beside the structured result.
///
/// ```
/// use orderdesk_plugin::Content;
///
/// let picture = Content::Blob { mime: "image/png".into(), data: vec![0x89, b'P', b'N', b'G'] };
/// # let _ = picture;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text.
    Text(String),
    /// An image or a sound.
    Blob {
        /// Their media type.
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
    #[must_use]
    pub fn text(uri: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            mime: None,
            body: Body::Text(text.into()),
        }
    }

    /// Bytes that stand at this URI.
    #[must_use]
    pub fn bytes(uri: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            uri: uri.into(),
            mime: None,
            body: Body::Blob(bytes.into()),
        }
    }

    /// Says its media type.
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
/// use orderdesk_plugin::{Context, NoArguments, Outcome, Pause, Plugin, Question, Resumption, Tool, ToolError};
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

/// A question to the person.
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
    #[must_use]
    pub fn form(id: impl Into<String>, message: impl Into<String>, schema: Value) -> Self {
        Self {
            id: id.into(),
            kind: "form".into(),
            parameters: serde_json::json!({ "message": message.into(), "schema": schema }),
        }
    }

    /// A text of the caller's model. Parameters and answer are those of MCP's `sampling/createMessage`.
    #[must_use]
    pub fn sampling(id: impl Into<String>, parameters: Value) -> Self {
        Self {
            id: id.into(),
            kind: "sampling".into(),
            parameters,
        }
    }

    /// The folders that the caller works in, answered by `{"roots": [{"uri": …}]}`.
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
/// use orderdesk_plugin::{Context, ToolError};
///
/// fn check(context: &Context, basis_now: &str) -> Result<(), ToolError> {
///     match context.confirmation() {
///         Some(confirmed) if confirmed.basis != basis_now => Err(ToolError::conflict(
///             "changed-meanwhile",
///             "The orders changed since the preview. Nothing was moved; look again.",
///         )),
///         _ => Ok(()),
///     }
/// }
/// # let _ = check;
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
    /// The answer to a question.
    #[must_use]
    pub fn answer(&self, id: &str) -> Option<&Value> {
        self.answers
            .iter()
            .find(|(question, _)| question == id)
            .map(|(_, value)| value)
    }

    /// What a [`Question::form`] was filled in with, if it was accepted.
    #[must_use]
    pub fn accepted(&self, id: &str) -> Option<&Value> {
        let answer = self.answer(id).filter(|it| it["action"] == "accept")?;
        answer.get("content")
    }

    /// True if a [`Question::confirm`] was answered with yes.
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
    /// # Errors
    /// `internal` with code `result-not-an-object`: a structured result is a JSON object.
    fn into_outcome(self) -> Result<Outcome<Box<RawValue>>, ToolError>;

    /// The JSON Schema of the structured result, if that is an object.
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
