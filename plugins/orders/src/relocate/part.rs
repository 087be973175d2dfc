//! One part of a move: its orders are locked, read, moved with one request, and recorded.

use std::time::Duration;

use orderdesk_client::difference::{self, Edit};
use orderdesk_client::journal::{Change, Intent, Journal, State};
use orderdesk_client::{ApiRequest, changed_since, in_turn, keep_lock, take_object};
use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{ErrorKind, ToolError};

use super::seen::Seen;
use super::{Moving, TOGETHER, TOOL, folder_of};
use crate::batch::{Made, Row, made_before};
use crate::change::engine::{forget, lock};
use crate::change::place::at;
use crate::change::resolve;
use crate::written::Written;

const TIMEOUT: Duration = Duration::from_secs(30);

/// An order of this part, and the lock under which it is read and moved.
struct Turn {
    id: String,
    lock: Result<Lock, ToolError>,
}

/// An order that is moved.
struct Moved {
    change: Change,
    failed: Option<String>,
}

/// What became of the part.
#[derive(Default)]
struct Came {
    /// Orders that are not moved: why not, if something is wrong.
    left: Vec<(String, Option<String>)>,
    moved: Vec<Moved>,
    warnings: Vec<String>,
}

impl Moving<'_> {
    /// Moves these orders.
    ///
    /// # Errors
    /// What holds for all of them: none was moved then.
    pub(super) fn part(&self, ids: &[String], made: &mut Made) -> Result<Vec<Row>, ToolError> {
        // One part is moved as it was shown or not at all; of more, and of what was interrupted, an order that stands in the
        // way is left where it is.
        let whole = self.ids.len() <= TOGETHER && !made.again;
        let mut turns = Vec::new();
        // In one sequence everywhere, so that two moves never wait for each other.
        for id in ids {
            let wait = self.context.session().time_left() / 3;
            let lock = lock(self.context, self.store, id, wait);
            if whole && let Err(error) = lock {
                return Err(error);
            }
            turns.push(Turn {
                id: id.clone(),
                lock,
            });
        }
        let agreed = made.memory.as_str().and_then(Seen::of);
        let call_id = made.call_id.clone();
        let came = in_turn(self.context, || {
            self.attempt(&turns, agreed.as_ref(), whole, call_id.as_deref())
        })?;
        let unknown = |id: &str| {
            let is =
                |moved: &Moved| moved.change.thing_id == id && moved.change.state == State::Unknown;
            came.moved.iter().any(is)
        };
        for turn in turns {
            if let Ok(lock) = turn.lock
                && unknown(&turn.id)
            {
                keep_lock(self.context, lock);
            }
        }
        made.warnings.extend(came.warnings);
        let mut rows: Vec<Row> = came
            .left
            .into_iter()
            .map(|(id, why)| match why {
                Some(why) => Row::failed(&id, why),
                None => {
                    let mut there = Written::new(self.store);
                    there.change_id = made_before(&self.journal(), &id, call_id.as_deref());
                    made.add(&id, Ok(there))
                }
            })
            .collect();
        for Moved { change, failed } in came.moved {
            made.begins_with(Some(&change.call_id));
            if failed.is_none() {
                for edit in &change.edits {
                    let mut edit = edit.clone();
                    edit.at.insert(0, change.thing_id.clone());
                    made.show(edit.shown());
                }
            }
            rows.push(Row {
                order_id: change.thing_id,
                ok: failed.is_none(),
                error: failed,
                change_id: Some(change.change_id),
            });
        }
        rows.sort_by(|one, other| one.order_id.cmp(&other.order_id));
        Ok(rows)
    }

    fn attempt(
        &self,
        turns: &[Turn],
        agreed: Option<&Seen>,
        whole: bool,
        call_id: Option<&str>,
    ) -> Result<Came, ToolError> {
        let mut came = Came::default();
        let mut orders = Vec::new();
        let last = turns.iter().rposition(|turn| turn.lock.is_ok());
        for (place, turn) in turns.iter().enumerate() {
            let lock = match &turn.lock {
                Ok(lock) => lock,
                Err(error) => {
                    came.left
                        .push((turn.id.clone(), Some(error.message.clone())));
                    continue;
                }
            };
            match self.read(&turn.id, Some(lock), u8::from(Some(place) == last)) {
                Ok(order) => orders.push((turn.id.as_str(), order)),
                Err(error) if error.kind == ErrorKind::RateLimited => return Err(error),
                Err(error) => came.left.push((turn.id.clone(), Some(error.message))),
            }
        }
        if whole {
            self.as_agreed(turns, agreed, &orders)?;
        }
        came.warnings = self.settle_earlier(&orders);
        let mut edits = Vec::new();
        for (id, order) in orders {
            let from = folder_of(&order).unwrap_or_default();
            match self.edit(&order) {
                None => came.left.push((id.to_owned(), None)),
                Some(_) if agreed.is_some_and(|agreed| !agreed.may_be_from(from)) => {
                    came.left.push((
                        id.to_owned(),
                        Some(format!(
                            "Somebody moved it into the folder {from} since the preview: it stays there. Look at it \
                             (orders_get) before moving it."
                        )),
                    ));
                }
                Some(edit) => edits.push((id, order, edit)),
            }
        }
        if !edits.is_empty() {
            let changes = self.intend(edits, call_id)?;
            self.send(turns, changes, &mut came)?;
        }
        Ok(came)
    }

    /// Whether all is as somebody agreed to it.
    fn as_agreed(
        &self,
        turns: &[Turn],
        agreed: Option<&Seen>,
        orders: &[(&str, Map<String, Value>)],
    ) -> Result<(), ToolError> {
        let Some(agreed) = agreed else {
            return Ok(());
        };
        let folder = |id: &str| {
            let order = orders.iter().find(|(it, _)| *it == id);
            order
                .and_then(|(_, order)| folder_of(order))
                .map(str::to_owned)
        };
        let folders: Vec<(String, Option<String>)> = turns
            .iter()
            .map(|turn| (turn.id.clone(), folder(&turn.id)))
            .collect();
        if agreed.holds(&Seen::folders(self.context, &self.folder, &folders)) {
            return Ok(());
        }
        let theirs: Value = folders
            .iter()
            .map(|(id, folder)| {
                json!({ "path": difference::path(&[id.clone(), "folder_id".to_owned()]), "value": folder })
            })
            .collect();
        Err(changed_since(
            "The folder of some of these orders",
            theirs,
            json!(self.folder),
        ))
    }

    /// As with every change: how earlier ones ended that nobody saw end.
    fn settle_earlier(&self, orders: &[(&str, Map<String, Value>)]) -> Vec<String> {
        let journal = self.journal();
        orders
            .iter()
            .flat_map(|(id, order)| {
                resolve::settle(self.context, &journal, id, &resolve::Seen::There(order))
            })
            .collect()
    }

    /// Records what is about to be moved, all of it or nothing.
    fn intend(
        &self,
        edits: Vec<(&str, Map<String, Value>, Edit)>,
        call_id: Option<&str>,
    ) -> Result<Vec<Change>, ToolError> {
        let mut changes: Vec<Change> = Vec::new();
        let mut call_id = call_id.map(str::to_owned);
        for (id, order, edit) in edits {
            let intended = self.journal().intend(Intent {
                tool: TOOL,
                kind: "order",
                thing_id: id,
                edits: vec![edit],
                before: Some(Value::Object(order)),
                undoes: None,
                call_id: call_id.clone(),
            });
            match intended {
                Ok(change) => {
                    call_id = Some(change.call_id.clone());
                    changes.push(change);
                }
                Err(error) => {
                    self.not_made(changes);
                    return Err(error);
                }
            }
        }
        if self.context.session().cancelled() {
            self.not_made(changes);
            return Err(ToolError::cancelled(
                "cancelled",
                "The call was cancelled before anything was sent. Nothing was changed.",
            ));
        }
        Ok(changes)
    }

    fn not_made(&self, changes: Vec<Change>) {
        for mut change in changes {
            change.state = State::NotMade;
            // The caller hears that nothing was done, which is true however this ends.
            drop(self.journal().settle(&change));
        }
    }

    fn send(&self, turns: &[Turn], changes: Vec<Change>, came: &mut Came) -> Result<(), ToolError> {
        let numbers: Vec<u64> = changes
            .iter()
            .filter_map(|change| change.thing_id.parse().ok())
            .collect();
        let folder: u64 = self.folder.id.parse().unwrap_or_default();
        let body = json!({ "order_id_list": numbers, "destination_folder_id": folder });
        let mut request = ApiRequest::post(["move-orders"], body).timeout(TIMEOUT);
        // The lock that ends first.
        if let Some(lock) = turns.iter().find_map(|turn| turn.lock.as_ref().ok()) {
            request = request.under_lock(lock);
        }
        let ids = || changes.iter().map(|change| change.thing_id.as_str());
        forget(self.context, ids());
        let answer = self.store.client(self.context).send(request);
        forget(self.context, ids());
        match answer {
            Ok(answer) => {
                for change in changes {
                    let failed = refused(&answer, &change.thing_id);
                    self.settle(change, failed, came);
                }
                Ok(())
            }
            Err(error) if error.outcome_unknown => {
                self.context.clock().sleep(Duration::from_secs(1));
                for change in changes {
                    self.find_out(change, &error, came);
                }
                Ok(())
            }
            Err(error) => {
                self.not_made(changes);
                Err(error)
            }
        }
    }

    /// After an answer that was lost: where the order is now.
    fn find_out(&self, mut change: Change, lost: &ToolError, came: &mut Came) {
        let now = self
            .store
            .client(self.context)
            .send(ApiRequest::get(["orders", &change.thing_id]))
            .and_then(|mut answer| take_object(&mut answer, "order"));
        let folder = now
            .as_ref()
            .ok()
            .and_then(|order| at(order, &["folder_id".to_owned()]))
            .and_then(Value::as_str);
        match folder {
            Some(folder) if folder == self.folder.id => self.settle(change, None, came),
            Some(_) => {
                let error = format!(
                    "Order Desk's answer was lost, and the order was not moved. ({})",
                    lost.message
                );
                self.settle(change, Some(error), came);
            }
            None => {
                change.state = State::Unknown;
                came.warnings.extend(self.journal().settle(&change));
                let error = "Nobody knows yet whether it was moved: look at it (orders_get) before repeating.";
                came.moved.push(Moved {
                    change,
                    failed: Some(error.to_owned()),
                });
            }
        }
    }

    fn settle(&self, mut change: Change, failed: Option<String>, came: &mut Came) {
        change.state = if failed.is_some() {
            State::NotMade
        } else {
            State::Made
        };
        if let (None, Some(Value::Object(mut after))) = (&failed, change.before.clone()) {
            after.insert("folder_id".to_owned(), json!(self.folder.id));
            change.after = Some(Value::Object(after));
        }
        came.warnings.extend(self.journal().settle(&change));
        came.moved.push(Moved { change, failed });
    }

    fn journal(&self) -> Journal<'_> {
        Journal::new(self.context, self.store, self.settings.writing.keep())
    }
}

/// What Order Desk says of an order that it did not move: such a one has no folder that it came from (order-desk-api.md
/// §2.9).
fn refused(answer: &Value, id: &str) -> Option<String> {
    let results = answer.get("results")?.as_array()?;
    let row = results
        .iter()
        .find(|row| row.get("order_id").and_then(Value::as_str) == Some(id))?;
    if row.get("original_folder_id").is_some() {
        return None;
    }
    let said = row.get("message").and_then(Value::as_str);
    Some(said.unwrap_or("not moved").to_owned())
}
