//! What time it is, and waiting.
//!
//! For dates that a tool writes or compares, and for the pause before another attempt. How much time a call has left tells
//! [`crate::session::Session::time_left`].
//!
//! ```
//! # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
//! let now = context.clock().now_ms();
//! let a_day_ago = now - 24 * 60 * 60 * 1000;
//! # assert!(a_day_ago < now);
//! # Ok(())
//! # }).unwrap();
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::http::milliseconds;

/// What a host does for [`Clock`]. A component has it from WASI, so it is no interface of the contract. Plugins call [`Clock`];
/// this is the seam behind it.
///
/// ```
/// use orderdesk_plugin::clock::ClockHost;
///
/// /// It is always the same time.
/// struct Stopped;
///
/// impl ClockHost for Stopped {
///     fn now_ms(&self) -> u64 {
///         1_772_473_200_000
///     }
///     fn sleep_ms(&self, _: u32) {}
/// }
///
/// Stopped.sleep_ms(1_000);
/// assert_eq!(Stopped.now_ms(), 1_772_473_200_000);
/// ```
pub trait ClockHost {
    /// Milliseconds since 1970-01-01 00:00:00 UTC.
    /// See [`ClockHost`]'s example.
    fn now_ms(&self) -> u64;

    /// Lets this many milliseconds pass. They count against the call's time.
    /// See [`ClockHost`]'s example.
    fn sleep_ms(&self, milliseconds: u32);
}

/// The host's clock. For spans of time within a call, [`crate::session::Session::time_left`] is the better measure: it
/// never goes back.
///
/// ```
/// use std::time::Duration;
/// use orderdesk_plugin::testing::{FakeHost, with_context};
///
/// with_context(&FakeHost::new(), |context| {
///     let before = context.clock().now_ms();
///     context.clock().sleep(Duration::from_secs(2)); // takes no time in a test
///     assert_eq!(context.clock().now_ms(), before + 2_000);
/// });
/// ```
pub struct Clock<'a> {
    host: &'a dyn ClockHost,
}

impl<'a> Clock<'a> {
    pub(crate) fn new(host: &'a dyn ClockHost) -> Self {
        Self { host }
    }

    /// The time of day.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let time = context.clock().now();
    /// // Every test begins at 2026-03-02 17:40 UTC.
    /// assert_eq!(time, UNIX_EPOCH + Duration::from_secs(1_772_473_200));
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.host.now_ms())
    }

    /// Milliseconds since 1970-01-01 00:00:00 UTC.
    ///
    /// ```
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    /// let stamp = serde_json::json!({ "checked_at_ms": context.clock().now_ms() });
    /// assert_eq!(stamp["checked_at_ms"], 1_772_473_200_000_u64);
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.host.now_ms()
    }

    /// Waits. It counts against the call's time; in a test it only moves the fake clock.
    ///
    /// ```
    /// use std::time::Duration;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let before = context.session().time_left();
    /// context.clock().sleep(Duration::from_secs(2));
    /// assert_eq!(before - context.session().time_left(), Duration::from_secs(2));
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    pub fn sleep(&self, time: Duration) {
        self.host.sleep_ms(milliseconds(time));
    }
}
