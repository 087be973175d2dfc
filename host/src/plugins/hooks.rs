//! Requests that come through hooks, judged by their plugin; what they told is kept before anybody is answered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::de::IgnoredAny;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::call::{budget, lock_holder};
use super::host::PluginHost;
use super::instance::LoadedPlugin;
use crate::capabilities::context::{CallContext, Caller};
use crate::capabilities::contract::webhooks::{Event, Reason, Request, Verdict};
use crate::capabilities::contract::{Error, ErrorKind};
use crate::capabilities::questions::Askable;
use crate::capabilities::sealing::CallSecrets;
use crate::tenancy::{EventKept, Hook, HookEvent, Source, TenantId};

/// Judging is checking a signature: who needs longer is broken, and the sender waits.
const JUDGING: Duration = Duration::from_secs(5);
const KIND_BYTES: usize = 100;
const IDENTITY_BYTES: usize = 1024;
const NAMES: usize = 16;
const NAME_BYTES: usize = 2048;
/// The request was at most half as large.
const PAYLOAD_BYTES: usize = 2 << 20;

/// A request that came through a hook, within the door's limits.
pub struct HookRequest {
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    /// What stands in the URL after `?`.
    pub query: String,
    /// As it came.
    pub body: Vec<u8>,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// It is kept, and will be handled.
    Accepted,
    /// It came before.
    Repeated,
    /// It is refused.
    Rejected(Reason),
    /// The hook was removed meanwhile.
    Gone,
}

/// Resources changed outside of any call. Whoever serves subscriptions listens: [`PluginHost::changes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcesChanged {
    /// Whose they are.
    pub tenant: TenantId,
    /// The plugin that says so, by its name in the config.
    pub plugin: String,
    /// What they belong to.
    pub subject: String,
    /// Their URIs, as the plugin wrote them.
    pub uris: Vec<String>,
}

