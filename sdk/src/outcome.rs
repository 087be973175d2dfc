//! What a tool answers when it does not fail.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::error::ToolError;
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
#[derive(Clone, Debug, PartialEq)]
pub struct Output<T = Value> {
    /// The structured result: an object.
    pub structured: T,
    /// For the person or the model to read. The host shows the structured result as text where this is empty.
    pub content: Vec<Content>,
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
            extra: None,
        }
    }

    /// Adds something to read.
    #[must_use]
    pub fn with_content(mut self, content: Content) -> Self {
        self.content.push(content);
        self
    }
}

/// Something to read beside the structured result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text.
    Text(String),
    /// Bytes, such as an image.
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
}

/// A stop in the middle. With questions: the host asks the person, then calls again with the answers. Without: it calls
/// again when convenient (long work in steps).
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
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Told back with the answer.
    pub id: String,
    /// The kind, such as `elicit-form`.
    pub kind: String,
    /// What the kind asks for.
    pub parameters: Value,
}

/// What a pause led to.
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
}

/// What a tool may return: a structured result, an [`Output`] or an [`Outcome`].
pub trait IntoOutcome {
    /// The outcome, with its structured result as JSON.
    ///
    /// # Errors
    /// `internal` with code `result-not-an-object`: a structured result is a JSON object.
    fn into_outcome(self) -> Result<Outcome, ToolError>;

    /// The JSON Schema of the structured result, if that is an object.
    fn schema() -> Option<Value>;
}

impl<T: Serialize + JsonSchema> IntoOutcome for T {
    fn into_outcome(self) -> Result<Outcome, ToolError> {
        Output::new(self).into_outcome()
    }

    fn schema() -> Option<Value> {
        schema::of_output::<T>()
    }
}

impl<T: Serialize + JsonSchema> IntoOutcome for Output<T> {
    fn into_outcome(self) -> Result<Outcome, ToolError> {
        let not_an_object = |what: String| {
            ToolError::internal(
                "result-not-an-object",
                format!("The tool's result is not a JSON object: {what}"),
            )
        };
        match serde_json::to_value(self.structured) {
            Ok(structured @ Value::Object(_)) => Ok(Outcome::Complete(Output {
                structured,
                content: self.content,
                extra: self.extra,
            })),
            Ok(Value::Array(_)) => Err(not_an_object("it is a list.".into())),
            Ok(_) => Err(not_an_object("it is a single value.".into())),
            Err(error) => Err(not_an_object(error.to_string())),
        }
    }

    fn schema() -> Option<Value> {
        schema::of_output::<T>()
    }
}

impl<T: Serialize + JsonSchema> IntoOutcome for Outcome<T> {
    fn into_outcome(self) -> Result<Outcome, ToolError> {
        match self {
            Self::Complete(output) => output.into_outcome(),
            Self::Pause(pause) => Ok(Outcome::Pause(pause)),
        }
    }

    fn schema() -> Option<Value> {
        schema::of_output::<T>()
    }
}
