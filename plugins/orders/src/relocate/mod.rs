//! `orders_move`: into another folder, one order or many.
//!
//! Order Desk moves many orders with one request. So that each has its before-image, and nobody's move is lost, they are read
//! under their locks first, and so many orders take time: they go in parts of [`TOGETHER`], each of which is read, moved and
//! recorded before the next begins, in as many steps as that needs.

mod part;
mod seen;

use std::mem;

use orderdesk_client::difference::{Difference, Edit};
use orderdesk_client::repeat::Ticket;
use orderdesk_client::{
    ApiRequest, Several, Store, StoreReference, TextOrNumber, WriteArguments, agreed_basis, ask,
    take_object,
};
use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::serde_json::{self, Map, Value, json};
use orderdesk_plugin::{Context, Outcome, Output, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::{Agreed, Made, Row, Step, Work, ids, shown};
use crate::fields::HISTORY;
use crate::folders::{self, Folder};
use crate::long::Long;
use crate::settings::Settings;
use crate::written::Written;
use seen::Seen;

const TOOL: &str = "orders_move";
/// Orders that are read, moved and recorded together.
const TOGETHER: usize = 50;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Order Desk's ids of the orders.
    order_id_list: Several,
    /// Either this …
    destination_folder_id: Option<TextOrNumber>,
    /// … or this: the folder's exact name.
    destination_folder_name: Option<String>,
    #[serde(flatten)]
    write: WriteArguments,
    /// Repeat an interrupted call with it and without confirm_token.
    idempotency_key: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Moved {
    store: StoreReference,
    folder: Folder,
    results: Vec<Row>,
    /// Paths begin with the order's id.
    diff: Vec<Difference>,
    /// Tell the person.
    warnings: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    dry_run: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    confirm_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    expires_at: Option<String>,
}

/// A move into one folder.
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
        return moving.preview();
    }
    let long = Long {
        context,
        store: &store,
        keep: settings.writing.keep(),
        tool: TOOL,
        key: arguments.idempotency_key.as_deref(),
    };
    long.run(
        &json!([moving.ids, moving.folder.id]),
        || moving.agreed(),
        |work, ticket| moving.go_on(work, ticket),
        |moved| &mut moved.warnings,
    )
}

