//! A token that does not cover what it is sent with: the client is told, before anything begins, all scopes to ask for.
//!
//! `McpServer::run` refuses calls that would change something as well, whatever this layer made of the request.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Coverage, ResourceServer};
use crate::capabilities::context::Caller;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::config::Mcp;
use crate::mcp::authentication::REALM;
use crate::mcp::choice::Choice;
use crate::mcp::json_guard::BODY_BYTES;
use crate::mcp::rate::changes;
use crate::mcp::server::in_scope;
use crate::plugins::{PluginHost, Tool};
use crate::web::body;

/// What the layer knows.
#[derive(Clone)]
pub(in crate::mcp) struct StepUp {
    pub(in crate::mcp) server: Arc<ResourceServer>,
    pub(in crate::mcp) host: Arc<PluginHost>,
    pub(in crate::mcp) config: Arc<Mcp>,
}

/// Refuses a call that would change something with a token that does not cover that.
///
/// # Errors
/// It does not, and nothing was done.
pub(in crate::mcp) fn check_covered(
    context: &RequestContext<RoleServer>,
    tool: &Tool,
    arguments: Option<&Map<String, Value>>,
) -> Result<(), Error> {
    let parts = context.extensions.get::<http::request::Parts>();
    match parts.and_then(|parts| parts.extensions.get::<Coverage>()) {
        None | Some(Coverage::Changes) => Ok(()),
        Some(_) if !changes(tool, arguments) => Ok(()),
        Some(_) => Err(Error::new(
            ErrorKind::Denied,
            "insufficient-scope",
            format!(
                "{} was not called and nothing was changed: the token that this client came with allows only reading. The client \
                 has to ask for the scope to write.",
                tool.name
            ),
        )),
    }
}

/// Of a message, what tells whether it would change something.
#[derive(Deserialize)]
struct Message {
    method: String,
    params: Params,
}

#[derive(Deserialize)]
struct Params {
    name: String,
    arguments: Option<Map<String, Value>>,
}

impl StepUp {
    /// Answers calls that a wider token could make with what such a token needs.
    pub(in crate::mcp) async fn guard(
        State(step_up): State<Self>,
        request: Request,
        next: Next,
    ) -> Response {
        let coverage = match request.extensions().get::<Coverage>() {
            None | Some(Coverage::Changes) => return next.run(request).await,
            Some(coverage) => *coverage,
        };
        let (parts, body) = request.into_parts();
        let Ok(bytes) = body::read(body, BODY_BYTES).await else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let caller = parts.extensions.get::<Caller>();
        let choice = parts.extensions.get::<Choice>().cloned();
        let writes = parts.method == Method::POST
            && caller.is_some_and(|it| step_up.helps(&bytes, it, &choice.unwrap_or_default()));
        if writes || coverage == Coverage::Nothing {
            return step_up.challenge(writes);
        }
        let request = Request::from_parts(parts, Body::from(bytes));
        next.run(request).await
    }

    /// Whether this is a call that would change something, and that only the token keeps from it.
    fn helps(&self, message: &[u8], caller: &Caller, choice: &Choice) -> bool {
        let Ok(message) = serde_json::from_slice::<Message>(message) else {
            return false;
        };
        let registry = self.host.registry();
        let Some(listed) = registry.find(&message.params.name) else {
            return false;
        };
        let selection = choice.selection(&self.config, false);
        let scopes = &caller.principal.scopes;
        message.method == "tools/call"
            && in_scope(listed, caller)
            && changes(&listed.tool, message.params.arguments.as_ref())
            && selection.check(listed, scopes, &registry).is_ok()
    }

    fn challenge(&self, writes: bool) -> Response {
        let challenge = format!("{REALM}{}", self.server.lacks(writes));
        let why = if writes {
            "this call changes something, and the token does not cover that"
        } else {
            "the token covers nothing here"
        };
        let message = format!(
            "Nothing was done: {why}. Ask for a token with all scopes that WWW-Authenticate names."
        );
        let body = json!({"error": "insufficient_scope", "message": message});
        (
            StatusCode::FORBIDDEN,
            [(header::WWW_AUTHENTICATE, challenge)],
            Json(body),
        )
            .into_response()
    }
}
