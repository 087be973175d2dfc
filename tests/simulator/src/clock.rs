//! The time that the simulator believes in.
//!
//! Dates, the rate limit and the waits between webhook attempts all read this clock, so a test moves hours
//! forward in an instant and never sleeps.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// Where the simulator takes its time from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands still until a test moves it.
    Manual(ManualClock),
}

impl Clock {
    /// The present moment.
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => Timestamp::now(),
            Clock::Manual(clock) => clock.now(),
        }
    }

    /// Waits until `duration` has passed on this clock.
    pub async fn sleep(&self, duration: Duration) {
        match self {
            Clock::System => tokio::time::sleep(duration).await,
            Clock::Manual(clock) => clock.sleep(duration).await,
        }
    }
}

/// A clock moved by hand. Clones share the same time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    time: Arc<watch::Sender<Timestamp>>,
    sleepers: Arc<watch::Sender<Vec<Timestamp>>>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            time: Arc::new(watch::Sender::new(start)),
            sleepers: Arc::new(watch::Sender::new(Vec::new())),
        }
    }

    /// The time that this clock shows.
    pub fn now(&self) -> Timestamp {
        *self.time.borrow()
    }

    /// Moves the clock by `duration` (backwards when negative) and wakes the sleepers whose time has come.
    pub fn advance(&self, duration: SignedDuration) {
        self.time.send_modify(|now| *now += duration);
    }

    /// Waits until somebody sleeps on this clock, then jumps to the moment at which the first of them wakes.
    /// Returns that moment.
    pub async fn advance_to_next_sleeper(&self) -> Timestamp {
        let mut sleepers = self.sleepers.subscribe();
        loop {
            let earliest = sleepers.borrow_and_update().iter().min().copied();
            if let Some(wake) = earliest {
                self.time.send_modify(|now| *now = wake.max(*now));
                self.sleepers
                    .send_modify(|waiting| waiting.retain(|moment| *moment > wake));
                return wake;
            }
            // The sender lives in `self`, so the channel cannot be closed here.
            let _ = sleepers.changed().await;
        }
    }

    async fn sleep(&self, duration: Duration) {
        let wake = self.now() + duration;
        let mut time = self.time.subscribe();
        self.sleepers.send_modify(|waiting| waiting.push(wake));
        // As above: the channel stays open as long as `self`.
        let _ = time.wait_for(|now| *now >= wake).await;
        self.sleepers
            .send_modify(|waiting| waiting.retain(|moment| *moment > wake));
    }
}
