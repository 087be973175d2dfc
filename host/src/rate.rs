//! Token buckets in the memory of this process, one for each key: for access keys, and for addresses that fail.
//!
//! Never more than so many are remembered; who has not been seen for the longest time starts with a full bucket again. Buckets
//! that several processes must share (those towards endpoints) stand in the database instead.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// Keys that are remembered.
const REMEMBERED: u64 = 10_000;

/// `burst` tokens at most, and one more in each of these periods.
#[derive(Debug, Clone, Copy)]
pub struct Refill {
    /// Capacity; a bucket starts full.
    pub burst: NonZeroU32,
    /// The time in which one token is added. Zero counts as a nanosecond.
    pub period: Duration,
}

impl Refill {
    /// So many tokens in a minute.
    pub fn per_minute(tokens: NonZeroU32, burst: NonZeroU32) -> Self {
        Self {
            burst,
            period: Duration::from_secs(60) / tokens.get(),
        }
    }

    fn quota(self) -> Quota {
        let period = self.period.max(Duration::from_nanos(1));
        Quota::with_period(period)
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
            .allow_burst(self.burst)
    }
}

type Limiter<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

struct Bucket<C: Clock> {
    limiter: Limiter<C>,
    /// After a refusal: when there is a token again.
    empty_until: Mutex<Option<C::Instant>>,
}

/// The buckets of all keys, each with the same refill.
pub struct Buckets<K, C: Clock = DefaultClock> {
    refill: Refill,
    clock: C,
    buckets: Cache<K, Arc<Bucket<C>>>,
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Buckets<K> {
    /// Full buckets.
    pub fn new(refill: Refill) -> Self {
        Self::with_clock(refill, DefaultClock::default())
    }
}

impl<K, C> Buckets<K, C>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    C: Clock + Clone + Send + Sync + 'static,
    C::Instant: Send + Sync,
{
    /// The same on another clock.
    pub fn with_clock(refill: Refill, clock: C) -> Self {
        Self {
            refill,
            clock,
            buckets: Cache::builder()
                .max_capacity(REMEMBERED)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
        }
    }

    /// Takes `tokens` at once, or none.
    ///
    /// # Errors
    /// How long until there are so many. More than a bucket holds come never: that is said as the time to fill it.
    pub fn take(&self, key: &K, tokens: NonZeroU32) -> Result<(), Duration> {
        let bucket = self.buckets.get_with_by_ref(key, || {
            Arc::new(Bucket {
                limiter: RateLimiter::direct_with_clock(self.refill.quota(), self.clock.clone()),
                empty_until: Mutex::default(),
            })
        });
        let Ok(taken) = bucket.limiter.check_n(tokens) else {
            return Err(self.refill.period.saturating_mul(self.refill.burst.get()));
        };
        taken.map_err(|refused| {
            let now = self.clock.now();
            let wait = refused.wait_time_from(now);
            let others = self.refill.period.saturating_mul(tokens.get() - 1);
            let until = now + wait.saturating_sub(others).into();
            *lock(&bucket.empty_until) = Some(until);
            wait
        })
    }

    /// How long this bucket stays without a token, as its last refusal showed. Costs nothing, and knows nothing of a bucket
    /// that has refused nobody.
    pub fn exhausted(&self, key: &K) -> Option<Duration> {
        let bucket = self.buckets.get(key)?;
        let until = (*lock(&bucket.empty_until))?;
        let left = Duration::from(until.duration_since(self.clock.now()));
        (!left.is_zero()).then_some(left)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A time to wait in whole seconds, as `Retry-After` has it (RFC 9110, section 10.2.3): at least 1, and never too short.
pub fn retry_after(wait: Duration) -> u64 {
    let begun = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(begun).max(1)
}

/// What one sender has: an address of version 4, a network of 64 bits of version 6.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() & (u128::MAX << 64);
            Ipv6Addr::from_bits(bits).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use governor::clock::FakeRelativeClock;
    use proptest::prelude::*;

    use super::*;

    fn of(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    fn buckets(
        per_minute: u32,
        burst: u32,
    ) -> (Buckets<u32, FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let refill = Refill::per_minute(of(per_minute), of(burst));
        (Buckets::with_clock(refill, clock.clone()), clock)
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let (buckets, clock) = buckets(120, 4);
        for _ in 0..2 {
            buckets.take(&1, of(2)).unwrap();
        }
        assert_eq!(buckets.take(&1, of(2)), Err(Duration::from_secs(1)));
        assert_eq!(buckets.exhausted(&1), Some(Duration::from_millis(500)));
        clock.advance(Duration::from_millis(500));
        assert_eq!(buckets.exhausted(&1), None);
        buckets.take(&1, of(1)).unwrap();
        assert!(buckets.take(&1, of(1)).is_err());
    }

    #[test]
    fn one_key_does_not_feel_another() {
        let (buckets, _) = buckets(60, 3);
        while buckets.take(&1, of(1)).is_ok() {}
        assert!(buckets.exhausted(&1).is_some());
        assert_eq!(buckets.exhausted(&2), None);
        buckets.take(&2, of(3)).unwrap();
    }

    #[test]
    fn only_so_many_keys_are_remembered() {
        let (buckets, _) = buckets(60, 3);
        let most = u32::try_from(REMEMBERED).unwrap();
        for key in 0..most * 3 {
            buckets.take(&key, of(1)).unwrap();
        }
        buckets.buckets.run_pending_tasks();
        assert!(buckets.buckets.entry_count() <= REMEMBERED);
    }

    #[test]
    fn networks_are_what_one_sender_has() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
    }

    #[test]
    fn waits_are_rounded_up() {
        assert_eq!(retry_after(Duration::ZERO), 1);
        assert_eq!(retry_after(Duration::from_millis(1001)), 2);
        assert_eq!(retry_after(Duration::from_secs(3)), 3);
    }

    proptest! {
        /// Over any run of calls, no more is given than burst and rate allow, and whoever waits as long as told is served.
        #[test]
        fn no_more_is_given_than_the_rate_allows(
            per_minute in 1_u32..600,
            burst in 2_u32..50,
            calls in prop::collection::vec((1_u32..=2, 0_u64..3_000), 1..200),
        ) {
            let (buckets, clock) = buckets(per_minute, burst);
            let (mut given, mut passed) = (0_u32, Duration::ZERO);
            for (tokens, pause) in calls {
                match buckets.take(&1, of(tokens)) {
                    Ok(()) => given += tokens,
                    Err(wait) => {
                        clock.advance(wait);
                        passed += wait;
                        prop_assert_eq!(buckets.take(&1, of(tokens)), Ok(()));
                        given += tokens;
                    }
                }
                let period = Duration::from_secs(60) / per_minute;
                let refilled = passed.as_nanos() / period.as_nanos();
                prop_assert!(u128::from(given) <= u128::from(burst) + refilled + 1);
                let pause = Duration::from_millis(pause);
                clock.advance(pause);
                passed += pause;
            }
        }
    }
}
