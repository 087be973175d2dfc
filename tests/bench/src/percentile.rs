//! Percentiles of measured times.

use std::time::Duration;

/// Measured times, sorted.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Sorts what was measured.
    pub(crate) fn new(mut measured: Vec<Duration>) -> Self {
        measured.sort_unstable();
        Self(measured)
    }

    /// The smallest time that `percent` of all do not exceed, in microseconds (nearest rank).
    pub(crate) fn micros(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0
            .get(rank - 1)
            .map_or(0.0, |time| time.as_secs_f64() * 1e6)
    }
}
