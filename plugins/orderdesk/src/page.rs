//! Pages of a list: how many rows, from where, and the cursor to the rest.
//!
//! A cursor is JSON in base64url: the offset of the next row, and a digest of everything else that was asked, so that it
//! cannot continue another search by mistake.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use orderdesk_plugin::{Context, ToolError, serde_json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::brief::{self, LARGE, SMALL};
use crate::tokens::estimate;

/// Rows of a page unless asked otherwise.
pub const DEFAULT_LIMIT: u32 = 20;
/// The most that Order Desk gives at once (order-desk-api.md §2.3).
pub const LARGEST_LIMIT: u32 = 500;
/// Tokens of what stands beside the rows.
const FRAME: usize = 200;
/// Hexadecimal digits of a cursor's digest: enough against mistakes; a cursor gives no rights.
const DIGEST: usize = 12;

/// Which rows of a list a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows to skip.
    pub offset: u32,
    /// Rows to answer, at most.
    pub limit: u32,
    search: String,
    /// Tokens of the answer.
    budget: usize,
}

/// A page as Order Desk sent it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// The rows.
    pub rows: Vec<Map<String, Value>>,
    /// How many rows there are in all, as Order Desk says.
    pub total: Option<u64>,
}

/// What of a page goes into the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The rows.
    pub rows: Vec<Map<String, Value>>,
    /// How many match in all, where that is known.
    pub total: Option<u64>,
    /// Continues after the rows; none at the end of the list.
    pub next_cursor: Option<String>,
    /// What the reader must know beside the rows.
    pub note: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    offset: u32,
    search: String,
}

impl Page {
    /// What a cursor is tied to: everything that was asked apart from paging, in a fixed form.
    #[must_use]
    pub fn search_digest(context: &Context, search: &str) -> String {
        let digest = context.crypto().sha256_hex(search.as_bytes());
        digest.chars().take(DIGEST).collect()
    }

    /// Reads the paging arguments of the search with this digest.
    ///
    /// # Errors
    /// `bad-cursor` for a cursor of another search or none of ours, `two-starts` for a cursor beside an offset.
    pub fn read(
        limit: Option<u32>,
        offset: Option<u32>,
        cursor: Option<&str>,
        digest: String,
    ) -> Result<Self, ToolError> {
        let offset = match (offset, cursor) {
            (Some(_), Some(_)) => {
                return Err(ToolError::invalid_input(
                    "two-starts",
                    "Give either 'cursor' or 'offset', not both: the cursor holds the offset already.",
                ));
            }
            (offset, None) => offset.unwrap_or(0),
            (None, Some(cursor)) => start_of(cursor, &digest)?,
        };
        Ok(Self {
            offset,
            limit: limit.unwrap_or(DEFAULT_LIMIT).clamp(1, LARGEST_LIMIT),
            search: digest,
            budget: LARGE,
        })
    }

    /// The page of a caller who asked for nothing special: under 2,000 tokens.
    #[must_use]
    pub fn small(self) -> Self {
        Self {
            budget: SMALL,
            ..self
        }
    }

    /// The rows of a list that is there as a whole.
    #[must_use]
    pub fn of(&self, rows: Vec<Map<String, Value>>) -> Sent {
        let total = Some(rows.len() as u64);
        let rows = rows.into_iter().skip(self.offset as usize);
        Sent {
            rows: rows.take(self.limit as usize).collect(),
            total,
        }
    }

