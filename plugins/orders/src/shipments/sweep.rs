//! One step of a batch: a few shipments to their orders, with one request.

use std::collections::BTreeMap;
use std::time::Duration;

use orderdesk_client::journal::{Change, Intent, Journal, State};
use orderdesk_client::{ApiRequest, Store, keep_lock, take_rows};
use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::serde_json::{Value, json};
use orderdesk_plugin::{Context, ErrorKind, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::details::same_parcel;
use super::step::Step;
use super::{KIND, Shipment, TIME_OUT, lock_within, read, text};
use crate::change::engine::forget;

/// One order that others are changing must not use up the time of all.
const LOCK_WAIT: Duration = Duration::from_secs(3);
/// How long a batch whose answer was lost may take to arrive before it is looked for.
const SETTLING: Duration = Duration::from_secs(3);

/// A shipment that an order shall have.
pub(super) struct Wanted {
    pub(super) order_id: String,
    pub(super) fields: Shipment,
}

/// What became of one row.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Row {
    /// The order.
    order_id: String,
    /// The parcel.
    tracking_number: String,
    /// True if the order has the shipment now, or would have it.
    pub(super) ok: bool,
    /// True if it had it before.
    already_there: bool,
    /// Why not, and what to do.
    error: Option<String>,
    /// For orders_undo; null if nothing was changed.
    change_id: Option<String>,
}

impl Row {
    fn of(wanted: &Wanted, ok: bool) -> Self {
        Self {
            order_id: wanted.order_id.clone(),
            tracking_number: text(&wanted.fields, "tracking_number").to_owned(),
            ok,
            already_there: false,
            error: None,
            change_id: None,
        }
    }

    pub(super) fn failed(wanted: &Wanted, error: &str) -> Self {
        Self {
            error: Some(error.to_owned()),
            ..Self::of(wanted, false)
        }
    }

    fn there(wanted: &Wanted) -> Self {
        Self {
            already_there: true,
            ..Self::of(wanted, true)
        }
    }

    pub(super) fn would_be_added(&self) -> bool {
        self.ok && !self.already_there
    }

    pub(super) fn was_added(&self) -> bool {
        self.ok && self.change_id.is_some()
    }
}

/// The steps of one batch.
pub(super) struct Sweep<'a> {
    pub(super) context: &'a Context,
    pub(super) store: &'a Store,
    pub(super) keep: Duration,
    /// Holds the changes of all steps together.
    pub(super) call_id: Option<String>,
}

/// An order of this step, as it was read under its lock.
struct Held {
    lock: Lock,
    shipments: Vec<Shipment>,
}

