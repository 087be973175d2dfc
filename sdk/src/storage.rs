//! Durable documents of the tenant that calls.
//!
//! For what must last from one call to the next: each call gets a fresh instance of the plugin. A document is bytes under a
//! key, with a version; several writes happen together or not at all. What may vanish belongs in [`crate::cache`].
//!
//! ```
//! use orderdesk_plugin::storage::Write;
//! # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
//!
//! context.storage().commit(vec![Write::put_json("note/17", &"call back")?])?;
//! let found = context.storage().get(None, "note/17")?.expect("just written");
//! assert_eq!(found.json::<String>()?, "call back");
//! # Ok(())
//! # }).unwrap();
//! ```

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ToolError;

/// What a host does for [`Storage`]. Plugins call that; this is the seam behind it.
///
/// ```
/// use orderdesk_plugin::ToolError;
/// use orderdesk_plugin::storage::{Document, StorageHost, Write};
///
/// /// Has nothing, and takes nothing.
/// struct Empty;
///
/// impl StorageHost for Empty {
///     fn get(&self, _: Option<&str>, _: &str) -> Result<Option<Document>, ToolError> {
///         Ok(None)
///     }
///     fn scan(
///         &self,
///         _: Option<&str>,
///         _: &str,
///         _: Option<&str>,
///         _: u32,
///     ) -> Result<Vec<Document>, ToolError> {
///         Ok(Vec::new())
///     }
///     fn commit(&self, _: Vec<Write>) -> Result<Vec<Option<String>>, ToolError> {
///         Err(ToolError::denied("read-only", "Nothing can be written here."))
///     }
/// }
///
/// assert_eq!(Empty.get(None, "note/17"), Ok(None));
/// ```
pub trait StorageHost {
    /// One document, or none. `namespace` none is the plugin's own.
    /// See [`StorageHost`]'s example.
    ///
    /// # Errors
    /// `denied` for another plugin's namespace without a grant, and while nobody of the tenant is present (webhooks, events).
    fn get(&self, namespace: Option<&str>, key: &str) -> Result<Option<Document>, ToolError>;

    /// At most `limit` documents (1,000 at once) whose key starts with `prefix`, in the order of their keys, after the key `after`.
    /// Fewer than that means that these were the last.
    /// See [`StorageHost`]'s example.
    ///
    /// # Errors
    /// `denied` for another plugin's namespace without a grant, and while nobody of the tenant is present (webhooks, events).
    fn scan(
        &self,
        namespace: Option<&str>,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, ToolError>;

    /// All writes or none. Answers the new versions, in order (none = removed).
    /// See [`StorageHost`]'s example.
    ///
    /// # Errors
    /// `conflict`, naming the first key whose condition failed; `denied` where the call may only read, and while nobody of the
    /// tenant is present; `too-large` for too many writes at once or too large a document; `invalid-input` for an empty key.
    fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<String>>, ToolError>;
}

/// A stored document, as [`Storage::get`] and [`Storage::scan`] answer it.
///
/// ```
/// use orderdesk_plugin::storage::{Document, Write};
/// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
///
/// context.storage().commit(vec![Write::put("note/17", "call back").subject("store:9021")])?;
/// let Some(Document { key, value, subject, .. }) = context.storage().get(None, "note/17")? else {
///     panic!()
/// };
/// # assert_eq!(key, "note/17");
/// assert_eq!((value.as_slice(), subject.as_deref()), (b"call back".as_slice(), Some("store:9021")));
/// # Ok(())
/// # }).unwrap();
/// ```
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
    /// ```
    /// use orderdesk_plugin::storage::Write;
    ///
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Note {
    ///     text: String,
    /// }
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let note = Note { text: "call back".to_owned() };
    /// context.storage().commit(vec![Write::put_json("note/17", &note)?])?;
    /// for document in context.storage().scan_all(None, "note/")? {
    ///     assert_eq!(document.json::<Note>()?.text, "call back");
    /// }
    /// # Ok(())
    /// # }).unwrap();
    /// ```
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

/// When a write is allowed to happen: set by [`Write::if_absent`] and [`Write::if_version`].
///
/// ```
/// use orderdesk_plugin::storage::{Condition, Write};
///
/// assert_eq!(Write::put("count", "1").condition, Condition::None);
/// let write = Write::put("count", "2").if_version("version-1");
/// assert_eq!(write.condition, Condition::Version("version-1".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    None,
    /// Only if the key does not exist.
    Absent,
    /// Only if the key exists with this version.
    Version(String),
}

/// What a write does to its key: [`Write::put`] and [`Write::remove`] make it.
///
/// ```
/// use orderdesk_plugin::storage::{Change, Write};
///
/// assert_eq!(Write::remove("note/17").change, Change::Remove);
/// assert!(matches!(Write::put("note/17", "call back").change, Change::Put { subject: None, .. }));
/// ```
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
    ///
    /// ```
    /// use orderdesk_plugin::storage::Write;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// context.storage().commit(vec![Write::put("label/17", b"%PDF-1.7".as_slice())])?;
    /// # Ok(())
    /// # }).unwrap();
    /// ```
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
    /// ```
    /// use orderdesk_plugin::storage::Write;
    /// use serde_json::json;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let write = Write::put_json("note/17", &json!({ "text": "call back" }))?;
    /// context.storage().commit(vec![write])?;
    /// # Ok(())
    /// # }).unwrap();
    /// ```
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

