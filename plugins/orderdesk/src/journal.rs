//! What was changed through this server: before-images, so that every change can be shown and undone.
//!
//! | Key | Value | Subject |
//! |---|---|---|
//! | `change/<store_id>/<change_id>` | [`Change`] | `store:<store_id>` |
//! | `change-of/<store_id>/<kind>/<id of the thing>/<change_id>` | nothing: finds the changes of one thing | `store:<store_id>` |
//! | `change-open/<store_id>/<kind>/<id of the thing>/<change_id>` | nothing: finds the changes of one thing whose end is not known | `store:<store_id>` |
//! | `change-in/<store_id>/<call_id>/<change_id>` | nothing: finds the further changes of one call | `store:<store_id>` |
//!
//! A change that was recorded and not seen to end (the server was killed, the answer was lost for good) stays open until
//! somebody looks at the thing: [`Journal::open`] finds those.
//!
//! A change id begins with the time, inverted: keys in their order are newest first.

use std::time::Duration;

use jiff::Timestamp;
use orderdesk_plugin::storage::Write;
use orderdesk_plugin::{Context, ToolError, serde_json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::difference::Edit;
use crate::store::Store;

/// Milliseconds of 48 bits: until the year 10889.
const LAST_MS: u64 = (1 << 48) - 1;

/// Stands for the id of what is being created: no id of Order Desk's looks like it.
const NAMELESS: &str = "-";

/// How a change ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// About to be sent. If it stays so, the server was interrupted: look at the thing itself.
    UnderWay,
    /// Made.
    Made,
    /// Not made: Order Desk refused it, or a read showed that it did not arrive.
    NotMade,
    /// Nobody knows yet: look at the thing itself.
    Unknown,
}

/// A change as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Names it.
    pub change_id: String,
    /// The same for all changes of one call.
    pub call_id: String,
    /// The tool that made it.
    pub tool: String,
    /// What was changed, such as `order`.
    pub kind: String,
    /// Order Desk's id of it.
    pub thing_id: String,
    /// When it began, in milliseconds since 1970.
    pub at_ms: u64,
    /// The access key's id.
    pub by: String,
    /// How it ended.
    pub state: State,
    /// What differs.
    pub edits: Vec<Edit>,
    /// The whole thing before; none where it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The whole thing afterwards, as Order Desk gave it back; none where it was removed or is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// The change that this one takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// The change that took this one back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<String>,
    /// It takes back a part only: the other change can be taken back once more.
    #[serde(default)]
    pub partial: bool,
}

impl State {
    /// True while nobody knows how the change ended.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::UnderWay | Self::Unknown)
    }
}

impl Change {
    /// When it began, in RFC 3339.
    #[must_use]
    pub fn at(&self) -> String {
        i64::try_from(self.at_ms)
            .ok()
            .and_then(|ms| Timestamp::from_millisecond(ms).ok())
            .map(|at| at.to_string())
            .unwrap_or_default()
    }
}

/// What is about to be changed.
#[derive(Clone, Debug)]
pub struct Intent<'a> {
    /// The tool.
    pub tool: &'a str,
    /// What is changed, such as `order`.
    pub kind: &'a str,
    /// Order Desk's id of it; empty where it is being created ([`Journal::settle`] files it once the id is known).
    pub thing_id: &'a str,
    /// What will differ.
    pub edits: Vec<Edit>,
    /// The whole thing as it is.
    pub before: Option<Value>,
    /// The change that this one takes back.
    pub undoes: Option<String>,
    /// The call that it belongs to, where one call makes several changes.
    pub call_id: Option<String>,
}

/// The changes of one store.
pub struct Journal<'a> {
    context: &'a Context,
    store_id: &'a str,
    keep: Duration,
}

impl<'a> Journal<'a> {
    /// The journal of a store, which keeps changes for `keep`.
    #[must_use]
    pub fn new(context: &'a Context, store: &'a Store, keep: Duration) -> Self {
        Self {
            context,
            store_id: store.id(),
            keep,
        }
    }

    /// Records a change before it is sent.
    ///
    /// # Errors
    /// What the host refuses: then nothing must be sent.
    pub fn intend(&self, intent: Intent<'_>) -> Result<Change, ToolError> {
        let at_ms = self.context.clock().now_ms();
        let random: String = self
            .context
            .crypto()
            .random(4)?
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let change_id = format!("{:012x}{random}", LAST_MS.saturating_sub(at_ms));
        let change = Change {
            call_id: intent.call_id.unwrap_or_else(|| change_id.clone()),
            change_id,
            tool: intent.tool.to_owned(),
            kind: intent.kind.to_owned(),
            thing_id: intent.thing_id.to_owned(),
            at_ms,
            by: self.context.session().caller()?.key_id,
            state: State::UnderWay,
            edits: intent.edits,
            before: intent.before,
            after: None,
            undoes: intent.undoes,
            undone_by: None,
            partial: false,
        };
        self.put(&change)?;
        Ok(change)
    }

