//! Questions of plugins, put to the client: forms for the person behind it (the question whether something may be done is one
//! with a box to tick), and, for what is deprecated in MCP but still served, its model and its folders.
//!
//! Since 2026-07-28 a call's result asks, and the client calls again with the answers ("multi round-trip requests"). Before,
//! the server sends the client a request, which only stdio and sessions can: HTTP is served without sessions by default.

#![expect(
    deprecated,
    reason = "sampling and roots are deprecated in MCP, and served until they are removed"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use rmcp::model::{
    BooleanSchema, ClientCapabilities, ClientResult, CreateMessageRequest, ElicitRequest,
    ElicitRequestParams, ElicitationCapability, ElicitationSchema, FormElicitationCapability,
    InputRequest, InputRequests, InputRequiredResult, InputResponses, ListRootsRequest,
    PrimitiveSchemaDefinition, ServerRequest,
};
use rmcp::service::{Peer, PeerRequestOptions, RequestContext};
use rmcp::{ErrorData, RoleServer};
use serde_json::Value;

use super::connection::Connection;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::capabilities::questions::{Askable, QuestionKind};
use crate::plugins::{Answered, Ask, Asked, AskedQuestion, CONFIRM, missing_kind, yes_or_no};

/// As long as the call waits for its answers, and a little less: the answer has to come back in time.
const PATIENCE: Duration = Duration::from_secs(290);

/// How a client is asked.
enum Way {
    /// Not at all.
    None,
    /// By the result of the call.
    InResult,
    /// By a request to the client.
    ByRequest(Peer<RoleServer>),
}

/// How and what a client is asked.
pub struct Asking {
    way: Way,
    askable: Askable,
}

impl Asking {
    /// Of the client that sent this request.
    pub fn of(context: &RequestContext<RoleServer>, connection: Connection) -> Self {
        let capabilities = context.client_capabilities().unwrap_or_default();
        let way = match context.protocol_version() {
            Some(version) if !version.has_initialize() => Way::InResult,
            Some(_) if connection.lasts() => Way::ByRequest(context.peer.clone()),
            _ => Way::None,
        };
        let askable = match way {
            Way::None => Askable::default(),
            _ => askable(&capabilities),
        };
        Self { way, askable }
    }

    /// What can be asked.
    pub fn askable(&self) -> Askable {
        self.askable
    }

    /// The client, where it is asked by a request of its own.
    pub fn peer(&self) -> Option<&Peer<RoleServer>> {
        match &self.way {
            Way::ByRequest(peer) => Some(peer),
            _ => None,
        }
    }

    /// Whether the client is asked by the result of the call.
    pub fn is_in_result(&self) -> bool {
        matches!(self.way, Way::InResult)
    }
}

fn askable(capabilities: &ClientCapabilities) -> Askable {
    // Without any mode it means forms, as it did before there were others.
    let forms = capabilities
        .elicitation
        .as_ref()
        .is_some_and(|modes| modes.form.is_some() || modes.url.is_none());
    Askable::default()
        .and_if(forms, QuestionKind::Confirm)
        .and_if(forms, QuestionKind::Form)
        .and_if(capabilities.sampling.is_some(), QuestionKind::Sampling)
        .and_if(capabilities.roots.is_some(), QuestionKind::Roots)
}

/// The result that asks.
///
/// # Errors
/// The plugin asks in words that MCP does not know.
pub fn in_result(asked: Asked) -> Result<InputRequiredResult, Error> {
    let requests = asked.questions.iter().map(|question| {
        let request = match request(question)? {
            ServerRequest::CreateMessageRequest(request) => InputRequest::CreateMessage(request),
            ServerRequest::ListRootsRequest(request) => InputRequest::ListRoots(request),
            ServerRequest::ElicitRequest(request) => InputRequest::Elicitation(request),
            _ => return Err(Error::internal("Asking", &"no question has this form")),
        };
        Ok((question.id.clone(), request))
    });
    let requests: InputRequests = requests.collect::<Result<_, Error>>()?;
    Ok(InputRequiredResult::new(Some(requests), Some(asked.token)))
}

/// What a client brings back from [`in_result`], or sends along unasked.
pub fn from_responses(
    token: Option<String>,
    responses: Option<InputResponses>,
) -> Option<Answered> {
    if token.is_none() && responses.is_none() {
        return None;
    }
    let answers = responses.into_iter().flatten();
    Some(Answered {
        token,
        answers: answers.collect(),
    })
}

