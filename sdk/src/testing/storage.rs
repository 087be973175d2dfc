//! Documents with versions, conditions, subjects and expiry.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Serialize;

use super::{CallHost, FakeHost};
use crate::error::ToolError;
use crate::storage::{Change, Condition, Document, StorageHost, Write};

type BeforeCommit = Rc<dyn Fn(&[Write]) -> Result<(), ToolError>>;

#[derive(Default)]
pub(super) struct Documents {
    by_key: BTreeMap<(String, String), Stored>,
    before_commit: Option<BeforeCommit>,
}

struct Stored {
    document: Document,
    expires_at: Option<u64>,
}

impl FakeHost {
    /// Puts a document there, in JSON, as if the plugin `namespace` had.
    ///
    /// ```
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    /// use serde_json::{Value, json};
    ///
    /// let host = FakeHost::new();
    /// host.put_document("stores", "store/9021", &json!({ "name": "Main shop" })).unwrap();
    /// with_context(&host, |context| {
    ///     let store = context.storage().get(Some("stores"), "store/9021").unwrap().unwrap();
    ///     assert_eq!(store.json::<Value>().unwrap()["name"], "Main shop");
    /// });
    /// ```
    ///
    /// # Errors
    /// `internal` if the value has no JSON form.
    pub fn put_document(
        &self,
        namespace: &str,
        key: &str,
        value: &impl Serialize,
    ) -> Result<(), ToolError> {
        let write = Write::put_json(key, value)?;
        self.apply(namespace, write);
        Ok(())
    }

    /// A document of the plugin `namespace`.
    ///
    /// ```
    /// use orderdesk_plugin::storage::Write;
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// with_context(&host, |context| context.storage().commit(vec![Write::put("note/17", "call back")]))
    ///     .unwrap();
    /// assert_eq!(host.document("plugin", "note/17").unwrap().value, b"call back");
    /// assert_eq!(host.document("another", "note/17"), None);
    /// ```
    #[must_use]
    pub fn document(&self, namespace: &str, key: &str) -> Option<Document> {
        let now = self.now();
        let documents = self.world.storage.borrow();
        let stored = documents
            .by_key
            .get(&(namespace.to_owned(), key.to_owned()))?;
        stored.is_alive(now).then(|| stored.document.clone())
    }

    /// The keys of all documents of the plugin `namespace`, in order.
    ///
    /// ```
    /// use orderdesk_plugin::storage::Write;
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// let writes = vec![Write::put("note/18", ""), Write::put("note/17", "")];
    /// with_context(&host, |context| context.storage().commit(writes)).unwrap();
    /// assert_eq!(host.keys("plugin"), ["note/17", "note/18"]);
    /// ```
    #[must_use]
    pub fn keys(&self, namespace: &str) -> Vec<String> {
        let now = self.now();
        let documents = self.world.storage.borrow();
        documents
            .by_key
            .iter()
            .filter(|((owner, _), stored)| owner == namespace && stored.is_alive(now))
            .map(|((_, key), _)| key.clone())
            .collect()
    }

    /// Runs this before every commit of a plugin: to write something in between (through a clone of this host), or to
    /// let the commit fail.
    ///
    /// ```
    /// use orderdesk_plugin::storage::Write;
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    ///
    /// let host = FakeHost::new();
    /// host.write_document("plugin", Write::put("count", "1"));
    /// let meanwhile = host.clone();
    /// host.before_commit(move |_| {
    ///     meanwhile.write_document("plugin", Write::put("count", "2"));
    ///     Ok(())
    /// });
    /// with_context(&host, |context| {
    ///     let read = context.storage().get(None, "count").unwrap().unwrap();
    ///     let write = Write::put("count", "2").if_version(read.version);
    ///     assert!(context.storage().commit(vec![write]).is_err()); // somebody else counted
    /// });
    /// ```
    pub fn before_commit(&self, hook: impl Fn(&[Write]) -> Result<(), ToolError> + 'static) {
        self.world.storage.borrow_mut().before_commit = Some(Rc::new(hook));
    }

    /// Writes or removes a document, as if the plugin `namespace` had. Conditions are not checked.
    ///
    /// ```
    /// use std::time::Duration;
    /// use orderdesk_plugin::storage::Write;
    /// use orderdesk_plugin::testing::FakeHost;
    ///
    /// let host = FakeHost::new();
    /// let soon = Duration::from_secs(60);
    /// host.write_document("plugin", Write::put("seen/17", "").subject("store:9021").expires_after(soon));
    /// assert_eq!(host.document("plugin", "seen/17").unwrap().subject.as_deref(), Some("store:9021"));
    /// ```
    pub fn write_document(&self, namespace: &str, write: Write) {
        self.apply(namespace, write);
    }

    fn apply(&self, namespace: &str, write: Write) -> Option<String> {
        let place = (namespace.to_owned(), write.key.clone());
        let version = self.next_id("version");
        let now = self.now();
        let by_key = &mut self.world.storage.borrow_mut().by_key;
        match write.change {
            Change::Put {
                value,
                subject,
                expires_s,
            } => {
                let document = Document {
                    key: write.key,
                    value,
                    version: version.clone(),
                    subject,
                };
                let expires_at = expires_s.map(|seconds| now + u64::from(seconds) * 1000);
                by_key.insert(
                    place,
                    Stored {
                        document,
                        expires_at,
                    },
                );
                Some(version)
            }
            Change::Remove => {
                by_key.remove(&place);
                None
            }
        }
    }
}

impl Stored {
    fn is_alive(&self, now: u64) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl CallHost {
    fn namespace(&self, namespace: Option<&str>) -> String {
        namespace.unwrap_or(&self.plugin).to_owned()
    }

    fn may_see(&self, document: &Document) -> bool {
        document
            .subject
            .as_deref()
            .is_none_or(|subject| self.host.in_scope(subject))
    }
}

impl StorageHost for CallHost {
    fn get(&self, namespace: Option<&str>, key: &str) -> Result<Option<Document>, ToolError> {
        self.require_attended("storage.get")?;
        let document = self.host.document(&self.namespace(namespace), key);
        Ok(document.filter(|document| self.may_see(document)))
    }

    fn scan(
        &self,
        namespace: Option<&str>,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, ToolError> {
        self.require_attended("storage.scan")?;
        let namespace = self.namespace(namespace);
        let documents = self
            .host
            .keys(&namespace)
            .into_iter()
            .filter(|key| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after))
            .filter_map(|key| self.host.document(&namespace, &key))
            .filter(|document| self.may_see(document))
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .collect();
        Ok(documents)
    }

    fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<String>>, ToolError> {
        self.require_write("storage.commit")?;
        self.require_attended("storage.commit")?;
        let hook = self.host.world.storage.borrow().before_commit.clone();
        if let Some(hook) = hook {
            hook(&writes)?;
        }
        for write in &writes {
            let current = self.host.document(&self.plugin, &write.key);
            let holds = match &write.condition {
                Condition::None => true,
                Condition::Absent => current.is_none(),
                Condition::Version(version) => {
                    current.is_some_and(|document| document.version == *version)
                }
            };
            if !holds {
                return Err(ToolError::conflict(
                    "document-changed",
                    format!("The document {} is not as the write wants it.", write.key),
                )
                .with_extra(serde_json::json!({ "key": write.key })));
            }
        }
        Ok(writes
            .into_iter()
            .map(|write| self.host.apply(&self.plugin, write))
            .collect())
    }
}
