//! A planned adjustment, carried out: one request for all its products, and a look at what became of each.

use std::collections::BTreeMap;
use std::time::Duration;

use orderdesk_client::aftermath::{self, Sight};
use orderdesk_client::journal::{Change, Intent, Journal, State};
use orderdesk_client::{ApiRequest, Stopwatch, Store};
use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::serde_json::{Value, json};
use orderdesk_plugin::{Context, ToolError};

use super::plan::{Line, stock};
use crate::Product;
use crate::deed::KIND;
use crate::shelf::{TIME_OUT, body, forget, still_fresh, text, with_codes};

/// What became of one line.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    /// The stock is as it shall be.
    Made,
    /// It is as it was.
    NotMade,
    /// It is another: how much there is now, if the product is there.
    Other(Option<i64>),
}

/// A line with what became of it.
pub(super) struct Settled {
    pub(super) line: Line,
    pub(super) change_id: Option<String>,
    pub(super) fate: Fate,
}

/// How it ended.
pub(super) struct Ended {
    pub(super) lines: Vec<Settled>,
    pub(super) warnings: Vec<String>,
    /// Order Desk's answer was lost: then what is another stock may be anybody's.
    pub(super) lost: Option<ToolError>,
}

/// The adjustment of one call.
pub(super) struct Carry<'a> {
    pub(super) context: &'a Context,
    pub(super) store: &'a Store,
    pub(super) keep: Duration,
    /// The tool that was called.
    pub(super) tool: &'static str,
    /// Of products: the change that is taken back.
    pub(super) undoes: BTreeMap<String, String>,
}

impl Carry<'_> {
    /// The products of these lines as they are now.
    pub(super) fn shelf(&self, lines: &[Line], hold: u8) -> Result<Vec<Product>, ToolError> {
        let codes: Vec<&str> = lines.iter().map(|line| line.code.as_str()).collect();
        with_codes(self.context, self.store, &codes, hold)
    }

    /// Sends the lines. `shelf` was `read` under the locks, of which `first` is the one that ends first.
    ///
    /// # Errors
    /// What Order Desk or the host refuses: then nothing was changed.
    pub(super) fn out(
        &self,
        lines: Vec<Line>,
        shelf: &[Product],
        read: Stopwatch,
        first: &Lock,
    ) -> Result<Ended, ToolError> {
        let journal = Journal::new(self.context, self.store, self.keep);
        let not_made = |changes: Vec<Change>| {
            for mut change in changes {
                change.state = State::NotMade;
                // Logged by the journal; the error is what matters to the caller.
                let _ = journal.settle(&change);
            }
        };
        let mut changes = Vec::new();
        for line in &lines {
            match self.intend(&journal, line, shelf, &changes) {
                Ok(change) => changes.push(change),
                Err(error) => {
                    not_made(changes);
                    return Err(error);
                }
            }
        }
        let bodies = match self.bodies(&lines, shelf, read) {
            Ok(bodies) => bodies,
            Err(error) => {
                not_made(changes);
                return Err(error);
            }
        };
        let request = request(&lines, bodies).timeout(TIME_OUT).under_lock(first);
        // Before and after: a read that is under way must not be kept, and this call may be cut off.
        self.forget(&lines);
        let sent = self.store.client(self.context).send(request);
        self.forget(&lines);
        let (fates, lost) = match sent {
            Ok(_) => (self.now(&lines).ok(), None),
            Err(error) if error.outcome_unknown => {
                let seen = self.looked_for(&lines);
                self.forget(&lines);
                (seen, Some(error))
            }
            Err(error) => {
                not_made(changes);
                return Err(error);
            }
        };
        let mut warnings = Vec::new();
        let fates = fates.unwrap_or_else(|| {
            warnings.push(match lost {
                None => {
                    "Order Desk confirmed the adjustment, but reading the stock afterwards failed."
                        .to_owned()
                }
                Some(_) => "Reading the stock afterwards failed too.".to_owned(),
            });
            let fate = if lost.is_none() {
                Fate::Made
            } else {
                Fate::Other(None)
            };
            vec![fate; lines.len()]
        });
        let settled = lines.into_iter().zip(changes).zip(fates);
        let lines = settled
            .map(|((line, mut change), fate)| {
                change.state = match (&fate, &lost) {
                    (Fate::Made, _) | (Fate::Other(_), None) => State::Made,
                    (Fate::NotMade, _) => State::NotMade,
                    (Fate::Other(_), Some(_)) => State::Unknown,
                };
                warnings.extend(journal.settle(&change));
                let made = change.state == State::Made;
                Settled {
                    line,
                    change_id: made.then_some(change.change_id),
                    fate,
                }
            })
            .collect();
        Ok(Ended {
            lines,
            warnings,
            lost,
        })
    }

    fn intend(
        &self,
        journal: &Journal<'_>,
        line: &Line,
        shelf: &[Product],
        earlier: &[Change],
    ) -> Result<Change, ToolError> {
        let mut edit = line.edit();
        edit.at = vec!["stock".to_owned()];
        journal.intend(Intent {
            tool: self.tool,
            kind: KIND,
            thing_id: &line.id,
            edits: vec![edit],
            before: product(shelf, line).cloned().map(Value::Object),
            undoes: self.undoes.get(&line.id).cloned(),
            call_id: earlier.first().map(|change| change.call_id.clone()),
        })
    }

    /// What is sent. Recording many changes takes its time: then the products are read once more.
    fn bodies(
        &self,
        lines: &[Line],
        shelf: &[Product],
        read: Stopwatch,
    ) -> Result<Vec<Value>, ToolError> {
        if still_fresh(self.context, read).is_ok() {
            return bodies(lines, shelf);
        }
        let shelf = self.shelf(lines, 1)?;
        if fates(lines, &shelf)
            .iter()
            .all(|fate| *fate == Fate::NotMade)
        {
            return bodies(lines, &shelf);
        }
        Err(ToolError::conflict(
            "stock-changed",
            "The stock changed between reading and writing it. Nothing was changed. Repeat the call.",
        ))
    }

    fn forget(&self, lines: &[Line]) {
        let ids: Vec<&str> = lines.iter().map(|line| line.id.as_str()).collect();
        forget(self.context, &ids);
    }

    fn now(&self, lines: &[Line]) -> Result<Vec<Fate>, ToolError> {
        let shelf = self.shelf(lines, 0)?;
        Ok(fates(lines, &shelf))
    }

    /// What a look showed of each line; none if there was none in time.
    fn looked_for(&self, lines: &[Line]) -> Option<Vec<Fate>> {
        let mut last = None;
        let seen = aftermath::look(self.context, || {
            let fates = self.now(lines)?;
            let all = |fate: &Fate| fates.iter().all(|it| it == fate);
            let sight = match (all(&Fate::Made), all(&Fate::NotMade)) {
                (true, _) => Sight::Made(()),
                (false, true) => Sight::NotMade,
                (false, false) => Sight::Neither,
            };
            last = Some(fates);
            Ok(sight)
        });
        match (seen, last) {
            // All of them look untouched, but that had no time to settle.
            (Ok(Sight::Neither), Some(fates)) if fates.iter().all(|it| *it == Fate::NotMade) => {
                None
            }
            (Ok(_), fates) => fates,
            (Err(_), _) => None,
        }
    }
}

