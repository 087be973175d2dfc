//! Keys that were presented and are none, counted for each address.
//!
//! Whoever presents keys has each of them looked up, always: so nobody who has a valid one is kept out by what others do from
//! the same address. Only the answer to a wrong one becomes "wait" instead of "wrong". What there is to guess has 256 bits.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::FailedLogins;
use crate::observe::Metrics;
use crate::rate::{Buckets, Refill, network};

/// Wrong keys of one address (of version 6: one network of 64 bits) at once; a person who copies badly needs fewer.
const AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
/// After them, one in this time.
const PERIOD: Duration = Duration::from_secs(6);

/// Slows addresses that present keys which are none. It is told of each: [`Tenancy::note_failed_login`](super::Tenancy).
pub struct LoginLimit {
    addresses: Buckets<IpAddr>,
    metrics: Arc<Metrics>,
}

impl LoginLimit {
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

    /// Whether the key that this address just presented in vain was one too many, and how long it is to wait then: that is
    /// the answer to give. Nobody else may be asked to wait.
    pub fn slowed(&self, source: Option<IpAddr>) -> Option<Duration> {
        self.addresses.exhausted(&network(source?))
    }
}

impl FailedLogins for LoginLimit {
    fn failed(&self, source: Option<IpAddr>) {
        let counted = source.map(|address| self.addresses.take(&network(address), NonZeroU32::MIN));
        if let Some(Err(_)) = counted {
            self.metrics.authenticated("slowed");
            self.metrics.refused("failed-keys");
        } else {
            self.metrics.authenticated("refused");
        }
    }

    fn may_provision(&self, source: Option<IpAddr>) -> bool {
        self.slowed(source).is_none()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_network_has_its_own_count() {
        let limit = LoginLimit::new(Arc::default());
        let failed = |text: &str| {
            let source = Some(text.parse().unwrap());
            limit.failed(source);
            limit.slowed(source)
        };
        for _ in 0..AT_ONCE.get() {
            assert_eq!(failed("2001:db8:1:2::1"), None);
        }
        let wait = failed("2001:db8:1:2:ffff::9").unwrap();
        assert!(wait <= PERIOD && !wait.is_zero(), "{wait:?}");
        assert!(!limit.may_provision(Some("2001:db8:1:2::1".parse().unwrap())));
        assert_eq!(failed("2001:db8:1:3::1"), None);
        assert_eq!(failed("192.0.2.1"), None);
        assert!(limit.may_provision(None));
    }
}
