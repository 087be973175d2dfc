//! How many requests come through hooks: per address, per hook, and at once. Counted in memory, before any plugin runs.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::store::HookHash;

/// Of one address, whichever hooks it asks for: guessing ids costs as much as knowing one.
const ADDRESS: (u32, u32) = (300, 30);
/// Through one hook: a shop that imports a few hundred orders at once gets through, what is more comes again later.
const HOOK: (u32, u32) = (200, 20);
/// Wrong signatures of one address at one hook: so many at once, then one in six seconds. Other addresses do not feel it, and
/// the key stays as good as it was.
const FAILURES: u32 = 10;
const FAILURE_PERIOD: Duration = Duration::from_secs(6);
/// Requests at once, of all hooks. The calls of tools have places of their own.
const AT_ONCE: usize = 32;
/// Of these, for one hook.
const AT_ONCE_PER_HOOK: usize = 8;
/// Keys that are remembered before those with full buckets are forgotten.
const REMEMBERED: usize = 10_000;

type Buckets<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock>;
type Failing = (HookHash, IpAddr);

/// What has come lately.
pub(super) struct Flood {
    clock: DefaultClock,
    addresses: Buckets<IpAddr>,
    hooks: Buckets<HookHash>,
    failures: Buckets<Failing>,
    slowed: Mutex<HashMap<Failing, Instant>>,
    under_way: Arc<Mutex<UnderWay>>,
}

#[derive(Default)]
struct UnderWay {
    all: usize,
    of_hook: HashMap<HookHash, usize>,
}

/// A request's place among those at once; free again when this is dropped.
pub(super) struct Place {
    under_way: Arc<Mutex<UnderWay>>,
    hook: HookHash,
}

fn quota((burst, per_second): (u32, u32)) -> Quota {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst))
}

impl Default for Flood {
    fn default() -> Self {
        let failures = Quota::with_period(FAILURE_PERIOD)
            .unwrap_or_else(|| Quota::per_minute(NonZeroU32::MIN))
            .allow_burst(NonZeroU32::new(FAILURES).unwrap_or(NonZeroU32::MIN));
        Self {
            clock: DefaultClock::default(),
            addresses: RateLimiter::hashmap(quota(ADDRESS)),
            hooks: RateLimiter::hashmap(quota(HOOK)),
            failures: RateLimiter::hashmap(failures),
            slowed: Mutex::default(),
            under_way: Arc::default(),
        }
    }
}

impl Flood {
    /// Counts a request of this address.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn from(&self, address: IpAddr) -> Result<(), Duration> {
        self.count(&self.addresses, network(address))
    }

    /// Counts a request through this hook.
    ///
    /// # Errors
    /// How long to wait: there are too many, or this address sent too many wrong signatures.
    pub(super) fn through(&self, hook: &HookHash, address: IpAddr) -> Result<(), Duration> {
        let failing = (hook.clone(), network(address));
        let until = {
            let slowed = self.slowed.lock().unwrap_or_else(PoisonError::into_inner);
            slowed.get(&failing).copied()
        };
        if let Some(wait) = until.and_then(|until| until.checked_duration_since(Instant::now())) {
            return Err(wait);
        }
        self.count(&self.hooks, hook.clone())
    }

    /// Counts a wrong signature, however many ways to sign were tried on it.
    pub(super) fn failed(&self, hook: &HookHash, address: IpAddr) {
        let failing = (hook.clone(), network(address));
        if let Err(wait) = self.count(&self.failures, failing.clone()) {
            let now = Instant::now();
            let mut slowed = self.slowed.lock().unwrap_or_else(PoisonError::into_inner);
            if slowed.len() >= REMEMBERED {
                slowed.retain(|_, until| *until > now);
            }
            slowed.insert(failing, now + wait);
        }
    }

    /// A place among the requests at once, if there is one.
    pub(super) fn enter(&self, hook: &HookHash) -> Option<Place> {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let of_hook = under_way.of_hook.get(hook).copied().unwrap_or_default();
        if under_way.all >= AT_ONCE || of_hook >= AT_ONCE_PER_HOOK {
            return None;
        }
        under_way.all += 1;
        under_way.of_hook.insert(hook.clone(), of_hook + 1);
        Some(Place {
            under_way: self.under_way.clone(),
            hook: hook.clone(),
        })
    }

    fn count<K: Hash + Eq + Clone>(&self, buckets: &Buckets<K>, key: K) -> Result<(), Duration> {
        if buckets.len() >= REMEMBERED {
            buckets.retain_recent();
        }
        buckets
            .check_key(&key)
            .map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        under_way.all -= 1;
        if let Some(of_hook) = under_way.of_hook.get_mut(&self.hook) {
            *of_hook -= 1;
            if *of_hook == 0 {
                under_way.of_hook.remove(&self.hook);
            }
        }
    }
}

/// What one sender has: an address of version 4, a network of 64 bits of version 6.
fn network(address: IpAddr) -> IpAddr {
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
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_slowed_for_its_own_failures_only() {
        let flood = Flood::default();
        let (hook, other) = (vec![1], vec![2]);
        let (wrong, right) = (address("192.0.2.1"), address("192.0.2.2"));
        for _ in 0..FAILURES {
            flood.through(&hook, wrong).unwrap();
            flood.failed(&hook, wrong);
        }
        flood.through(&hook, wrong).unwrap();
        flood.failed(&hook, wrong);
        let wait = flood.through(&hook, wrong).unwrap_err();
        assert!(wait <= FAILURE_PERIOD && !wait.is_zero(), "{wait:?}");
        flood.through(&hook, right).unwrap();
        flood.through(&other, wrong).unwrap();
    }

    #[test]
    fn buckets_are_per_network_and_per_hook() {
        let flood = Flood::default();
        let count = |text: &str| {
            (0..1000)
                .take_while(|_| flood.from(address(text)).is_ok())
                .count()
        };
        let burst = usize::try_from(ADDRESS.0).unwrap();
        assert!((burst..burst + 10).contains(&count("2001:db8:1:2::1")));
        assert!(count("2001:db8:1:2::2") < 10);
        assert!(count("2001:db8:1:3::1") >= burst);
        assert!(count("::ffff:192.0.2.1") >= burst);
        assert!(count("192.0.2.1") < 10);
    }

    #[test]
    fn one_hook_does_not_take_all_places_and_places_come_back() {
        let flood = Flood::default();
        let many = |hook: u8| -> Vec<_> {
            std::iter::from_fn(|| flood.enter(&vec![hook]))
                .take(AT_ONCE)
                .collect()
        };
        let first = many(1);
        assert_eq!(first.len(), AT_ONCE_PER_HOOK);
        let others: Vec<_> = (2..10).map(many).collect();
        assert_eq!(others.iter().flatten().count(), AT_ONCE - first.len());
        drop(first);
        assert_eq!(many(1).len(), AT_ONCE_PER_HOOK);
        drop(others);
        assert!(flood.under_way.lock().unwrap().of_hook.is_empty());
    }
}
