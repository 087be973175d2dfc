//! Durable documents of the tenant that calls.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ToolError;

/// What a host does for [`Storage`].
pub trait StorageHost {
    /// One document, or none. `namespace` none is the plugin's own.
    ///
    /// # Errors
    /// `denied` for another plugin's namespace without a grant.
    fn get(&self, namespace: Option<&str>, key: &str) -> Result<Option<Document>, ToolError>;

    /// At most `limit` documents whose key starts with `prefix`, in the order of their keys, after the key `after`.
    ///
    /// # Errors
    /// `denied` for another plugin's namespace without a grant.
    fn scan(
        &self,
        namespace: Option<&str>,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, ToolError>;

    /// All writes or none. Answers the new versions, in order (none = removed).
    ///
    /// # Errors
    /// `conflict`, naming the first key whose condition failed; `denied` where the call may only read.
    fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<String>>, ToolError>;
}

/// A stored document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub value: Vec<u8>,
    /// Changes with every write of this key.
    pub version: String,
    /// What it is about, such as `store:9021`.
    pub subject: Option<String>,
}

impl Document {
    /// The document's JSON as a `T`.
    ///
    /// # Errors
    /// `internal` with code `document-malformed` if it is not one.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ToolError> {
        serde_json::from_slice(&self.value).map_err(|error| {
            ToolError::internal(
                "document-malformed",
                format!("The stored document {} cannot be read: {error}", self.key),
            )
        })
    }
}

/// When a write is allowed to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    None,
    /// Only if the key does not exist.
    Absent,
    /// Only if the key exists with this version.
    Version(String),
}

/// What a write does to its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Puts this content there.
    Put {
        /// The bytes.
        value: Vec<u8>,
        /// Such as `store:9021`: out of reach for a key that is limited to other subjects.
        subject: Option<String>,
        /// Seconds until the document vanishes.
        expires_s: Option<u32>,
    },
    /// Removes the document.
    Remove,
}

/// One write of a commit.
///
/// ```
/// use orderdesk_plugin::storage::{Condition, Write};
///
/// let write = Write::put("note/1", b"hello".as_slice())
///     .subject("store:9021")
///     .if_absent();
/// assert_eq!(write.condition, Condition::Absent);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The key. It stays readable in the database: no personal data in it.
    pub key: String,
    /// What happens to it.
    pub change: Change,
    /// When it may.
    pub condition: Condition,
}

impl Write {
    /// Puts bytes under a key.
    #[must_use]
    pub fn put(key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            key: key.into(),
            change: Change::Put {
                value: value.into(),
                subject: None,
                expires_s: None,
            },
            condition: Condition::None,
        }
    }

    /// Puts a value under a key, as JSON.
    ///
    /// # Errors
    /// `internal` if the value has no JSON form (a map whose keys are not text).
    pub fn put_json(key: impl Into<String>, value: &impl Serialize) -> Result<Self, ToolError> {
        let key = key.into();
        match serde_json::to_vec(value) {
            Ok(value) => Ok(Self::put(key, value)),
            Err(error) => Err(ToolError::internal(
                "document-not-json",
                format!("The document {key} could not be written as JSON: {error}"),
            )),
        }
    }

    /// Removes the document under a key.
    #[must_use]
    pub fn remove(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            change: Change::Remove,
            condition: Condition::None,
        }
    }

    /// Says what the document put is about. No effect on a removal.
    #[must_use]
    pub fn subject(mut self, about: impl Into<String>) -> Self {
        if let Change::Put { subject, .. } = &mut self.change {
            *subject = Some(about.into());
        }
        self
    }

    /// Lets the document put vanish after this time, in whole seconds. No effect on a removal.
    #[must_use]
    pub fn expires_after(mut self, time: Duration) -> Self {
        if let Change::Put { expires_s, .. } = &mut self.change {
            *expires_s = Some(u32::try_from(time.as_secs()).unwrap_or(u32::MAX));
        }
        self
    }

    /// Only if the key does not exist.
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.condition = Condition::Absent;
        self
    }

    /// Only if the key exists with this version.
    #[must_use]
    pub fn if_version(mut self, version: impl Into<String>) -> Self {
        self.condition = Condition::Version(version.into());
        self
    }
}

/// Durable documents under (tenant, namespace, key), encrypted at rest.
///
/// ```
/// use orderdesk_plugin::storage::Write;
/// use orderdesk_plugin::testing::{FakeHost, with_context};
/// use orderdesk_plugin::{Context, ToolError};
///
/// fn count(context: &Context) -> Result<u64, ToolError> {
///     let storage = context.storage();
///     let before = storage.get(None, "count")?;
///     let count = 1 + before.as_ref().map_or(Ok(0), |found| found.json::<u64>())?;
///     let write = Write::put_json("count", &count)?;
///     let write = match before {
///         Some(found) => write.if_version(found.version),
///         None => write.if_absent(),
///     };
///     storage.commit(vec![write])?; // `conflict` if somebody else counted meanwhile
///     Ok(count)
/// }
///
/// with_context(&FakeHost::new(), |context| {
///     assert_eq!((count(context).unwrap(), count(context).unwrap()), (1, 2));
///     assert_eq!(context.storage().scan_all(None, "c").unwrap().len(), 1);
/// });
/// ```
pub struct Storage<'a> {
    host: &'a dyn StorageHost,
}

/// Documents per request of [`Storage::scan_all`].
const PAGE: u32 = 200;

impl<'a> Storage<'a> {
    pub(crate) fn new(host: &'a dyn StorageHost) -> Self {
        Self { host }
    }

    /// One document, or none. `namespace` none is the plugin's own.
    ///
    /// # Errors
    /// `denied` for another plugin's namespace without a grant.
    pub fn get(&self, namespace: Option<&str>, key: &str) -> Result<Option<Document>, ToolError> {
        self.host.get(namespace, key)
    }

    /// At most `limit` documents whose key starts with `prefix`, in the order of their keys, after the key `after`.
    ///
    /// # Errors
    /// `denied` for another plugin's namespace without a grant.
    pub fn scan(
        &self,
        namespace: Option<&str>,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, ToolError> {
        self.host.scan(namespace, prefix, after, limit)
    }

    /// Every document whose key starts with `prefix`, page by page. For prefixes that hold few.
    ///
    /// # Errors
    /// `denied` for another plugin's namespace without a grant.
    pub fn scan_all(
        &self,
        namespace: Option<&str>,
        prefix: &str,
    ) -> Result<Vec<Document>, ToolError> {
        let mut documents: Vec<Document> = Vec::new();
        loop {
            let after = documents.last().map(|document| document.key.clone());
            let page = self.host.scan(namespace, prefix, after.as_deref(), PAGE)?;
            let last = page.len() < PAGE as usize;
            documents.extend(page);
            if last {
                return Ok(documents);
            }
        }
    }

    /// All writes or none, in the plugin's own namespace. Answers the new versions, in order (none = removed).
    ///
    /// # Errors
    /// `conflict`, naming the first key whose condition failed; `denied` where the call may only read.
    pub fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<String>>, ToolError> {
        self.host.commit(writes)
    }
}
