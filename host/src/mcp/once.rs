//! One call outside MCP, by the same path and with the same words.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::answer;
use super::correlation::correlation_id;
use super::stdio::StdioCaller;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::plugins::{Answer, CallRequest, Listed, PluginHost};

/// What a tool answered.
pub struct OnceAnswer {
    /// The tool failed.
    pub is_error: bool,
    /// The structured content.
    pub structured: Option<Value>,
    /// The text content.
    pub text: String,
}

/// Calls a tool once, after the first calls that the caller may need; `wait` bounds the loading of plugins.
pub async fn call_once(
    host: &Arc<PluginHost>,
    caller: &StdioCaller,
    listed: &Listed,
    arguments: Map<String, Value>,
    wait: Duration,
) -> OnceAnswer {
    let correlation_id = correlation_id();
    let result = match run(
        host,
        caller,
        listed,
        arguments,
        wait,
        correlation_id.clone(),
    )
    .await
    {
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
    caller: &StdioCaller,
    listed: &Listed,
    arguments: Map<String, Value>,
    wait: Duration,
    correlation_id: Arc<str>,
) -> Result<Answer, Error> {
    let who = caller.caller().await.map_err(|error| {
        Error::new(
            ErrorKind::Unauthorized,
            "key-refused",
            format!("The access key is not accepted: {error}."),
        )
    })?;
    caller.first_calls.make(host, &who, wait).await?;
    let request = CallRequest {
        caller: who,
        arguments,
        correlation_id,
        cancelled: CancellationToken::new(),
        progress: None,
    };
    host.call(listed, request).await
}
