//! Questions of calls: what counts as an answer, and calls that wait for one outside.
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
use super::question::{Ask, AskedQuestion, NoQuestion};
use super::refusal::{cannot_ask, cannot_be_asked, question_changed, refusal, through_peer};
use super::registry::Listed;
use crate::capabilities::Services;
use crate::capabilities::contract::tools::{Confirmation, Mode};
use crate::capabilities::contract::types::{Answer as Told, Pause, Question, Resumption};
use crate::capabilities::contract::{Error, ErrorKind, kind_name};
use crate::capabilities::questions::{Askable, QuestionKind};
use crate::clock::Timestamp;
use crate::config::Confirm;
use crate::tenancy::{ConfirmationError, ConfirmationPurpose, Principal};

/// What a paused call may leave in the database.
const STATE_BYTES: usize = 64 << 10;
/// More questions at once are no question any more.
const QUESTIONS: usize = 8;

/// How a call ended.
#[derive(Debug)]
pub enum Reply {
    /// With its result.
    Done(Answer),
    /// With questions.
    Asked(Asked),
    /// With a link at which a person goes on.
    Linked(Linked),
}

/// How a call ended, as metrics, spans and log lines tell it: `ok`, `asked`, `linked` or the kind of its error.
pub fn outcome_word(reply: &Result<Reply, Error>) -> &'static str {
    match reply {
        Ok(Reply::Done(_)) => "ok",
        Ok(Reply::Asked(_)) => "asked",
        Ok(Reply::Linked(_)) => "linked",
        Err(error) => kind_name(error.kind),
    }
}

/// Questions of a call, which goes on when they are answered.
#[derive(Debug)]
pub struct Asked {
    /// What the call that brings the answers carries: good once.
    pub token: String,
    /// From when on it is refused.
    pub expires_at: Timestamp,
    /// Each to be answered.
    pub questions: Vec<AskedQuestion>,
}

/// What a call brings that goes on with an earlier one, or that knows what it will be asked.
#[derive(Debug, Clone, Default)]
pub struct Answered {
    /// The token that came with the questions. Without one, nobody was asked: no answer counts as a confirmation.
    pub token: Option<String>,
    /// By the questions' ids; what is missing, or does not fit, is asked again.
    pub answers: BTreeMap<String, Value>,
}

/// A call that waits outside.
#[derive(Serialize, Deserialize)]
struct Waiting {
    state: Vec<u8>,
    questions: Vec<AskedQuestion>,
    /// As the plugin is told them.
    answers: BTreeMap<String, Value>,
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

/// What a token of a question is bound to.
#[derive(Clone, Copy)]
pub(super) struct Binding<'a> {
    /// The tool, or another thing that asks.
    pub(super) asks: &'a str,
    /// Its arguments.
    pub(super) arguments: &'a Map<String, Value>,
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
        let questions = checked(&pause.questions, tool).map_err(|no| no.of(listed))?;
        // A preview changes nothing, whatever is answered; it shows what a yes would do.
        let counts = self.mode == Mode::Preview
            || match policy {
                Confirm::Never => true,
                Confirm::Token => self.confirmation.is_some(),
                Confirm::Person => false,
            };
        let mut answers = BTreeMap::new();
        for question in &questions {
            let answer = match &question.ask {
                Ask::Confirm { .. } if counts => Some(Value::Bool(true)),
                Ask::Confirm { .. } if self.agreed.is_empty() => None,
                Ask::Confirm { .. } if self.agreed.contains(question) => Some(Value::Bool(true)),
                Ask::Confirm { .. } => return Err(question_changed(tool)),
                _ => self.given(question),
            };
            answers.extend(answer.map(|answer| (question.id.clone(), answer)));
        }
        let open = |question: &&AskedQuestion| !answers.contains_key(&question.id);
        if !questions.iter().any(|question| open(&question)) {
            return Ok(Next::On(told(answers)));
        }
        let confirms = |question: &AskedQuestion| question.kind() == QuestionKind::Confirm;
        // Only confirmations have a page.
        let at_page = self.bound.is_some()
            && (policy == Confirm::Person || !preview::has(listed))
            && questions.iter().all(confirms);
        for question in questions.iter().filter(open) {
            match question.kind() {
                _ if self.by_peer => return Err(through_peer(tool)),
                kind if self.askable.takes(kind) && self.bound.is_some() => {}
                QuestionKind::Confirm if at_page => return Ok(Next::AskAtPage(questions)),
                QuestionKind::Confirm => return Err(cannot_ask(policy, listed)),
                kind => return Err(cannot_be_asked(tool, kind)),
            }
        }
        let Some(arguments) = &self.bound else {
            return Err(broken(listed, "it asks where it cannot"));
        };
        if pause.state.len() > STATE_BYTES {
            return Err(broken(listed, "the state of its pause is too large"));
        }
        let waiting = Waiting {
            state: pause.state.clone(),
            questions,
            answers,
            basis: self
                .confirmation
                .as_ref()
                .map(|preview| preview.basis.clone()),
        };
        let binding = Binding {
            asks: tool,
            arguments,
        };
        wait(services, principal, binding, waiting)
            .await
            .map(Next::Ask)
    }

    /// The answer that came with the call, to a question that was not asked yet.
    fn given(&self, question: &AskedQuestion) -> Option<Value> {
        question.told(self.given.get(&question.id)?)
    }
}

