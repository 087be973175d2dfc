//! Calls for which a person is needed who is not behind the client: they wait behind a one-time link, at a page of this server.
//!
//! A tool that needs a secret the caller did not send, or that asks whether it may and nobody can be asked, ends with a link. A
//! person opens it, gives an access key of the tenant, reads what would be done, and enters the secret or says yes. Then the call
//! is made at once, with that person's rights: they see whether the key that they entered is right, and can correct it. The same
//! call, repeated by the agent, answers what became of it, once; a secret never takes the way through client and model.
//!
//! `plugins` knows no HTTP: where the pages are, [`Pages`] says.

mod entered;
mod outcome;
mod page;
mod reading;
mod words;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::call::CallRequest;
use super::confirm::Reply;
use super::host::PluginHost;
use super::preview;
use super::question::AskedQuestion;
use super::refusal;
use super::registry::Listed;
use crate::capabilities::contract::tools::Mode;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::capabilities::questions::QuestionKind;
use crate::clock::Timestamp;
use crate::config::Confirm;
use crate::tenancy::{Link, LinkFor, LinkPurpose, Principal, Standing};

pub use entered::Entered;
use outcome::Outcome;
pub use page::{Carried, Decision, Shown, ShownSecret};
pub use words::names_link;
use words::{NO_PAGES, declined, linked, lost, no_page, under_way};

/// How long a client that opened a page waits for its person; it calls again where that is too short.
const PATIENCE: Duration = Duration::from_secs(20);
/// The page may be another process's, so the database is asked.
const LOOK: Duration = Duration::from_millis(250);

/// Where the pages of this process are.
#[async_trait]
pub trait Pages: Send + Sync {
    /// The URL at which a person reaches this link.
    ///
    /// # Errors
    /// There is no such page, in words that tell the operator what to do.
    async fn url(&self, link: &Link) -> Result<String, String>;

    /// What the URLs of all pages begin with, if that is known.
    fn beginning(&self) -> Option<String>;

    /// Where a tenant agrees to plugins, if there is such a page.
    fn consents(&self) -> Option<String>;
}

/// A link at which a call waits.
pub struct Linked {
    /// Names the link to the client, which brings it back; opens nothing.
    pub id: String,
    /// For the person.
    pub url: String,
    /// What the person is to do there.
    pub message: String,
    /// From when on it is refused.
    pub expires_at: Timestamp,
    /// The same in words, for clients that cannot open pages.
    pub error: Error,
}

/// The URL is for the person, not for logs.
impl fmt::Debug for Linked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Linked({})", self.message)
    }
}

/// What a client tells of a link that it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// The person opened it.
    Opened,
    /// The person did not want to.
    Declined,
}

/// The call that waits at a link.
#[derive(Serialize, Deserialize)]
struct Waiting {
    arguments: Map<String, Value>,
    /// The secrets that are to be entered.
    missing: Vec<String>,
    /// What is to be confirmed.
    questions: Vec<AskedQuestion>,
}

impl PluginHost {
    /// Tells where the pages of this process are. Before that, and in processes without any, calls that need one are refused.
    pub fn serve_pages(&self, pages: Arc<dyn Pages>) {
        // A process serves once.
        if self.pages.set(pages).is_err() {
            tracing::warn!("the pages of this process were set twice");
        }
    }

    /// What the URLs of all pages begin with, if there are any.
    pub fn pages_begin_with(&self) -> Option<String> {
        self.pages.get()?.beginning()
    }

    /// Where a tenant agrees to plugins, if this process has a page for that.
    pub fn page_of_consents(&self) -> Option<String> {
        self.pages.get()?.consents()
    }

    /// Whether callers may send secrets as arguments.
    pub fn secrets_in_arguments(&self) -> bool {
        self.secrets_in_arguments
    }

