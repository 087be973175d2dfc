//! `subscriptions/listen`: what clients of 2026-07-28 asked to hear of.

use rmcp::ErrorData;
use rmcp::service::{SubscriptionContext, SubscriptionSendError, SubscriptionSink};
use tokio::sync::broadcast::error::RecvError;

use super::lasting;
use super::server::McpServer;
use crate::capabilities::context::Caller;
use crate::plugins::{PluginHost, ResourcesChanged};

impl McpServer {
    /// Tells a client what it asked to hear of, until it goes away or the server stops.
    pub(super) async fn tell_listener(
        &self,
        subscription: SubscriptionContext,
    ) -> Result<(), ErrorData> {
        let caller = self.caller(subscription.request_context()).await?;
        let mut revisions = self.shared.host.revisions();
        let mut changes = self.shared.host.changes();
        let stopping = self.shared.host.stopping();
        loop {
            tokio::select! {
                () = subscription.cancelled() => return Ok(()),
                () = stopping.cancelled() => return Ok(()),
                changed = changes.recv() => {
                    let told = match changed {
                        Ok(changed) => resources_changed(&self.shared.host, &changed, &caller, subscription.sink()).await,
                        // What was missed is lost: events are told once, and a client that is this slow reads late anyway.
                        Err(RecvError::Lagged(_)) => Ok(()),
                        Err(RecvError::Closed) => return Ok(()),
                    };
                    if told.is_err() {
                        return Ok(());
                    }
                }
                changed = revisions.changed() => {
                    if changed.is_err() || lists_changed(subscription.sink()).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// Tells of resources that changed outside of calls, if the client asked for them and may read them.
async fn resources_changed(
    host: &PluginHost,
    changed: &ResourcesChanged,
    caller: &Caller,
    sink: &SubscriptionSink,
) -> Result<(), SubscriptionSendError> {
    let asked = sink.accepted().resource_subscriptions.as_deref();
    let is_wanted = |uri: &String| asked.unwrap_or_default().contains(uri);
    for uri in lasting::wanted(host, changed, caller, is_wanted).await {
        sink.notify_resource_updated(uri).await?;
    }
    Ok(())
}

/// Tells of the lists that the client asked to hear of; to the sink, any other one is an error.
async fn lists_changed(sink: &SubscriptionSink) -> Result<(), SubscriptionSendError> {
    let accepted = sink.accepted();
    if accepted.tools_list_changed == Some(true) {
        sink.notify_tool_list_changed().await?;
    }
    if accepted.resources_list_changed == Some(true) {
        sink.notify_resource_list_changed().await?;
    }
    if accepted.prompts_list_changed == Some(true) {
        sink.notify_prompt_list_changed().await?;
    }
    Ok(())
}
