//! The documents of the plugin `stores`: which stores a tenant has, and which is active.
//!
//! | Key | Value | Subject |
//! |---|---|---|
//! | `store/<store_id>` | [`StoreRecord`] | `store:<store_id>` |
//! | `name/<SHA-256 of the folded name>` | `{"store_id": …}`: keeps names unique | `store:<store_id>` |
//! | `active/<key_id>` | `{"store_id": …}`: the active store of an access key | none |

use orderdesk_plugin::storage::Document;
use orderdesk_plugin::{Context, Id, Sealed, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choice::{self, Access};
use crate::store::{Store, StoreReference};

const NAMESPACE: &str = "stores";
const STORES: &str = "store/";
const ACTIVE: &str = "active/";

/// A registered store, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreRecord {
    /// Order Desk's id of the store.
    pub store_id: String,
    /// The name that it is registered under.
    pub store_name: String,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The handle of its API key.
    pub api_key: Sealed,
}

impl StoreRecord {
    /// What the host calls the store.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("store:{}", self.store_id)
    }

    /// How results name the store.
    #[must_use]
    pub fn reference(&self) -> StoreReference {
        StoreReference {
            store_id: self.store_id.clone(),
            store_name: self.store_name.clone(),
        }
    }
}

/// The document that refers to a store: `name/…` and `active/…`.
#[derive(Serialize, Deserialize)]
struct Pointer {
    store_id: String,
}

/// How a text named a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResolvedBy {
    /// By its exact id.
    StoreId,
    /// By its name, in any letter case.
    StoreName,
}

/// The key of a store's document.
#[must_use]
pub fn store_key(store_id: &str) -> String {
    format!("{STORES}{store_id}")
}

/// The key of the document that keeps a name to one store. A digest, since keys stay readable in the database.
#[must_use]
pub fn name_key(context: &Context, store_name: &str) -> String {
    let digest = context.crypto().sha256_hex(fold(store_name).as_bytes());
    format!("name/{digest}")
}

/// The key of the document that says which store is active for an access key.
#[must_use]
pub fn active_key(key_id: &str) -> String {
    format!("{ACTIVE}{key_id}")
}

/// A name as names are compared: without spaces around it, in any letter case.
#[must_use]
pub fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

/// The stores that are registered, as far as the caller's access key reaches.
pub struct Registry<'a> {
    context: &'a Context,
    namespace: Option<&'static str>,
}

impl<'a> Registry<'a> {
    /// For every other plugin: needs the grant `read = ["stores"]`.
    #[must_use]
    pub fn of_stores_plugin(context: &'a Context) -> Self {
        Self {
            context,
            namespace: Some(NAMESPACE),
        }
    }

    /// For the plugin `stores` itself.
    #[must_use]
    pub fn own(context: &'a Context) -> Self {
        Self {
            context,
            namespace: None,
        }
    }

    /// All stores, in the order of their ids as text.
    ///
    /// # Errors
    /// What the host refuses; `document-malformed`.
    pub fn all(&self) -> Result<Vec<StoreRecord>, ToolError> {
        self.context
            .storage()
            .scan_all(self.namespace, STORES)?
            .iter()
            .map(Document::json)
            .collect()
    }

    /// The store of this exact id, with its document's version.
    ///
    /// # Errors
    /// What the host refuses; `document-malformed`.
    pub fn by_id(&self, store_id: &str) -> Result<Option<(StoreRecord, String)>, ToolError> {
        match self
            .context
            .storage()
            .get(self.namespace, &store_key(store_id))?
        {
            Some(document) => Ok(Some((document.json()?, document.version))),
            None => Ok(None),
        }
    }

    /// The id of the store that bears this name, with the version of the document that says so.
    ///
    /// # Errors
    /// What the host refuses; `document-malformed`.
    pub fn bearer_of(&self, store_name: &str) -> Result<Option<(String, String)>, ToolError> {
        let key = name_key(self.context, store_name);
        self.pointer(&key)
    }

    /// The id of the store that is active for the caller's access key. The store may be gone.
    ///
    /// # Errors
    /// What the host refuses; `document-malformed`.
    pub fn active(&self) -> Result<Option<String>, ToolError> {
        let key = active_key(&self.context.session().caller()?.key_id);
        Ok(self.pointer(&key)?.map(|(store_id, _)| store_id))
    }

    /// The keys of all documents that make this store active for somebody, with their versions.
    ///
    /// # Errors
    /// What the host refuses; `document-malformed`.
    pub fn active_for(&self, store_id: &str) -> Result<Vec<(String, String)>, ToolError> {
        let mut keys = Vec::new();
        for document in self.context.storage().scan_all(self.namespace, ACTIVE)? {
            let pointer: Pointer = document.json()?;
            if pointer.store_id == store_id {
                keys.push((document.key, document.version));
            }
        }
        Ok(keys)
    }

    /// What a `name/…` or `active/…` document holds for this store.
    #[must_use]
    pub fn pointer_to(store_id: &str) -> impl Serialize {
        Pointer {
            store_id: store_id.to_owned(),
        }
    }

    /// The store that a text names: by exact id, else by name in any letter case.
    ///
    /// # Errors
    /// `store-not-found` with what there is, or `no-store`; what the host refuses.
    pub fn resolve(&self, identifier: &Id) -> Result<(StoreRecord, ResolvedBy), ToolError> {
        if let Some((record, _)) = self.by_id(identifier.as_str())? {
            return Ok((record, ResolvedBy::StoreId));
        }
        let stores = self.all()?;
        let wanted = fold(identifier.as_str());
        match stores
            .iter()
            .find(|record| fold(&record.store_name) == wanted)
        {
            Some(record) => Ok((record.clone(), ResolvedBy::StoreName)),
            None => Err(choice::not_found(identifier.as_str(), &stores)),
        }
    }

    /// The store that a call is about, and the right to act on it.
    ///
    /// # Errors
    /// `no-store`, `store-not-found` or `store-not-named`; what the host refuses.
    pub fn choose(&self, identifier: Option<&Id>, access: Access) -> Result<Store, ToolError> {
        let record = match identifier {
            Some(identifier) => self.resolve(identifier)?.0,
            None => {
                let stores = self.all()?;
                let active = || self.active();
                let single_client = self.context.session().caller()?.single_client;
                choice::unnamed(stores, access, single_client, active)?
            }
        };
        Store::act_on(self.context, record)
    }

    fn pointer(&self, key: &str) -> Result<Option<(String, String)>, ToolError> {
        match self.context.storage().get(self.namespace, key)? {
            Some(document) => {
                let pointer: Pointer = document.json()?;
                Ok(Some((pointer.store_id, document.version)))
            }
            None => Ok(None),
        }
    }
}
