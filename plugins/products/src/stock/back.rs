//! All adjustments of one call taken back together: what came in goes out again, whatever was sold meanwhile, all or none.

use std::collections::BTreeMap;

use orderdesk_client::journal::Change;
use orderdesk_client::{Stopwatch, Store, agreed_basis, ask, basis};
use orderdesk_plugin::serde_json::Value;
use orderdesk_plugin::{Context, Outcome, Output, ToolError};

use std::time::Duration;

use super::answer::{Adjusted, adjusted, preview as shown};
use super::carry::Carry;
use super::plan::{Line, both_sides, edits, stock, stock_changed};
use super::{TOOL, locks, settle};
use crate::Product;
use crate::shelf::{text, with_codes};

/// The adjustments that are taken back.
pub(crate) struct Back<'a> {
    context: &'a Context,
    store: &'a Store,
    carry: Carry<'a>,
    /// One for each product.
    changes: &'a [Change],
}

/// Whether all of these were made by this tool, so that they can be taken back together.
pub(crate) fn adjustments(changes: &[Change]) -> bool {
    changes.iter().all(|change| change.tool == TOOL)
}

impl<'a> Back<'a> {
    /// Takes these back, by the tool of this name.
    pub(crate) fn of(
        context: &'a Context,
        store: &'a Store,
        keep: Duration,
        tool: &'static str,
        changes: &'a [Change],
    ) -> Self {
        let undoes: BTreeMap<String, String> = changes
            .iter()
            .map(|change| (change.thing_id.clone(), change.change_id.clone()))
            .collect();
        Self {
            context,
            store,
            carry: Carry {
                context,
                store,
                keep,
                tool,
                undoes,
            },
            changes,
        }
    }

    /// Shows, asks, or takes back: whichever is next.
    ///
    /// # Errors
    /// `product-changed`, `below-zero`, `changed-since-preview`: nothing was changed. What Order Desk and the host refuse.
    pub(crate) fn run(&self, preview: bool) -> Result<Outcome<Adjusted>, ToolError> {
        let agreed = agreed_basis(self.context)?;
        if preview || agreed.is_none() {
            let lines = self.lines(&self.shelf(0)?)?;
            let basis = basis::digest(self.context, &edits(&lines));
            if preview {
                return Ok(Output::new(shown(self.store, &lines))
                    .resting_on(basis)
                    .into());
            }
            let question = format!(
                "Take back the adjustment of {} products of the store {:?}? Each stock goes back by as much as it was adjusted.",
                lines.len(),
                self.store.name()
            );
            return Ok(ask(&basis, question).into());
        }
        let ids: Vec<&str> = self.changes.iter().map(|it| it.thing_id.as_str()).collect();
        let locks = locks(&self.carry, &ids)?;
        let shelf = self.shelf(2)?;
        let read_at = Stopwatch::start(self.context);
        let lines = self.lines(&shelf)?;
        let edits = edits(&lines);
        if agreed != Some(basis::digest(self.context, &edits)) {
            return Err(stock_changed(&lines));
        }
        let Some(first) = locks.first().filter(|_| !lines.is_empty()) else {
            return Ok(Outcome::complete(adjusted(
                self.store,
                Vec::new(),
                Vec::new(),
            )));
        };
        let ended = self.carry.out(lines, &shelf, read_at, first)?;
        settle(&self.carry, ended, Vec::new(), None, locks).map(Outcome::complete)
    }

    /// The products as they are now, by the codes that they had.
    fn shelf(&self, hold: u8) -> Result<Vec<Product>, ToolError> {
        let codes: Vec<&str> = self.changes.iter().filter_map(code_of).collect();
        with_codes(self.context, self.store, &codes, hold)
    }

    fn lines(&self, shelf: &[Product]) -> Result<Vec<Line>, ToolError> {
        let mut lines = Vec::new();
        let mut other = Vec::new();
        let mut short = Vec::new();
        for change in self.changes {
            let product = shelf.iter().find(|it| text(it, "id") == change.thing_id);
            let (Some(product), Some(by)) = (product, by(change)) else {
                other.push(format!("{} (change {})", change.thing_id, change.change_id));
                continue;
            };
            let before = stock(product)?;
            let line = Line {
                id: change.thing_id.clone(),
                code: text(product, "code").to_owned(),
                before,
                by,
                after: before.saturating_add(by),
            };
            if line.by < 0 && line.after < 0 {
                short.push(format!("{:?} has {before}, {by} would go", line.code));
            }
            lines.push(line);
        }
        lines.sort_by(|one, other| one.id.cmp(&other.id));
        if !other.is_empty() {
            return Err(ToolError::conflict(
                "product-changed",
                format!(
                    "These products were removed or got other codes since: {}. Nothing was changed. Take the changes of the \
                     others back one by one, without whole_call.",
                    other.join(", ")
                ),
            ));
        }
        if !short.is_empty() {
            return Err(ToolError::conflict(
                "below-zero",
                format!(
                    "Taking it back would leave stock below zero: {}. Nothing was changed, not even the others. \
                     products_adjust_stock with allow_negative does it all the same.",
                    short.join(", ")
                ),
            )
            .with_extra(both_sides(&lines)));
        }
        Ok(lines)
    }
}

/// The code that a product had.
fn code_of(change: &Change) -> Option<&str> {
    change.before.as_ref()?.get("code")?.as_str()
}

/// By how much the stock goes back.
fn by(change: &Change) -> Option<i64> {
    let edit = change.edits.first()?;
    let units = |value: &Option<Value>| value.as_ref().and_then(Value::as_i64);
    units(&edit.before)?.checked_sub(units(&edit.after)?)
}
