//! Captured log lines.

use super::{CallHost, FakeHost};
use crate::log::{Level, LogHost};

/// A line that a plugin logged.
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
