//! The changes of a store, page by page, as tools list them.

use orderdesk_plugin::ToolError;
use orderdesk_plugin::serde_json::{self, Map, Value};
use serde::Serialize;

use crate::brief::{self, LARGE, SMALL};
use crate::journal::{Change, Journal};
use crate::tokens::estimate;

/// Changes of an answer unless asked otherwise.
const DEFAULT_LIMIT: u32 = 20;
/// The most that can be asked for.
const LARGEST_LIMIT: u32 = 100;
/// Changes of which nobody saw the end, for each of which something is read.
const LOOKED_AT: usize = 5;
/// Tokens of what stands beside the changes.
const FRAME: usize = 150;

/// Which part of the list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct ChangesPage<'a> {
    limit: u32,
    /// Tokens of an answer's changes.
    budget: usize,
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
            // Who names a number is ready for a long answer.
            budget: if limit.is_some() { LARGE } else { SMALL } - FRAME,
            cursor,
        })
    }

    /// The changes of this page, newest first: of these things (kinds and ids) together, or of all without any. And whether
    /// there are more. `look` reads what became of one that nobody saw the end of. Tools that list only read: what it sees is
    /// shown, and the next change of the thing records it.
    ///
    /// # Errors
    /// What the host refuses; `document-malformed`.
    pub fn read(
        &self,
        journal: &Journal<'_>,
        things: &[(&str, &str)],
        look: impl Fn(&Change) -> Result<Option<Change>, ToolError>,
    ) -> Result<(Vec<Change>, bool), ToolError> {
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
        let more = found.len() > self.limit as usize;
        found.truncate(self.limit as usize);
        let open = found.iter_mut().filter(|change| change.state.is_open());
        for change in open.take(LOOKED_AT) {
            // What cannot be read now stays open.
            if let Ok(Some(ended)) = look(change) {
                *change = ended;
            }
        }
        Ok((found, more))
    }

    /// As many of these as fit an answer, each as `shown` says. `more`: others come after them.
    ///
    /// # Errors
    /// A change that cannot be shown.
    pub fn fit<T: Serialize>(
        &self,
        changes: Vec<Change>,
        more: bool,
        shown: impl Fn(Change) -> T,
    ) -> Result<FittedChanges, ToolError> {
        let mut fitted = FittedChanges::default();
        let (mut tokens, mut more, mut last) = (0, more, None);
        for change in changes {
            let id = change.change_id.clone();
            let row = row(&shown(change))?;
            tokens += estimate(&serde_json::json!(row).to_string());
            if tokens <= self.budget {
                fitted.changes.push(row);
            } else if fitted.changes.is_empty() {
                // One at least, so that whoever follows the cursor gets on.
                let (row, left_out) = brief::row(row, self.budget, false);
                fitted.changes.push(row);
                fitted.note = Some(format!(
                    "The first change alone is too long and was shortened: {}. With a 'limit' more of it is shown.",
                    left_out.join("; ")
                ));
            } else {
                more = true;
                break;
            }
            last = Some(id);
        }
        fitted.next_cursor = last.filter(|_| more);
        Ok(fitted)
    }
}

/// What of a page an answer has room for.
#[derive(Debug, Default)]
pub struct FittedChanges {
    /// Newest first.
    pub changes: Vec<Map<String, Value>>,
    /// Continues after these; none at the end.
    pub next_cursor: Option<String>,
    /// What was shortened.
    pub note: Option<String>,
}

fn row(shown: &impl Serialize) -> Result<Map<String, Value>, ToolError> {
    match serde_json::to_value(shown) {
        Ok(Value::Object(row)) => Ok(row),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(ToolError::internal(
            "document-malformed",
            format!("A change cannot be shown: {error}"),
        )),
    }
}
