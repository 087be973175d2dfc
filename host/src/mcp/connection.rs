//! What lies under a request: one HTTP exchange, or something that lasts.

use rmcp::RoleServer;
use rmcp::service::RequestContext;

/// The header that names a session of the era with `initialize`.
pub const SESSION: &str = "mcp-session-id";

/// By what way a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Over HTTP, by itself: the next one may reach another process.
    Once,
    /// Within a session over HTTP (`[mcp] legacy_sessions`).
    Session,
    /// Over stdin and stdout.
    Stdio,
}

impl Connection {
    /// Of this request; `sessions`: they are served.
    pub fn of(context: &RequestContext<RoleServer>, stdio: bool, sessions: bool) -> Self {
        if stdio {
            return Self::Stdio;
        }
        let parts = context.extensions.get::<http::request::Parts>();
        match parts {
            Some(parts) if sessions && parts.headers.contains_key(SESSION) => Self::Session,
            _ => Self::Once,
        }
    }

    /// Whether the server can say something to this client by itself, also later.
    pub fn lasts(self) -> bool {
        self != Self::Once
    }
}
