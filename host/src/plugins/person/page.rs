//! What a person reads at a link, and what becomes of their decision.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::Waiting;
use super::entered::Entered;
use super::outcome::Outcome;
use super::reading::{previewed, readable, said};
use crate::capabilities::context::Caller;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::capabilities::questions::{Askable, QuestionKind};
use crate::plugins::answer::Answer;
use crate::plugins::call::CallRequest;
use crate::plugins::confirm::Reply;
use crate::plugins::host::PluginHost;
use crate::plugins::preview;
use crate::plugins::registry::Listed;
use crate::plugins::selection::{ReadOnly, Selection};
use crate::tenancy::{LinkError, LinkPurpose, OpenLink};

/// What a person reads.
#[derive(Debug)]
pub struct Shown {
    /// The tool's title.
    pub title: String,
    /// The secrets that they are to enter.
    pub secrets: Vec<ShownSecret>,
    /// The other arguments, as JSON.
    pub arguments: Vec<(String, String)>,
    /// What they are to say yes or no to.
    pub questions: Vec<String>,
    /// What the tool says it would do.
    pub preview: Option<String>,
    /// Brings about exactly that.
    pub confirm_token: Option<String>,
}

/// A secret that a person is to enter.
#[derive(Debug)]
pub struct ShownSecret {
    /// The argument.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Where it will be usable.
    pub usable: Vec<String>,
}

/// What a person decides.
pub enum Decision {
    /// No.
    Declined,
    /// Yes.
    Agreed {
        /// What they entered, by argument.
        secrets: Vec<(String, SecretString)>,
        /// Of the preview that they were shown.
        confirm_token: Option<String>,
    },
    /// Yes, to what was asked after they had entered secrets.
    Confirmed {
        /// What they entered, and were asked.
        entered: Entered,
        /// Of the preview that they were shown.
        confirm_token: Option<String>,
    },
}

/// What became of a decision.
#[derive(Debug)]
pub enum Carried {
    /// It was done; what the tool says of it.
    Done(String),
    /// It was not done, as the person wished.
    Declined,
    /// It was not done yet: the tool asks whether it may.
    Asks(Entered),
    /// It failed.
    Failed {
        /// Why.
        message: String,
        /// The person may correct what they entered.
        again: bool,
    },
    /// Somebody else was faster.
    Gone,
}

/// How a call from a page ended.
enum Called {
    /// With its result.
    Done(Answer),
    /// With what the person is to say yes or no to.
    Asks(Entered),
}

impl PluginHost {
    /// The name of the tool at a link and where its secrets would be usable: what may be read without a key.
    pub fn usable_at(&self, link: &OpenLink) -> Vec<String> {
        let registry = self.registry();
        let Some(listed) = registry.find(link.tool()) else {
            return Vec::new();
        };
        let mut places: Vec<String> = listed
            .tool
            .sealed
            .iter()
            .filter(|argument| argument.needed)
            .flat_map(|argument| self.services.usable_at(argument))
            .collect();
        places.dedup();
        places
    }

    /// What a person of the tenant reads at a link. A preview is made for it; nothing else happens. `entered`: what they entered
    /// before the tool asked whether it may.
    ///
    /// # Errors
    /// The tool is gone, the person's key may not use it, or there is no preview; in words for the person.
    pub async fn show(
        self: &Arc<Self>,
        link: &OpenLink,
        person: &Caller,
        entered: Option<&Entered>,
    ) -> Result<Shown, Error> {
        let listed = self.listed_at(link, person)?;
        let mut waiting = self.waiting_at(link, person)?;
        if let Some(entered) = entered {
            waiting.missing.clear();
            waiting.questions.clone_from(&entered.questions);
            waiting.arguments.extend(entered.arguments());
        }
        let secrets = listed
            .tool
            .sealed
            .iter()
            .filter(|argument| waiting.missing.contains(&argument.name))
            .map(|argument| ShownSecret {
                name: argument.name.clone(),
                description: argument.description.clone(),
                usable: self.services.usable_at(argument),
            })
            .collect();
        let is_secret = |name: &String| listed.secret_arguments().any(|secret| secret == name);
        let arguments = waiting
            .arguments
            .iter()
            .filter(|(name, _)| !is_secret(name))
            .map(|(name, value)| (name.clone(), readable(value)))
            .collect();
        let mut shown = Shown {
            title: listed.tool.title.clone(),
            secrets,
            arguments,
            questions: waiting
                .questions
                .iter()
                .map(|it| it.words().to_owned())
                .collect(),
            preview: None,
            confirm_token: None,
        };
        let confirms = link.purpose() == LinkPurpose::Confirmation || entered.is_some();
        if confirms && preview::has(&listed) {
            let mut arguments = waiting.arguments;
            arguments.insert(preview::DRY_RUN.into(), true.into());
            let request = self.request(&listed, person, arguments);
            let answer = self.call(&listed, request).await?;
            (shown.preview, shown.confirm_token) = previewed(answer);
        }
        Ok(shown)
    }

    /// Carries out what waits at a link, with the person's rights and to its end, even if the browser goes away; or does not, if
    /// they said no.
    ///
    /// # Errors
    /// The database failed, or what is stored was altered.
    pub async fn carry_out(
        self: &Arc<Self>,
        link: OpenLink,
        person: Caller,
        decision: Decision,
    ) -> Result<Carried, LinkError> {
        let host = self.clone();
        let carrying = async move { host.carry(&link, &person, decision).await };
        let carrying = self.writes.spawn(carrying);
        match carrying.await {
            Ok(carried) => carried,
            Err(error) => {
                let error = Error::internal("Carrying out a call from a page", &error);
                Ok(Carried::Failed {
                    message: error.message,
                    again: false,
                })
            }
        }
    }

