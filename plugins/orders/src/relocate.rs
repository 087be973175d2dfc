//! `orders_move`: into another folder, one order or many.

use std::time::Duration;

use orderdesk_client::difference::{self, Difference, Edit};
use orderdesk_client::journal::{Change, Intent, Journal, State};
use orderdesk_client::{
    ApiRequest, Several, Store, StoreReference, TextOrNumber, WriteArguments, agreed_basis, ask,
    basis, changed_since, keep_lock, take_object,
};
use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{Context, Outcome, Output, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::{Row, ids};
use crate::change::engine::{forget, lock};
use crate::change::place::at;
use crate::change::resolve::{self, Seen};
use crate::fields::HISTORY;
use crate::folders::{self, Folder};
use crate::settings::Settings;

const TOOL: &str = "orders_move";
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Order Desk's ids of the orders, 50 at most.
    order_id_list: Several,
    /// Either this …
    destination_folder_id: Option<TextOrNumber>,
    /// … or this: the folder's exact name.
    destination_folder_name: Option<String>,
    #[serde(flatten)]
    write: WriteArguments,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Moved {
    store: StoreReference,
    folder: Folder,
    results: Vec<Row>,
    /// Paths begin with the order's id.
    diff: Vec<Difference>,
    /// Tell the person.
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    dry_run: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    confirm_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    expires_at: Option<String>,
}

/// An order as it was read.
struct Read {
    id: String,
    order: Result<Map<String, Value>, ToolError>,
}

struct Moving<'a> {
    context: &'a Context,
    store: &'a Store,
    settings: &'a Settings,
    ids: Vec<String>,
    folder: Folder,
}

pub(crate) fn relocate(
    arguments: Arguments,
    context: &Context,
) -> Result<Outcome<Moved>, ToolError> {
    let ids = ids(&arguments.order_id_list)?;
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    let settings = Settings::of(context)?;
    let folder = folders::find(
        arguments.destination_folder_id.as_ref(),
        arguments.destination_folder_name.as_deref(),
        context,
        &store,
    )?;
    let moving = Moving {
        context,
        store: &store,
        settings: &settings,
        ids,
        folder,
    };
    if arguments.write.preview(context) {
        let read = moving.read(None);
        let mut moved = moving.answer(&moving.edits(&read));
        moved.dry_run = Some(true);
        moved.results = moving.rows(&read);
        return Ok(Output::new(moved).resting_on(moving.basis(&read)).into());
    }
    let agreed = agreed_basis(context)?;
    if agreed.is_none() && moving.ids.len() > 1 {
        let read = moving.read(None);
        let question = format!(
            "Move {} orders of the store {:?} into the folder {:?}? The rules of that folder will run.",
            moving.ids.len(),
            store.name(),
            moving.folder.name
        );
        return Ok(ask(&moving.basis(&read), question).into());
    }
    moving.make(agreed.as_deref()).map(Outcome::complete)
}

