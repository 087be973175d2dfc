//! A clock that only tests move, and tools that wait.

use std::time::Duration;

use super::CallHost;
use crate::clock::ClockHost;

/// 2026-03-02 17:40:00 UTC: when every test begins.
const BEGIN_MS: u64 = 1_772_473_200_000;

impl ClockHost for CallHost {
    fn now_ms(&self) -> u64 {
        BEGIN_MS + self.host.now()
    }

    /// Waiting moves the fake clock.
    fn sleep_ms(&self, milliseconds: u32) {
        self.host
            .advance(Duration::from_millis(milliseconds.into()));
    }
}
