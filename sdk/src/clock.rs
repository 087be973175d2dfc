//! What time it is, and waiting.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::http::milliseconds;

/// What a host does for [`Clock`]. A component has it from WASI, so it is no interface of the contract.
pub trait ClockHost {
    /// Milliseconds since 1970-01-01 00:00:00 UTC.
    fn now_ms(&self) -> u64;

    /// Lets this many milliseconds pass. They count against the call's time.
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
    #[must_use]
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.host.now_ms())
    }

    /// Milliseconds since 1970-01-01 00:00:00 UTC.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.host.now_ms()
    }

    /// Waits.
    pub fn sleep(&self, time: Duration) {
        self.host.sleep_ms(milliseconds(time));
    }
}
