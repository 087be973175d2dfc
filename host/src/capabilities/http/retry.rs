//! A request's way until there is an answer or no hope: tokens, lease, attempt, pause, again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::time::Instant;

use super::bucket;
use super::exchange::{Answer, Failure, Outgoing};
use super::{ErrorKind, HttpError, LockLease, Response, ResponseBudget, TokenBuckets};

/// No pause between attempts becomes longer by itself.
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// A request with what it takes to send it.
pub(super) struct Delivery {
    pub(super) outgoing: Outgoing,
    pub(super) buckets: Arc<dyn TokenBuckets>,
    pub(super) bucket: String,
    /// Whether it may be sent more than once.
    pub(super) repeat: bool,
    /// For one attempt.
    pub(super) timeout: Duration,
    /// A write was sent, and nothing says that it did not happen.
    pub(super) maybe_written: AtomicBool,
}

/// The conditions under which a delivery runs.
pub(super) struct Terms<'a> {
    /// When nobody wants the answer any more; may move later.
    pub(super) deadline: &'a (dyn Fn() -> Instant + Send + Sync),
    /// Bytes of the answer.
    pub(super) max_bytes: usize,
    /// Tokens that the call took in advance, and how many more it wants to.
    pub(super) hold: Option<(&'a ResponseBudget, u8)>,
    /// The lock whose lease must outlast each attempt.
    pub(super) lock: Option<(&'a str, &'a dyn LockLease)>,
}

impl Delivery {
    /// Sends until there is an answer to keep, at most to the deadline.
    pub(super) async fn run(&self, terms: &Terms<'_>) -> Result<Response, HttpError> {
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(self.outgoing.endpoint.backoff)
            .with_max_delay(LONGEST_BACKOFF.max(self.outgoing.endpoint.backoff))
            .with_max_times(self.outgoing.endpoint.retries as usize)
            .build()
            .filter(|_| self.repeat);
        let mut outcome = self.attempt(terms, true).await;
        while let (Some(asked), Some(longest)) = (worth_repeating(&outcome), pauses.next()) {
            // Full jitter, as in "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015).
            let pause = rand::random_range(Duration::ZERO..=longest).max(asked);
            if Instant::now() + pause >= (terms.deadline)() {
                break;
            }
            tokio::time::sleep(pause).await;
            outcome = self.attempt(terms, false).await;
        }
        match outcome {
            Ok(answer) => Ok(answer.response),
            Err(failure) => Err(failure.error.or_outcome_unknown(self.maybe_written())),
        }
    }

    /// Whether a write may have happened, as far as is known so far.
    pub(super) fn maybe_written(&self) -> bool {
        self.maybe_written.load(Ordering::Relaxed)
    }

    async fn attempt(&self, terms: &Terms<'_>, first: bool) -> Result<Answer, Failure> {
        let hold = terms.hold.filter(|_| first);
        self.take_tokens(terms, hold)
            .await
            .map_err(Failure::before)?;
        let timeout = self
            .timeout
            .min((terms.deadline)().saturating_duration_since(Instant::now()));
        if timeout.is_zero() {
            return Err(Failure::before(HttpError::deadline()));
        }
        self.check_lease(terms, timeout)
            .await
            .map_err(Failure::before)?;
        let writes = !self.outgoing.method.reads();
        let earlier = self.maybe_written.fetch_or(writes, Ordering::Relaxed);
        let outcome = self.outgoing.exchange(timeout, terms.max_bytes).await;
        let not_done = match &outcome {
            Ok(answer) => answer.response.status == 429,
            Err(failure) => failure.unsent,
        };
        if not_done {
            self.maybe_written.store(earlier, Ordering::Relaxed);
        }
        if let Ok(answer) = &outcome {
            self.note_limits(answer).await;
        }
        outcome
    }

    async fn take_tokens(
        &self,
        terms: &Terms<'_>,
        hold: Option<(&ResponseBudget, u8)>,
    ) -> Result<(), HttpError> {
        let Some(rate) = self.outgoing.endpoint.rate else {
            return Ok(());
        };
        let (held, prepaid) = match hold {
            Some((budget, held)) => (
                u32::from(held),
                budget.use_prepaid(&self.bucket, 1 + u32::from(held)),
            ),
            None => (0, 0),
        };
        let missing = 1 + held - prepaid;
        let taken = match missing {
            0 => Ok(()),
            _ => {
                let asked = Instant::now();
                let taken = bucket::take(
                    &*self.buckets,
                    (&self.bucket, rate),
                    missing,
                    terms.deadline,
                );
                let taken = taken.await;
                let metrics = &self.outgoing.metrics;
                metrics.waited_for_token(&self.outgoing.endpoint.name, asked.elapsed());
                if taken.is_err() {
                    metrics.refused("endpoint-rate");
                }
                taken
            }
        };
        if let Some((budget, _)) = hold {
            budget.prepay(&self.bucket, if taken.is_ok() { held } else { prepaid });
        }
        taken
    }

    async fn check_lease(&self, terms: &Terms<'_>, timeout: Duration) -> Result<(), HttpError> {
        let Some((lock, leases)) = terms.lock else {
            return Ok(());
        };
        match leases.lease_left(lock).await {
            Some(left) if left > timeout => Ok(()),
            left => Err(HttpError::new(
                ErrorKind::Conflict,
                "lease-too-short",
                "The lock does not outlast the request, so it was not sent. Take the lock again and begin anew.",
            )
            .with_detail(format!("lease left: {left:?}, time-out: {timeout:?}"))),
        }
    }

    async fn note_limits(&self, answer: &Answer) {
        let Some(rate) = self.outgoing.endpoint.rate else {
            return;
        };
        if let Some(remaining) = answer.tokens_remaining {
            self.buckets.observed(&self.bucket, rate, remaining).await;
        }
        if let (429, Some(pause)) = (answer.response.status, answer.pause) {
            self.buckets.blocked(&self.bucket, pause).await;
        }
    }
}

/// The pause that the service asks for, where another attempt could end differently.
fn worth_repeating(outcome: &Result<Answer, Failure>) -> Option<Duration> {
    match outcome {
        Ok(answer) if matches!(answer.response.status, 429 | 500 | 502 | 503 | 504) => {
            Some(answer.pause.unwrap_or_default())
        }
        Err(failure) if failure.passing => Some(Duration::ZERO),
        _ => None,
    }
}