    /// Refuses secrets that callers must not send here.
    ///
    /// # Errors
    /// There is one.
    pub(super) fn check_secrets(
        &self,
        listed: &Listed,
        request: &CallRequest,
    ) -> Result<(), Error> {
        if self.secrets_in_arguments || request.entered_by_person {
            return Ok(());
        }
        let sent = |name: &&str| request.arguments.contains_key(*name);
        let Some(name) = listed.secret_arguments().find(sent) else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::Denied,
            "secret-in-arguments",
            format!(
                "{} was not called: this server takes no secrets as arguments, and '{name}' is one. Leave it out: the answer is then a \
                 link to a page where a person enters it. Whoever gave you the secret should know that it has been in this \
                 conversation, and may want to replace it.",
                listed.tool.name
            ),
        ))
    }

    /// What a call that waits for a person answers instead of running; none: it runs.
    ///
    /// # Errors
    /// What became of it was an error; no page can be shown.
    pub(super) async fn waiting(
        &self,
        listed: &Listed,
        request: &CallRequest,
        mode: Mode,
    ) -> Result<Option<Reply>, Error> {
        let missing: Vec<String> = listed
            .tool
            .sealed
            .iter()
            .filter(|argument| argument.needed && !request.arguments.contains_key(&argument.name))
            .map(|argument| argument.name.clone())
            .collect();
        let principal = &request.caller.principal;
        if missing.is_empty() {
            if request.entered_by_person || !self.asks_at_page(listed, mode) {
                return Ok(None);
            }
            let bound = preview::bound(&request.arguments);
            let wanted = link_for(listed, LinkPurpose::Confirmation, &bound);
            return self.standing(listed, principal, &wanted, request).await;
        }
        if mode == Mode::Preview {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "no-preview-without-secret",
                format!(
                    "{} needs '{}' before it can say what it would do. Call it without {}: a person enters the secret on a page, \
                     where they also read what is done with it.",
                    listed.tool.name,
                    missing.join("', '"),
                    preview::DRY_RUN
                ),
            ));
        }
        let bound = preview::bound(&request.arguments);
        let wanted = link_for(listed, LinkPurpose::Secret, &bound);
        if let Some(reply) = self.standing(listed, principal, &wanted, request).await? {
            return Ok(Some(reply));
        }
        let waiting = Waiting {
            arguments: bound.clone(),
            missing,
            questions: Vec::new(),
        };
        self.link(listed, principal, &wanted, &waiting)
            .await
            .map(|linked| Some(Reply::Linked(linked)))
    }

    /// Whether a question of this tool is put on a page where the client cannot ask it.
    pub(super) fn asks_at_page(&self, listed: &Listed, mode: Mode) -> bool {
        let by_person = match self.confirm {
            Confirm::Person => true,
            Confirm::Token => !preview::has(listed),
            Confirm::Never => false,
        };
        by_person && mode == Mode::Run && !listed.tool.hints.read_only && self.pages.get().is_some()
    }

    /// A link to the page where a person answers these questions; `bound` are the arguments of a call that tokens may be given
    /// for.
    ///
    /// # Errors
    /// No page can be shown.
    pub(super) async fn ask_at_page(
        &self,
        listed: &Listed,
        principal: &Principal,
        bound: Option<&Map<String, Value>>,
        questions: Vec<AskedQuestion>,
    ) -> Result<Linked, Error> {
        let Some(bound) = bound.filter(|_| self.asks_at_page(listed, Mode::Run)) else {
            return Err(refusal::cannot_ask(self.confirm, listed));
        };
        let wanted = link_for(listed, LinkPurpose::Confirmation, bound);
        let waiting = Waiting {
            arguments: bound.clone(),
            missing: Vec::new(),
            questions,
        };
        self.link(listed, principal, &wanted, &waiting).await
    }

    async fn link(
        &self,
        listed: &Listed,
        principal: &Principal,
        wanted: &LinkFor<'_>,
        waiting: &Waiting,
    ) -> Result<Linked, Error> {
        let pages = self.pages.get().ok_or_else(|| no_page(listed, NO_PAGES))?;
        let content = serde_json::to_vec(waiting)
            .map(Zeroizing::new)
            .map_err(|error| Error::internal("Making a link", &error))?;
        let link = self
            .services
            .links
            .issue(principal, wanted, &content)
            .await
            .map_err(|error| Error::internal("Making a link", &error))?;
        match pages.url(&link).await {
            Ok(url) => {
                tracing::info!(purpose = ?wanted.purpose, until = link.expires_at.rfc3339(), "the call waits for a person at a page");
                Ok(linked(listed, wanted.purpose, &link, url))
            }
            Err(why) => {
                // Nobody was given it.
                if let Err(error) = self.services.links.withdraw(&link.hash).await {
                    tracing::debug!(cause = %error, "a link that nobody has stays until its end");
                }
                Err(no_page(listed, &why))
            }
        }
    }

    /// What this very call's link came to; none if there is none.
    async fn standing(
        &self,
        listed: &Listed,
        principal: &Principal,
        wanted: &LinkFor<'_>,
        request: &CallRequest,
    ) -> Result<Option<Reply>, Error> {
        let failed = |error: &dyn fmt::Display| Error::internal("Looking at a link", error);
        let links = &self.services.links;
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let standing = links
                .standing(principal, wanted)
                .await
                .map_err(|error| failed(&error))?;
            let patient = tokio::time::Instant::now() < until && !self.stopping.is_cancelled();
            match standing {
                Standing::Absent => return Ok(None),
                Standing::Ended(outcome) => {
                    return Outcome::read(&outcome)
                        .map_err(|error| failed(&error))?
                        .reply()
                        .map(|answer| Some(Reply::Done(answer)));
                }
                Standing::Lost => return Err(lost(listed)),
                Standing::Open(link)
                    if request.askable.takes(QuestionKind::Confirm)
                        && wanted.purpose == LinkPurpose::Confirmation =>
                {
                    // This client can ask by itself, and what it asks is not to be done a second time at a page.
                    links
                        .withdraw(&link.hash)
                        .await
                        .map_err(|error| failed(&error))?;
                    return Ok(None);
                }
                Standing::Open(link) => match request.visit {
                    Some(Visit::Declined) => {
                        links
                            .withdraw(&link.hash)
                            .await
                            .map_err(|error| failed(&error))?;
                        return Err(declined(listed));
                    }
                    Some(Visit::Opened) if patient => {}
                    _ => {
                        let pages = self.pages.get().ok_or_else(|| no_page(listed, NO_PAGES))?;
                        let url = pages
                            .url(&link)
                            .await
                            .map_err(|why| no_page(listed, &why))?;
                        let linked = linked(listed, wanted.purpose, &link, url);
                        return Ok(Some(Reply::Linked(linked)));
                    }
                },
                Standing::UnderWay if patient => {}
                Standing::UnderWay => return Err(under_way(listed)),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = request.cancelled.cancelled() => return Err(Error::new(
                    ErrorKind::Cancelled,
                    "cancelled",
                    "The call was cancelled while it waited for a person. The link stays good.",
                )),
            }
        }
    }
}

fn link_for<'a>(
    listed: &'a Listed,
    purpose: LinkPurpose,
    bound: &'a Map<String, Value>,
) -> LinkFor<'a> {
    LinkFor {
        purpose,
        plugin: listed.plugin_name(),
        tool: &listed.tool.name,
        arguments: bound,
    }
}
