//! The rate limit: a leaky bucket per store or key (order-desk-api.md §8.1, §11.25).

use std::collections::HashMap;

use jiff::Timestamp;

/// Size and refill of a bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Tokens in a full bucket.
    pub capacity: u32,
    /// Tokens added per second.
    pub per_second: f64,
}

impl Default for RateLimit {
    /// What Order Desk documents: 20 tokens, 3 more per second (§8.1).
    fn default() -> Self {
        Self {
            capacity: 20,
            per_second: 3.0,
        }
    }
}

/// What the limit says about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Whole tokens left, for `X-Tokens-Remaining`.
    pub(crate) remaining: u32,
    /// Set when the request is refused: whole seconds until a token is there, at least 1.
    pub(crate) retry_after: Option<u64>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Timestamp,
}

/// The buckets of all stores. Without a limit every request passes.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    limit: Option<RateLimit>,
    buckets: HashMap<String, Bucket>,
}

impl RateLimiter {
    pub(crate) fn new(limit: Option<RateLimit>) -> Self {
        Self {
            limit,
            buckets: HashMap::new(),
        }
    }

    /// Takes one token from the bucket of `owner`. A refused request costs nothing, unless
    /// `throttled_consumes`: then it loses what part of a token had gathered.
    pub(crate) fn take(
        &mut self,
        owner: &str,
        now: Timestamp,
        throttled_consumes: bool,
    ) -> Verdict {
        let Some(limit) = self.limit else {
            return Verdict {
                remaining: RateLimit::default().capacity,
                retry_after: None,
            };
        };
        let bucket = self.refill(owner, limit, now);
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Verdict {
                remaining: bucket.tokens as u32,
                retry_after: None,
            };
        }
        if throttled_consumes {
            bucket.tokens = 0.0;
        }
        let seconds = ((1.0 - bucket.tokens) / limit.per_second).ceil().max(1.0);
        Verdict {
            remaining: 0,
            retry_after: Some(seconds as u64),
        }
    }

    /// Tokens left in the bucket of `owner`, without taking any.
    pub(crate) fn remaining(&mut self, owner: &str, now: Timestamp) -> u32 {
        match self.limit {
            Some(limit) => self.refill(owner, limit, now).tokens as u32,
            None => RateLimit::default().capacity,
        }
    }

    fn refill(&mut self, owner: &str, limit: RateLimit, now: Timestamp) -> &mut Bucket {
        let capacity = f64::from(limit.capacity);
        let bucket = self.buckets.entry(owner.to_owned()).or_insert(Bucket {
            tokens: capacity,
            filled_at: now,
        });
        let elapsed = now.duration_since(bucket.filled_at).as_secs_f64().max(0.0);
        bucket.tokens = (bucket.tokens + elapsed * limit.per_second).min(capacity);
        bucket.filled_at = now;
        bucket
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// At most 20 + 3 per second, however requests are spread, and a client that waits as told is served.
        #[test]
        fn no_more_pass_than_the_bucket_allows(pauses in proptest::collection::vec(0_i64..2_000, 1..200)) {
            let mut limiter = RateLimiter::new(Some(RateLimit::default()));
            let start = Timestamp::UNIX_EPOCH;
            let mut now = start;
            let mut passed = 0;
            for pause in pauses {
                now += SignedDuration::from_millis(pause);
                let verdict = limiter.take("store", now, false);
                match verdict.retry_after {
                    None => passed += 1,
                    Some(seconds) => {
                        prop_assert!(seconds >= 1);
                        now += SignedDuration::from_secs(seconds as i64);
                        prop_assert_eq!(limiter.take("store", now, false).retry_after, None);
                        passed += 1;
                    }
                }
                let allowed = 20.0 + 3.0 * now.duration_since(start).as_secs_f64();
                prop_assert!(f64::from(passed) <= allowed + 1e-6);
            }
        }
    }
}
