//! A change taken back, merged into the order as it is now: what others changed since stays.

use orderdesk_client::difference::{self, Edit, id};
use orderdesk_client::likeness::same;
pub(crate) use orderdesk_client::record::Conflict;
use orderdesk_client::record::take_back;
use orderdesk_plugin::serde_json::{Map, Value};

use super::items;
use super::place::{self, at, is, list, position};

/// An order with a change taken back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Undone {
    /// The order as it shall be.
    pub(crate) order: Map<String, Value>,
    /// Places that somebody changed since: they stay as they are.
    pub(crate) conflicts: Vec<Conflict>,
    /// What else there is to know.
    pub(crate) remarks: Vec<String>,
}

/// Takes edits back. `after` is the order as Order Desk gave it back after the change, where that is known.
pub(crate) fn undo(
    edits: &[Edit],
    before: &Map<String, Value>,
    after: Option<&Map<String, Value>>,
    current: &Map<String, Value>,
) -> Undone {
    let mut undone = Undone {
        order: current.clone(),
        conflicts: Vec::new(),
        remarks: Vec::new(),
    };
    // Backwards, so that places of removed rows are still those that the edits name.
    for edit in edits.iter().rev() {
        match (place::row(edit), &edit.before, &edit.after) {
            (Some((list, _)), None, Some(added)) => {
                undone.take_out(edit, list, added, before, after)
            }
            (Some((list, name)), Some(removed), None) => {
                undone.bring_back(list, name, removed, after)
            }
            _ => undone.value(edit, after),
        }
    }
    undone
}

impl Undone {
    fn value(&mut self, edit: &Edit, after: Option<&Map<String, Value>>) {
        let gone = matches!(edit.at.as_slice(), [list, id, ..] if list == "order_items" && position(&self.order, list, id).is_none());
        if gone && !same(at(&self.order, &edit.at), edit.before.as_ref()) {
            self.conflict(edit, None);
        } else if let Some(conflict) = take_back(&mut self.order, edit, after) {
            self.conflicts.push(conflict);
        }
    }

    /// Removes exactly the row that the change added.
    fn take_out(
        &mut self,
        edit: &Edit,
        name: &str,
        added: &Value,
        before: &Map<String, Value>,
        after: Option<&Map<String, Value>>,
    ) {
        // As Order Desk stored it: with its id, or its date.
        let stored = after.and_then(|after| {
            let mut rows = list(after, name)
                .iter()
                .rev()
                .filter(|row| is(name, row, added));
            rows.find(|row| id(row).is_none_or(|id| position(before, name, id).is_none()))
        });
        let rows = list(&self.order, name);
        let place = match stored.and_then(id) {
            Some(id) => rows.iter().position(|row| self::id(row) == Some(id)),
            None => stored
                .and_then(|stored| rows.iter().rposition(|row| same(Some(row), Some(stored))))
                .or_else(|| {
                    rows.iter().rposition(|row| {
                        is(name, row, added)
                            && id(row).is_none_or(|id| position(before, name, id).is_none())
                    })
                }),
        };
        let Some(place) = place else {
            self.remarks
                .push(format!("{} is gone already.", difference::path(&edit.at)));
            return;
        };
        let row = rows[place].clone();
        if is(name, &row, added) {
            if let Some(Value::Array(rows)) = self.order.get_mut(name) {
                rows.remove(place);
            }
        } else {
            self.conflict(edit, Some(row));
        }
    }

    /// Puts a row back that the change removed. Order Desk gives an item a new id.
    fn bring_back(
        &mut self,
        name: &str,
        row: &str,
        removed: &Value,
        after: Option<&Map<String, Value>>,
    ) {
        let mut fresh = removed.clone();
        if let Value::Object(fields) = &mut fresh {
            fields.shift_remove("id");
        }
        let known = |there: &Value| {
            after.is_some_and(|after| {
                id(there).is_some_and(|id| position(after, name, id).is_some())
            })
        };
        let there = list(&self.order, name)
            .iter()
            .any(|there| match id(removed) {
                Some(_) => {
                    id(there) == Some(row)
                        || (!known(there)
                            && fresh
                                .as_object()
                                .is_some_and(|fresh| items::covers(there, fresh)))
                }
                None => is(name, there, removed),
            });
        if there {
            self.remarks.push(format!("{name}.{row} is there already."));
            return;
        }
        if id(removed).is_some() {
            self.remarks.push(format!(
                "The item {row} comes back under a new id: Order Desk gives ids by itself."
            ));
        }
        let rows = self
            .order
            .entry(name.to_owned())
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(rows) = rows {
            // A note keeps its place among the others, as far as there are that many.
            let place = row
                .strip_prefix('-')
                .and_then(|place| place.parse::<usize>().ok())
                .map_or(rows.len(), |place| place.saturating_sub(1).min(rows.len()));
            rows.insert(place, fresh);
        }
    }

    fn conflict(&mut self, edit: &Edit, theirs: Option<Value>) {
        self.conflicts.push(Conflict::at(edit, theirs));
    }
}
