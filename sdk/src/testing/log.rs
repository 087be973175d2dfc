//! Captured log lines.

use super::{CallHost, FakeHost};
use crate::log::{Level, LogHost};

/// A line that a plugin logged: what [`FakeHost::log`] answers.
///
/// ```
/// use orderdesk_plugin::log::Level;
/// use orderdesk_plugin::testing::{FakeHost, Line, with_context};
///
/// let host = FakeHost::new();
/// with_context(&host, |context| context.log().warn("the wiki is slow", &[("ms", "4100")]));
/// let line: Line = host.log().remove(0);
/// assert_eq!(line.level, Level::Warn);
/// assert_eq!(line.fields, [("ms".to_owned(), "4100".to_owned())]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// Its fields.
    pub fields: Vec<(String, String)>,
}

impl FakeHost {
    /// Every line logged so far.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// with_context(&host, |context| context.log().info("read a page", &[("page", "home")]));
    /// assert!(host.log().iter().all(|line| !line.message.contains("t0ken")));
    /// ```
    #[must_use]
    pub fn log(&self) -> Vec<Line> {
        self.world.log.borrow().clone()
    }
}

impl LogHost for CallHost {
    fn emit(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self.host.world.log.borrow_mut().push(Line {
            level,
            message: message.to_owned(),
            fields,
        });
    }
}
