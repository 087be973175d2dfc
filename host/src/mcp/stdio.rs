//! MCP over stdin and stdout, for one client on this machine.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rmcp::{Peer, RoleServer, ServiceExt};
use secrecy::SecretString;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::lines::Lines;
use super::{Choice, FirstCalls, McpServer};
use crate::capabilities::Services;
use crate::capabilities::context::Caller;
use crate::plugins::PluginHost;
use crate::tenancy::{AuthenticationError, Source};

/// The longest that plugins are compiled for the first time.
const FIRST: Duration = Duration::from_secs(600);

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
    let ended = CancellationToken::new();
    let server_host = server.shared.host.clone();
    let list_wait = server.shared.config.list_wait;
    let revisions = server_host.revisions();
    let (read, write) = rmcp::transport::stdio();
    let running = server.serve(Lines::new(read, write)).await?;
    let token = running.cancellation_token();
    tokio::spawn(tell_of_lists(
        server_host,
        list_wait,
        revisions,
        running.peer().clone(),
        ended.clone(),
    ));
    let _ends_with_this = ended.drop_guard();
    let mut running = pin!(running.waiting());
    tokio::select! {
        ended = &mut running => return ended.map(drop).map_err(rmcp::RmcpError::from),
        () = stop => token.cancel(),
    }
    // It ends when the answers of all calls are written, which it gives two seconds.
    running.await.map(drop).map_err(rmcp::RmcpError::from)
}

/// Clients of the sessions before 2026-07-28 asked for nothing and are told of every change; later ones subscribe
/// (`subscriptions/listen`).
async fn tell_of_lists(
    host: Arc<PluginHost>,
    list_wait: Duration,
    mut revisions: watch::Receiver<u64>,
    peer: Peer<RoleServer>,
    ended: CancellationToken,
) {
    // While plugins are loaded for the first time lists wait for them; whoever got one that was not complete is told once.
    if host.loaded(list_wait).await {
        revisions.mark_unchanged();
    } else {
        tokio::select! {
            _ = host.loaded(FIRST) => {}
            () = ended.cancelled() => return,
        }
    }
    loop {
        let changed = tokio::select! {
            changed = revisions.changed() => changed.is_ok(),
            () = ended.cancelled() => false,
        };
        if !changed {
            return;
        }
        // Only whoever sent `initialize` has a session.
        if peer.peer_info().is_none() {
            continue;
        }
        let told = async {
            peer.notify_tool_list_changed().await?;
            peer.notify_resource_list_changed().await?;
            peer.notify_prompt_list_changed().await
        };
        if let Err(error) = told.await {
            tracing::debug!(cause = %error, "the client was not told that lists changed");
        }
    }
}
