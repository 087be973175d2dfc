//! Calls that may be repeated: what was done under an idempotency key is done once.
//!
//! | Key | Value | Subject |
//! |---|---|---|
//! | `repeat/<store_id>/<SHA-256 of tool and key>` | digest of the arguments, how far the work is, and the result once there is one | `store:<store_id>` |

use std::time::Duration;

use orderdesk_plugin::storage::Write;
use orderdesk_plugin::{Context, ErrorKind, ToolError, serde_json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::Store;

/// What is known of an idempotency key.
#[derive(Debug)]
pub enum Attempt {
    /// Nothing was done under it.
    First(Ticket),
    /// A call began under it and was not seen to end: look before doing it again.
    Again(Ticket),
    /// It was done, with this result.
    Done(Value, Ticket),
}

/// The right to say how it ended.
#[derive(Debug)]
pub struct Ticket {
    key: String,
    subject: String,
    digest: String,
    keep: Duration,
    progress: Option<Value>,
}

#[derive(Serialize, Deserialize)]
struct Record {
    digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    progress: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
}

/// The longest idempotency key.
const LONGEST: usize = 200;

/// Records that a call begins under a key, before it sends anything. Hold a lock named by the key meanwhile
/// ([`lock_name`]), so that two calls at once do not both begin.
///
/// # Errors
/// `idempotency-key-reused` if it stands for other arguments (whose digest is given); `bad-idempotency-key`; what the host
/// refuses.
pub fn begin(
    context: &Context,
    store: &Store,
    tool: &str,
    key: &str,
    digest: &str,
    keep: Duration,
) -> Result<Attempt, ToolError> {
    if key.trim().is_empty() || key.len() > LONGEST {
        return Err(ToolError::invalid_input(
            "bad-idempotency-key",
            format!("'idempotency_key' has 1 to {LONGEST} characters, such as a UUID."),
        ));
    }
    let mut ticket = Ticket {
        key: document_key(context, store, tool, key),
        subject: format!("store:{}", store.id()),
        digest: digest.to_owned(),
        keep,
        progress: None,
    };
    let written = context
        .storage()
        .commit(vec![ticket.write(None)?.if_absent()]);
    match written {
        Ok(_) => return Ok(Attempt::First(ticket)),
        Err(error) if error.kind != ErrorKind::Conflict => return Err(error),
        Err(_) => {}
    }
    let Some(document) = context.storage().get(None, &ticket.key)? else {
        // It ran out at this very moment.
        context.storage().commit(vec![ticket.write(None)?])?;
        return Ok(Attempt::First(ticket));
    };
    let record: Record = document.json()?;
    if record.digest != digest {
        return Err(ToolError::conflict(
            "idempotency-key-reused",
            "'idempotency_key' was used before with other arguments. Nothing was changed. Use a new key for another \
             change, or repeat the first one unchanged.",
        ));
    }
    ticket.progress = record.progress;
    Ok(match record.result {
        Some(result) => Attempt::Done(result, ticket),
        None => Attempt::Again(ticket),
    })
}

/// The lock under which a key is used.
#[must_use]
pub fn lock_name(context: &Context, store: &Store, tool: &str, key: &str) -> String {
    document_key(context, store, tool, key)
}

fn document_key(context: &Context, store: &Store, tool: &str, key: &str) -> String {
    // Callers put what they like into a key, and document keys stay readable.
    let digest = context
        .crypto()
        .sha256_hex(format!("{tool}\0{key}").as_bytes());
    format!("repeat/{}/{digest}", store.id())
}

impl Ticket {
    /// How far the work was, as [`Ticket::keep`] was told last.
    #[must_use]
    pub fn progress(&self) -> Option<&Value> {
        self.progress.as_ref()
    }

    /// The work is so far: a repetition is told, and goes on there. A failure is only logged: then the repetition does more
    /// once again.
    pub fn keep(&mut self, context: &Context, progress: Value) {
        self.progress = Some(progress);
        let kept = self
            .write(None)
            .and_then(|write| context.storage().commit(vec![write]));
        self.noted(context, kept.err());
    }

    /// It was done: a repetition answers this. A failure is only logged, since the deed is done.
    pub fn done(&self, context: &Context, result: &Value) {
        let kept = self
            .write(Some(result.clone()))
            .and_then(|write| context.storage().commit(vec![write]));
        self.noted(context, kept.err());
    }

    /// It was certainly not done: a repetition begins anew.
    pub fn forget(&self, context: &Context) {
        let forgotten = context.storage().commit(vec![Write::remove(&self.key)]);
        self.noted(context, forgotten.err());
    }

    fn write(&self, result: Option<Value>) -> Result<Write, ToolError> {
        let record = Record {
            digest: self.digest.clone(),
            progress: match result {
                Some(_) => None,
                None => self.progress.clone(),
            },
            result,
        };
        Ok(Write::put_json(&self.key, &record)?
            .subject(&self.subject)
            .expires_after(self.keep))
    }

    fn noted(&self, context: &Context, error: Option<ToolError>) {
        if let Some(error) = error {
            let reason = error.to_string();
            context.log().warn(
                "how far a call under an idempotency key came was not recorded",
                &[("reason", &reason)],
            );
        }
    }
}
