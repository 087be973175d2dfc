//! Locks whose leases end with the fake clock.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{CallHost, FakeHost};
use crate::error::ToolError;
use crate::locks::LocksHost;

/// The call that holds a lock which was kept.
const NOBODY: &str = "";
/// As with the real host, which says so when it answers `locked`.
const RETRY_AFTER_MS: u32 = 2_000;
/// As with the real host.
const LONGEST_KEPT_MS: u64 = 60_000;

#[derive(Default)]
pub(super) struct Held {
    by_name: BTreeMap<(String, String), Lease>,
}

struct Lease {
    id: String,
    call: String,
    ends_at: u64,
}

impl Held {
    /// What was kept is no call's any more, and stays.
    pub(super) fn end_call(&mut self, call: &str) {
        self.by_name.retain(|_, lease| lease.call != call);
    }
}

impl FakeHost {
    /// Holds a lock of the plugin `plugin` for this long, as if another call did. (Of [`super::with_context`], the plugin is
    /// `"plugin"`.)
    ///
    /// ```
    /// use std::time::Duration;
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// host.hold_lock("plugin", "order-17", Duration::from_secs(60));
    /// with_context(&host, |context| {
    ///     let lock = context.locks().acquire("order-17", Duration::from_secs(5), Duration::from_secs(30));
    ///     assert!(lock.is_err()); // within five seconds it does not get free
    /// });
    /// ```
    pub fn hold_lock(&self, plugin: &str, name: &str, lease: Duration) {
        let lease = Lease {
            id: self.next_id("lock"),
            call: "another".to_owned(),
            ends_at: self.now() + u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
        };
        let mut held = self.world.locks.borrow_mut();
        held.by_name
            .insert((plugin.to_owned(), name.to_owned()), lease);
    }

    /// The names of the locks of the plugin `plugin` that are held now.
    ///
    /// ```
    /// use std::time::Duration;
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// with_context(&host, |context| {
    ///     let lock = context
    ///         .locks()
    ///         .acquire("order-17", Duration::from_secs(5), Duration::from_secs(30))
    ///         .unwrap();
    ///     assert_eq!(host.locks_held("plugin"), ["order-17"]);
    ///     lock.release().unwrap();
    /// });
    /// assert!(host.locks_held("plugin").is_empty());
    /// ```
    #[must_use]
    pub fn locks_held(&self, plugin: &str) -> Vec<String> {
        let now = self.now();
        let held = self.world.locks.borrow();
        held.by_name
            .iter()
            .filter(|((owner, _), lease)| owner == plugin && now < lease.ends_at)
            .map(|((_, name), _)| name.clone())
            .collect()
    }
}

impl CallHost {
    /// True while this call's lease of the lock lasts.
    pub(super) fn holds(&self, lock: &str) -> bool {
        let now = self.host.now();
        let held = self.host.world.locks.borrow();
        held.by_name
            .values()
            .any(|lease| lease.id == lock && lease.call == self.id && now < lease.ends_at)
    }
}

impl LocksHost for CallHost {
    /// Waiting moves the fake clock.
    fn acquire(&self, name: &str, wait_ms: u32, lease_ms: u32) -> Result<String, ToolError> {
        self.require_write("locks.acquire")?;
        let place = (self.plugin.clone(), name.to_owned());
        let mut held = self.host.world.locks.borrow_mut();
        let (free_in, kept) = held.by_name.get(&place).map_or((0, false), |lease| {
            let left = lease.ends_at.saturating_sub(self.host.now());
            (left, lease.call == NOBODY)
        });
        if kept && free_in > u64::from(wait_ms) {
            let left = u32::try_from(free_in).unwrap_or(u32::MAX);
            return Err(ToolError::conflict(
                "lock-kept",
                format!("An earlier call of unknown outcome left the lock {name} behind."),
            )
            .with_retry_after_ms(left));
        }
        let waited = free_in.min(u64::from(wait_ms));
        self.host.advance(Duration::from_millis(waited));
        if waited < free_in {
            return Err(ToolError::conflict(
                "locked",
                format!("Another call holds the lock {name}."),
            )
            .with_retry_after_ms(RETRY_AFTER_MS));
        }
        let id = self.host.next_id("lock");
        let lease = Lease {
            id: id.clone(),
            call: self.id.clone(),
            ends_at: self.host.now() + u64::from(lease_ms),
        };
        held.by_name.insert(place, lease);
        Ok(id)
    }

    fn release(&self, lock: &str) -> Result<(), ToolError> {
        let now = self.host.now();
        let mut held = self.host.world.locks.borrow_mut();
        let before = held.by_name.len();
        held.by_name
            .retain(|_, lease| lease.id != lock || lease.call != self.id || now >= lease.ends_at);
        if held.by_name.len() == before {
            return Err(not_held());
        }
        Ok(())
    }

    fn keep(&self, lock: &str, for_ms: u32) -> Result<(), ToolError> {
        self.require_write("locks.keep")?;
        let now = self.host.now();
        let mut held = self.host.world.locks.borrow_mut();
        let lease = held
            .by_name
            .values_mut()
            .find(|lease| lease.id == lock && lease.call == self.id && now < lease.ends_at);
        let Some(lease) = lease else {
            return Err(not_held());
        };
        NOBODY.clone_into(&mut lease.call);
        lease.ends_at = now + u64::from(for_ms).min(LONGEST_KEPT_MS);
        Ok(())
    }
}

fn not_held() -> ToolError {
    ToolError::conflict("lock-not-held", "The lock's lease had ended.")
}