    /// Shapes the rows that match exactly, and cuts them to what an answer may hold. `rows` is what they are called, and
    /// `narrow` by what to search for fewer of them, if by anything.
    #[must_use]
    pub fn show(
        &self,
        sent: &Sent,
        exact: impl Fn(&Map<String, Value>) -> bool,
        shape: impl Fn(&Map<String, Value>) -> Map<String, Value>,
        rows: &str,
        narrow: &str,
    ) -> Shown {
        let received = sent.rows.len();
        let matching: Vec<_> = sent
            .rows
            .iter()
            .enumerate()
            .filter(|row| exact(row.1))
            .collect();
        let Filled {
            rows: kept,
            cut_at,
            left_out,
        } = fill(&matching, shape, self.budget - FRAME);
        // Rows that do not match were read all the same: the next page starts where this one was cut, or behind it all.
        let read = cut_at.unwrap_or(received);
        let next = u64::from(self.offset) + read as u64;

        // Order Desk's count, unless its own rows contradict it: a captured reply said "0" beside three rows
        // (order-desk-api.md §1.2).
        let seen = u64::from(self.offset) + received as u64;
        let said = sent.total.filter(|total| match received {
            0 => *total <= seen,
            _ => *total >= seen,
        });
        let inexact = received - matching.len();
        let total = match said {
            // It counts the inexact matches too, so it helps only if this page holds them all.
            Some(said) if inexact > 0 => (said == received as u64).then_some(matching.len() as u64),
            said => said,
        };
        let more = read > 0
            && match said {
                Some(said) => next < said,
                None => cut_at.is_some() || received as u64 >= u64::from(self.limit),
            };

        let mut notes = Vec::new();
        if cut_at.is_some() {
            notes.push(format!(
                "The page ends early, after {} of {} {rows}, to stay readable; {}.",
                kept.len(),
                matching.len(),
                if self.budget == SMALL {
                    "a given 'limit' or fewer 'fields' show more at once"
                } else {
                    "fewer 'fields' or response_format \"concise\" show more at once"
                }
            ));
        }
        if !left_out.is_empty() {
            notes.push(format!(
                "The first row alone is too long and was shortened: {}. Its 'fields' show the rest, of lists and texts a part, \
                 such as \"order_items[8:16]\".",
                left_out.join("; ")
            ));
        }
        if said.is_none() {
            notes.push(match sent.total {
                Some(_) => format!("How many {rows} there are in all is not known: Order Desk's own count contradicts what it sent."),
                None => format!("How many {rows} there are in all is not known: Order Desk does not say."),
            });
        }
        if more {
            let left = match total {
                Some(_) => format!("{} more", said.unwrap_or_default().saturating_sub(next)),
                None => "There may be more".to_owned(),
            };
            notes.push(match narrow {
                "" => format!("{left}: continue with next_cursor."),
                narrow => {
                    format!("{left}: continue with next_cursor, or narrow the search by {narrow}.")
                }
            });
        }
        Shown {
            rows: kept,
            total,
            next_cursor: more.then(|| self.cursor(next)),
            note: (!notes.is_empty()).then(|| notes.join(" ")),
        }
    }

    fn cursor(&self, next: u64) -> String {
        let cursor = Cursor {
            offset: u32::try_from(next).unwrap_or(u32::MAX),
            search: self.search.clone(),
        };
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::json!(cursor).to_string())
    }
}

/// What goes into an answer.
struct Filled {
    rows: Vec<Map<String, Value>>,
    /// The place of the first row that is too many.
    cut_at: Option<usize>,
    /// Of a single row that is too long.
    left_out: Vec<String>,
}

/// As many rows as an answer of so many tokens may hold, at least one, and that shortened if need be.
fn fill(
    matching: &[(usize, &Map<String, Value>)],
    shape: impl Fn(&Map<String, Value>) -> Map<String, Value>,
    budget: usize,
) -> Filled {
    let mut tokens = 0;
    let mut filled = Filled {
        rows: Vec::new(),
        cut_at: None,
        left_out: Vec::new(),
    };
    for (place, row) in matching {
        let row = shape(row);
        tokens += serde_json::to_string(&row).map_or(0, |text| estimate(&text));
        if tokens <= budget {
            filled.rows.push(row);
        } else if filled.rows.is_empty() {
            let (row, left_out) = brief::row(row, budget, true);
            filled.rows.push(row);
            filled.left_out = left_out;
        } else {
            filled.cut_at = Some(*place);
            break;
        }
    }
    filled
}

