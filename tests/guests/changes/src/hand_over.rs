//! A change that needs a secret and is asked about: a person has to do both.

use orderdesk_plugin::storage::Write;
use orderdesk_plugin::{Context, Mode, Outcome, Output, Pause, Question, Sealed, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{basis, read, still_holds};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct HandOver {
    /// The document.
    key: String,
    /// An access key of the account.
    #[schemars(extend("x-sealed" = ["session"]))]
    pass: Sealed,
    #[serde(default)]
    dry_run: bool,
    #[expect(dead_code, reason = "the host's")]
    confirm_token: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct GiveAway {
    /// The document.
    key: String,
    /// An access key of the account.
    #[schemars(extend("x-sealed" = ["session"]))]
    pass: Sealed,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct HandedOver {
    before: Option<String>,
    handed_over: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

pub(crate) fn hand_over(
    arguments: HandOver,
    context: &Context,
) -> Result<Outcome<HandedOver>, ToolError> {
    run(&arguments.key, &arguments.pass, arguments.dry_run, context)
}

pub(crate) fn give_away(
    arguments: GiveAway,
    context: &Context,
) -> Result<Outcome<HandedOver>, ToolError> {
    run(&arguments.key, &arguments.pass, false, context)
}

fn run(
    key: &str,
    pass: &Sealed,
    dry_run: bool,
    context: &Context,
) -> Result<Outcome<HandedOver>, ToolError> {
    let before = read(context, key)?;
    still_holds(context, before.as_deref())?;
    let Some(resumed) = context.resumption() else {
        return Ok(Pause {
            state: Vec::new(),
            questions: vec![Question::confirm("hand-over", format!("Hand {key} over?"))],
            message: None,
        }
        .into());
    };
    // Only now: whoever said yes may have to enter it again.
    context.session().authenticate(pass)?;
    let agreed = resumed.confirmed("hand-over");
    if agreed && context.mode() == Mode::Run {
        context.storage().commit(vec![Write::remove(key)])?;
    }
    let basis = basis(context, before.as_deref());
    Ok(Output::new(HandedOver {
        before,
        handed_over: agreed,
        dry_run: dry_run.then_some(true),
        confirm_token: None,
        expires_at: None,
    })
    .resting_on(basis)
    .into())
}