    async fn carry(
        self: &Arc<Self>,
        link: &OpenLink,
        person: &Caller,
        decision: Decision,
    ) -> Result<Carried, LinkError> {
        let links = &self.services.links;
        if !links.take(link).await? {
            return Ok(Carried::Gone);
        }
        let declined = matches!(decision, Decision::Declined);
        let called = match decision {
            Decision::Declined => {
                let name = link.tool();
                Err(Error::new(
                    ErrorKind::Denied,
                    "declined-by-person",
                    format!("{name} was not carried out: the person declined."),
                ))
            }
            Decision::Agreed {
                secrets,
                confirm_token,
            } => {
                let entered = Entered::of(secrets);
                self.make_call(link, person, entered, confirm_token).await
            }
            Decision::Confirmed {
                entered,
                confirm_token,
            } => self.make_call(link, person, entered, confirm_token).await,
        };
        let result = match called {
            Ok(Called::Asks(entered)) => {
                links.put_back(link).await?;
                return Ok(Carried::Asks(entered));
            }
            Ok(Called::Done(answer)) => Ok(answer),
            Err(error) => Err(error),
        };
        tracing::info!(
            plugin = link.plugin(),
            tool = link.tool(),
            tenant = person.principal.tenant.as_str(),
            key = person.principal.key.as_str(),
            purpose = ?link.purpose(),
            declined,
            ok = result.is_ok(),
            "a person decided at a page"
        );
        if let Err(error) = &result
            && !declined
            && mendable(link, error)
            && links.give_back(link).await?
        {
            return Ok(Carried::Failed {
                message: error.message.clone(),
                again: true,
            });
        }
        let outcome = Outcome::of(&result);
        match outcome.write() {
            Ok(outcome) => links.settle(&person.principal, link, &outcome).await?,
            Err(error) => tracing::error!(cause = %error, "an outcome cannot be kept"),
        }
        Ok(match result {
            _ if declined => Carried::Declined,
            Ok(answer) => Carried::Done(said(&answer)),
            Err(error) => Carried::Failed {
                message: error.message,
                again: false,
            },
        })
    }

    async fn make_call(
        self: &Arc<Self>,
        link: &OpenLink,
        person: &Caller,
        mut entered: Entered,
        confirm_token: Option<String>,
    ) -> Result<Called, Error> {
        let listed = self.listed_at(link, person)?;
        let waiting = self.waiting_at(link, person)?;
        entered.only(&waiting.missing)?;
        let mut arguments = waiting.arguments;
        arguments.extend(entered.arguments());
        if let Some(token) = confirm_token {
            arguments.insert(preview::CONFIRM_TOKEN.into(), token.into());
        }
        let asked_before = if waiting.questions.is_empty() {
            entered.questions.clone()
        } else {
            waiting.questions
        };
        let request = CallRequest {
            agreed: asked_before,
            // It can be asked here and now, in the next step of the page.
            askable: Askable::default().and(QuestionKind::Confirm),
            ..self.request(&listed, person, arguments)
        };
        match self.call_or_ask(&listed, request).await? {
            Reply::Done(answer) => Ok(Called::Done(answer)),
            Reply::Asked(asked) => {
                entered.questions = asked.questions;
                Ok(Called::Asks(entered))
            }
            Reply::Linked(_) => Err(Error::internal(
                "A call from a page",
                &"it needs another page",
            )),
        }
    }

    fn request(
        &self,
        listed: &Listed,
        person: &Caller,
        arguments: Map<String, Value>,
    ) -> CallRequest {
        let correlation_id = format!("{:016x}", rand::random::<u64>());
        CallRequest {
            selection: Selection {
                read_only: self.read_only.then_some(ReadOnly::Config),
                ..Selection::of(listed)
            },
            entered_by_person: true,
            ..CallRequest::new(person.clone(), arguments, correlation_id.into())
        }
    }

    /// The tool, if it is still the same plugin's and within reach of the person's key.
    fn listed_at(&self, link: &OpenLink, person: &Caller) -> Result<Listed, Error> {
        let registry = self.registry();
        let listed = registry
            .find(link.tool())
            .filter(|listed| listed.plugin_name() == link.plugin());
        match listed {
            Some(listed) if person.principal.scopes.covers_tool(&listed.tool.name) => {
                Ok(listed.clone())
            }
            Some(listed) => Err(Error::new(
                ErrorKind::Denied,
                "tool-out-of-reach",
                format!(
                    "The key that you gave may not use {}. Use another key of this account.",
                    listed.tool.name
                ),
            )),
            None => Err(Error::new(
                ErrorKind::Unavailable,
                "tool-gone",
                format!(
                    "The tool {} is not served at the moment. Nothing was done.",
                    link.tool()
                ),
            )),
        }
    }

    fn waiting_at(&self, link: &OpenLink, person: &Caller) -> Result<Waiting, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::internal("Reading a call", error);
        let content = self.services.links.content(&person.principal, link);
        let content = content.map_err(|error| failed(&error))?;
        serde_json::from_slice(&content).map_err(|error| failed(&error))
    }
}

/// Whether the person can do better with another secret, and nothing has happened.
fn mendable(link: &OpenLink, error: &Error) -> bool {
    use ErrorKind::{InvalidInput, RateLimited, Timeout, Unauthorized, Unavailable, Upstream};
    link.purpose() == LinkPurpose::Secret
        && !error.outcome_unknown
        && matches!(
            error.kind,
            InvalidInput | Unauthorized | RateLimited | Timeout | Upstream | Unavailable
        )
}
