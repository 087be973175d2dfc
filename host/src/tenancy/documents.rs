//! Documents with their values encrypted, within reach of the caller's access key.

use std::sync::Arc;

use super::cipher::CipherError;
use super::principal::Principal;
use crate::clock::Clock;
use crate::store::{
    Change, CommitError, Content, Database, Document, Scan, StoreError, TenantId, Write,
};

const PURPOSE: &str = "v1 document";

/// Reads and writes documents. Values are plaintext on this side and ciphertext in the database; keys, subjects and
/// namespaces are readable in both.
#[derive(Clone)]
pub struct Documents {
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
}

/// Why documents were not read or written.
#[derive(Debug, thiserror::Error)]
pub enum DocumentsError {
    /// The condition on this key does not hold; it is the first of the commit of which that is true. Nothing was changed.
    #[error("the document '{key}' was changed by another call, or is not in the expected state")]
    Conflict {
        /// The key.
        key: String,
    },
    /// The document belongs, or would belong, to a subject out of reach. Nothing was changed.
    #[error("the document '{key}' belongs to a subject out of reach of this access key")]
    OutOfScope {
        /// The key.
        key: String,
    },
    /// A value cannot be encrypted, or what is stored was altered.
    #[error(transparent)]
    Cipher(#[from] CipherError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CommitError> for DocumentsError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict { key } => Self::Conflict { key },
            CommitError::OutOfScope { key } => Self::OutOfScope { key },
            CommitError::Store(error) => Self::Store(error),
        }
    }
}

impl Documents {
    /// Documents in this database.
    pub fn new(database: Arc<dyn Database>, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// A document; none if there is none, it has expired, or its subject is out of the access key's reach.
    ///
    /// # Errors
    /// The stored value was altered; the database failed.
    pub async fn get(
        &self,
        principal: &Principal,
        namespace: &str,
        key: &str,
    ) -> Result<Option<Document>, DocumentsError> {
        let now = self.clock.now();
        self.database
            .document(&principal.tenant, namespace, key, now)
            .await?
            .filter(|document| principal.scopes.visible(document.subject.as_deref()))
            .map(|document| decrypt(principal, namespace, document))
            .transpose()
    }

    /// Up to `limit` documents whose key starts with `prefix`, in the order of the keys, after the key `after`.
    ///
    /// # Errors
    /// A stored value was altered; the database failed.
    pub async fn scan(
        &self,
        principal: &Principal,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, DocumentsError> {
        let scan = Scan {
            tenant: principal.tenant.clone(),
            namespace: namespace.to_owned(),
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
            limit,
            subjects: principal.scopes.subjects.clone(),
        };
        self.database
            .scan(scan, self.clock.now())
            .await?
            .into_iter()
            .map(|document| decrypt(principal, namespace, document))
            .collect()
    }

    /// Does all writes in order, or none. Answers the new version of each (none: removed).
    ///
    /// # Errors
    /// A condition does not hold, or a subject is out of reach; the database failed.
    pub async fn commit(
        &self,
        principal: &Principal,
        namespace: &str,
        mut writes: Vec<Write>,
    ) -> Result<Vec<Option<String>>, DocumentsError> {
        for Write { key, change, .. } in &mut writes {
            let Change::Put(Content { value, subject, .. }) = change else {
                continue;
            };
            if !principal.scopes.visible(subject.as_deref()) {
                return Err(DocumentsError::OutOfScope { key: key.clone() });
            }
            let bound_to = binding(&principal.tenant, namespace, key, subject.as_deref());
            *value = principal.data_key.seal(PURPOSE, &bound_to, value)?;
        }
        let subjects = principal.scopes.subjects.clone();
        let now = self.clock.now();
        Ok(self
            .database
            .commit(&principal.tenant, namespace, writes, subjects, now)
            .await?)
    }
}

fn decrypt(
    principal: &Principal,
    namespace: &str,
    mut document: Document,
) -> Result<Document, DocumentsError> {
    let bound_to = binding(
        &principal.tenant,
        namespace,
        &document.key,
        document.subject.as_deref(),
    );
    let mut value = principal
        .data_key
        .open(PURPOSE, &bound_to, &document.value)?;
    document.value = std::mem::take(&mut *value);
    Ok(document)
}

/// A value belongs to its place: moved to another row, or to another subject, it does not open.
fn binding<'a>(
    tenant: &'a TenantId,
    namespace: &'a str,
    key: &'a str,
    subject: Option<&'a str>,
) -> Vec<&'a [u8]> {
    [tenant.as_str(), namespace, key]
        .into_iter()
        .chain(subject)
        .map(str::as_bytes)
        .collect()
}
