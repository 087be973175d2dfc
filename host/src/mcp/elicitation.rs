//! Questions of tools, put to the person behind the client as forms with one box to tick.
//!
//! Since 2026-07-28 a call's result asks, and the client calls again with the answers ("multi round-trip requests"). Before,
//! the server sends the client a request, which only stdio can: HTTP is served without sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    BooleanSchema, ClientResult, ElicitRequest, ElicitRequestParams, ElicitationSchema,
    InputRequest, InputRequests, InputRequiredResult, InputResponses, PrimitiveSchemaDefinition,
    ServerRequest,
};
use rmcp::service::{Peer, PeerRequestOptions, RequestContext};
use serde_json::Value;

use crate::capabilities::contract::{Error, ErrorKind};
use crate::plugins::{Answered, Asked, AskedQuestion};

/// The box.
const CONFIRM: &str = "confirm";
/// As long as the call waits for its answers, and a little less: the answer has to come back in time.
const PATIENCE: Duration = Duration::from_secs(290);

/// How the person behind a client is asked.
pub enum Asking {
    /// Not at all.
    Impossible,
    /// By the result of the call.
    InResult,
    /// By a request to the client.
    ByRequest(Peer<RoleServer>),
}

impl Asking {
    /// Of the client that sent this request.
    pub fn of(context: &RequestContext<RoleServer>, stdio: bool) -> Self {
        let forms = context
            .client_capabilities()
            .and_then(|capabilities| capabilities.elicitation)
            // Without any mode it means forms, as it did before there were others.
            .is_some_and(|modes| modes.form.is_some() || modes.url.is_none());
        let Some(version) = context.protocol_version().filter(|_| forms) else {
            return Self::Impossible;
        };
        if !version.has_initialize() {
            Self::InResult
        } else if stdio {
            Self::ByRequest(context.peer.clone())
        } else {
            Self::Impossible
        }
    }

    /// Whether there is a way.
    pub fn is_possible(&self) -> bool {
        !matches!(self, Self::Impossible)
    }
}

/// The result that asks.
pub fn in_result(asked: Asked) -> InputRequiredResult {
    let requests: InputRequests = asked
        .questions
        .iter()
        .map(|question| {
            let form = InputRequest::Elicitation(ElicitRequest::new(form(question)));
            (question.id.clone(), form)
        })
        .collect();
    InputRequiredResult::new(Some(requests), Some(asked.token))
}

/// What a client brings back from [`in_result`]. What is no answer counts as none, and is asked again.
pub fn from_responses(token: String, responses: Option<InputResponses>) -> Answered {
    let answers = responses
        .into_iter()
        .flatten()
        .filter_map(|(id, response)| Some((id, yes_or_no(&response)?)))
        .collect();
    Answered { token, answers }
}

/// Asks by requests to the client, one after the other, until somebody says no.
///
/// # Errors
/// The client does not answer, or not with a form.
pub async fn by_request(peer: &Peer<RoleServer>, asked: Asked) -> Result<Answered, Error> {
    let mut answers = BTreeMap::new();
    for question in &asked.questions {
        // After a no the other questions make no difference.
        let answer = if answers.values().all(|yes| *yes) {
            send(peer, question).await?
        } else {
            false
        };
        answers.insert(question.id.clone(), answer);
    }
    Ok(Answered {
        token: asked.token,
        answers,
    })
}

async fn send(peer: &Peer<RoleServer>, question: &AskedQuestion) -> Result<bool, Error> {
    let request = ServerRequest::ElicitRequest(ElicitRequest::new(form(question)));
    let options = PeerRequestOptions::with_timeout(PATIENCE);
    let answer = match peer.send_request_with_option(request, options).await {
        Ok(sent) => sent.await_response().await,
        Err(error) => Err(error),
    };
    let unanswered = |cause: &dyn std::fmt::Display| {
        tracing::info!(cause = %cause, "a client did not answer a question");
        Error::new(
            ErrorKind::Unavailable,
            "question-unanswered",
            "The call was not carried out: its question to the person was not answered. Call it again to be asked again.",
        )
    };
    match answer {
        Ok(ClientResult::ElicitResult(result)) => serde_json::to_value(&result)
            .ok()
            .and_then(|result| yes_or_no(&result))
            .ok_or_else(|| unanswered(&"the answer is no form")),
        Ok(_) => Err(unanswered(&"the answer is of another kind")),
        Err(error) => Err(unanswered(&error)),
    }
}

fn form(question: &AskedQuestion) -> ElicitRequestParams {
    let tick = BooleanSchema::new().title("Confirm").with_default(false);
    let properties = [(CONFIRM.into(), PrimitiveSchemaDefinition::Boolean(tick))];
    let mut requested_schema = ElicitationSchema::new(properties.into());
    requested_schema.required = Some(vec![CONFIRM.into()]);
    ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: question.message.clone(),
        requested_schema,
    }
}

/// Yes is an accepted form with the box ticked; no is everything else that a person can do with a form.
fn yes_or_no(result: &Value) -> Option<bool> {
    match result.get("action")?.as_str()? {
        "accept" => result.get("content")?.get(CONFIRM)?.as_bool(),
        "decline" | "cancel" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_an_accepted_form_with_the_box_ticked_is_a_yes() {
        for (result, wanted) in [
            (
                json!({"action": "accept", "content": {"confirm": true}}),
                Some(true),
            ),
            (
                json!({"action": "accept", "content": {"confirm": false}}),
                Some(false),
            ),
            (json!({"action": "decline"}), Some(false)),
            (
                json!({"action": "cancel", "content": {"confirm": true}}),
                Some(false),
            ),
            (json!({"action": "accept"}), None),
            (
                json!({"action": "accept", "content": {"confirm": "yes"}}),
                None,
            ),
            (json!({"action": "accept", "content": {}}), None),
            (json!({"action": "maybe"}), None),
            (json!(true), None),
        ] {
            assert_eq!(yes_or_no(&result), wanted, "{result}");
        }
    }
}