    /// Removes the document under a key. That there is none is no error.
    ///
    /// ```
    /// use orderdesk_plugin::storage::Write;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// context.storage().commit(vec![Write::put("note/17", "call back")])?;
    /// context.storage().commit(vec![Write::remove("note/17")])?;
    /// assert_eq!(context.storage().get(None, "note/17")?, None);
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn remove(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            change: Change::Remove,
            condition: Condition::None,
        }
    }

    /// Says what the document put is about: access keys that are limited to other subjects do not see it. No effect on a removal.
    ///
    /// ```
    /// use orderdesk_plugin::storage::Write;
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// host.write_document("plugin", Write::put("note/17", "call back").subject("store:9021"));
    /// host.limit_to(&["store:7"]);
    /// with_context(&host, |context| {
    ///     assert_eq!(context.storage().get(None, "note/17"), Ok(None));
    /// });
    /// ```
    #[must_use]
    pub fn subject(mut self, about: impl Into<String>) -> Self {
        if let Change::Put { subject, .. } = &mut self.change {
            *subject = Some(about.into());
        }
        self
    }

    /// Lets the document put vanish after this time, in whole seconds. No effect on a removal.
    ///
    /// ```
    /// use std::time::Duration;
    /// use orderdesk_plugin::storage::Write;
    /// use orderdesk_plugin::testing::FakeHost;
    ///
    /// let host = FakeHost::new();
    /// let day = Duration::from_secs(24 * 60 * 60);
    /// host.write_document("plugin", Write::put("seen/17", "").expires_after(day));
    /// host.advance(day);
    /// assert!(host.keys("plugin").is_empty());
    /// ```
    #[must_use]
    pub fn expires_after(mut self, time: Duration) -> Self {
        if let Change::Put { expires_s, .. } = &mut self.change {
            *expires_s = Some(u32::try_from(time.as_secs()).unwrap_or(u32::MAX));
        }
        self
    }

    /// Only if the key does not exist.
    ///
    /// ```
    /// use orderdesk_plugin::ErrorKind;
    /// use orderdesk_plugin::storage::Write;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let first = || Write::put("seen/17", "").if_absent();
    /// context.storage().commit(vec![first()])?;
    /// let again = context.storage().commit(vec![first()]).unwrap_err();
    /// assert_eq!(again.kind, ErrorKind::Conflict);
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.condition = Condition::Absent;
        self
    }

    /// Only if the key still has this version: nobody wrote it since it was read.
    ///
    /// ```
    /// use orderdesk_plugin::storage::Write;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// # context.storage().commit(vec![Write::put("count", "1")])?;
    /// let read = context.storage().get(None, "count")?.expect("somebody counted before");
    /// context.storage().commit(vec![Write::put("count", "2").if_version(read.version.clone())])?;
    /// // The version is another one now:
    /// assert!(context.storage().commit(vec![Write::put("count", "3").if_version(read.version)]).is_err());
    /// # Ok(())
    /// # }).unwrap();
    /// ```
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

    /// One document, or none. `namespace` none is the plugin's own, any other is the plugin of that name.
    ///
    /// ```
    /// use orderdesk_plugin::testing::FakeHost;
    ///
    /// let host = FakeHost::new();
    /// host.put_document("stores", "store/9021", &serde_json::json!({ "name": "Main shop" })).unwrap();
    /// # orderdesk_plugin::testing::with_context(&host, |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// assert_eq!(context.storage().get(None, "store/9021")?, None);
    /// let store = context.storage().get(Some("stores"), "store/9021")?; // by a grant: read = ["stores"]
    /// assert!(store.is_some());
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `denied` for another plugin's namespace without a grant, and while nobody of the tenant is present (webhooks, events).
    pub fn get(&self, namespace: Option<&str>, key: &str) -> Result<Option<Document>, ToolError> {
        self.host.get(namespace, key)
    }

    /// At most `limit` documents (1,000 at once) whose key starts with `prefix`, in the order of their keys, after the key `after`.
    /// Fewer than that means that these were the last.
    ///
    /// ```
    /// use orderdesk_plugin::storage::Write;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let notes = ["note/1", "note/2", "note/3"].map(|key| Write::put(key, "call back"));
    /// context.storage().commit(notes.into())?;
    /// let first = context.storage().scan(None, "note/", None, 2)?;
    /// let next = context.storage().scan(None, "note/", Some(&first[1].key), 2)?;
    /// assert_eq!((first.len(), next[0].key.as_str()), (2, "note/3"));
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `denied` for another plugin's namespace without a grant, and while nobody of the tenant is present (webhooks, events).
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
    /// ```
    /// use orderdesk_plugin::storage::Write;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// context.storage().commit(vec![Write::put("note/1", "call back"), Write::put("other", "")])?;
    /// let notes = context.storage().scan_all(None, "note/")?;
    /// assert_eq!(notes.len(), 1);
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `denied` for another plugin's namespace without a grant, and while nobody of the tenant is present (webhooks, events).
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
    /// ```
    /// use orderdesk_plugin::storage::Write;
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| -> Result<(), orderdesk_plugin::ToolError> {
    ///
    /// let versions = context.storage().commit(vec![
    ///     Write::put("order/17", "moved").if_absent(),
    ///     Write::remove("todo/17"),
    /// ])?;
    /// assert!(versions[0].is_some() && versions[1].is_none());
    /// # Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `conflict`, naming the first key whose condition failed; `denied` where the call may only read, and while nobody of the
    /// tenant is present; `too-large` for too many writes at once or too large a document; `invalid-input` for an empty key.
    pub fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<String>>, ToolError> {
        self.host.commit(writes)
    }
}