/// What the shelf shows of each line.
pub(super) fn fates(lines: &[Line], shelf: &[Product]) -> Vec<Fate> {
    lines
        .iter()
        .map(
            |line| match product(shelf, line).and_then(|it| stock(it).ok()) {
                Some(now) if now == line.after => Fate::Made,
                Some(now) if now == line.before => Fate::NotMade,
                now => Fate::Other(now),
            },
        )
        .collect()
}

/// The product of a line.
fn product<'a>(shelf: &'a [Product], line: &Line) -> Option<&'a Product> {
    shelf.iter().find(|product| text(product, "id") == line.id)
}

/// The products with their new stock, whole: what a PUT leaves out becomes blank.
fn bodies(lines: &[Line], shelf: &[Product]) -> Result<Vec<Value>, ToolError> {
    lines
        .iter()
        .map(|line| {
            let mut whole = product(shelf, line).cloned().ok_or_else(gone)?;
            whole.insert("stock".to_owned(), json!(line.after));
            Ok(body(&whole))
        })
        .collect()
}

/// What to answer where products were removed or renamed between two reads.
pub(super) fn gone() -> ToolError {
    ToolError::conflict(
        "products-changed",
        "Products were removed or got other codes at this very moment. Nothing was changed. Repeat the call.",
    )
}

/// One product has a documented route of its own; several go as a bare array (order-desk-api.md §5).
fn request(lines: &[Line], mut bodies: Vec<Value>) -> ApiRequest {
    match (lines, bodies.len()) {
        ([line], 1) => ApiRequest::put(["inventory-items", &line.id], bodies.remove(0)),
        _ => ApiRequest::put(["batch-inventory-items"], Value::Array(bodies)),
    }
}