impl PluginHost {
    /// Lets a hook's plugin judge a request. What it accepts is in the database when this answers; handling it comes later.
    ///
    /// # Errors
    /// It could not be judged or kept: the sender should come again.
    pub async fn receive(
        self: &Arc<Self>,
        hook: Hook,
        request: HookRequest,
    ) -> Result<Judged, Error> {
        if self.stopping.is_cancelled() {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "stopping",
                "The server is stopping.",
            ));
        }
        let host = self.clone();
        let span = tracing::info_span!("webhook", hook = hook.label, plugin = hook.plugin);
        // To its end even where the sender hangs up: what is kept has to be told, too.
        let receiving = async move { host.judge_and_keep(&hook, request).await };
        self.writes
            .spawn(receiving.instrument(span))
            .await
            .unwrap_or_else(|error| Err(Error::internal("A request through a hook", &error)))
    }

    async fn judge_and_keep(
        self: &Arc<Self>,
        hook: &Hook,
        request: HookRequest,
    ) -> Result<Judged, Error> {
        let registry = self.registry();
        let plugin = registry.plugin(&hook.plugin).ok_or_else(|| {
            Error::new(
                ErrorKind::Unavailable,
                "plugin-not-served",
                format!("The plugin '{}' is not served at the moment.", hook.plugin),
            )
        })?;
        let event = match self.judge(plugin, hook, request).await? {
            Verdict::Accepted(event) => checked(event).map_err(|what| {
                tracing::error!(
                    plugin = hook.plugin,
                    "its verdict breaks the contract: {what}"
                );
                Error::new(
                    ErrorKind::Internal,
                    "plugin-broke-its-contract",
                    format!(
                        "The verdict of '{}' breaks the contract: {what}.",
                        hook.plugin
                    ),
                )
            })?,
            Verdict::Rejected(rejection) => {
                let detail: String = rejection
                    .detail
                    .chars()
                    .filter(|it| !it.is_control())
                    .take(200)
                    .collect();
                tracing::info!(
                    reason = word(rejection.reason),
                    detail,
                    "a request was refused"
                );
                self.services
                    .hooks
                    .note_rejection(hook, word(rejection.reason))
                    .await
                    .map_err(|error| Error::internal("Noting a refusal", &error))?;
                return Ok(Judged::Rejected(rejection.reason));
            }
        };
        let kind = event.kind.clone();
        let kept = HookEvent {
            kind: event.kind,
            payload: event.payload,
            resources: event.resources,
        };
        let handlers = self.handlers_of(&hook.plugin);
        let known = self.services.hooks.knows(hook, &event.identity).await;
        let known = known.map_err(|error| Error::internal("Looking for an event", &error))?;
        if !known {
            // First, so that no process that dies in between leaves the others with what is out of date. Of what is known,
            // this was done, and what was read since is fresh.
            let dropped = self.services.cache.drop_tags(
                hook.tenant.as_str(),
                &hook.plugin,
                &hook.subject,
                event.tags,
                self.services.clock.now(),
            );
            dropped.await?;
        }
        let kept = self
            .services
            .hooks
            .keep(hook, &event.identity, &kept, handlers, self.keep_events)
            .await
            .map_err(|error| Error::internal("Keeping an event", &error))?;
        self.tell_of_request(hook, &kind, &kept).await;
        match kept {
            EventKept::New(event_id) => {
                tracing::info!(event = event_id, "an event came through a hook");
                self.to_follow.notify_one();
                self.events_waiting.notify_one();
                Ok(Judged::Accepted)
            }
            EventKept::Repeated => Ok(Judged::Repeated),
            EventKept::NoHook => Ok(Judged::Gone),
        }
    }

    async fn judge(
        self: &Arc<Self>,
        plugin: &Arc<LoadedPlugin>,
        hook: &Hook,
        request: HookRequest,
    ) -> Result<Verdict, Error> {
        let webhooks = plugin.exports.webhooks.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::Unavailable,
                "no-webhooks",
                format!("The plugin '{}' takes no requests.", hook.plugin),
            )
        })?;
        let context = self
            .outside(plugin, hook, true, JUDGING, self.stopped.child_token())
            .await?;
        let request = Request {
            method: "POST".to_owned(),
            headers: request.headers,
            query: request.query,
            body: request.body,
            subject: hook.subject.clone(),
            key: hook.key.as_ref().map(|(handle, _)| handle.clone()),
            extra: None,
        };
        plugin
            .within(&self.services, context, async |store| {
                let instance = webhooks.instantiate_async(&mut *store).await?;
                let webhooks = instance.orderdesk_plugin_webhooks();
                webhooks.call_handle(store, &request).await
            })
            .await
    }

    /// The context of what runs while nobody of the tenant is present.
    pub(super) async fn outside(
        self: &Arc<Self>,
        plugin: &LoadedPlugin,
        hook: &Hook,
        read_only: bool,
        time: Duration,
        stopped: CancellationToken,
    ) -> Result<Arc<CallContext>, Error> {
        let principal = hook
            .principal()
            .map_err(|error| Error::internal("A call without caller", &error))?;
        let principal = self.services.agreed(&plugin.grantee, &principal).await?;
        if !principal.scopes.covers_subject(&hook.subject) {
            return Err(Error::new(
                ErrorKind::Denied,
                "consent-missing",
                format!(
                    "The tenant did not agree that '{}' acts on {}.",
                    plugin.grantee.name, hook.subject
                ),
            ));
        }
        let deadline = Instant::now() + time.min(plugin.limits.time);
        Ok(Arc::new(CallContext {
            grantee: plugin.grantee.clone(),
            caller: Caller {
                principal,
                single_client: false,
                client: None,
                source: None,
                way: Source::Webhook(hook.label.clone()),
            },
            read_only,
            correlation_id: format!("{:016x}", rand::random::<u64>()).into(),
            lock_holder: lock_holder(),
            deadline,
            ends: deadline,
            stops_by: self.stops_by.clone(),
            winds_up: false,
            cancelled: CancellationToken::new(),
            stopped,
            progress: None,
            secrets: Arc::new(CallSecrets::unattended(hook.key.clone())),
            computed: Arc::default(),
            budget: budget(&plugin.limits),
            log: plugin.log_budget(),
            depth: 0,
            peers: self.clone(),
            askable: Askable::default(),
            subject: Mutex::new(Some(hook.subject.clone())),
        }))
    }
}

/// As lists and logs name it.
fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::BadSignature => "bad-signature",
        Reason::NotOurs => "not-ours",
        Reason::Malformed => "malformed",
    }
}

fn checked(event: Event) -> Result<Event, &'static str> {
    let word = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && !text.chars().any(char::is_control)
    };
    let words =
        |texts: &[String]| texts.len() <= NAMES && texts.iter().all(|text| word(text, NAME_BYTES));
    if !word(&event.kind, KIND_BYTES) {
        return Err("its kind is no short word");
    }
    if !(1..=IDENTITY_BYTES).contains(&event.identity.len()) {
        return Err("its identity has not 1 to 1,024 bytes");
    }
    if !words(&event.tags) || !words(&event.resources) {
        return Err("it names more than 16 tags or resources, or what is none");
    }
    if event.payload.len() > PAYLOAD_BYTES
        || serde_json::from_str::<IgnoredAny>(&event.payload).is_err()
    {
        return Err("its payload is no JSON document of at most 2 MiB");
    }
    Ok(event)
}
