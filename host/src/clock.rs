//! Time, injected: what expires, waits or is counted asks a [`Clock`], so that tests move time instead of sleeping.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since the Unix epoch. Arithmetic saturates.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Milliseconds since the Unix epoch.
    pub fn as_millis(self) -> u64 {
        self.0
    }

    /// As people and programs write it: RFC 3339, in UTC, to the second.
    pub fn rfc3339(self) -> String {
        // Past the year 9999 there is no such text, and nothing that expires there.
        i64::try_from(self.0 / 1000)
            .ok()
            .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
            .unwrap_or(jiff::Timestamp::MAX)
            .to_string()
    }

    /// Reads what people write: RFC 3339, or a date, which means its first moment in UTC. None: it is neither, or before 1970.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let moment = text.parse::<jiff::Timestamp>().or_else(|_| {
            text.parse::<jiff::civil::Date>()
                .and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC))
                .map(|midnight| midnight.timestamp())
        });
        u64::try_from(moment.ok()?.as_millisecond()).ok().map(Self)
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ms", self.0)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_millis(duration)))
    }
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Tells the time of day.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock set before 1970 counts as the epoch: everything is then still in the future.
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(whole_millis(since_epoch))
    }
}

/// A clock that stands still until it is moved, for tests. Clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct ManualClock {
    now: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now: Arc::new(AtomicU64::new(now.0)),
        }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(whole_millis(by), Ordering::SeqCst);
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, now: Timestamp) {
        self.now.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(
            Timestamp(5) - Duration::from_secs(1),
            Timestamp(0),
            "before the epoch"
        );
        assert_eq!(
            Timestamp(u64::MAX) + Duration::from_millis(1),
            Timestamp(u64::MAX)
        );
        assert_eq!(
            Timestamp(1).saturating_duration_since(Timestamp(4)),
            Duration::ZERO
        );
        assert_eq!(
            Timestamp(1_500).saturating_duration_since(Timestamp(500)),
            Duration::from_secs(1)
        );
    }

    #[test]
    fn a_moment_is_written_in_utc_to_the_second() {
        assert_eq!(
            Timestamp(1_800_000_000_999).rfc3339(),
            "2027-01-15T08:00:00Z"
        );
        assert!(Timestamp(u64::MAX).rfc3339().starts_with("9999-12-"));
    }

    #[test]
    fn moments_are_read_as_people_write_them() {
        let midnight = Some(Timestamp(1_772_323_200_000));
        assert_eq!(Timestamp::parse("2026-03-01"), midnight);
        assert_eq!(Timestamp::parse(" 2026-03-01T01:00:00+01:00"), midnight);
        for wrong in ["", "yesterday", "2026-13-01", "1969-12-31"] {
            assert_eq!(Timestamp::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_manual_clock_moves_only_when_told_and_its_clones_with_it() {
        let clock = ManualClock::at(Timestamp(1_000));
        let clone = clock.clone();
        clock.advance(Duration::from_millis(250));
        assert_eq!(clone.now(), Timestamp(1_250));
        clone.set(Timestamp(10));
        assert_eq!(clock.now(), Timestamp(10));
    }

    #[test]
    fn the_system_clock_is_past_2025() {
        assert!(SystemClock.now() > Timestamp(1_735_689_600_000));
    }
}
