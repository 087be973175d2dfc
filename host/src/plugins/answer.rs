//! What a plugin answers: as it goes on to the caller, and held against its limits and its own description before.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::content;
use super::imitation::Imitations;
use super::nesting;
use super::registry::Listed;
use crate::capabilities::context::CallContext;
use crate::capabilities::contract::tools::Output;
use crate::capabilities::contract::types::Content;
use crate::capabilities::contract::{Error, ErrorKind};

/// A successful call's result.
#[derive(Debug, Default)]
pub struct Answer {
    /// For people and models to read.
    pub content: Vec<Content>,
    /// For programs; always an object.
    pub structured: Option<Structured>,
}

/// A structured result, read once: what shows it as text does not have to write it again.
#[derive(Debug)]
pub struct Structured {
    /// As JSON.
    pub text: String,
    /// What that says.
    pub object: Map<String, Value>,
}

impl From<Map<String, Value>> for Structured {
    fn from(object: Map<String, Value>) -> Self {
        let value = Value::Object(object);
        let text = value.to_string();
        let object = match value {
            Value::Object(object) => object,
            _ => Map::new(),
        };
        Self { text, object }
    }
}

/// As long as an error may be, whatever `limits.output` is: it is looked through where it is, for secrets and for links.
pub(super) const ERROR_BYTES: usize = 64 << 10;
/// Bytes of an answer that are looked through where they are; more would keep a thread from other calls.
const AT_ONCE: usize = 64 << 10;
/// The plugin's result, held against its limits and its own schema before the call's deadline.
pub(super) async fn checked_within(
    listed: &Listed,
    output: Output,
    context: &CallContext,
    imitations: &Arc<Imitations>,
) -> Result<Answer, Error> {
    let bytes = size(&output);
    if bytes as u64 > listed.limits().output.as_u64() {
        return Err(too_much(listed, bytes));
    }
    if output.content.len() > content::MOST_PIECES {
        let most = content::MOST_PIECES;
        return Err(broken(
            listed,
            &format!(
                "its answer has {} pieces of content, of which {most} at most are passed on",
                output.content.len()
            ),
        ));
    }
    if bytes <= AT_ONCE {
        return checked(listed, output, imitations);
    }
    let checking = {
        let (listed, imitations) = (listed.clone(), imitations.clone());
        tokio::task::spawn_blocking(move || checked(&listed, output, &imitations))
    };
    match tokio::time::timeout_at(context.deadline, checking).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Err(Error::internal("Checking an answer", &error)),
        Err(_) => Err(broken(
            listed,
            "its result could not be checked against its own output schema in time",
        )),
    }
}

fn size(output: &Output) -> usize {
    let structured = output.structured.as_ref().map_or(0, String::len);
    structured + content::size(&output.content)
}

/// Bytes of an error, which is an answer too.
pub(super) fn error_size(error: &Error) -> usize {
    let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    of(&error.code) + error.message.len() + of(&error.extra)
}

/// The error, if it is no longer than one may be.
pub(super) fn bounded(listed: &Listed, error: Error) -> Error {
    let bytes = error_size(&error);
    if bytes as u64 > listed.limits().output.as_u64() {
        return Error {
            outcome_unknown: error.outcome_unknown,
            ..too_much(listed, bytes)
        };
    }
    if bytes > ERROR_BYTES {
        return Error {
            outcome_unknown: error.outcome_unknown,
            ..too_long_an_error(&listed.tool.name, bytes)
        };
    }
    error
}

/// What stands for an error of more than [`ERROR_BYTES`].
pub(super) fn too_long_an_error(what: &str, bytes: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        "output-limit",
        format!(
            "{what} failed with an error of {bytes} bytes; an error has at most {} KiB.",
            ERROR_BYTES >> 10
        ),
    )
}

fn too_much(listed: &Listed, bytes: usize) -> Error {
    Error {
        outcome_unknown: !listed.tool.hints.read_only,
        ..Error::new(
            ErrorKind::TooLarge,
            "output-limit",
            format!(
                "The answer of {} has {bytes} bytes; the limit is {} (plugins.{}.limits.output). Ask for less: a smaller limit, or fewer fields.",
                listed.tool.name,
                listed.limits().output,
                listed.plugin_name()
            ),
        )
    }
}

fn checked(listed: &Listed, mut output: Output, imitations: &Imitations) -> Result<Answer, Error> {
    imitations.clean_content(&mut output.content);
    content::check(&output.content).map_err(|what| broken(listed, what))?;
    let structured = output
        .structured
        .map(|text| {
            nesting::check(&text, listed.limits().nesting, listed.plugin_name())?;
            Ok(text)
        })
        .transpose()?
        .map(|text| match serde_json::from_str(&text) {
            Ok(mut value @ Value::Object(_)) => {
                let text = if imitations.clean_value(&mut value) {
                    value.to_string()
                } else {
                    text
                };
                Ok((text, value))
            }
            Ok(_) => Err(broken(listed, "its structured result is not an object")),
            Err(error) => Err(broken(
                listed,
                &format!("its structured result is not JSON: {error}"),
            )),
        })
        .transpose()?;
    if let Some(validator) = &listed.tool.output {
        let value = structured.as_ref().map_or(&Value::Null, |(_, value)| value);
        // Most results are valid, and to know that costs less than to gather errors.
        if !validator.is_valid(value)
            && let Some(error) = validator.iter_errors(value).next()
        {
            let path = error.instance_path().to_string();
            return Err(broken(
                listed,
                &format!(
                    "its result breaks its own output schema at '{path}': {}",
                    error.masked()
                ),
            ));
        }
    }
    let structured = structured.and_then(|(text, value)| match value {
        Value::Object(object) => Some(Structured { text, object }),
        _ => None,
    });
    let content = output.content;
    Ok(Answer {
        content,
        structured,
    })
}

pub(super) fn broken(listed: &Listed, what: &str) -> Error {
    tracing::error!(
        plugin = listed.plugin_name(),
        tool = listed.tool.name,
        "{what}"
    );
    Error {
        outcome_unknown: !listed.tool.hints.read_only,
        ..Error::new(
            ErrorKind::Internal,
            "plugin-broke-its-contract",
            format!(
                "The plugin '{}' gave an answer that breaks its own description. Tell its author.",
                listed.plugin_name()
            ),
        )
    }
}
