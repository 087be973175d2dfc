//! Documents: versioned values under (tenant, namespace, key), changed several at a time or not at all.

use std::fmt;

use super::{StoreError, TenantId};
use crate::clock::Timestamp;

/// A stored document. The value is what [`crate::tenancy`] encrypted, or above it the plaintext.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// The key, readable for scans.
    pub key: String,
    /// The value's bytes.
    pub value: Vec<u8>,
    /// Changes with every write of this key and never repeats, also after a removal.
    pub version: String,
    /// What the document belongs to, such as `store:9021`.
    pub subject: Option<String>,
    /// From when on it is as if absent.
    pub expires_at: Option<Timestamp>,
}

impl fmt::Debug for Document {
    /// Without the value, which may be a customer's data.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Document")
            .field("key", &self.key)
            .field("bytes", &self.value.len())
            .field("version", &self.version)
            .field("subject", &self.subject)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

/// What a write puts in place.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// The value's bytes.
    pub value: Vec<u8>,
    /// What the document belongs to.
    pub subject: Option<String>,
    /// From when on it is as if absent.
    pub expires_at: Option<Timestamp>,
}

impl fmt::Debug for Content {
    /// Without the value, which may be a customer's data.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Content")
            .field("bytes", &self.value.len())
            .field("subject", &self.subject)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

/// What must hold of a key for its write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    None,
    /// There is no such document, or it has expired.
    Absent,
    /// The document exists with this version.
    Version(String),
}

/// What a write does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Creates or replaces.
    Put(Content),
    /// Removes; nothing happens if there is nothing.
    Remove,
}

/// One write of a commit. Writes of one commit see those before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Which document.
    pub key: String,
    /// What happens to it.
    pub change: Change,
    /// Under which condition.
    pub condition: Condition,
}

/// Which documents to list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scan {
    /// Whose.
    pub tenant: TenantId,
    /// In which namespace.
    pub namespace: String,
    /// Keys that start with this, letter by letter: no character is special.
    pub prefix: String,
    /// Only keys that come after this one.
    pub after: Option<String>,
    /// At most this many, in the order of the keys' UTF-8 bytes.
    pub limit: u32,
    /// If set, documents of other subjects are left out (those without a subject are not).
    pub subjects: Option<Vec<String>>,
}

impl Scan {
    /// The first key past all keys that start with the prefix, or none if no key is past them.
    ///
    /// The last character is raised by one. That is right for SQLite's and PostgreSQL's byte order ("C" collation) too,
    /// since the order of UTF-8 bytes is the order of code points (RFC 3629, section 1).
    pub(crate) fn upper_bound(&self) -> Option<String> {
        let mut characters: Vec<char> = self.prefix.chars().collect();
        while let Some(last) = characters.pop() {
            let mut following = last..=char::MAX;
            following.next();
            if let Some(next) = following.next() {
                characters.push(next);
                return Some(characters.into_iter().collect());
            }
        }
        None
    }
}

/// Why a commit changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The condition on this key does not hold; it is the first of the commit of which that is true.
    #[error("the document '{key}' is not in the expected state")]
    Conflict {
        /// The key.
        key: String,
    },
    /// The document at this key belongs to a subject out of reach.
    #[error("the document '{key}' belongs to a subject out of reach of this access key")]
    OutOfScope {
        /// The key.
        key: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;

    use super::*;

    fn scan(prefix: &str) -> Scan {
        Scan {
            tenant: TenantId::new("t"),
            namespace: "n".into(),
            prefix: prefix.into(),
            after: None,
            limit: 1,
            subjects: None,
        }
    }

    #[test]
    fn the_upper_bound_skips_surrogates_and_carries_at_the_last_code_point() {
        assert_eq!(scan("ab").upper_bound().as_deref(), Some("ac"));
        assert_eq!(scan("\u{d7ff}").upper_bound().as_deref(), Some("\u{e000}"));
        assert_eq!(scan("a\u{10ffff}").upper_bound().as_deref(), Some("b"));
        assert_eq!(scan("\u{10ffff}").upper_bound(), None);
        assert_eq!(scan("").upper_bound(), None);
    }

    proptest! {
        #[test]
        fn between_prefix_and_upper_bound_lie_exactly_the_keys_with_the_prefix(
            prefix in "\\PC{0,3}", key in "\\PC{0,5}"
        ) {
            let scan = scan(&prefix);
            let within = key >= prefix && scan.upper_bound().is_none_or(|bound| key < bound);
            prop_assert_eq!(within, key.starts_with(&prefix));
        }
    }
}
