//! MCP over stdin and stdout, for one client on this machine.

use std::pin::pin;
use std::sync::Arc;

use rmcp::ServiceExt;
use secrecy::SecretString;

use super::lines::Lines;
use super::{Choice, FirstCalls, McpServer};
use crate::capabilities::Services;
use crate::capabilities::context::Caller;
use crate::tenancy::{AuthenticationError, Source};

/// The one caller of a stdio process.
pub struct StdioCaller {
    identity: Identity,
    /// What to do once before the caller's first call.
    pub first_calls: FirstCalls,
    /// What whoever started the process chose for it.
    pub choice: Choice,
}

enum Identity {
    /// The person on whose machine this runs; its tenant, too, may be suspended or removed meanwhile.
    Local(Arc<Services>),
    /// A key from the environment, checked anew at each request so that revoking it works at once.
    Key(SecretString, Arc<Services>),
}

impl StdioCaller {
    /// The local tenant of this data directory.
    pub fn local(services: Arc<Services>, first_calls: FirstCalls) -> Self {
        Self {
            identity: Identity::Local(services),
            first_calls,
            choice: Choice::default(),
        }
    }

    /// Whoever holds this key.
    pub fn with_key(key: SecretString, services: Arc<Services>) -> Self {
        Self {
            identity: Identity::Key(key, services),
            first_calls: FirstCalls::default(),
            choice: Choice::default(),
        }
    }

    /// Whether nobody has a key, since nobody needs one.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.identity, Identity::Local(_))
    }

    /// Who calls.
    ///
    /// # Errors
    /// The key is not accepted, or the database is not there.
    pub async fn caller(&self) -> Result<Caller, AuthenticationError> {
        let principal = match &self.identity {
            Identity::Local(services) => services.tenancy.standing_local_principal().await?,
            Identity::Key(key, services) => services.tenancy.authenticate(key).await?,
        };
        Ok(Caller {
            principal,
            single_client: true,
            client: None,
            source: None,
            way: Source::Stdio,
        })
    }
}

/// Serves until stdin ends or `stop` resolves.
///
/// # Errors
/// The transport failed.
pub async fn serve_stdio(
    server: McpServer,
    stop: impl Future<Output = ()>,
) -> Result<(), rmcp::RmcpError> {
    server.serve_pages_on_this_machine();
    let (read, write) = rmcp::transport::stdio();
    let running = server.serve(Lines::new(read, write)).await?;
    let token = running.cancellation_token();
    let mut ended = pin!(running.waiting());
    tokio::select! {
        ended = &mut ended => return ended.map(drop).map_err(rmcp::RmcpError::from),
        () = stop => token.cancel(),
    }
    // It ends when the answers of all calls are written, which it gives two seconds.
    ended.await.map(drop).map_err(rmcp::RmcpError::from)
}
