//! How many requests come through hooks: per address, per hook, and at once. Counted in memory, before any plugin runs.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::rate::{Buckets, Refill, network};
use crate::store::HookHash;

/// Of one address, whichever hooks it asks for: guessing ids costs as much as knowing one.
const ADDRESS: (u32, u32) = (300, 30);
/// Through one hook: a shop that imports a few hundred orders at once gets through, what is more comes again later.
const HOOK: (u32, u32) = (200, 20);
/// Wrong signatures of one address at one hook: so many at once, then one in six seconds. Other addresses do not feel it, and
/// the key stays as good as it was.
const FAILURES: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
const FAILURE_PERIOD: Duration = Duration::from_secs(6);
/// Requests at once, of all hooks. The calls of tools have places of their own.
const AT_ONCE: usize = 32;
/// Of these, for one hook.
const AT_ONCE_PER_HOOK: usize = 8;
type Failing = (HookHash, IpAddr);

/// What has come lately.
pub(super) struct Flood {
    addresses: Buckets<IpAddr>,
    hooks: Buckets<HookHash>,
    failures: Buckets<Failing>,
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

fn refill((burst, per_second): (u32, u32)) -> Refill {
    Refill {
        burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN),
        period: Duration::from_secs(1) / per_second,
    }
}

impl Default for Flood {
    fn default() -> Self {
        Self {
            addresses: Buckets::new(refill(ADDRESS)),
            hooks: Buckets::new(refill(HOOK)),
            failures: Buckets::new(Refill {
                burst: FAILURES,
                period: FAILURE_PERIOD,
            }),
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
        self.addresses.take(&network(address), NonZeroU32::MIN)
    }

    /// Counts a request through this hook.
    ///
    /// # Errors
    /// How long to wait: there are too many, or this address sent too many wrong signatures.
    pub(super) fn through(&self, hook: &HookHash, address: IpAddr) -> Result<(), Duration> {
        let failing = (hook.clone(), network(address));
        if let Some(wait) = self.failures.exhausted(&failing) {
            return Err(wait);
        }
        self.hooks.take(hook, NonZeroU32::MIN)
    }

    /// Counts a wrong signature, however many ways to sign were tried on it.
    pub(super) fn failed(&self, hook: &HookHash, address: IpAddr) {
        let failing = (hook.clone(), network(address));
        // A refusal is remembered by the bucket itself.
        let _ = self.failures.take(&failing, NonZeroU32::MIN);
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
        for _ in 0..FAILURES.get() {
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
