//! Protected resource metadata (RFC 9728): where clients learn whose tokens are taken here.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::ResourceServer;

/// Of the MCP endpoint: the well-known name with the endpoint's path behind it.
pub(super) const PATH: &str = "/.well-known/oauth-protected-resource/mcp";
/// Where clients look that know only the host.
const ROOT: &str = "/.well-known/oauth-protected-resource";
/// It changes with the configuration.
const FRESH: &str = "public, max-age=300";

/// Both paths, which answer the same to everybody.
pub(in crate::mcp) fn router(server: Arc<ResourceServer>) -> Router {
    Router::new()
        .route(PATH, get(metadata))
        .route(ROOT, get(metadata))
        .with_state(server)
}

async fn metadata(State(server): State<Arc<ResourceServer>>) -> impl IntoResponse {
    let (read, write) = (server.scopes.read.as_str(), server.scopes.write.as_str());
    let mut scopes = vec![read, write];
    scopes.dedup();
    let body = json!({
        "resource": server.resource,
        "resource_name": "orderdesk-mcp",
        "authorization_servers": [server.issuer],
        "scopes_supported": scopes,
        "bearer_methods_supported": ["header"],
    });
    ([(header::CACHE_CONTROL, FRESH)], Json(body))
}
