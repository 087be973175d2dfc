//! What a call is about to do, and what it may count on: the deed or a preview, a confirmation, answers of a person.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::call::CallRequest;
use super::confirm::{self, Asked, Binding, Resumed};
use super::preview;
use super::question::AskedQuestion;
use super::registry::Listed;
use crate::capabilities::Services;
use crate::capabilities::contract::Error;
use crate::capabilities::contract::tools::{Confirmation, Mode, Output};
use crate::capabilities::contract::types::Resumption;
use crate::capabilities::questions::Askable;
use crate::tenancy::Principal;

/// What a call is about to do.
pub(super) struct Intent {
    /// The deed, or a preview of it.
    pub(super) mode: Mode,
    /// The preview that the caller confirms.
    pub(super) confirmation: Option<Confirmation>,
    /// What an earlier call left, with the answers to its questions.
    pub(super) resumption: Option<Resumption>,
    /// The arguments to which tokens are bound; none: this call gets none.
    pub(super) bound: Option<Map<String, Value>>,
    /// The questions with which the call may end.
    pub(super) askable: Askable,
    /// Answers that came unasked, by the questions' ids.
    pub(super) given: BTreeMap<String, Value>,
    /// Another plugin calls.
    pub(super) by_peer: bool,
    /// What a person said yes to at a page, whether that is asked or not.
    pub(super) agreed: Vec<AskedQuestion>,
}

/// A call that begins, or one whose question is still open.
pub(super) enum Begun {
    Now(Intent),
    AskedAgain(Asked),
}

impl Intent {
    /// Of a caller's call. The tokens that came with it are taken, and nothing but the plugin comes after this, so that a call
    /// that never began has used none up.
    ///
    /// # Errors
    /// A token is not good for this call.
    pub(super) async fn of(
        services: &Services,
        listed: &Listed,
        request: &mut CallRequest,
        mode: Mode,
    ) -> Result<Begun, Error> {
        let (tool, principal) = (&listed.tool, &request.caller.principal);
        let mut intent = Self {
            mode,
            confirmation: None,
            resumption: None,
            bound: None,
            askable: request.askable,
            given: BTreeMap::new(),
            by_peer: false,
            agreed: std::mem::take(&mut request.agreed),
        };
        if tool.hints.read_only && request.askable.is_empty() {
            return Ok(Begun::Now(intent));
        }
        let bound = preview::bound(&request.arguments);
        let answered = request.answered.take().unwrap_or_default();
        if let Some(token) = &answered.token {
            let binding = Binding {
                asks: &tool.name,
                arguments: &bound,
            };
            let given = &answered.answers;
            match confirm::resume(services, principal, binding, token, given).await? {
                Resumed::Again(asked) => return Ok(Begun::AskedAgain(asked)),
                Resumed::On(resumption, confirmation) => {
                    intent.resumption = Some(resumption);
                    intent.confirmation = confirmation;
                }
            }
        } else {
            intent.given = answered.answers;
        }
        if tool.hints.read_only {
            intent.bound = Some(bound);
            return Ok(Begun::Now(intent));
        }
        if answered.token.is_none()
            && let Some(token) = preview::confirm_token(&request.arguments)
        {
            let confirmation =
                preview::confirmed(services, principal, &tool.name, &bound, token).await?;
            intent.confirmation = Some(confirmation);
        }
        // It has served: a plugin has no use for it.
        request.arguments.remove(preview::CONFIRM_TOKEN);
        intent.bound = Some(bound);
        Ok(Begun::Now(intent))
    }

    /// By what this call was allowed, if it needed that.
    pub(super) fn confirmed_by(&self) -> Option<&'static str> {
        if !self.agreed.is_empty() {
            return Some("page");
        }
        match (&self.resumption, &self.confirmation) {
            (Some(_), _) => Some("answer"),
            (None, Some(_)) => Some("confirm_token"),
            (None, None) => None,
        }
    }

    /// Of one plugin's call of another: nobody is asked, and no token is given.
    pub(super) fn of_peer(mode: Mode) -> Self {
        Self {
            mode,
            confirmation: None,
            resumption: None,
            bound: None,
            askable: Askable::default(),
            given: BTreeMap::new(),
            by_peer: true,
            agreed: Vec::new(),
        }
    }

    /// What the caller gets of the plugin's result: a preview that can be confirmed, with its token.
    ///
    /// # Errors
    /// The plugin broke its contract; the token cannot be kept.
    pub(super) async fn finish(
        &self,
        services: &Services,
        principal: &Principal,
        listed: &Listed,
        output: Output,
    ) -> Result<Output, Error> {
        match &self.bound {
            Some(bound) if self.mode == Mode::Preview => {
                preview::with_token(services, principal, listed, bound, output).await
            }
            _ => Ok(output),
        }
    }
}