impl Sweep<'_> {
    /// Which rows would be added, and which are there or could not be.
    pub(super) fn look(&self, rows: &[Wanted]) -> Result<Vec<Row>, ToolError> {
        let mut orders = BTreeMap::new();
        for row in rows {
            if !orders.contains_key(row.order_id.as_str()) {
                let found = match read(self.context, self.store, &row.order_id, 0) {
                    Ok(shipments) => Ok(shipments),
                    Err(error) if error.kind == ErrorKind::NotFound => Err(error.message),
                    Err(error) => return Err(error),
                };
                orders.insert(row.order_id.as_str(), found);
            }
        }
        Ok(rows
            .iter()
            .map(|row| match &orders[row.order_id.as_str()] {
                Err(message) => Row::failed(row, message),
                Ok(shipments) if has(shipments, row) => Row::there(row),
                Ok(_) => Row::of(row, true),
            })
            .collect())
    }

    /// Adds what is not there, and answers for every row.
    pub(super) fn add(&mut self, rows: &[Wanted]) -> Vec<Row> {
        let mut orders = self.hold(rows);
        let journal = Journal::new(self.context, self.store, self.keep);
        let mut results: Vec<Option<Row>> = Vec::new();
        let mut sending: Vec<(usize, Change)> = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            let settled = match &orders[row.order_id.as_str()] {
                Err(message) => Some(Row::failed(row, message)),
                Ok(held) if has(&held.shipments, row) => Some(Row::there(row)),
                Ok(held) => match self.intend(&journal, row, &held.shipments) {
                    Ok(change) => {
                        sending.push((place, change));
                        None
                    }
                    Err(error) => Some(Row::failed(row, &error.message)),
                },
            };
            results.push(settled);
        }
        if !sending.is_empty() {
            let first = orders.values().find_map(|held| held.as_ref().ok());
            let outcomes = match first {
                Some(held) => self.send(rows, &sending, &held.lock),
                None => Vec::new(),
            };
            for ((place, mut change), (state, row)) in sending.into_iter().zip(outcomes) {
                change.state = state;
                let unrecorded = journal.settle(&change);
                let mut row = row;
                if state == State::Made {
                    row.change_id = Some(change.change_id);
                    row.error = unrecorded;
                } else if state == State::Unknown
                    && let Some(Ok(held)) = orders.remove(rows[place].order_id.as_str())
                {
                    keep_lock(self.context, held.lock);
                }
                results[place] = Some(row);
            }
        }
        rows.iter()
            .zip(results)
            .map(|(row, result)| {
                result.unwrap_or_else(|| Row::failed(row, "Not sent. Repeat the call unchanged."))
            })
            .collect()
    }

    /// Locks and reads every order of these rows, in the order of their ids: two batches never wait for each other in a
    /// circle.
    fn hold<'w>(&self, rows: &'w [Wanted]) -> BTreeMap<&'w str, Result<Held, String>> {
        let mut orders: BTreeMap<&str, Result<Held, String>> = BTreeMap::new();
        let mut ids: Vec<&str> = rows.iter().map(|row| row.order_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let locks: Vec<_> = ids
            .iter()
            .map(|id| lock_within(self.context, self.store, id, LOCK_WAIT))
            .collect();
        for (id, lock) in ids.into_iter().zip(locks) {
            let held = lock.and_then(|lock| {
                let shipments = read(self.context, self.store, id, 0)?;
                Ok(Held { lock, shipments })
            });
            orders.insert(id, held.map_err(|error| error.message));
        }
        orders
    }

    fn intend(
        &mut self,
        journal: &Journal<'_>,
        row: &Wanted,
        before: &[Shipment],
    ) -> Result<Change, ToolError> {
        let change = journal.intend(Intent {
            tool: "shipments_add_batch",
            kind: KIND,
            thing_id: &row.order_id,
            edits: Step::Add(row.fields.clone()).edits(before),
            before: None,
            undoes: None,
            call_id: self.call_id.clone(),
        })?;
        self.call_id.get_or_insert_with(|| change.call_id.clone());
        Ok(change)
    }

    /// Sends what is missing, and tells for each what became of it.
    fn send(&self, rows: &[Wanted], sending: &[(usize, Change)], lock: &Lock) -> Vec<(State, Row)> {
        let sent: Vec<&Wanted> = sending.iter().map(|(place, _)| &rows[*place]).collect();
        let body: Vec<Value> = sent.iter().map(|row| body(row)).collect();
        let request = ApiRequest::post(["batch-shipments"], json!(body))
            .timeout(TIME_OUT)
            .under_lock(lock);
        let ids: Vec<&str> = sent.iter().map(|row| row.order_id.as_str()).collect();
        // Before and after: a read that is under way must not be kept, and this call may be cut off.
        forget(self.context, ids.iter().copied());
        let answer = self.store.client(self.context).send(request);
        forget(self.context, ids.iter().copied());
        let (told, unknown): (Vec<Told>, bool) = match answer {
            Ok(mut envelope) => match take_rows(&mut envelope, "results") {
                Ok(results) if are_of(&results, &sent) => {
                    (results.iter().map(Told::read).collect(), false)
                }
                // Some success, but of which rows it does not say.
                _ => (vec![Told::Nothing; sent.len()], true),
            },
            Err(error) if never_reached(&error) => {
                return sent
                    .iter()
                    .map(|row| (State::NotMade, Row::failed(row, &error.message)))
                    .collect();
            }
            Err(error) => {
                let unknown = error.outcome_unknown;
                (vec![Told::Refused(error.message); sent.len()], unknown)
            }
        };
        if unknown {
            self.context.clock().sleep(SETTLING);
        }
        let mut looked = BTreeMap::new();
        let outcomes = sent
            .iter()
            .zip(told)
            .map(|(row, told)| match told {
                Told::Added => (State::Made, Row::of(row, true)),
                told => {
                    let now = looked
                        .entry(row.order_id.as_str())
                        .or_insert_with(|| read(self.context, self.store, &row.order_id, 0));
                    looked_for(row, &told, unknown, now)
                }
            })
            .collect();
        if unknown {
            // Something may have been read, and kept, before it arrived.
            forget(self.context, ids.iter().copied());
        }
        outcomes
    }
}

