//! `storage`: durable documents, encrypted at rest under the tenant's key, invisibly to plugins.

use std::time::Duration;

use super::Services;
use super::context::{CallContext, CallState};
use super::contract::{
    Error, ErrorKind,
    storage::{Change, Condition, Content, Document, Host, Write},
};
use crate::clock::Timestamp;
use crate::store;
use crate::tenancy::DocumentsError;

const KEY_BYTES: usize = 512;
const VALUE_BYTES: usize = 1 << 20;
const WRITES: usize = 100;
const SCAN: u32 = 1000;

/// The namespace meant: the plugin's own, or another that it may read.
async fn namespace(
    services: &Services,
    call: &CallContext,
    wanted: Option<String>,
) -> Result<String, Error> {
    let grantee = &call.grantee;
    match wanted {
        None => Ok(grantee.name.clone()),
        Some(own) if own == grantee.name => Ok(own),
        Some(other) if grantee.read.contains(&other) => {
            services.consented(call).await?;
            Ok(other)
        }
        Some(other) => Err(Error::not_granted(
            &grantee.name,
            &format!("the documents of '{other}'"),
            &format!("read = [{other:?}]"),
        )),
    }
}

impl Host for CallState {
    #[tracing::instrument(level = "debug", name = "storage.get", skip_all)]
    async fn get(
        &mut self,
        wanted: Option<String>,
        key: String,
    ) -> Result<Option<Document>, Error> {
        let call = self.call()?;
        let namespace = namespace(&self.services, &call, wanted).await?;
        call.attended("The storage")?;
        check_key(&key)?;
        self.services
            .documents
            .get(&call.caller.principal, &namespace, &key)
            .await
            .map(|found| found.map(document))
            .map_err(|error| failed(&error))
    }

    #[tracing::instrument(level = "debug", name = "storage.scan", skip_all)]
    async fn scan(
        &mut self,
        wanted: Option<String>,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<Document>, Error> {
        let call = self.call()?;
        let namespace = namespace(&self.services, &call, wanted).await?;
        call.attended("The storage")?;
        self.services
            .documents
            .scan(
                &call.caller.principal,
                &namespace,
                &prefix,
                after.as_deref(),
                limit.min(SCAN),
            )
            .await
            .map(|found| found.into_iter().map(document).collect())
            .map_err(|error| failed(&error))
    }

    #[tracing::instrument(level = "debug", name = "storage.commit", skip_all)]
    async fn commit(&mut self, writes: Vec<Write>) -> Result<Vec<Option<String>>, Error> {
        let call = self.call()?;
        call.may_write("Storing a document")?;
        call.attended("The storage")?;
        if writes.len() > WRITES {
            return Err(Error::new(
                ErrorKind::TooLarge,
                "too-many-writes",
                format!("A commit holds at most {WRITES} writes."),
            ));
        }
        let now = self.services.clock.now();
        let writes = writes
            .into_iter()
            .map(|write| checked(write, now))
            .collect::<Result<Vec<_>, _>>()?;
        self.services.stored.take(&call, &writes).await?;
        self.services
            .documents
            .commit(&call.caller.principal, &self.grantee.name, writes)
            .await
            .map_err(|error| failed(&error))
    }
}

fn document(found: store::Document) -> Document {
    Document {
        key: found.key,
        value: found.value,
        version: found.version,
        subject: found.subject,
    }
}

fn checked(write: Write, now: Timestamp) -> Result<store::Write, Error> {
    check_key(&write.key)?;
    let change = match write.change {
        Change::Put(Content {
            value,
            subject,
            expires_s,
        }) => {
            if value.len() > VALUE_BYTES {
                return Err(Error::new(
                    ErrorKind::TooLarge,
                    "document-too-large",
                    format!(
                        "A document holds at most {VALUE_BYTES} bytes; '{}' has {}.",
                        write.key,
                        value.len()
                    ),
                ));
            }
            store::Change::Put(store::Content {
                value,
                subject,
                expires_at: expires_s.map(|seconds| now + Duration::from_secs(seconds.into())),
            })
        }
        Change::Remove => store::Change::Remove,
    };
    let condition = match write.condition {
        Condition::None => store::Condition::None,
        Condition::Absent => store::Condition::Absent,
        Condition::Version(version) => store::Condition::Version(version),
    };
    Ok(store::Write {
        key: write.key,
        change,
        condition,
    })
}

fn check_key(key: &str) -> Result<(), Error> {
    if key.is_empty() || key.len() > KEY_BYTES || key.chars().any(char::is_control) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "bad-key",
            format!("A document's key has 1 to {KEY_BYTES} bytes and no control characters."),
        ));
    }
    Ok(())
}

fn failed(error: &DocumentsError) -> Error {
    match error {
        DocumentsError::Conflict { key } => Error::new(
            ErrorKind::Conflict,
            "document-changed",
            format!("'{key}' was changed by another call in between. Read it again and repeat."),
        ),
        DocumentsError::OutOfScope { .. } => Error::new(
            ErrorKind::NotFound,
            "subject-not-found",
            "The document's subject is out of this key's reach.",
        ),
        other => Error::internal("The storage", other),
    }
}

impl CallContext {
    /// The namespaces whose sealed secrets the plugin may use: its own, and those it may read.
    pub(super) fn may_use_secrets_of(&self, owner: &str) -> bool {
        owner == self.grantee.name || self.grantee.read.iter().any(|namespace| namespace == owner)
    }
}
