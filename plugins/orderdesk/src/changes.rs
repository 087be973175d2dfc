//! The changes of a store, page by page, as tools list them.

use orderdesk_plugin::ToolError;

use crate::difference::shown;
use crate::journal::{Change, Journal};

/// Changes of an answer unless asked otherwise.
const DEFAULT_LIMIT: u32 = 20;
/// The most that can be asked for.
const LARGEST_LIMIT: u32 = 100;
/// Bytes of an answer's changes, as with other lists.
const PAGE_BYTES: usize = 60_000;

/// Which part of the list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct ChangesPage<'a> {
    limit: u32,
    cursor: Option<&'a str>,
}

impl<'a> ChangesPage<'a> {
    /// The page of these arguments.
    ///
    /// # Errors
    /// `bad-cursor`.
    pub fn new(limit: Option<u32>, cursor: Option<&'a str>) -> Result<Self, ToolError> {
        let well_formed = |cursor: &str| cursor.bytes().all(|byte| byte.is_ascii_hexdigit());
        if cursor.is_some_and(|cursor| !well_formed(cursor)) {
            return Err(ToolError::invalid_input(
                "bad-cursor",
                "'cursor' is not one of this tool. Pass the next_cursor of its last answer, or none to begin anew.",
            ));
        }
        Ok(Self {
            limit: limit.unwrap_or(DEFAULT_LIMIT).clamp(1, LARGEST_LIMIT),
            cursor,
        })
    }

    /// The changes of this page, newest first: of these things (kinds and ids) together, or of all without any. And the
    /// cursor of the next page, if there is one.
    ///
    /// # Errors
    /// What the host refuses; `document-malformed`.
    pub fn read(
        &self,
        journal: &Journal<'_>,
        things: &[(&str, &str)],
    ) -> Result<(Vec<Change>, Option<String>), ToolError> {
        let enough = self.limit + 1;
        let mut found = Vec::new();
        if things.is_empty() {
            found = journal.list(None, self.cursor, enough)?;
        }
        for thing in things {
            found.extend(journal.list(Some(*thing), self.cursor, enough)?);
        }
        // An id begins with the time, inverted.
        found.sort_by(|one, other| one.change_id.cmp(&other.change_id));
        let mut more = found.len() > self.limit as usize;
        found.truncate(self.limit as usize);
        let mut bytes = 0;
        let fits = |change: &Change| {
            bytes += shown(&change.edits)
                .iter()
                .map(|row| {
                    row.path.len() + row.before.to_string().len() + row.after.to_string().len()
                })
                .sum::<usize>();
            bytes <= PAGE_BYTES
        };
        let fit = found.iter().map(fits).take_while(|fits| *fits).count();
        // One change at least, so that whoever follows the cursor gets on.
        let fit = fit.max(1);
        more |= found.len() > fit;
        found.truncate(fit);
        let next = found.last().map(|last| last.change_id.clone());
        Ok((found, next.filter(|_| more)))
    }
}
