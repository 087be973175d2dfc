//! What `products_adjust_stock` answers.

use orderdesk_client::difference::{self, Difference};
use orderdesk_client::{Store, StoreReference};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::carry::{Fate, Settled};
use super::plan::{Line, edits};
use crate::answer::Changed;

/// An adjustment, or a preview of one.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Adjusted {
    /// The store that they are in.
    store: StoreReference,
    /// Whether anything was changed now.
    changed: bool,
    /// One for each product.
    results: Vec<Row>,
    /// What differs.
    diff: Vec<Difference>,
    /// What else to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
    /// True: a preview; nothing was changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    /// Makes exactly this difference, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirm_token: Option<String>,
    /// When the token ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Row {
    code: String,
    product_id: String,
    /// True if the stock is adjusted, or would be.
    ok: bool,
    stock_before: i64,
    by: i64,
    stock_after: i64,
    /// Why not, and what to do.
    error: Option<String>,
    /// Names the change; null if nothing was changed.
    change_id: Option<String>,
}

impl Adjusted {
    /// In the words of a tool that changes one product or several.
    pub(crate) fn changed(self, store: &Store) -> Changed {
        let mut changed = Changed::nothing(store);
        changed.changed = self.changed;
        changed.diff = self.diff;
        changed.warnings = self.warnings;
        changed.results = self.results;
        changed.dry_run = self.dry_run;
        changed
    }
}

/// What would be adjusted.
pub(super) fn preview(store: &Store, lines: &[Line]) -> Adjusted {
    let would_be = |line: &Line| Row {
        code: line.code.clone(),
        product_id: line.id.clone(),
        ok: true,
        stock_before: line.before,
        by: line.by,
        stock_after: line.after,
        error: None,
        change_id: None,
    };
    Adjusted {
        store: store.reference(),
        changed: false,
        results: lines.iter().map(would_be).collect(),
        diff: difference::shown(&edits(lines)),
        warnings: Vec::new(),
        dry_run: true,
        confirm_token: None,
        expires_at: None,
    }
}

/// What was adjusted.
pub(super) fn adjusted(store: &Store, lines: Vec<Settled>, warnings: Vec<String>) -> Adjusted {
    answered(store, lines, warnings, false)
}

/// As [`adjusted`], where Order Desk's answer may be `lost`: then another stock than expected may be anybody's.
pub(super) fn answered(
    store: &Store,
    lines: Vec<Settled>,
    mut warnings: Vec<String>,
    lost: bool,
) -> Adjusted {
    let mut diff = Vec::new();
    let mut results = Vec::new();
    for Settled {
        line,
        change_id,
        fate,
    } in lines
    {
        let now =
            |now: Option<i64>| now.map_or_else(|| "not known".to_owned(), |now| now.to_string());
        let error = match &fate {
            Fate::Made => None,
            Fate::NotMade => Some(
                "Not adjusted: the stock is as it was before. It is safe to repeat this row."
                    .to_owned(),
            ),
            Fate::Other(stock) if lost => Some(format!(
                "Whether it was adjusted is not known: the stock is {}. Look before repeating it.",
                now(*stock)
            )),
            Fate::Other(stock) => {
                warnings.push(format!(
                    "{:?} was set to {}, and a moment later is {}: somebody else changed it, or an order came in.",
                    line.code,
                    line.after,
                    now(*stock)
                ));
                None
            }
        };
        if error.is_none() && change_id.is_some() {
            diff.push(line.edit().shown());
        }
        results.push(Row {
            code: line.code,
            product_id: line.id,
            ok: error.is_none(),
            stock_before: line.before,
            by: line.by,
            stock_after: line.after,
            error,
            change_id,
        });
    }
    Adjusted {
        store: store.reference(),
        changed: !diff.is_empty(),
        results,
        diff,
        warnings,
        dry_run: false,
        confirm_token: None,
        expires_at: None,
    }
}
