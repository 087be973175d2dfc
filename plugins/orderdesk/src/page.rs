//! Pages of a list: how many rows, from where, and the cursor to the rest.
//!
//! A cursor is the offset of the next row and a digest of everything else that was asked, so that it cannot continue
//! another search by mistake.

use orderdesk_plugin::{Context, ToolError, serde_json};
use serde_json::{Map, Value};

/// Rows of a page unless asked otherwise.
pub const DEFAULT_LIMIT: u32 = 20;
/// The most that Order Desk gives at once (order-desk-api.md §2.3).
pub const LARGEST_LIMIT: u32 = 500;
/// About 20,000 tokens of JSON: more than that fills a model's context.
const PAGE_BYTES: usize = 60_000;
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
}

/// What of a page goes into the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The rows.
    pub rows: Vec<Map<String, Value>>,
    /// Continues after them; none at the end of the list.
    pub next_cursor: Option<String>,
    /// What the reader must know beside the rows.
    pub note: Option<String>,
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
        })
    }

    /// Cuts the rows to what an answer may hold. `received` is how many Order Desk sent before any were left out, `total`
    /// how many it says there are.
    #[must_use]
    pub fn show(
        &self,
        rows: Vec<Map<String, Value>>,
        received: usize,
        total: Option<u64>,
    ) -> Shown {
        let whole = rows.len();
        let mut bytes = 0;
        let mut kept: Vec<Map<String, Value>> = Vec::new();
        for row in rows {
            bytes += serde_json::to_string(&row).map_or(0, |text| text.len());
            if bytes > PAGE_BYTES && !kept.is_empty() {
                break;
            }
            kept.push(row);
        }
        let cut = kept.len() < whole;
        // Rows that were left out by an exact filter were read all the same: only a cut starts in the middle.
        let consumed = if cut { kept.len() } else { received };
        let next = u64::from(self.offset) + consumed as u64;
        let more = match total {
            Some(total) => next < total && consumed > 0,
            None => cut || received as u64 >= u64::from(self.limit),
        };
        let note = cut.then(|| {
            format!(
                "The page ends early, after {} of {whole}, to stay readable. Continue with next_cursor, or ask for fewer \
                 'fields' or response_format \"concise\".",
                kept.len()
            )
        });
        Shown {
            rows: kept,
            next_cursor: more.then(|| format!("{next:x}.{}", self.search)),
            note,
        }
    }
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
    let (offset, of) = cursor
        .trim()
        .split_once('.')
        .ok_or_else(|| bad("This is not a cursor of this tool."))?;
    let offset =
        u32::from_str_radix(offset, 16).map_err(|_| bad("This is not a cursor of this tool."))?;
    if of == digest {
        Ok(offset)
    } else {
        Err(bad("This cursor belongs to another search."))
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

    proptest! {
        #[test]
        fn following_the_cursor_meets_every_row_once(total in 0..200_usize, limit in 1..60_u32) {
            let mut met = 0;
            let mut cursor: Option<String> = None;
            loop {
                let page = page(limit, cursor.as_deref(), "all").unwrap();
                prop_assert_eq!(page.offset as usize, met);
                let here = (total - met).min(limit as usize);
                let shown = page.show(rows(here), here, Some(total as u64));
                met += shown.rows.len();
                cursor = shown.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            prop_assert_eq!(met, total);
        }
    }

    #[test]
    fn a_cursor_does_not_continue_another_search() {
        let cursor = page(2, None, "email=a")
            .unwrap()
            .show(rows(2), 2, Some(9))
            .next_cursor
            .unwrap();
        assert_eq!(page(2, Some(&cursor), "email=a").unwrap().offset, 2);
        for (cursor, search) in [
            (cursor.as_str(), "email=b"),
            ("nonsense", "email=a"),
            ("zz.00", "email=a"),
            ("", "email=a"),
        ] {
            assert!(
                page(2, Some(cursor), search)
                    .unwrap_err()
                    .has_code("bad-cursor"),
                "{cursor}"
            );
        }
    }

    #[test]
    fn a_page_that_would_fill_a_context_ends_early_and_says_so() {
        let large: Vec<_> = (0..10)
            .map(|id| {
                json!({"id": id, "text": "x".repeat(PAGE_BYTES / 4)})
                    .as_object()
                    .unwrap()
                    .clone()
            })
            .collect();
        let shown = page(10, None, "all").unwrap().show(large, 10, Some(10));
        assert!(shown.rows.len() < 10 && !shown.rows.is_empty());
        assert!(shown.note.unwrap().contains("next_cursor"));
        let next = page(10, shown.next_cursor.as_deref(), "all").unwrap();
        assert_eq!(next.offset as usize, shown.rows.len());
    }

    #[test]
    fn an_unknown_total_goes_on_while_pages_are_full() {
        let full = page(2, None, "all").unwrap();
        assert!(full.show(rows(2), 2, None).next_cursor.is_some());
        assert!(full.show(rows(1), 1, None).next_cursor.is_none());
    }
}
