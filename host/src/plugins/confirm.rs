//! Questions whether something may be done: what counts as a yes, and calls that wait for one outside.
//!
//! A call that asks ends with the question. Its state waits in the database, encrypted, under a single-use token that is
//! bound to tenant, access key, tool and arguments; a second call brings token and answers, and goes on from there. So nothing
//! is held while a person thinks, and whether a client is asked within one request or between two is no business of this
//! module: it is the same here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::{Answer, broken};
use super::intent::Intent;
use super::person::Linked;
use super::preview;
use super::registry::Listed;
use crate::capabilities::Services;
use crate::capabilities::contract::tools::{Answer as Told, Confirmation, Mode, Pause, Resumption};
use crate::capabilities::contract::{Error, ErrorKind};
use crate::clock::Timestamp;
use crate::config::Confirm;
use crate::tenancy::{ConfirmationError, ConfirmationPurpose, ConfirmationRefused, Principal};

/// The one kind of question that there is so far.
const CONFIRM: &str = "confirm";
/// What a paused call may leave in the database.
const STATE_BYTES: usize = 64 << 10;
/// As much of a question as a form shows.
const MESSAGE_CHARACTERS: usize = 2_000;
/// As long as a question's id may be.
const ID_BYTES: usize = 64;
/// More questions at once are no question any more.
const QUESTIONS: usize = 8;

/// How a call ended.
#[derive(Debug)]
pub enum Reply {
    /// With its result.
    Done(Answer),
    /// With questions to a person.
    Asked(Asked),
    /// With a link at which a person goes on.
    Linked(Linked),
}

/// Questions of a call, which goes on when they are answered.
#[derive(Debug)]
pub struct Asked {
    /// What the call that brings the answers carries: good once.
    pub token: String,
    /// From when on it is refused.
    pub expires_at: Timestamp,
    /// Each to be answered with yes or no.
    pub questions: Vec<AskedQuestion>,
}

/// May this be done?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedQuestion {
    /// Told back with the answer.
    pub id: String,
    /// What the person reads.
    pub message: String,
}

/// What a call brings that goes on with an earlier one.
#[derive(Debug, Clone, Default)]
pub struct Answered {
    /// The token that came with the questions.
    pub token: String,
    /// Yes or no by the questions' ids; what is missing is asked again.
    pub answers: BTreeMap<String, bool>,
}

/// A call that waits outside.
#[derive(Serialize, Deserialize)]
struct Waiting {
    state: Vec<u8>,
    questions: Vec<AskedQuestion>,
    answers: BTreeMap<String, bool>,
    /// Of the preview that the call confirms.
    basis: Option<String>,
}

/// What becomes of a pause with questions.
pub(super) enum Next {
    /// The plugin goes on at once, with these answers.
    On(Vec<Told>),
    /// The call ends here for now.
    Ask(Asked),
    /// It ends here, and a person is asked at a page, if there is one.
    AskAtPage(Vec<AskedQuestion>),
}

/// A call that goes on, or that asks once more.
pub(super) enum Resumed {
    On(Resumption, Option<Confirmation>),
    Again(Asked),
}

