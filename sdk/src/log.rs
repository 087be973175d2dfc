//! Lines in the host's log, for the operator: neither agents nor people who call read them.
//!
//! For what helps to find a fault later. What the caller should know belongs in the result or the error, and how far the work is
//! in [`crate::session::Session::progress`].
//!
//! ```
//! # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
//! context.log().info("moved orders", &[("count", "3"), ("folder", "Shipped")]);
//! # Ok(())
//! # }).unwrap();
//! ```

/// How much a log line matters: there is a function of [`Log`] for each.
///
/// ```
/// use orderdesk_plugin::log::Level;
/// use orderdesk_plugin::testing::FakeHost;
/// # let host = FakeHost::new();
/// # orderdesk_plugin::testing::with_context(&host, |context| context.log().error("the wiki is gone", &[]));
///
/// // In a test: nothing was worth a warning, but for one line.
/// let lines = host.log();
/// assert_eq!(lines.iter().filter(|line| line.level >= Level::Warn).count(), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For those who follow every step.
    Trace,
    /// For those who look for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is off, and the work went on.
    Warn,
    /// Something failed.
    Error,
}

/// What a host does for [`Log`]. Plugins call that; this is the seam behind it.
///
/// ```
/// use std::cell::Cell;
/// use orderdesk_plugin::log::{Level, LogHost};
///
/// /// Counts what was worth a warning.
/// #[derive(Default)]
/// struct Warnings(Cell<u32>);
///
/// impl LogHost for Warnings {
///     fn emit(&self, level: Level, _: &str, _: &[(&str, &str)]) {
///         self.0.set(self.0.get() + u32::from(level >= Level::Warn));
///     }
/// }
///
/// let log = Warnings::default();
/// log.emit(Level::Error, "the wiki is gone", &[]);
/// assert_eq!(log.0.get(), 1);
/// ```
pub trait LogHost {
    /// Writes one line.
    /// See [`LogHost`]'s example.
    fn emit(&self, level: Level, message: &str, fields: &[(&str, &str)]);
}

/// The host's log, under the plugin's name and the call's correlation id. Never log a secret or personal data.
///
/// ```
/// use orderdesk_plugin::testing::{FakeHost, with_context};
///
/// let host = FakeHost::new();
/// with_context(&host, |context| context.log().warn("the wiki is slow", &[("ms", "4100")]));
/// assert_eq!(host.log()[0].message, "the wiki is slow");
/// ```
pub struct Log<'a> {
    host: &'a dyn LogHost,
}

macro_rules! levels {
    ($($(#[$documentation:meta])* $name:ident => $level:ident,)*) => {
        $(
            $(#[$documentation])*
            pub fn $name(&self, message: &str, fields: &[(&str, &str)]) {
                self.host.emit(Level::$level, message, fields);
            }
        )*
    };
}

impl<'a> Log<'a> {
    pub(crate) fn new(host: &'a dyn LogHost) -> Self {
        Self { host }
    }

    levels! {
        /// A line for those who follow every step.
        ///
        /// ```
        /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
        /// context.log().trace("asked for a page", &[("page", "2"), ("after", "order-200")]);
        /// # Ok(())
        /// # }).unwrap();
        /// ```
        trace => Trace,
        /// A line for those who look for a fault.
        ///
        /// ```
        /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
        /// context.log().debug("the folders were not cached", &[]);
        /// # Ok(())
        /// # }).unwrap();
        /// ```
        debug => Debug,
        /// A line worth knowing.
        ///
        /// ```
        /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
        /// let moved = 3;
        /// context.log().info("moved orders", &[("count", &moved.to_string())]);
        /// # Ok(())
        /// # }).unwrap();
        /// ```
        info => Info,
        /// A line about something that is off, while the work goes on.
        ///
        /// ```
        /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
        /// context.log().warn("an order has no date, so it was left out", &[("order", "17")]);
        /// # Ok(())
        /// # }).unwrap();
        /// ```
        warn => Warn,
        /// A line about something that failed.
        ///
        /// ```
        /// # use orderdesk_plugin::ToolError;
        /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
        /// # let result: Result<(), ToolError> = Err(ToolError::upstream("carrier-failed", "The carrier answered HTTP 500."));
        /// if let Err(error) = result {
        ///     context.log().error("the parcel was not announced", &[("error", &error.to_string())]);
        /// }
        /// # Ok(())
        /// # }).unwrap();
        /// ```
        error => Error,
    }
}
