//! Erasing a document, which is asked about.

use orderdesk_plugin::storage::Write;
use orderdesk_plugin::{Context, Mode, ToolError};
use orderdesk_plugin::{Outcome, Output, Pause, Question};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{basis, read, still_holds};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Erase {
    key: String,
    #[serde(default)]
    dry_run: bool,
    #[expect(dead_code, reason = "the host's")]
    confirm_token: Option<String>,
    /// Ask two questions.
    #[serde(default)]
    twice: bool,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Purge {
    key: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Erased {
    erased: bool,
    before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

pub(crate) fn erase(arguments: Erase, context: &Context) -> Result<Outcome<Erased>, ToolError> {
    run(&arguments.key, arguments.dry_run, arguments.twice, context)
}

pub(crate) fn purge(arguments: Purge, context: &Context) -> Result<Outcome<Erased>, ToolError> {
    run(&arguments.key, false, false, context)
}

fn run(
    key: &str,
    dry_run: bool,
    twice: bool,
    context: &Context,
) -> Result<Outcome<Erased>, ToolError> {
    let before = read(context, key)?;
    still_holds(context, before.as_deref())?;
    let Some(resumed) = context.resumption() else {
        let mut questions = vec![Question::confirm("erase", format!("Erase {key}?"))];
        if twice {
            questions.push(Question::confirm("sure", "Are you sure?"));
        }
        return Ok(Pause {
            state: b"asked about the document".to_vec(),
            questions,
            message: None,
        }
        .into());
    };
    if resumed.state != b"asked about the document" {
        return Err(ToolError::internal("state-lost", "The state is another."));
    }
    let agreed = resumed.confirmed("erase") && (!twice || resumed.confirmed("sure"));
    if agreed && context.mode() == Mode::Run {
        context.storage().commit(vec![Write::remove(key)])?;
    }
    let basis = basis(context, before.as_deref());
    Ok(Output::new(Erased {
        erased: agreed,
        before,
        dry_run: dry_run.then_some(true),
        confirm_token: None,
        expires_at: None,
    })
    .resting_on(basis)
    .into())
}
