//! One registered store, and the right to act on it.

use orderdesk_plugin::{Context, Id, Sealed, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::choice::Access;
use crate::client::Client;
use crate::registry::{Registry, StoreRecord};

/// The store that a call acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    store_id: String,
    store_name: String,
    label: Option<String>,
    api_key: Sealed,
}

/// Which store a result is about: part of every result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreReference {
    /// Order Desk's id of the store.
    pub store_id: String,
    /// The name that it is registered under.
    pub store_name: String,
}

impl Store {
    /// The store that a reading tool is about: the one named, else the only one, else the active one. The call acts on
    /// it from now on.
    ///
    /// # Errors
    /// `no-store`, `store-not-found`, or `store-not-named` where several come into question; the host's refusal of a
    /// store outside the access key's scope.
    pub fn for_read(context: &Context, identifier: Option<&Id>) -> Result<Self, ToolError> {
        Registry::of_stores_plugin(context).choose(identifier, Access::Read)
    }

    /// The store that a writing tool is about: as [`Store::for_read`], except that the active store only counts where
    /// one process serves one client. Elsewhere another client with the same key may have switched it.
    ///
    /// # Errors
    /// As [`Store::for_read`].
    pub fn for_write(context: &Context, identifier: Option<&Id>) -> Result<Self, ToolError> {
        Registry::of_stores_plugin(context).choose(identifier, Access::Write)
    }

    /// Lets the call act on this store from now on.
    ///
    /// # Errors
    /// The host's refusal of a store outside the access key's scope.
    pub fn act_on(context: &Context, record: StoreRecord) -> Result<Self, ToolError> {
        context.session().act_on(&record.subject())?;
        Ok(Self {
            store_id: record.store_id,
            store_name: record.store_name,
            label: record.label,
            api_key: record.api_key,
        })
    }

    /// Order Desk's id of the store.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.store_id
    }

    /// The name that it is registered under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.store_name
    }

    /// The remark that it is registered with.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// The handle of the store's API key.
    #[must_use]
    pub fn api_key(&self) -> &Sealed {
        &self.api_key
    }

    /// How results name the store.
    #[must_use]
    pub fn reference(&self) -> StoreReference {
        StoreReference {
            store_id: self.store_id.clone(),
            store_name: self.store_name.clone(),
        }
    }

    /// Order Desk, on behalf of this store.
    #[must_use]
    pub fn client<'a>(&'a self, context: &'a Context) -> Client<'a> {
        Client::new(context, self)
    }
}