    /// Records a change as it is now.
    ///
    /// # Errors
    /// What the host refuses.
    pub fn put(&self, change: &Change) -> Result<(), ToolError> {
        let subject = format!("store:{}", self.store_id);
        let mut writes = vec![
            Write::put_json(self.key(&change.change_id), change)?
                .subject(&subject)
                .expires_after(self.keep),
        ];
        let mut pointers = Vec::new();
        if !change.thing_id.is_empty() {
            pointers.push(self.place(&change.kind, &change.thing_id));
        }
        if change.call_id != change.change_id {
            pointers.push(self.call(&change.call_id));
        }
        for place in pointers {
            writes.push(
                Write::put(format!("{place}{}", change.change_id), b"{}".as_slice())
                    .subject(&subject)
                    .expires_after(self.keep),
            );
        }
        let open = format!(
            "{}{}",
            self.open_of(&change.kind, &change.thing_id),
            change.change_id
        );
        if change.state.is_open() {
            writes.push(
                Write::put(open, b"{}".as_slice())
                    .subject(&subject)
                    .expires_after(self.keep),
            );
        } else {
            writes.push(Write::remove(open));
            // It was open under no id until it had one.
            if change.before.is_none() && !change.thing_id.is_empty() {
                let nameless = self.open_of(&change.kind, "");
                writes.push(Write::remove(format!("{nameless}{}", change.change_id)));
            }
        }
        self.context.storage().commit(writes)?;
        Ok(())
    }

    /// Records how a change ended, and marks the one that it takes back. The deed is done, so a failure is only
    /// reported: as a text for `warnings`.
    #[must_use]
    pub fn settle(&self, change: &Change) -> Option<String> {
        let settled = self.put(change).and_then(|()| self.mark(change));
        settled.err().map(|error| {
            let reason = error.to_string();
            self.context
                .log()
                .warn("the outcome of a change was not recorded", &[("reason", &reason)]);
            format!(
                "The outcome was not recorded ({}): orders_changes and orders_undo may not know change {}.",
                error.message, change.change_id
            )
        })
    }

    fn mark(&self, change: &Change) -> Result<(), ToolError> {
        let Some(undone) = &change.undoes else {
            return Ok(());
        };
        if change.state != State::Made || change.partial {
            return Ok(());
        }
        if let Some(mut undone) = self.find(undone)? {
            undone.undone_by = Some(change.change_id.clone());
            self.put(&undone)?;
        }
        Ok(())
    }

    /// The change of this id.
    ///
    /// # Errors
    /// What the host refuses; `document-malformed`.
    pub fn find(&self, change_id: &str) -> Result<Option<Change>, ToolError> {
        let well_formed =
            !change_id.is_empty() && change_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !well_formed {
            return Ok(None);
        }
        match self.context.storage().get(None, &self.key(change_id))? {
            Some(document) => Ok(Some(document.json()?)),
            None => Ok(None),
        }
    }

    /// At most `limit` changes, newest first, of one thing (kind and id) or of all, after the change `after`.
    ///
    /// # Errors
    /// What the host refuses; `document-malformed`.
    pub fn list(
        &self,
        of: Option<(&str, &str)>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Change>, ToolError> {
        let prefix = match of {
            Some((kind, id)) => self.place(kind, id),
            None => self.key(""),
        };
        let after = after.map(|id| format!("{prefix}{id}"));
        let found = self
            .context
            .storage()
            .scan(None, &prefix, after.as_deref(), limit)?;
        if of.is_none() {
            return found.iter().map(|document| document.json()).collect();
        }
        let mut changes = Vec::new();
        for pointer in found {
            let id = pointer.key.rsplit('/').next().unwrap_or_default();
            changes.extend(self.find(id)?);
        }
        Ok(changes)
    }

    /// The changes of one thing whose end is not known, newest first; without an id, those that were to create one.
    ///
    /// # Errors
    /// What the host refuses; `document-malformed`.
    pub fn open(&self, kind: &str, id: &str) -> Result<Vec<Change>, ToolError> {
        let prefix = self.open_of(kind, id);
        let mut changes = Vec::new();
        for pointer in self.context.storage().scan_all(None, &prefix)? {
            let id = pointer.key.rsplit('/').next().unwrap_or_default();
            changes.extend(self.find(id)?.filter(|change| change.state.is_open()));
        }
        Ok(changes)
    }

    /// All changes of one call, newest first. A call is named by its first change.
    ///
    /// # Errors
    /// What the host refuses; `document-malformed`.
    pub fn of_call(&self, call_id: &str) -> Result<Vec<Change>, ToolError> {
        let pointers = self.context.storage().scan_all(None, &self.call(call_id))?;
        let mut changes = Vec::new();
        for pointer in pointers {
            let id = pointer.key.rsplit('/').next().unwrap_or_default();
            changes.extend(self.find(id)?);
        }
        changes.extend(self.find(call_id)?);
        Ok(changes)
    }

    fn key(&self, change_id: &str) -> String {
        format!("change/{}/{change_id}", self.store_id)
    }

    fn call(&self, call_id: &str) -> String {
        format!("change-in/{}/{call_id}/", self.store_id)
    }

    fn open_of(&self, kind: &str, id: &str) -> String {
        let id = if id.is_empty() { NAMELESS } else { id };
        format!("change-open/{}/{kind}/{id}/", self.store_id)
    }

    fn place(&self, kind: &str, id: &str) -> String {
        format!("change-of/{}/{kind}/{id}/", self.store_id)
    }
}