impl Moving<'_> {
    /// An order, fresh. With a lock, under it, and with tokens for as many requests that follow.
    fn read(
        &self,
        id: &str,
        lock: Option<&Lock>,
        hold: u8,
    ) -> Result<Map<String, Value>, ToolError> {
        let mut request = ApiRequest::get(["orders", id]);
        if let Some(lock) = lock {
            request = request.under_lock(lock).hold(hold);
        }
        let mut answer = self.store.client(self.context).send(request)?;
        let mut order = take_object(&mut answer, "order")?;
        order.remove(HISTORY);
        Ok(order)
    }

    /// What would be moved, from where. Reading that takes steps too.
    fn preview(&self) -> Result<Outcome<Moved>, ToolError> {
        let work = Work::resumed(self.context)
            .unwrap_or_else(|| Work::new(self.ids.clone()).remembering(json!([])));
        let look = |id: &str, made: &mut Made| {
            let order = self.read(id, None, 0);
            if let Value::Array(folders) = &mut made.memory {
                folders.push(json!([id, order.as_ref().ok().and_then(folder_of)]));
            }
            let would_be = order.map(|order| {
                let edit = self.edit(&order);
                Written::preview(self.store, edit.as_slice())
            });
            made.add(id, would_be.map_err(|error| error.message))
        };
        let (made, results, stopped) = match work.go_on(self.context, "orders", look, |_| {})? {
            Step::Pause(pause) => return Ok(pause.into()),
            Step::End {
                made,
                results,
                stopped,
            } => (made, results, stopped),
        };
        if stopped.is_some() {
            return Err(ToolError::cancelled(
                "cancelled",
                "The preview ended early, so there is nothing to confirm. Nothing was changed.",
            ));
        }
        let folders: Vec<(String, Option<String>)> =
            serde_json::from_value(made.memory.clone()).unwrap_or_default();
        let basis = Seen::folders(self.context, &self.folder, &folders).text();
        let mut moved = self.answer(made, results);
        moved.dry_run = Some(true);
        Ok(Output::new(moved).resting_on(basis).into())
    }

    /// Whether somebody agreed to the move; one order needs nobody's consent.
    fn agreed(&self) -> Result<Agreed, ToolError> {
        let work = Work::new(self.ids.clone());
        if let Some(agreed) = agreed_basis(self.context)? {
            return Ok(Agreed::Yes(work.remembering(json!(agreed))));
        }
        if self.ids.len() == 1 {
            return Ok(Agreed::Yes(work));
        }
        // Many are not read for the question alone: it shows no more than their number.
        let seen = if self.ids.len() > TOGETHER {
            Seen::list(self.context, &self.folder, &self.ids)
        } else {
            let place = |id: &String| {
                let order = self.read(id, None, 0).ok();
                let folder = order.as_ref().and_then(folder_of).map(str::to_owned);
                (id.clone(), folder)
            };
            let folders: Vec<_> = self.ids.iter().map(place).collect();
            Seen::folders(self.context, &self.folder, &folders)
        };
        let question = format!(
            "Move {} orders of the store {:?} into the folder {:?}? The rules of that folder will run.",
            self.ids.len(),
            self.store.name(),
            self.folder.name
        );
        Ok(Agreed::Asking(ask(&seen.text(), question)))
    }

    fn go_on(&self, work: Work, mut ticket: Option<Ticket>) -> Result<Outcome<Moved>, ToolError> {
        let some = |ids: &[String], made: &mut Made| self.part(ids, made);
        let step = work.go_on_together(TOGETHER, self.context, "orders", some, |work| {
            if let Some(ticket) = &mut ticket {
                ticket.keep(self.context, json!(work));
            }
        });
        let step = match step {
            Ok(step) => step,
            Err(error) => {
                if let Some(ticket) = ticket {
                    ticket.forget(self.context);
                }
                return Err(error);
            }
        };
        let (made, results, stopped) = match step {
            Step::Pause(pause) => return Ok(pause.into()),
            Step::End {
                made,
                results,
                stopped,
            } => (made, results, stopped),
        };
        let nothing_to_do = results.iter().all(|row| row.ok && row.change_id.is_none());
        let ended = stopped.is_none();
        let mut moved = self.answer(made, results);
        if ended && nothing_to_do {
            moved
                .warnings
                .push("All of these orders were in that folder already.".to_owned());
        }
        moved.warnings.extend(stopped);
        if let Some(ticket) = ticket.filter(|_| ended) {
            ticket.done(self.context, &json!(moved));
        }
        Ok(Outcome::complete(moved))
    }

    /// What the move changes in an order.
    fn edit(&self, order: &Map<String, Value>) -> Option<Edit> {
        let before = order.get("folder_id").cloned();
        let after = json!(self.folder.id);
        (before.as_ref() != Some(&after)).then(|| Edit {
            at: vec!["folder_id".to_owned()],
            before,
            after: Some(after),
        })
    }

    fn answer(&self, mut made: Made, results: Vec<Row>) -> Moved {
        let mut warnings = mem::take(&mut made.warnings);
        let (results, more) = shown(results);
        warnings.extend(more);
        warnings.extend(made.not_shown());
        Moved {
            store: self.store.reference(),
            folder: self.folder.clone(),
            results,
            diff: made.diff,
            warnings,
            dry_run: None,
            confirm_token: None,
            expires_at: None,
        }
    }
}

fn folder_of(order: &Map<String, Value>) -> Option<&str> {
    order.get("folder_id").and_then(Value::as_str)
}
