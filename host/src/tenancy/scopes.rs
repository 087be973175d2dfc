//! What an access key may do. Kept with the key; enforced by the host and, for subjects, by the services here.

use serde::{Deserialize, Serialize};

use crate::store::AccessKeyRecord;

/// The limits of an access key. The default has none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scopes {
    /// Calls with this key change nothing.
    pub read_only: bool,
    /// Only these subjects (such as `store:9021`) exist for this key; none: all.
    pub subjects: Option<Vec<String>>,
    /// Only these tools can be called; none: all.
    pub tools: Option<Vec<String>>,
}

impl Scopes {
    /// Whether the key may do everything.
    pub fn is_full(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this subject is within reach.
    pub fn covers_subject(&self, subject: &str) -> bool {
        covers(self.subjects.as_deref(), subject)
    }

    /// Whether this tool can be called.
    pub fn covers_tool(&self, tool: &str) -> bool {
        covers(self.tools.as_deref(), tool)
    }

    /// Whether something that may have a subject is within reach; without one it is everybody's.
    pub fn visible(&self, subject: Option<&str>) -> bool {
        subject.is_none_or(|subject| self.covers_subject(subject))
    }

    /// As the database keeps it: nothing for a key without limits.
    pub(super) fn to_column(&self) -> Option<String> {
        // Written out, since it cannot fail that way. Keys that the reader does not know are an error to it: a program that
        // does not know a limit must not let the key in.
        (!self.is_full()).then(|| {
            serde_json::json!({
                "read_only": self.read_only,
                "subjects": self.subjects,
                "tools": self.tools,
            })
            .to_string()
        })
    }

    /// Reads what [`Self::to_column`] wrote.
    pub(super) fn from_column(column: Option<&str>) -> Result<Self, serde_json::Error> {
        column.map_or_else(|| Ok(Self::default()), serde_json::from_str)
    }
}

impl AccessKeyRecord {
    /// What the key may do.
    ///
    /// # Errors
    /// It was kept by a version of this program that knows other limits.
    pub fn scopes(&self) -> Result<Scopes, serde_json::Error> {
        Scopes::from_column(self.scopes.as_deref())
    }
}

fn covers(limit: Option<&[String]>, wanted: &str) -> bool {
    limit.is_none_or(|allowed| allowed.iter().any(|it| it == wanted))
}