impl Intent {
    /// Decides on the questions of a pause.
    ///
    /// # Errors
    /// Nobody can be asked and nothing else counts, or it is a question of another kind.
    pub(super) async fn decide(
        &self,
        services: &Services,
        policy: Confirm,
        principal: &Principal,
        listed: &Listed,
        pause: &Pause,
    ) -> Result<Next, Error> {
        let tool = &listed.tool.name;
        if pause.questions.len() > QUESTIONS {
            return Err(broken(listed, "it asks too many questions at once"));
        }
        let mut questions = Vec::new();
        for question in &pause.questions {
            if question.kind != CONFIRM {
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    "question-not-supported",
                    format!(
                        "{tool} needs to ask a person something that this server cannot pass on. Nothing more was done."
                    ),
                ));
            }
            let Some(message) = message(&question.parameters) else {
                return Err(broken(listed, "its question has no message"));
            };
            let twice = |asked: &AskedQuestion| asked.id == question.id;
            if !(1..=ID_BYTES).contains(&question.id.len()) || questions.iter().any(twice) {
                return Err(broken(listed, "its question has no id of its own"));
            }
            questions.push(AskedQuestion {
                id: question.id.clone(),
                message,
            });
        }
        // A preview changes nothing, whatever is answered; it shows what a yes would do.
        let counts = self.mode == Mode::Preview
            || match policy {
                Confirm::Never => true,
                Confirm::Token => self.confirmation.is_some(),
                Confirm::Person => false,
            };
        if counts {
            let yes = questions.into_iter().map(|question| (question.id, true));
            return Ok(Next::On(told(yes)));
        }
        if !self.agreed.is_empty() {
            if !questions.iter().all(|asked| self.agreed.contains(asked)) {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "question-changed",
                    format!(
                        "{tool} was not carried out: what it asks now is not what the person read. Call it again to ask anew."
                    ),
                ));
            }
            let yes = questions.into_iter().map(|question| (question.id, true));
            return Ok(Next::On(told(yes)));
        }
        match &self.bound {
            Some(bound) if self.can_ask => {
                if pause.state.len() > STATE_BYTES {
                    return Err(broken(listed, "the state of its pause is too large"));
                }
                let waiting = Waiting {
                    state: pause.state.clone(),
                    questions,
                    answers: BTreeMap::new(),
                    basis: self
                        .confirmation
                        .as_ref()
                        .map(|preview| preview.basis.clone()),
                };
                let asked = wait(services, principal, tool, bound, waiting).await?;
                Ok(Next::Ask(asked))
            }
            Some(_) if policy == Confirm::Person || !preview::has(listed) => {
                Ok(Next::AskAtPage(questions))
            }
            _ if !self.by_peer => Err(cannot_ask(policy, listed)),
            _ => Err(Error::new(
                ErrorKind::Denied,
                "confirmation-through-peer",
                format!(
                    "{tool} was not carried out: it needs a confirmation, which cannot be given through another plugin. Call {tool} itself."
                ),
            )),
        }
    }
}

/// Takes the token of a call that goes on, and what waits under it.
///
/// # Errors
/// The token is not good for this call.
pub(super) async fn resume(
    services: &Services,
    principal: &Principal,
    tool: &str,
    bound: &Map<String, Value>,
    answered: Answered,
) -> Result<Resumed, Error> {
    let purpose = ConfirmationPurpose::Question;
    let waiting = services
        .confirmations
        .redeem(principal, purpose, tool, bound, &answered.token)
        .await
        .map_err(|error| match error {
            ConfirmationError::Refused(refused) => refusal(purpose, tool, refused),
            error => Error::internal("Going on with a call", &error),
        })?;
    let mut waiting: Waiting = serde_json::from_slice(&waiting)
        .map_err(|error| Error::internal("Reading the state of a call", &error))?;
    for question in &waiting.questions {
        if let Some(answer) = answered.answers.get(&question.id) {
            waiting.answers.insert(question.id.clone(), *answer);
        }
    }
    let open = |question: &AskedQuestion| !waiting.answers.contains_key(&question.id);
    if waiting.questions.iter().any(open) {
        let again = wait(services, principal, tool, bound, waiting).await?;
        return Ok(Resumed::Again(again));
    }
    Ok(Resumed::On(
        Resumption {
            state: waiting.state,
            answers: told(waiting.answers),
        },
        waiting.basis.map(|basis| Confirmation { basis }),
    ))
}

async fn wait(
    services: &Services,
    principal: &Principal,
    tool: &str,
    bound: &Map<String, Value>,
    waiting: Waiting,
) -> Result<Asked, Error> {
    let failed =
        |error: &dyn std::fmt::Display| Error::internal("Asking for a confirmation", error);
    let content = serde_json::to_vec(&waiting).map_err(|error| failed(&error))?;
    let issued = services
        .confirmations
        .issue(
            principal,
            ConfirmationPurpose::Question,
            tool,
            bound,
            &content,
        )
        .await
        .map_err(|error| failed(&error))?;
    let unanswered = |question: &AskedQuestion| !waiting.answers.contains_key(&question.id);
    Ok(Asked {
        token: issued.token,
        expires_at: issued.expires_at,
        questions: waiting
            .questions
            .iter()
            .filter(|question| unanswered(question))
            .cloned()
            .collect(),
    })
}

fn told(answers: impl IntoIterator<Item = (String, bool)>) -> Vec<Told> {
    answers
        .into_iter()
        .map(|(id, yes)| Told {
            id,
            value: yes.to_string(),
        })
        .collect()
}

fn message(parameters: &str) -> Option<String> {
    let parameters: Value = serde_json::from_str(parameters).ok()?;
    let message = parameters.get("message")?.as_str()?;
    let message: String = message
        .chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .take(MESSAGE_CHARACTERS)
        .collect();
    (!message.trim().is_empty()).then_some(message)
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
