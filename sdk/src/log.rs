//! Lines in the host's log.

/// How much a log line matters.
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

/// What a host does for [`Log`].
pub trait LogHost {
    /// Writes one line.
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
        trace => Trace,
        /// A line for those who look for a fault.
        debug => Debug,
        /// A line worth knowing.
        info => Info,
        /// A line about something that is off, while the work goes on.
        warn => Warn,
        /// A line about something that failed.
        error => Error,
    }
}