/// Asks by requests to the client, one after the other, until somebody says no.
///
/// # Errors
/// The client does not answer, or not to the question.
pub async fn by_request(peer: &Peer<RoleServer>, asked: Asked) -> Result<Answered, Error> {
    let mut answers = BTreeMap::new();
    let mut refused = false;
    for question in &asked.questions {
        let confirms = question.kind() == QuestionKind::Confirm;
        // After a no the other confirmations make no difference.
        let answer = if refused && confirms {
            serde_json::json!({ "action": "cancel" })
        } else {
            send(peer, question).await?
        };
        refused |= confirms && yes_or_no(&answer) != Some(true);
        answers.insert(question.id.clone(), answer);
    }
    Ok(Answered {
        token: Some(asked.token),
        answers,
    })
}

async fn send(peer: &Peer<RoleServer>, question: &AskedQuestion) -> Result<Value, Error> {
    let options = PeerRequestOptions::with_timeout(PATIENCE);
    let answer = match peer
        .send_request_with_option(request(question)?, options)
        .await
    {
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
    let answer = match answer {
        Ok(ClientResult::ElicitResult(result)) => serde_json::to_value(&result),
        Ok(ClientResult::CreateMessageResult(result)) => serde_json::to_value(&result),
        Ok(ClientResult::ListRootsResult(result)) => serde_json::to_value(&result),
        Ok(_) => return Err(unanswered(&"the answer is of another kind")),
        Err(error) => return Err(unanswered(&error)),
    };
    let answer = answer.map_err(|error| unanswered(&error))?;
    // Asked again, the same client would say the same.
    if question.accepts(&answer) {
        Ok(answer)
    } else {
        Err(unanswered(&"the answer does not fit the question"))
    }
}

/// A question as MCP puts it.
fn request(question: &AskedQuestion) -> Result<ServerRequest, Error> {
    let unknown =
        |error: serde_json::Error| Error::internal("Putting a question to a client", &error);
    Ok(match &question.ask {
        Ask::Confirm { message } => {
            let tick = BooleanSchema::new().title("Confirm").with_default(false);
            let properties = [(CONFIRM.into(), PrimitiveSchemaDefinition::Boolean(tick))];
            let mut schema = ElicitationSchema::new(properties.into());
            schema.required = Some(vec![CONFIRM.into()]);
            form(message, schema)
        }
        Ask::Form { message, schema } => {
            let schema = Value::Object(schema.clone());
            form(message, serde_json::from_value(schema).map_err(unknown)?)
        }
        Ask::Sampling { parameters } => {
            let parameters = serde_json::from_value(Value::Object(parameters.clone()));
            let request = CreateMessageRequest::new(parameters.map_err(unknown)?);
            ServerRequest::CreateMessageRequest(request)
        }
        Ask::Roots => ServerRequest::ListRootsRequest(ListRootsRequest::default()),
    })
}

fn form(message: &str, requested_schema: ElicitationSchema) -> ServerRequest {
    ServerRequest::ElicitRequest(ElicitRequest::new(
        ElicitRequestParams::FormElicitationParams {
            meta: None,
            message: message.to_owned(),
            requested_schema,
        },
    ))
}

/// What the client, not the model, has to hear of an error: it lacks a capability, or it brought a state that is not good.
/// Only clients that are asked by results know these.
pub fn protocol_error(error: &Error, brought_state: bool) -> Option<ErrorData> {
    if let Some(kind) = missing_kind(error) {
        let capabilities = ClientCapabilities::builder();
        let missing = match kind {
            QuestionKind::Confirm | QuestionKind::Form => {
                let mut forms = ElicitationCapability::default();
                forms.form = Some(FormElicitationCapability::default());
                let mut missing = capabilities.build();
                missing.elicitation = Some(forms);
                missing
            }
            QuestionKind::Sampling => capabilities.enable_sampling().build(),
            QuestionKind::Roots => capabilities.enable_roots().build(),
        };
        return Some(ErrorData::missing_required_client_capability(missing));
    }
    let code = error.code.as_deref().unwrap_or_default();
    let refused = brought_state && REFUSED_STATES.contains(&code);
    refused.then(|| {
        let data = serde_json::json!({ "code": code });
        ErrorData::invalid_params(error.message.clone(), Some(data))
    })
}

/// Codes of a `requestState` that is not good for the call that brings it.
const REFUSED_STATES: [&str; 5] = [
    "question-unknown",
    "question-expired",
    "question-other-key",
    "question-other-tool",
    "question-other-arguments",
];
