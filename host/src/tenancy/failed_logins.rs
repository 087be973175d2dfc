//! Keys that were presented and are none, counted for each address.
//!
//! Whoever presents keys has each of them looked up, always: so nobody who has a valid one is kept out by what others do from
//! the same address. Only the answer to a wrong one becomes "wait" instead of "wrong". What there is to guess has 256 bits.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::observe::Metrics;
use crate::rate::{Buckets, Refill, network};

/// Wrong keys of one address (of version 6: one network of 64 bits) at once; a person who copies badly needs fewer.
const AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
/// After them, one in this time.
const PERIOD: Duration = Duration::from_secs(6);

/// Addresses that fail. Every way in tells of each key that is none: requests, tools and pages.
pub struct FailedLogins {
    addresses: Buckets<IpAddr>,
    metrics: Arc<Metrics>,
}

impl FailedLogins {
    /// Nobody has failed yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            addresses: Buckets::new(Refill {
                burst: AT_ONCE,
                period: PERIOD,
            }),
            metrics,
        }
    }

    /// Counts a key that is none.
    ///
    /// # Errors
    /// It was one too many: how long this address is to wait. That is the answer to give.
    pub fn failed(&self, address: IpAddr) -> Result<(), Duration> {
        let counted = self.addresses.take(&network(address), NonZeroU32::MIN);
        match counted {
            Ok(()) => self.metrics.authenticated("refused"),
            Err(_) => {
                self.metrics.authenticated("slowed");
                self.metrics.refused("failed-keys");
            }
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_network_has_its_own_count() {
        let logins = FailedLogins::new(Arc::default());
        let failed = |text: &str| logins.failed(text.parse().unwrap());
        for _ in 0..AT_ONCE.get() {
            failed("2001:db8:1:2::1").unwrap();
        }
        let wait = failed("2001:db8:1:2:ffff::9").unwrap_err();
        assert!(wait <= PERIOD && !wait.is_zero(), "{wait:?}");
        failed("2001:db8:1:3::1").unwrap();
        failed("192.0.2.1").unwrap();
    }
}
