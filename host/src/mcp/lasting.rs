//! Clients of the era with `initialize` on a connection that lasts (stdio, or a session over HTTP): what they subscribed to, and
//! telling them of changes. Since 2026-07-28 clients listen instead ([`McpServer::listen`]).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{ResourceUpdatedNotificationParam, SubscribeRequestMethod};
use rmcp::service::{Peer, RequestContext};
use rmcp::{ErrorData, RoleServer};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::offers;
use super::server::McpServer;
use crate::capabilities::context::Caller;
use crate::plugins::{PluginHost, ResourcesChanged};

/// Resources that one client may wait for.
const SUBSCRIPTIONS: usize = 100;

/// What a connection remembers.
pub struct Lasting {
    subscribed: Arc<Mutex<BTreeSet<String>>>,
    is_told: AtomicBool,
    ended: CancellationToken,
    /// With the connection's server goes whoever tells its client.
    _end: DropGuard,
    #[cfg(feature = "conformance")]
    pub(super) log_level: super::conformance::SessionLevel,
}

impl Default for Lasting {
    fn default() -> Self {
        let ended = CancellationToken::new();
        Self {
            subscribed: Arc::default(),
            is_told: AtomicBool::new(false),
            _end: ended.clone().drop_guard(),
            ended,
            #[cfg(feature = "conformance")]
            log_level: Default::default(),
        }
    }
}

impl McpServer {
    /// `resources/subscribe`.
    pub(super) async fn subscribe_to(
        &self,
        uri: String,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let lasting = self.lasting()?;
        let caller = self.caller(context).await?;
        let registry = self.shared.host.registry();
        let agreed = self.agreed(&caller).await?;
        let found = registry.find_resource(&uri);
        if !found.is_some_and(|(offered, _)| {
            agreed.offers(offered) && offers::reaches_resource(&registry, offered, &caller)
        }) {
            return Err(offers::no_resource(&uri));
        }
        {
            let mut subscribed = lasting
                .subscribed
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if subscribed.len() >= SUBSCRIPTIONS && !subscribed.contains(&uri) {
                return Err(ErrorData::invalid_params(
                    format!(
                        "there are {SUBSCRIPTIONS} subscriptions already, the most that a client may have; end one with resources/unsubscribe"
                    ),
                    Some(json!({ "limit": SUBSCRIPTIONS })),
                ));
            }
            subscribed.insert(uri);
        }
        self.tell(caller, context.peer.clone());
        Ok(())
    }

    /// `resources/unsubscribe`.
    pub(super) fn unsubscribe_from(&self, uri: &str) -> Result<(), ErrorData> {
        let lasting = self.lasting()?;
        let mut subscribed = lasting
            .subscribed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        subscribed.remove(uri);
        Ok(())
    }

    fn lasting(&self) -> Result<&Arc<Lasting>, ErrorData> {
        self.lasting
            .as_ref()
            .ok_or_else(ErrorData::method_not_found::<SubscribeRequestMethod>)
    }

    /// Tells the client of changes from now on, until the connection ends.
    pub(super) fn tell(&self, caller: Caller, peer: Peer<RoleServer>) {
        let Some(lasting) = &self.lasting else { return };
        if lasting.is_told.swap(true, Ordering::Relaxed) {
            return;
        }
        let (host, ended) = (self.shared.host.clone(), lasting.ended.clone());
        let subscribed = lasting.subscribed.clone();
        let mut revisions = host.revisions();
        let mut changes = host.changes();
        let stopping = host.stopping();
        // Over stdio, whoever serves it tells of lists.
        let tells_of_lists = self.shared.stdio.is_none();
        tokio::spawn(async move {
            loop {
                let told = tokio::select! {
                    () = ended.cancelled() => return,
                    () = stopping.cancelled() => return,
                    changed = revisions.changed(), if tells_of_lists => match changed {
                        Ok(()) => lists_changed(&peer).await,
                        Err(_) => return,
                    },
                    changed = changes.recv() => match changed {
                        Ok(changed) => {
                            let uris = wanted(&host, &changed, &caller, |uri| {
                                subscribed.lock().unwrap_or_else(PoisonError::into_inner).contains(uri)
                            }).await;
                            resources_changed(&peer, uris).await
                        }
                        // What was missed is lost: events are told once, and a client that is this slow reads late anyway.
                        Err(RecvError::Lagged(_)) => Ok(()),
                        Err(RecvError::Closed) => return,
                    },
                };
                if let Err(error) = told {
                    tracing::debug!(cause = %error, "a client is told of no more changes");
                    return;
                }
            }
        });
    }
}

async fn lists_changed(peer: &Peer<RoleServer>) -> Result<(), rmcp::ServiceError> {
    peer.notify_tool_list_changed().await?;
    peer.notify_resource_list_changed().await?;
    peer.notify_prompt_list_changed().await
}

async fn resources_changed(
    peer: &Peer<RoleServer>,
    uris: Vec<String>,
) -> Result<(), rmcp::ServiceError> {
    for uri in uris {
        let updated = ResourceUpdatedNotificationParam::new(uri);
        peer.notify_resource_updated(updated).await?;
    }
    Ok(())
}

/// Those of the changed resources that this caller asked to hear of and may read. A plugin speaks for its own only.
pub(super) async fn wanted(
    host: &PluginHost,
    changed: &ResourcesChanged,
    caller: &Caller,
    is_wanted: impl Fn(&String) -> bool,
) -> Vec<String> {
    let principal = &caller.principal;
    if changed.tenant != principal.tenant || !principal.scopes.covers_subject(&changed.subject) {
        return Vec::new();
    }
    let registry = host.registry();
    // A list that cannot be made now is none.
    let Ok(agreed) = host.agreed(principal).await else {
        return Vec::new();
    };
    let its_own = |uri: &String| {
        registry.find_resource(uri).is_some_and(|(offered, _)| {
            offered.plugin_name() == changed.plugin
                && agreed.offers(offered)
                && offers::reaches_resource(&registry, offered, caller)
        })
    };
    let uris = changed.uris.iter();
    uris.filter(|uri| is_wanted(uri) && its_own(uri))
        .cloned()
        .collect()
}
