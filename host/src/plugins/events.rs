//! Events in the hands of the plugins that handle them: each at its time, again with growing pauses where it fails.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;

use super::host::PluginHost;
use crate::capabilities::contract::events::Event;
use crate::capabilities::contract::{Error, ErrorKind, kind_name};
use crate::tenancy::Handling;

/// Handlings at once.
const AT_ONCE: usize = 8;
/// One attempt.
const TIME: Duration = Duration::from_secs(60);
/// After this somebody else may try: a process that died holds an event no longer.
const LEASE: Duration = Duration::from_secs(90);
/// Other processes keep events too, and tell nobody.
const LOOK: Duration = Duration::from_secs(5);
/// After a failure of the database.
const PAUSE: Duration = Duration::from_secs(5);
/// The first pause; each is four times the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Then it is given up: after some four hours.
const ATTEMPTS: u32 = 10;
const WORD_BYTES: usize = 64;

impl PluginHost {
    /// Hands out events until the server stops. One process of several gets each.
    pub async fn handle_events(self: Arc<Self>) {
        let places = Places::new(AT_ONCE);
        loop {
            let pause = match self.hand_out(&places).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(cause = %error, "events cannot be handed out");
                    PAUSE
                }
            };
            tokio::select! {
                () = self.events_waiting.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = self.stopping.cancelled() => return,
            }
        }
    }

    /// Starts what is due, and answers how long nothing more will be.
    async fn hand_out(
        self: &Arc<Self>,
        places: &Places,
    ) -> Result<Duration, crate::store::StoreError> {
        let handlers = self.registry().handlers();
        if handlers.is_empty() {
            return Ok(LOOK);
        }
        let hooks = &self.services.hooks;
        // Taken before anything is claimed: a lease runs from then on, and is not to be spent on waiting.
        let mut free = places.take();
        if !free.is_empty() {
            let claimed = hooks.claim(handlers.clone(), count(&free), LEASE).await?;
            for handling in claimed {
                let (host, place) = (self.clone(), free.pop());
                let span = tracing::info_span!("event", id = handling.id, plugin = handling.plugin);
                let handling = async move {
                    host.attempt(handling).await;
                    drop(place);
                    // There is a free place again.
                    host.events_waiting.notify_one();
                };
                self.writes.spawn(handling.instrument(span));
            }
        }
        drop(free);
        let due = hooks.next_due(handlers).await?;
        // What is due now waits for a place, and a place that becomes free tells.
        Ok(due.map_or(LOOK, |due| due.clamp(Duration::from_millis(50), LOOK)))
    }

    async fn attempt(self: &Arc<Self>, handling: Handling) {
        let ended = self.hand_over(&handling).await;
        let ended = ended.map_err(|error| {
            let word = word(&error);
            let lasting = error.kind == ErrorKind::InvalidInput;
            let wait = (handling.attempts < ATTEMPTS && !lasting).then(|| pause(handling.attempts));
            tracing::warn!(
                attempt = handling.attempts,
                code = word,
                again_in = ?wait,
                "an event was not handled"
            );
            (word, wait)
        });
        let outcome = match &ended {
            Ok(()) => "handled",
            Err((_, Some(_))) => "again",
            Err((_, None)) => "given-up",
        };
        self.services
            .metrics
            .event_handed_over(&handling.plugin, outcome);
        if let Err(error) = self.services.hooks.finish(&handling, ended).await {
            tracing::error!(cause = %error, "how an event was handled cannot be noted: it will be handed over again");
        }
    }

    async fn hand_over(self: &Arc<Self>, handling: &Handling) -> Result<(), Error> {
        let hook = &handling.hook;
        let registry = self.registry();
        let plugin = registry.plugin(&handling.plugin).ok_or_else(|| {
            Error::new(
                ErrorKind::Unavailable,
                "plugin-not-served",
                "It is not served.",
            )
        })?;
        if !plugin.grantee.events.contains(&hook.plugin) {
            return Err(Error::not_granted(
                &handling.plugin,
                &format!("the events of '{}'", hook.plugin),
                &format!("events = [{:?}]", hook.plugin),
            ));
        }
        let events = plugin.exports.events.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                "no-events",
                "It handles no events.",
            )
        })?;
        let context = self
            .outside(plugin, hook, false, TIME, self.stopped.child_token())
            .await?;
        let event = Event {
            id: handling.id.to_string(),
            source: hook.plugin.clone(),
            kind: handling.event.kind.clone(),
            subject: hook.subject.clone(),
            payload: handling.event.payload.clone(),
            received_at_ms: handling.received_at.as_millis(),
            attempt: handling.attempts,
            extra: None,
        };
        let mut trail = self.trail_of_event(handling, &context.correlation_id);
        trail.begin().await?;
        let ended = plugin
            .within(&self.services, context.clone(), async |store| {
                let instance = events.instantiate_async(&mut *store).await?;
                let events = instance.orderdesk_plugin_events();
                events.call_handle(store, &event).await
            })
            .await;
        self.release_locks(plugin, &context).await;
        trail.end_with(&ended).await;
        ended
    }
}

/// How many handlings may be under way.
struct Places(Arc<Semaphore>);

impl Places {
    fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// All that are free. Each is somebody's until it is dropped, whether what it is for runs already or not.
    fn take(&self) -> Vec<OwnedSemaphorePermit> {
        std::iter::from_fn(|| self.0.clone().try_acquire_owned().ok()).collect()
    }
}

fn count(places: &[OwnedSemaphorePermit]) -> u32 {
    u32::try_from(places.len()).unwrap_or(u32::MAX)
}

fn pause(attempts: u32) -> Duration {
    4_u32
        .checked_pow(attempts.saturating_sub(1))
        .and_then(|times| FIRST_PAUSE.checked_mul(times))
        .map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}

/// What lists show of an error: a word, of which nobody can make a text.
fn word(error: &Error) -> String {
    let plain = |word: &&String| {
        (1..=WORD_BYTES).contains(&word.len())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    error
        .code
        .as_ref()
        .filter(plain)
        .cloned()
        .unwrap_or_else(|| kind_name(error.kind).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<u64> = (1..ATTEMPTS)
            .map(|attempt| pause(attempt).as_secs())
            .collect();
        assert_eq!(pauses, [1, 4, 16, 64, 256, 1024, 3600, 3600, 3600]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }

    #[test]
    fn a_place_is_taken_from_the_claim_on_not_from_the_start_of_the_work() {
        let places = Places::new(AT_ONCE);
        let mut claimed = places.take();
        assert_eq!(claimed.len(), AT_ONCE);
        // Nothing of it runs yet, and yet there is room for no more.
        assert_eq!(count(&places.take()), 0);
        claimed.truncate(AT_ONCE - 3);
        assert_eq!(count(&places.take()), 3);
    }

    #[test]
    fn lists_show_words_only() {
        let of = |code: &str| word(&Error::new(ErrorKind::Upstream, code, "text"));
        assert_eq!(of("order-gone"), "order-gone");
        assert_eq!(of("r.okafor@example.com is wrong"), "upstream");
        assert_eq!(of(""), "upstream");
    }
}
