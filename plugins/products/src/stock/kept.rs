//! The plan of an adjustment under an idempotency key, kept before it is sent: a repetition tells by it what arrived, since
//! the numbers themselves say nothing of how they came about.
//!
//! | Key | Value | Subject |
//! |---|---|---|
//! | `adjusting/<store_id>/<SHA-256 of the key>` | the lines | `store:<store_id>` |

use std::time::Duration;

use orderdesk_client::Store;
use orderdesk_client::repeat::Ticket;
use orderdesk_plugin::storage::Write;
use orderdesk_plugin::{Context, ToolError};

use super::plan::Line;

/// The right to say how a call under an idempotency key ended.
pub(super) struct Kept<'a> {
    pub(super) context: &'a Context,
    pub(super) store: &'a Store,
    pub(super) key: &'a str,
    pub(super) ticket: Ticket,
    pub(super) keep: Duration,
}

impl Kept<'_> {
    /// The plan of the call that began before; none if it ended before it sent anything.
    pub(super) fn earlier(&self) -> Result<Option<Vec<Line>>, ToolError> {
        match self.context.storage().get(None, &self.place())? {
            Some(document) => Ok(Some(document.json()?)),
            None => Ok(None),
        }
    }

    /// Keeps the plan, before anything of it is sent.
    pub(super) fn intend(&self, lines: &[Line]) -> Result<(), ToolError> {
        let write = Write::put_json(self.place(), &lines)?
            .subject(format!("store:{}", self.store.id()))
            .expires_after(self.keep);
        self.context.storage().commit(vec![write])?;
        Ok(())
    }

    /// Nothing was done: a repetition begins anew.
    pub(super) fn forget(&self) {
        if let Err(error) = self
            .context
            .storage()
            .commit(vec![Write::remove(self.place())])
        {
            let reason = error.to_string();
            self.context.log().warn(
                "the plan of an adjustment was not forgotten",
                &[("reason", &reason)],
            );
        }
        self.ticket.forget(self.context);
    }

    fn place(&self) -> String {
        let digest = self.context.crypto().sha256_hex(self.key.as_bytes());
        format!("adjusting/{}/{digest}", self.store.id())
    }
}
