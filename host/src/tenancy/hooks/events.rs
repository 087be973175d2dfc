//! What comes through hooks: kept encrypted, handed out under leases.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Hook, HookError, Hooks, bound};
use crate::clock::Timestamp;
use crate::store::{ClaimedHandling, EventKept, HandlingEnd, NewHookEvent, StoreError};
use crate::tenancy::cipher;

const EVENT_PURPOSE: &str = "v1 hook event";
const IDENTITY_PURPOSE: &str = "v1 identity of hook events";

/// What came through a hook, as it is handed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookEvent {
    /// What happened, in the plugin's own word.
    pub kind: String,
    /// More about it: a JSON document.
    pub payload: String,
    /// What changed: whoever subscribed to one of these hears of it, at whichever process.
    #[serde(default)]
    pub resources: Vec<String>,
}

/// An event that a plugin is to handle now.
#[derive(Debug)]
pub struct Handling {
    /// The event's number.
    pub id: i64,
    /// The plugin that is to handle it.
    pub plugin: String,
    /// How often it is tried, this time included.
    pub attempts: u32,
    /// When it came.
    pub received_at: Timestamp,
    /// The hook that it came through.
    pub hook: Hook,
    /// The event.
    pub event: HookEvent,
}

impl Hooks {
    /// Whether an event of this identity came through the hook before.
    ///
    /// # Errors
    /// The database failed.
    pub async fn knows(&self, hook: &Hook, identity: &[u8]) -> Result<bool, HookError> {
        let identity = concealed(hook, identity);
        let known = self.database.knows_event(hook.hash.clone(), identity);
        Ok(known.await?)
    }

    /// Keeps an event and who is to handle it, unless one of this identity came through the hook before.
    ///
    /// # Errors
    /// Nothing can be encrypted; the database failed.
    pub async fn keep(
        &self,
        hook: &Hook,
        identity: &[u8],
        event: &HookEvent,
        handlers: Vec<String>,
        keep: Duration,
    ) -> Result<EventKept, HookError> {
        let now = self.clock.now();
        let identity = concealed(hook, identity);
        let plaintext = Zeroizing::new(serde_json::to_vec(event).map_err(unreadable)?);
        let bound = bound(EVENT_PURPOSE, &hook.tenant, &hook.hash).and(&identity);
        let event = NewHookEvent {
            hook: hook.hash.clone(),
            sealed: cipher::seal(&hook.cipher, &bound, &plaintext)?,
            identity,
            handlers,
            received_at: now,
            expires_at: now + keep,
        };
        Ok(self.database.keep_hook_event(event).await?)
    }

    /// Handlings that are due, for these plugins. Nobody else gets them for the time of the lease. One whose event cannot be
    /// read any more is given up.
    ///
    /// # Errors
    /// The database failed.
    pub async fn claim(
        &self,
        plugins: Vec<String>,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<Handling>, StoreError> {
        let now = self.clock.now();
        let claimed = self
            .database
            .claim_handlings(plugins, limit, now + lease, now)
            .await?;
        let mut handlings = Vec::new();
        for claimed in claimed {
            let (event, plugin, attempts) =
                (claimed.event, claimed.plugin.clone(), claimed.attempts);
            match self.read(claimed).await {
                Ok(handling) => handlings.push(handling),
                // Another process has the key, or this one will after a restart.
                Err(HookError::ServerKey(error)) => {
                    tracing::error!(event, plugin, cause = %error, "an event waits for the server key");
                }
                Err(error) => {
                    tracing::error!(event, plugin, cause = %error, "an event cannot be read");
                    let end = HandlingEnd::Failed("event-damaged".to_owned());
                    self.database
                        .finish_handling(event, &plugin, attempts, end)
                        .await?;
                }
            }
        }
        Ok(handlings)
    }

    /// Notes how an attempt ended: well, or with a word that says why not, to be repeated after a while or never.
    ///
    /// # Errors
    /// The database failed.
    pub async fn finish(
        &self,
        handling: &Handling,
        ended: Result<(), (String, Option<Duration>)>,
    ) -> Result<(), StoreError> {
        let end = match ended {
            Ok(()) => HandlingEnd::Done,
            Err((word, Some(wait))) => HandlingEnd::Again(self.clock.now() + wait, word),
            Err((word, None)) => HandlingEnd::Failed(word),
        };
        self.database
            .finish_handling(handling.id, &handling.plugin, handling.attempts, end)
            .await
    }

    /// How long until a handling for one of these plugins is due; none if there is none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn next_due(&self, plugins: Vec<String>) -> Result<Option<Duration>, StoreError> {
        let due = self.database.next_handling_due(plugins).await?;
        Ok(due.map(|due| due.saturating_duration_since(self.clock.now())))
    }

    async fn read(&self, claimed: ClaimedHandling) -> Result<Handling, HookError> {
        let hook = self.open(claimed.hook, claimed.tenant_name).await?;
        let event = Self::open_event(&hook, &claimed.identity, &claimed.sealed)?;
        Ok(Handling {
            id: claimed.event,
            plugin: claimed.plugin,
            attempts: claimed.attempts,
            received_at: claimed.received_at,
            event,
            hook,
        })
    }

    pub(in crate::tenancy) fn open_event(
        hook: &Hook,
        identity: &[u8],
        sealed: &[u8],
    ) -> Result<HookEvent, HookError> {
        let bound = bound(EVENT_PURPOSE, &hook.tenant, &hook.hash).and(identity);
        let plaintext = cipher::open(&hook.cipher, &bound, sealed)?;
        serde_json::from_slice(&plaintext).map_err(unreadable)
    }
}

fn unreadable(error: serde_json::Error) -> HookError {
    HookError::Store(StoreError::Damaged {
        table: "hook_events",
        problem: error.to_string(),
    })
}

/// What stands for an event's identity in the database.
fn concealed(hook: &Hook, identity: &[u8]) -> Vec<u8> {
    let key = cipher::derive(hook.cipher.as_slice(), None, IDENTITY_PURPOSE);
    cipher::hmac_sha256(&key, identity).to_vec()
}