/// True if there is one result for each row, of the same order where it says of which.
fn are_of(results: &[Shipment], rows: &[&Wanted]) -> bool {
    let of = |result: &Shipment| text(result, "order_id").to_owned();
    results.len() == rows.len()
        && results
            .iter()
            .zip(rows)
            .all(|(result, row)| of(result).is_empty() || of(result) == row.order_id)
}

/// What Order Desk's answer told of one row.
#[derive(Clone)]
enum Told {
    Added,
    Refused(String),
    Nothing,
}

impl Told {
    fn read(result: &Shipment) -> Self {
        match text(result, "status") {
            "success" => Self::Added,
            _ => Self::Refused(format!("Order Desk: {:?}.", text(result, "message"))),
        }
    }
}

/// A row of which the answer did not say that it was added, by the order's shipments as they are now.
fn looked_for(
    row: &Wanted,
    told: &Told,
    unknown: bool,
    now: &Result<Vec<Shipment>, ToolError>,
) -> (State, Row) {
    let why = match told {
        Told::Refused(message) => message,
        Told::Added | Told::Nothing => "Order Desk's answer does not tell of this row.",
    };
    match now {
        // It was not there before, under the lock, and it was sent.
        Ok(now) if has(now, row) && unknown => (State::Made, Row::of(row, true)),
        Ok(now) if has(now, row) => (State::NotMade, Row::there(row)),
        Ok(_) => {
            let error = format!("{why} The order does not have it; it is safe to repeat.");
            (State::NotMade, Row::failed(row, &error))
        }
        Err(read) if unknown => {
            let error = format!(
                "{why} Whether it arrived is not known ({}). See shipments_list before repeating it.",
                read.message
            );
            (State::Unknown, Row::failed(row, &error))
        }
        Err(_) => (State::NotMade, Row::failed(row, why)),
    }
}

/// True for a request that was refused before Order Desk could act on any row of it.
fn never_reached(error: &ToolError) -> bool {
    !error.outcome_unknown
        && matches!(
            error.kind,
            ErrorKind::RateLimited
                | ErrorKind::Unauthorized
                | ErrorKind::Denied
                | ErrorKind::Cancelled
                | ErrorKind::Timeout
                | ErrorKind::Unavailable
                | ErrorKind::TooLarge
        )
}

fn has(shipments: &[Shipment], row: &Wanted) -> bool {
    shipments
        .iter()
        .any(|shipment| same_parcel(shipment, &row.fields))
}

/// A row as Order Desk takes it: a bare array of shipments, each with its order (order-desk-api.md §4.2).
fn body(row: &Wanted) -> Value {
    let id = match row.order_id.parse::<u64>() {
        Ok(number) => json!(number),
        Err(_) => json!(row.order_id),
    };
    let mut body = Shipment::from_iter([("order_id".to_owned(), id)]);
    body.extend(row.fields.clone());
    Value::Object(body)
}