fn start_of(cursor: &str, digest: &str) -> Result<u32, ToolError> {
    let bad = |why: &str| {
        ToolError::invalid_input(
            "bad-cursor",
            format!(
                "{why} Take next_cursor from the answer before, and leave all other arguments as they were."
            ),
        )
    };
    let cursor: Cursor = BASE64_URL_SAFE_NO_PAD
        .decode(cursor.trim())
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| bad("'cursor' is not one of this tool."))?;
    if cursor.search == digest {
        Ok(cursor.offset)
    } else {
        Err(bad("'cursor' belongs to another search."))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn page(limit: u32, cursor: Option<&str>, search: &str) -> Result<Page, ToolError> {
        Page::read(Some(limit), None, cursor, search.to_owned())
    }

    fn rows(count: usize) -> Vec<Map<String, Value>> {
        (0..count)
            .map(|id| json!({"id": id}).as_object().unwrap().clone())
            .collect()
    }

    fn show(page: &Page, count: usize, total: Option<u64>) -> Shown {
        let sent = Sent {
            rows: rows(count),
            total,
        };
        page.show(&sent, |_| true, Clone::clone, "orders", "dates")
    }

    proptest! {
        #[test]
        fn following_the_cursor_meets_every_row_once(
            total in 0..200_usize, limit in 1..60_u32, counted in any::<bool>(),
        ) {
            let mut met = 0;
            let mut cursor: Option<String> = None;
            loop {
                let page = page(limit, cursor.as_deref(), "all").unwrap();
                prop_assert_eq!(page.offset as usize, met);
                let here = (total - met).min(limit as usize);
                let shown = show(&page, here, counted.then_some(total as u64));
                met += shown.rows.len();
                cursor = shown.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            prop_assert_eq!(met, total);
        }

        #[test]
        fn a_cursor_leads_back_to_its_offset_and_to_no_other_search(
            offset in any::<u32>(), search in ".{0,20}", other in ".{0,20}",
        ) {
            let cursor = page(1, None, &search).unwrap().cursor(offset.into());
            prop_assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            prop_assert_eq!(page(1, Some(&cursor), &search).unwrap().offset, offset);
            prop_assert_eq!(page(1, Some(&cursor), &other).is_ok(), search == other);
        }

        #[test]
        fn any_text_as_a_cursor_is_refused_in_words(text in ".{0,40}") {
            let error = page(1, Some(&text), "all").unwrap_err();
            prop_assert!(error.has_code("bad-cursor") && error.message.contains("next_cursor"));
        }

        #[test]
        fn a_total_is_never_less_than_what_was_met(
            offset in 0..40_u32, received in 0..40_usize, said in prop::option::of(0..90_u64),
        ) {
            let page = Page::read(Some(40), Some(offset), None, "all".to_owned()).unwrap();
            let shown = show(&page, received, said);
            if let Some(total) = shown.total {
                prop_assert!(received == 0 || total >= u64::from(offset) + received as u64);
                prop_assert_eq!(Some(total), said);
            } else {
                prop_assert!(shown.note.unwrap().contains("not known"));
            }
        }
    }

    #[test]
    fn an_unknown_total_goes_on_while_pages_are_full() {
        let full = page(2, None, "all").unwrap();
        assert!(show(&full, 2, None).next_cursor.is_some());
        assert!(show(&full, 1, None).next_cursor.is_none());
        assert!(show(&full, 2, Some(0)).next_cursor.is_some());
    }

    #[test]
    fn a_start_behind_the_end_is_an_end_and_no_contradiction() {
        let behind = Page::read(None, Some(50), None, "all".to_owned()).unwrap();
        let shown = show(&behind, 0, Some(7));
        assert_eq!(
            (shown.total, shown.next_cursor, shown.note),
            (Some(7), None, None)
        );
    }

    #[test]
    fn rows_that_are_counted_but_not_sent_are_no_empty_list() {
        let shown = show(&page(20, None, "all").unwrap(), 0, Some(7));
        assert_eq!(shown.total, None);
        assert!(shown.note.unwrap().contains("contradicts"));
    }
}
