//! Help for somebody who types a store.

use orderdesk_plugin::{Completion, Id, ToolError, Typing};

use crate::registry::{Registry, fold};

impl Registry<'_> {
    /// The names of the stores whose name or id begins with what is typed.
    ///
    /// # Errors
    /// What the host refuses; `document-malformed`.
    pub fn complete(&self, typing: &Typing) -> Result<Completion, ToolError> {
        let typed = fold(&typing.typed);
        let stores = self.all()?.into_iter().filter(|store| {
            fold(&store.store_name).starts_with(&typed) || store.store_id.starts_with(&typed)
        });
        let names: Vec<String> = stores.map(|store| store.store_name).collect();
        // All of them fit: nothing is typed any more that could sort some out.
        Ok(Typing::default().among(names))
    }
}

/// The store that was given while something else is typed; none where nobody can tell which one is meant.
#[must_use]
pub fn given_store(typing: &Typing) -> Option<Id> {
    Id::new(typing.given("store")?)
}
