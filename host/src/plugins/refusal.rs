//! Why a call that asks, or that brings an answer, is refused: in words from which the caller can go on.

use serde_json::Value;

use super::preview;
use super::registry::Listed;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::capabilities::questions::QuestionKind;
use crate::config::Confirm;
use crate::tenancy::{ConfirmationPurpose, ConfirmationRefused};

/// The code of the error of a call whose caller cannot be asked; [`missing_kind`] tells what.
const CANNOT_BE_ASKED: &str = "caller-cannot-be-asked";

pub(super) fn question_changed(tool: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "question-changed",
        format!(
            "{tool} was not carried out: what it asks now is not what the person read. Call it again to ask anew."
        ),
    )
}

pub(super) fn through_peer(tool: &str) -> Error {
    Error::new(
        ErrorKind::Denied,
        "confirmation-through-peer",
        format!(
            "{tool} was not carried out: it needs a confirmation or an answer, which cannot be given through another plugin. Call {tool} itself."
        ),
    )
}

pub(super) fn cannot_be_asked(asks: &str, kind: QuestionKind) -> Error {
    let what = match kind {
        QuestionKind::Confirm | QuestionKind::Form => "shows forms to a person (elicitation)",
        QuestionKind::Sampling => "lends its model (sampling)",
        QuestionKind::Roots => "tells the folders that it works in (roots)",
    };
    Error {
        extra: Some(serde_json::json!({ "asks": kind.name() }).to_string()),
        ..Error::new(
            ErrorKind::Unavailable,
            CANNOT_BE_ASKED,
            format!("{asks} was not carried out: it needs a client that {what}."),
        )
    }
}

/// The kind of question that could not be put to the caller, if this is why a call failed.
pub fn missing_kind(error: &Error) -> Option<QuestionKind> {
    if error.code.as_deref() != Some(CANNOT_BE_ASKED) {
        return None;
    }
    let extra: Value = serde_json::from_str(error.extra.as_deref()?).ok()?;
    QuestionKind::of(extra.get("asks")?.as_str()?)
}

pub(super) fn cannot_ask(policy: Confirm, listed: &Listed) -> Error {
    let tool = &listed.tool.name;
    if policy == Confirm::Token && preview::has(listed) {
        return Error::new(
            ErrorKind::Denied,
            "confirmation-needed",
            format!(
                "{tool} was not carried out: it needs a confirmation. Call it again with the same arguments and dry_run: true, show \
                 the person what would change, and if they agree, call it with the confirm_token of that answer instead of dry_run."
            ),
        );
    }
    Error::new(
        ErrorKind::Denied,
        "confirmation-by-person",
        format!(
            "{tool} was not carried out: a person must confirm it, and this client cannot ask one (it declares no elicitation of \
             forms). Use a client that can, or 'orderdesk-mcp call' in a terminal."
        ),
    )
}

/// Why a token is refused, in words from which the caller can go on.
pub(super) fn refusal(
    purpose: ConfirmationPurpose,
    tool: &str,
    refused: ConfirmationRefused,
) -> Error {
    use ConfirmationRefused::{Expired, OtherArguments, OtherKey, OtherTool, Unknown};
    let (code, what, next) = match purpose {
        ConfirmationPurpose::Preview => (
            match refused {
                Unknown => "confirm-token-unknown",
                Expired => "confirm-token-expired",
                OtherKey => "confirm-token-other-key",
                OtherTool => "confirm-token-other-tool",
                OtherArguments => "confirm-token-other-arguments",
            },
            "confirm_token",
            "Call it with dry_run: true for a new preview and its token",
        ),
        ConfirmationPurpose::Question => (
            match refused {
                Unknown => "question-unknown",
                Expired => "question-expired",
                OtherKey => "question-other-key",
                OtherTool => "question-other-tool",
                OtherArguments => "question-other-arguments",
            },
            "answer",
            "Call it anew to be asked again",
        ),
    };
    let why = match refused {
        Unknown => {
            "belongs to nothing that waits here: it was used before, has long expired, or was mistyped"
        }
        Expired => "came too late: it was good for five minutes",
        OtherKey => "belongs to another access key",
        OtherTool => "belongs to another tool",
        OtherArguments => {
            "belongs to other arguments; send exactly those that were previewed or asked about"
        }
    };
    let kind = match refused {
        Unknown => ErrorKind::NotFound,
        Expired => ErrorKind::Conflict,
        OtherKey => ErrorKind::Denied,
        OtherTool | OtherArguments => ErrorKind::InvalidInput,
    };
    Error::new(
        kind,
        code,
        format!("{tool} was not carried out: the {what} {why}. {next}."),
    )
}
