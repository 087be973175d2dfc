//! Sessions over HTTP for clients of the era with `initialize` (`[mcp] legacy_sessions`): capped, bound to the access key that
//! began them, and gone after five idle minutes.
//!
//! A session lives in this process. Several processes need a proxy that sends all requests of a session (the header
//! `Mcp-Session-Id`) to the same one; clients of 2026-07-28 have none, and need no such proxy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::Stream;
use rmcp::model::{ClientJsonRpcMessage, ProtocolVersion, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError,
};
use rmcp::transport::streamable_http_server::session::{
    ServerSseMessage, SessionId, SessionManager,
};
use serde_json::json;

use super::connection::SESSION;
use crate::capabilities::context::Caller;
use crate::tenancy::KeyId;

/// Sessions of this process.
const SESSIONS: usize = 1_000;
/// Sessions of one access key.
const OF_ONE_KEY: usize = 100;
/// After so long without a request a session ends.
const IDLE: Duration = Duration::from_secs(300);

/// The sessions of this process, and whose they are.
pub struct Sessions {
    local: LocalSessionManager,
    owners: Mutex<HashMap<String, KeyId>>,
}

impl Sessions {
    /// None yet.
    pub fn new() -> Self {
        let mut local = LocalSessionManager::default();
        local.session_config.keep_alive = Some(IDLE);
        Self {
            local,
            owners: Mutex::default(),
        }
    }

    /// Ends all of them, once what they still have to say is said.
    pub async fn end(&self) {
        let ids: Vec<SessionId> = self.local.sessions.read().await.keys().cloned().collect();
        for id in ids {
            let _ = self.close_session(&id).await;
        }
    }

    fn owners(&self) -> std::sync::MutexGuard<'_, HashMap<String, KeyId>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_full_for(&self, key: &KeyId) -> bool {
        let owners = self.owners();
        owners.len() >= SESSIONS
            || owners.values().filter(|owner| *owner == key).count() >= OF_ONE_KEY
    }
}

/// Lets nobody into another's session, and nobody begin one too many.
pub async fn guard(
    State(sessions): State<Arc<Sessions>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(key) = request
        .extensions()
        .get::<Caller>()
        .map(|caller| caller.principal.key.clone())
    else {
        return next.run(request).await;
    };
    let headers = request.headers();
    let is_modern = headers.get("mcp-protocol-version").is_some_and(|version| {
        version.as_bytes() >= ProtocolVersion::V_2026_07_28.as_str().as_bytes()
    });
    if is_modern {
        return next.run(request).await;
    }
    match headers.get(SESSION) {
        Some(id) => {
            let id = id.to_str().unwrap_or_default();
            if sessions.owners().get(id) != Some(&key) {
                return refuse(
                    StatusCode::NOT_FOUND,
                    "there is no such session; begin another with initialize",
                );
            }
        }
        None if request.method() == Method::POST && sessions.is_full_for(&key) => {
            let mut response = refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "there are too many sessions; end one with DELETE, or wait until one has been idle for five minutes",
            );
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            return response;
        }
        None => {}
    }
    let response = next.run(request).await;
    if let Some(id) = response
        .headers()
        .get(SESSION)
        .and_then(|it| it.to_str().ok())
    {
        // Nobody else can know of it yet.
        sessions.owners().insert(id.to_owned(), key);
    }
    response
}

fn refuse(status: StatusCode, message: &str) -> Response {
    let body = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": message}});
    (status, axum::Json(body)).into_response()
}

/// rmcp's own sessions; only their ends are noticed.
impl SessionManager for Sessions {
    type Error = LocalSessionManagerError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        self.local.create_session().await
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.local.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.local.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.owners().remove(id.as_ref());
        self.local.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.local.create_stream(id, message).await
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), Self::Error> {
        self.local.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.local.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.local.resume(id, last_event_id).await
    }
}