impl Moving<'_> {
    /// The orders, fresh. With `hold`, under their locks and with the token for the request that follows.
    fn read(&self, hold: Option<&[Lock]>) -> Vec<Read> {
        self.ids
            .iter()
            .enumerate()
            .map(|(place, id)| {
                let mut request = ApiRequest::get(["orders", id]);
                if let Some(lock) = hold.and_then(|locks| locks.get(place)) {
                    let last = place + 1 == self.ids.len();
                    request = request.under_lock(lock).hold(u8::from(last));
                }
                let order = self
                    .store
                    .client(self.context)
                    .send(request)
                    .and_then(|mut answer| take_object(&mut answer, "order"));
                Read {
                    id: id.clone(),
                    order: order.map(|mut order| {
                        order.remove(HISTORY);
                        order
                    }),
                }
            })
            .collect()
    }

    /// What the move changes, with the ids of the orders.
    fn edits(&self, read: &[Read]) -> Vec<(String, Edit)> {
        read.iter()
            .filter_map(|read| {
                let folder = read.order.as_ref().ok()?.get("folder_id").cloned();
                let after = json!(self.folder.id);
                (folder.as_ref() != Some(&after)).then(|| {
                    let edit = Edit {
                        at: vec!["folder_id".to_owned()],
                        before: folder,
                        after: Some(after),
                    };
                    (read.id.clone(), edit)
                })
            })
            .collect()
    }

    fn basis(&self, read: &[Read]) -> String {
        let folders: Vec<Value> = read
            .iter()
            .map(|read| {
                json!([
                    read.id,
                    read.order
                        .as_ref()
                        .ok()
                        .and_then(|order| order.get("folder_id"))
                ])
            })
            .collect();
        basis::digest(self.context, &json!([self.folder.id, folders]))
    }

    fn rows(&self, read: &[Read]) -> Vec<Row> {
        read.iter()
            .map(|read| Row {
                order_id: read.id.clone(),
                ok: read.order.is_ok(),
                error: read.order.as_ref().err().map(|error| error.message.clone()),
                change_id: None,
            })
            .collect()
    }

    fn answer(&self, edits: &[(String, Edit)]) -> Moved {
        Moved {
            store: self.store.reference(),
            folder: self.folder.clone(),
            results: Vec::new(),
            diff: edits
                .iter()
                .map(|(id, edit)| {
                    let mut edit = edit.clone();
                    edit.at.insert(0, id.clone());
                    edit.shown()
                })
                .collect(),
            warnings: Vec::new(),
            dry_run: None,
            confirm_token: None,
            expires_at: None,
        }
    }

    fn make(&self, agreed: Option<&str>) -> Result<Moved, ToolError> {
        // In one sequence everywhere, so that two moves never wait for each other.
        let locks = self
            .ids
            .iter()
            .map(|id| {
                let wait = self.context.session().time_left() / 3;
                lock(self.context, self.store, id, wait)
            })
            .collect::<Result<Vec<Lock>, ToolError>>()?;
        let read = self.read(Some(&locks));
        if agreed.is_some_and(|agreed| agreed != self.basis(&read)) {
            let theirs: Value = read
                .iter()
                .map(|read| json!({ "path": difference::path(&[read.id.clone(), "folder_id".to_owned()]),
                                    "value": read.order.as_ref().ok().and_then(|order| order.get("folder_id")) }))
                .collect();
            return Err(changed_since(
                "The folder of some of these orders",
                theirs,
                json!(self.folder),
            ));
        }
        let mut moved = self.answer(&self.edits(&read));
        moved.results = self.rows(&read);
        moved.warnings = self.settle_earlier(&read);
        let mut changes = self.intend(&read)?;
        if changes.is_empty() {
            if read.iter().all(|read| read.order.is_ok()) {
                moved
                    .warnings
                    .push("All of these orders were in that folder already.".to_owned());
            }
            return Ok(moved);
        }
        self.send(&locks, &mut changes, &mut moved)?;
        for (lock, id) in locks.into_iter().zip(&self.ids) {
            let unknown =
                |change: &Change| change.thing_id == *id && change.state == State::Unknown;
            if changes.iter().any(unknown) {
                keep_lock(self.context, lock);
            }
        }
        Ok(moved)
    }

    /// As with every change: how earlier ones ended that nobody saw end.
    fn settle_earlier(&self, read: &[Read]) -> Vec<String> {
        let there = read
            .iter()
            .filter_map(|read| Some((&read.id, read.order.as_ref().ok()?)));
        let journal = self.journal();
        there
            .flat_map(|(id, order)| {
                resolve::settle(self.context, &journal, id, &Seen::There(order))
            })
            .collect()
    }

    fn intend(&self, read: &[Read]) -> Result<Vec<Change>, ToolError> {
        let mut changes: Vec<Change> = Vec::new();
        for (id, edit) in self.edits(read) {
            let before = read
                .iter()
                .find(|read| read.id == id)
                .and_then(|read| read.order.as_ref().ok())
                .map(|order| Value::Object(order.clone()));
            changes.push(self.journal().intend(Intent {
                tool: TOOL,
                kind: "order",
                thing_id: &id,
                edits: vec![edit],
                before,
                undoes: None,
                call_id: changes.first().map(|first| first.call_id.clone()),
            })?);
        }
        Ok(changes)
    }

    fn send(
        &self,
        locks: &[Lock],
        changes: &mut [Change],
        moved: &mut Moved,
    ) -> Result<(), ToolError> {
        let numbers: Vec<u64> = changes
            .iter()
            .filter_map(|change| change.thing_id.parse().ok())
            .collect();
        let folder: u64 = self.folder.id.parse().unwrap_or_default();
        let body = json!({ "order_id_list": numbers, "destination_folder_id": folder });
        let mut request = ApiRequest::post(["move-orders"], body).timeout(TIMEOUT);
        if let Some(lock) = locks.first() {
            request = request.under_lock(lock);
        }
        let ids = || changes.iter().map(|change| change.thing_id.as_str());
        forget(self.context, ids());
        let answer = self.store.client(self.context).send(request);
        forget(self.context, ids());
        match answer {
            Ok(answer) => {
                let named = |id: &str| {
                    let results = answer.get("results")?.as_array()?;
                    results
                        .iter()
                        .find(|row| row.get("order_id").and_then(Value::as_str) == Some(id))
                };
                for change in changes {
                    // An order that was not moved has no folder that it came from (order-desk-api.md §2.9).
                    let failed = named(&change.thing_id)
                        .filter(|row| row.get("original_folder_id").is_none())
                        .map(|row| {
                            row.get("message")
                                .and_then(Value::as_str)
                                .unwrap_or("not moved")
                                .to_owned()
                        });
                    self.settle(change, failed, moved);
                }
                Ok(())
            }
            Err(error) if error.outcome_unknown => {
                self.context.clock().sleep(Duration::from_secs(1));
                for change in changes {
                    self.find_out(change, &error, moved);
                }
                Ok(())
            }
            Err(error) => {
                for change in changes {
                    self.settle(change, Some(error.message.clone()), moved);
                }
                Err(error)
            }
        }
    }

    /// After an answer that was lost: where the order is now.
    fn find_out(&self, change: &mut Change, lost: &ToolError, moved: &mut Moved) {
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
            Some(folder) if folder == self.folder.id => self.settle(change, None, moved),
            Some(_) => {
                let error = format!(
                    "Order Desk's answer was lost, and the order was not moved. ({})",
                    lost.message
                );
                self.settle(change, Some(error), moved);
            }
            None => {
                change.state = State::Unknown;
                moved.warnings.extend(self.journal().settle(change));
                let error = "Nobody knows yet whether it was moved: look at it (orders_get) before repeating.";
                self.tell(change, Some(error.to_owned()), moved);
            }
        }
    }

    fn settle(&self, change: &mut Change, failed: Option<String>, moved: &mut Moved) {
        change.state = if failed.is_some() {
            State::NotMade
        } else {
            State::Made
        };
        if let (None, Some(Value::Object(mut after))) = (&failed, change.before.clone()) {
            after.insert("folder_id".to_owned(), json!(self.folder.id));
            change.after = Some(Value::Object(after));
        }
        moved.warnings.extend(self.journal().settle(change));
        self.tell(change, failed, moved);
    }

    fn tell(&self, change: &Change, failed: Option<String>, moved: &mut Moved) {
        if failed.is_some() {
            let place = difference::path(&[change.thing_id.clone(), "folder_id".to_owned()]);
            moved.diff.retain(|difference| difference.path != place);
        }
        if let Some(row) = moved
            .results
            .iter_mut()
            .find(|row| row.order_id == change.thing_id)
        {
            row.ok = failed.is_none();
            row.change_id = Some(change.change_id.clone());
            row.error = failed;
        }
    }

    fn journal(&self) -> Journal<'_> {
        Journal::new(self.context, self.store, self.settings.writing.keep())
    }
}
