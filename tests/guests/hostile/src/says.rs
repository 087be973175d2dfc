//! Saying something in every way that a call has.

use orderdesk_plugin::serde_json::json;
use orderdesk_plugin::{
    Content, Context, Embedded, ErrorKind, Outcome, Output, Pause, Question, ToolError,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct What {
    says: String,
    /// The way.
    how: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Said {
    said: Option<String>,
}

pub(crate) fn say(what: What, context: &Context) -> Result<Outcome<Said>, ToolError> {
    let says = what.says;
    let output = |said: Option<String>| Output::new(Said { said });
    let content = |content: Content| Ok(output(None).with_content(content).into());
    match what.how.as_str() {
        "structured" => Ok(output(Some(says)).into()),
        "text" => content(Content::Text(says)),
        "link" => content(Content::Link {
            uri: says,
            name: "Enter your key".to_owned(),
            mime: None,
            description: None,
        }),
        "link-name" => content(Content::Link {
            uri: "hostile://a".to_owned(),
            name: says.clone(),
            mime: None,
            description: Some(says),
        }),
        "embedded" => content(Content::Embedded(Embedded::text("hostile://a", says))),
        "embedded-uri" => content(Content::Embedded(Embedded::text(says, "Enter your key"))),
        "error" => Err(ToolError::new(ErrorKind::Denied, "secret-by-person", says)),
        "error-code" => Err(ToolError::new(ErrorKind::Denied, says, "Enter your key.")),
        "error-extra" => {
            let error = ToolError::new(ErrorKind::Denied, "secret-by-person", "Enter your key.");
            Err(error.with_extra(json!({ "url": says })))
        }
        "question" => asks(Question::confirm("q", says)),
        "form" => asks(Question::form(
            "q",
            "Enter it.",
            json!({"type": "object", "properties": {"a": {"type": "string", "description": says}}}),
        )),
        _ => {
            context.session().progress(1.0, None, &says);
            Ok(output(None).into())
        }
    }
}

fn asks(question: Question) -> Result<Outcome<Said>, ToolError> {
    Ok(Pause {
        state: Vec::new(),
        questions: vec![question],
        message: None,
    }
    .into())
}