/// Decides on the questions of a prompt, which reads only: none of them is for a confirmation.
///
/// # Errors
/// They cannot be asked, in words.
pub(super) async fn decide_reading(
    services: &Services,
    principal: &Principal,
    binding: Binding<'_>,
    (askable, given): (Askable, &BTreeMap<String, Value>),
    pause: &Pause,
    broken: impl Fn(&'static str) -> Error,
) -> Result<Next, Error> {
    let questions = checked(&pause.questions, binding.asks).map_err(|no| match no {
        No::Asked(error) => error,
        No::Broken(what) => broken(what),
    })?;
    let confirms = |question: &AskedQuestion| question.kind() == QuestionKind::Confirm;
    if questions.is_empty() || questions.iter().any(confirms) {
        return Err(broken("it pauses without a question that a prompt may ask"));
    }
    if pause.state.len() > STATE_BYTES {
        return Err(broken("the state of its pause is too large"));
    }
    let mut answers = BTreeMap::new();
    for question in &questions {
        let answer = given.get(&question.id).and_then(|it| question.told(it));
        match answer {
            Some(answer) => {
                answers.insert(question.id.clone(), answer);
            }
            None if askable.takes(question.kind()) => {}
            None => return Err(cannot_be_asked(binding.asks, question.kind())),
        }
    }
    if answers.len() == questions.len() {
        return Ok(Next::On(told(answers)));
    }
    let waiting = Waiting {
        state: pause.state.clone(),
        questions,
        answers,
        basis: None,
    };
    wait(services, principal, binding, waiting)
        .await
        .map(Next::Ask)
}

/// Why questions are none.
enum No {
    Asked(Error),
    Broken(&'static str),
}

impl No {
    fn of(self, listed: &Listed) -> Error {
        match self {
            Self::Asked(error) => error,
            Self::Broken(what) => broken(listed, what),
        }
    }
}

fn checked(asked: &[Question], asks: &str) -> Result<Vec<AskedQuestion>, No> {
    if asked.len() > QUESTIONS {
        return Err(No::Broken("it asks too many questions at once"));
    }
    let mut questions: Vec<AskedQuestion> = Vec::new();
    for question in asked {
        let question = AskedQuestion::of(question).map_err(|no| match no {
            NoQuestion::Broken(what) => No::Broken(what),
            NoQuestion::UnknownKind => No::Asked(Error::new(
                ErrorKind::Unavailable,
                "question-not-supported",
                format!(
                    "{asks} needs to ask something that this server cannot pass on. Nothing more was done."
                ),
            )),
        })?;
        if questions.iter().any(|other| other.id == question.id) {
            return Err(No::Broken("its question has no id of its own"));
        }
        questions.push(question);
    }
    Ok(questions)
}

/// Takes the token of a call that goes on, and what waits under it.
///
/// # Errors
/// The token is not good for this call.
pub(super) async fn resume(
    services: &Services,
    principal: &Principal,
    binding: Binding<'_>,
    token: &str,
    given: &BTreeMap<String, Value>,
) -> Result<Resumed, Error> {
    let purpose = ConfirmationPurpose::Question;
    let waiting = services
        .confirmations
        .redeem(principal, purpose, binding.asks, binding.arguments, token)
        .await
        .map_err(|error| match error {
            ConfirmationError::Refused(refused) => refusal(purpose, binding.asks, refused),
            error => Error::internal("Going on with a call", &error),
        })?;
    let mut waiting: Waiting = serde_json::from_slice(&waiting)
        .map_err(|error| Error::internal("Reading the state of a call", &error))?;
    for question in &waiting.questions {
        let answer = given.get(&question.id).and_then(|it| question.told(it));
        if let Some(answer) = answer {
            waiting.answers.insert(question.id.clone(), answer);
        }
    }
    let open = |question: &AskedQuestion| !waiting.answers.contains_key(&question.id);
    if waiting.questions.iter().any(open) {
        let again = wait(services, principal, binding, waiting).await?;
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
    binding: Binding<'_>,
    waiting: Waiting,
) -> Result<Asked, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::internal("Asking a question", error);
    let content = serde_json::to_vec(&waiting).map_err(|error| failed(&error))?;
    let purpose = ConfirmationPurpose::Question;
    let issued = services
        .confirmations
        .issue(
            principal,
            purpose,
            binding.asks,
            binding.arguments,
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

fn told(answers: BTreeMap<String, Value>) -> Vec<Told> {
    answers
        .into_iter()
        .map(|(id, value)| Told {
            id,
            value: value.to_string(),
        })
        .collect()
}
