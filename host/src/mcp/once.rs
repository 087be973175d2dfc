//! One call outside MCP, by the same path and with the same words.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::answer;
use super::correlation::correlation_id;
use super::stdio::StdioCaller;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::capabilities::questions::{Askable, QuestionKind};
use crate::config::Mcp;
use crate::plugins::{
    Answer, Answered, Ask, CONFIRM, CallRequest, Listed, PluginHost, ReadOnly, Reply, Selection,
};

use crate::tenancy::Source;

/// What a tool answered.
pub struct OnceAnswer {
    /// The tool failed.
    pub is_error: bool,
    /// The structured content.
    pub structured: Option<Value>,
    /// The text content.
    pub text: String,
}

/// Asks the person whether something may be done.
pub type AskPerson = fn(&str) -> bool;

/// Calls a tool once, after the first calls that the caller may need; `wait` bounds the loading of plugins, and `ask` is there
/// where a person is.
pub async fn call_once(
    host: &Arc<PluginHost>,
    config: &Mcp,
    caller: &StdioCaller,
    listed: &Listed,
    arguments: Map<String, Value>,
    wait: Duration,
    ask: Option<AskPerson>,
) -> OnceAnswer {
    let correlation_id = correlation_id();
    let request = async {
        let mut who = caller.caller().await.map_err(|error| {
            Error::new(
                ErrorKind::Unauthorized,
                "key-refused",
                format!("The access key is not accepted: {error}."),
            )
        })?;
        who.way = Source::Terminal;
        caller.first_calls.make(host, &who, wait).await?;
        Ok(CallRequest {
            selection: Selection {
                read_only: config.read_only.then_some(ReadOnly::Config),
                ..Selection::of(listed)
            },
            askable: Askable::default().and_if(ask.is_some(), QuestionKind::Confirm),
            entered_by_person: true,
            ..CallRequest::new(who, arguments, correlation_id.clone())
        })
    };
    let result = match request.await {
        Ok(request) => run(host, listed, request, ask).await,
        Err(error) => Err(error),
    };
    let result = match result {
        Ok(answer) => answer::success(answer),
        Err(error) => answer::failure(&error, &correlation_id),
    };
    let text: Vec<&str> = result
        .content
        .iter()
        .filter_map(|block| Some(block.as_text()?.text.as_str()))
        .collect();
    OnceAnswer {
        is_error: result.is_error.unwrap_or(false),
        text: text.join("\n"),
        structured: result.structured_content,
    }
}

async fn run(
    host: &Arc<PluginHost>,
    listed: &Listed,
    mut request: CallRequest,
    ask: Option<AskPerson>,
) -> Result<Answer, Error> {
    let Some(ask) = ask else {
        return host.call(listed, request).await;
    };
    loop {
        let asked = match host.call_or_ask(listed, request.clone()).await? {
            Reply::Done(answer) => return Ok(answer),
            Reply::Linked(linked) => return Err(linked.error),
            Reply::Asked(asked) => asked,
        };
        let answers = tokio::task::spawn_blocking(move || {
            let questions = asked.questions.into_iter();
            let answer =
                |message: &str| json!({"action": "accept", "content": {CONFIRM: ask(message)}});
            questions
                .filter_map(|question| match question.ask {
                    Ask::Confirm { message } => Some((question.id, answer(&message))),
                    _ => None,
                })
                .collect()
        });
        request.answered = Some(Answered {
            token: Some(asked.token),
            answers: answers
                .await
                .map_err(|error| Error::internal("Asking in the terminal", &error))?,
        });
    }
}
