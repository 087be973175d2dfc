//! Failed logins, counted by where they came from: each alone would let a stranger fill the audit trail.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::entry::Source;

/// Places that are told apart at once.
const PLACES: usize = 100;
/// Where the others are counted.
const ELSEWHERE: &str = "elsewhere";

#[derive(Default)]
pub(super) struct FailedLogins(Mutex<BTreeMap<String, u64>>);

impl FailedLogins {
    pub(super) fn count(&self, source: &Source) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = source.to_string();
        let place = if counts.len() < PLACES || counts.contains_key(&place) {
            place
        } else {
            ELSEWHERE.to_owned()
        };
        *counts.entry(place).or_default() += 1;
    }

    /// What was counted since the last time; none: nothing.
    pub(super) fn take(&self) -> Option<Value> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (!counts.is_empty()).then(|| {
            let total: u64 = counts.values().sum();
            json!({"count": total, "from": counts})
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_apart_up_to_a_number() {
        let logins = FailedLogins::default();
        assert_eq!(logins.take(), None);
        for last in 0..=255 {
            let address = std::net::IpAddr::from([10, 0, 0, last]);
            logins.count(&Source::Http(Some(address)));
        }
        logins.count(&Source::Http(Some([10, 0, 0, 7].into())));
        let told = logins.take().unwrap_or_default();
        assert_eq!(told["count"], 257);
        assert_eq!(told["from"]["http 10.0.0.7"], 2);
        assert_eq!(told["from"][ELSEWHERE], 156);
        assert_eq!(logins.take(), None);
    }
}
