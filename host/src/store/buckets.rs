//! Token buckets whose state is one number in a database row, so that several processes share them.
//!
//! The arithmetic is the `governor` crate's: GCRA, the generic cell rate algorithm (ITU-T I.371), whose whole state is the
//! "theoretical arrival time" (TAT), the moment at which the bucket is full again.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::FakeRelativeClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, RateLimiter, StateStore};

use crate::clock::Timestamp;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// How large a bucket is and how fast it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketQuota {
    /// Tokens in a full bucket.
    pub burst: NonZeroU32,
    /// Tokens that come back each second.
    pub per_second: NonZeroU32,
}

/// What came of asking for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// They are taken.
    Taken,
    /// None was taken; at this moment there would be enough, if nobody else takes any.
    WaitUntil(Timestamp),
    /// More than a full bucket holds.
    NeverFits,
}

/// A bucket's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct BucketState {
    /// When the bucket is full again, in nanoseconds since the Unix epoch.
    pub(crate) full_at_nanos: u64,
    /// No token before this.
    pub(crate) blocked_until: Timestamp,
}

impl BucketState {
    /// Takes tokens, if there are enough.
    pub(crate) fn take(&mut self, quota: BucketQuota, tokens: u32, now: Timestamp) -> Taken {
        let Some(tokens) = NonZeroU32::new(tokens) else {
            return Taken::Taken;
        };
        if tokens > quota.burst {
            return Taken::NeverFits;
        }
        if now < self.blocked_until {
            return Taken::WaitUntil(self.blocked_until);
        }
        self.forget_the_impossible(quota, now);
        let row = Row(Cell::new(self.full_at_nanos));
        // governor counts from the moment a limiter is made, and here one is made for each question. Made at the epoch and
        // moved to now, its state is an absolute time that means the same in every process.
        let clock = FakeRelativeClock::default();
        let limiter: RateLimiter<NotKeyed, &Row, _, NoOpMiddleware<Nanos>> =
            RateLimiter::new(quota.governor(), &row, clock.clone());
        clock.advance(Duration::from_nanos(nanos(now)));
        let answer = match limiter.check_n(tokens) {
            Ok(Ok(())) => Taken::Taken,
            Ok(Err(not_until)) => Taken::WaitUntil(Timestamp(
                not_until
                    .earliest_possible()
                    .as_u64()
                    .div_ceil(NANOS_PER_MILLI),
            )),
            Err(_more_than_burst) => Taken::NeverFits,
        };
        self.full_at_nanos = row.0.get();
        answer
    }

    /// Believes in at most `remaining` tokens.
    pub(crate) fn observe(&mut self, quota: BucketQuota, remaining: u32, now: Timestamp) {
        self.forget_the_impossible(quota, now);
        let missing = quota.burst.get().saturating_sub(remaining);
        let full_at = nanos(now).saturating_add(quota.nanos_for(missing));
        self.full_at_nanos = self.full_at_nanos.max(full_at);
    }

    /// Gives no token before `until`, or before a later moment that stands.
    pub(crate) fn block(&mut self, until: Timestamp) {
        self.blocked_until = self.blocked_until.max(until);
    }

    /// A bucket is never emptier than empty: after the clock was set back or the quota was changed, its row must not hold
    /// everybody up for longer than it takes to fill.
    fn forget_the_impossible(&mut self, quota: BucketQuota, now: Timestamp) {
        let latest = nanos(now).saturating_add(quota.nanos_for(quota.burst.get()));
        self.full_at_nanos = self.full_at_nanos.min(latest);
    }
}

impl BucketQuota {
    /// The time in which one token comes back, rounded up so that the rate is never exceeded.
    fn nanos_per_token(self) -> u64 {
        NANOS_PER_SECOND.div_ceil(u64::from(self.per_second.get()))
    }

    fn nanos_for(self, tokens: u32) -> u64 {
        self.nanos_per_token().saturating_mul(u64::from(tokens))
    }

    fn governor(self) -> governor::Quota {
        governor::Quota::with_period(Duration::from_nanos(self.nanos_per_token()))
            .unwrap_or_else(|| governor::Quota::per_second(self.per_second))
            .allow_burst(self.burst)
    }
}

/// Nanoseconds since the epoch, up to the year 2262, where the database's signed integers end.
fn nanos(moment: Timestamp) -> u64 {
    moment
        .as_millis()
        .saturating_mul(NANOS_PER_MILLI)
        .min(i64::MAX.unsigned_abs())
}

/// The state of one limiter while it answers one question.
struct Row(Cell<u64>);

impl StateStore for &Row {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _key: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (answer, next) = decide(Some(Nanos::new(self.0.get())))?;
        self.0.set(next.as_u64());
        Ok(answer)
    }
}
