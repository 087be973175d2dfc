//! Health: whether the process lives, whether it can serve, and, for whoever has a key, how it is.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use super::client_address::ClientAddress;
use super::operator;
use crate::plugins::PluginHost;

/// The pages.
pub(crate) fn router(host: Arc<PluginHost>) -> Router {
    Router::new()
        .route(
            "/health/live",
            get(async || Json(json!({"status": "alive"}))),
        )
        .route("/health/ready", get(ready))
        .route("/health", get(ready))
        .route("/health/detailed", get(detailed))
        .with_state(host)
}

/// How the parts are that every call needs.
struct Parts {
    loaded: bool,
    refused: bool,
    database: bool,
}

impl Parts {
    async fn of(host: &PluginHost) -> Self {
        Self {
            loaded: host.loaded(Duration::ZERO).await,
            refused: !host.registry().problems().is_empty(),
            database: host.services().tenancy.reachable().await,
        }
    }

    fn is_ready(&self) -> bool {
        self.loaded && !self.refused && self.database
    }

    fn status(&self) -> StatusCode {
        if self.is_ready() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }

    fn json(&self) -> Value {
        let word = |good: bool, bad: &'static str| if good { "ok" } else { bad };
        // Which plugin and why stands in the log and in `check`: this page is public.
        let plugins = if self.refused {
            "refused"
        } else {
            word(self.loaded, "loading")
        };
        json!({
            "status": if self.is_ready() { "ready" } else { "not_ready" },
            "database": word(self.database, "unreachable"),
            "plugins": plugins,
        })
    }
}

/// Ready: the database answers, and no plugin is still loading or was refused.
async fn ready(State(host): State<Arc<PluginHost>>) -> impl IntoResponse {
    let state = Parts::of(&host).await;
    (state.status(), Json(state.json()))
}

/// The same with versions, digests, queues and endpoints, for bearers of a valid access key or of the operator's token.
async fn detailed(
    State(host): State<Arc<PluginHost>>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    headers: HeaderMap,
) -> Response {
    let services = host.services();
    let token = operator::bearer(&headers);
    let known = match &token {
        None => false,
        Some(token) if operator::is_operator(services, token) => true,
        Some(token) => services.tenancy.authenticate(token).await.is_ok(),
    };
    if !known {
        return operator::refuse(services, address, token.is_some());
    }
    let state = Parts::of(&host).await;
    let queues = host.queues().into_iter().map(|(plugin, queue)| {
        let (running, waiting) = queue;
        (plugin, json!({"running": running, "waiting": waiting}))
    });
    let endpoints = services.http.origins().into_iter();
    let endpoints = endpoints.map(|(name, origin)| (name, Value::String(origin)));
    let mut body = state.json();
    body["version"] = env!("CARGO_PKG_VERSION").into();
    body["revision"] = host.revision().into();
    body["loaded_plugins"] = host
        .overview()
        .into_iter()
        .map(|plugin| {
            json!({
                "name": plugin.name,
                "state": plugin.state,
                "version": plugin.version,
                "sha256": plugin.sha256,
                "tools": plugin.tools,
            })
        })
        .collect();
    body["queues"] = Value::Object(queues.collect());
    body["endpoints"] = Value::Object(endpoints.collect());
    (state.status(), Json(body)).into_response()
}
