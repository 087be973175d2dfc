//! `orders_bulk_update`: one change over a search result, order by order.
//!
//! A call does as much as its time allows, then pauses without a question: the host calls again with the state. Every
//! order is changed by the same safe change as with `orders_update`, so an interruption loses nothing: what was done is in
//! the journal, and doing it again changes nothing more. Under an idempotency key it is also recorded how far the work is:
//! the same call goes on there, with the list of orders to which somebody agreed, and asks nobody again.

use orderdesk_client::difference::{Difference, edits};
use orderdesk_client::journal::Journal;
use orderdesk_client::repeat::Ticket;
use orderdesk_client::{
    Notice, Store, StoreReference, WriteArguments, agreed_basis, ask, basis, changed_since,
    take_rows,
};
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{Context, Outcome, Output, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::{Agreed, Made, Row, Step, Work, made_before, shown};
use crate::change::engine::{Changing, Plan, Planner};
use crate::change::guards::Guards;
use crate::change::merge::merge;
use crate::change::shape;
use crate::long::Long;
use crate::search::Search;
use crate::settings::Settings;
use crate::update::Changes;
use crate::written::Written;

const TOOL: &str = "orders_bulk_update";
/// More than that is a decision to be made in parts. Order Desk lets through a change in two thirds of a second.
const MOST: usize = 500;
/// Orders per request of the search.
const PAGE: u32 = 100;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// Which orders, as with orders_list: at most 500.
    filter: Search,
    /// What shall change, as with orders_update.
    changes: Changes,
    #[serde(flatten)]
    write: WriteArguments,
    /// Repeat an interrupted call with it and without confirm_token.
    idempotency_key: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Changed {
    store: StoreReference,
    notice: Notice,
    /// Orders found.
    matched: usize,
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

pub(crate) fn bulk_update(
    arguments: Arguments,
    context: &Context,
) -> Result<Outcome<Changed>, ToolError> {
    let changes = &arguments.changes.0;
    shape::check_names(changes, false)?;
    if changes.is_empty() || arguments.filter.is_empty() {
        return Err(ToolError::invalid_input(
            "nothing-named",
            "'changes' and 'filter' must name something: without a filter every order of the store would be meant.",
        ));
    }
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    let settings = Settings::of(context)?;
    let bulk = Bulk {
        context,
        store: &store,
        settings: &settings,
        changes,
    };
    if arguments.write.preview(context) {
        let orders = bulk.find(&arguments.filter)?;
        let basis = basis(context, &orders);
        return Ok(Output::new(bulk.preview(&orders)).resting_on(basis).into());
    }
    let search = format!("{:?}", arguments.filter.request()?);
    let long = Long {
        context,
        store: &store,
        keep: settings.writing.keep(),
        tool: TOOL,
        key: arguments.idempotency_key.as_deref(),
    };
    long.run(
        &json!([search, changes]),
        || bulk.agreed(&arguments.filter),
        |work, ticket| bulk.go_on(work, ticket),
        |changed| &mut changed.warnings,
    )
}

/// The list of orders; what changes in each is decided when its turn comes.
fn basis(context: &Context, orders: &[Map<String, Value>]) -> String {
    let mut ids = ids(orders);
    ids.sort();
    basis::digest(context, &ids)
}

fn ids(orders: &[Map<String, Value>]) -> Vec<String> {
    orders.iter().map(id).collect()
}

fn id(order: &Map<String, Value>) -> String {
    let id = order.get("id").and_then(Value::as_str);
    id.unwrap_or_default().to_owned()
}

struct Bulk<'a> {
    context: &'a Context,
    store: &'a Store,
    settings: &'a Settings,
    changes: &'a Map<String, Value>,
}

impl Bulk<'_> {
    /// Every order that the filter finds, fresh, each once.
    fn find(&self, filter: &Search) -> Result<Vec<Map<String, Value>>, ToolError> {
        let request = filter.request()?;
        let mut orders: Vec<Map<String, Value>> = Vec::new();
        let mut offset = 0;
        loop {
            let page = request.clone().query("limit", PAGE).query("offset", offset);
            let mut answer = self.store.client(self.context).send(page)?;
            let rows = take_rows(&mut answer, "orders")?;
            let received = u32::try_from(rows.len()).unwrap_or(PAGE);
            for order in rows {
                if filter.matches(&order) && !orders.iter().any(|there| id(there) == id(&order)) {
                    orders.push(order);
                }
            }
            if orders.len() > MOST {
                return Err(ToolError::invalid_input(
                    "too-many-orders",
                    format!(
                        "'filter' finds more than {MOST} orders. Nothing was changed. Narrow it, by dates for instance."
                    ),
                ));
            }
            if received < PAGE {
                return Ok(orders);
            }
            offset += received;
        }
    }

    /// The orders to which somebody agreed, or the question.
    fn agreed(&self, filter: &Search) -> Result<Agreed, ToolError> {
        let orders = self.find(filter)?;
        let basis = basis(self.context, &orders);
        let Some(agreed) = agreed_basis(self.context)? else {
            let names: Vec<&str> = self.changes.keys().map(String::as_str).collect();
            let question = format!(
                "Change {} of {} orders of the store {:?}? See each difference with dry_run: true.",
                names.join(", "),
                orders.len(),
                self.store.name()
            );
            return Ok(Agreed::Asking(ask(&basis, question)));
        };
        if agreed != basis {
            return Err(changed_since(
                "The list of orders that the filter finds",
                json!(ids(&orders)),
                json!(self.changes),
            ));
        }
        Ok(Agreed::Yes(Work::new(ids(&orders))))
    }

    fn preview(&self, orders: &[Map<String, Value>]) -> Changed {
        let mut changed = self.answer(orders.len());
        changed.dry_run = Some(true);
        let mut made = Made::default();
        for order in orders {
            let shown = merge(order, self.changes)
                .map(|merged| Written::preview(self.store, &edits(order, &merged.order)))
                .map_err(|error| error.message);
            changed.results.push(made.add(&id(order), shown));
        }
        changed.warnings.extend(made.not_shown());
        changed.diff = made.diff;
        if changed.diff.is_empty() && changed.results.iter().all(|row| row.ok) {
            changed.warnings.push(
                "All orders that were found are so already: nothing would change.".to_owned(),
            );
        }
        changed
    }

    fn go_on(&self, work: Work, mut ticket: Option<Ticket>) -> Result<Outcome<Changed>, ToolError> {
        let all = work.len();
        let change = |order_id: &str, made: &mut Made| self.change(order_id, made);
        let step = work.go_on(self.context, "orders", change, |work| {
            if let Some(ticket) = &mut ticket {
                ticket.keep(self.context, json!(work));
            }
        })?;
        let (made, results, stopped) = match step {
            Step::Pause(pause) => return Ok(pause.into()),
            Step::End {
                made,
                results,
                stopped,
            } => (made, results, stopped),
        };
        let mut changed = self.answer(all);
        let (results, more) = shown(results);
        changed.results = results;
        let ended = stopped.is_none();
        changed.warnings.extend(stopped);
        changed.warnings.extend(more);
        changed.warnings.extend(made.not_shown());
        changed.diff = made.diff;
        if let Some(ticket) = ticket.filter(|_| ended) {
            ticket.done(self.context, &json!(changed));
        }
        Ok(Outcome::complete(changed))
    }

    fn change(&self, order_id: &str, made: &mut Made) -> Row {
        let call_id = made.call_id.clone();
        let changing = Changing {
            context: self.context,
            store: self.store,
            settings: self.settings,
            tool: TOOL,
            order_id,
            guards: &Guards::default(),
            agreed: None,
            undoes: None,
            call_id: call_id.as_deref(),
        };
        let plan: &Planner<'_> = &|order| {
            let merged = merge(order, self.changes)?;
            Ok(Plan {
                order: merged.order,
                remarks: merged.remarks,
                conflicts: Vec::new(),
            })
        };
        let written = changing.make(plan).map(|mut written| {
            if written.change_id.is_none() {
                let journal = Journal::new(self.context, self.store, self.settings.writing.keep());
                written.change_id = made_before(&journal, order_id, call_id.as_deref());
            }
            written
        });
        made.add(order_id, written.map_err(|error| error.message))
    }

    fn answer(&self, matched: usize) -> Changed {
        Changed {
            store: self.store.reference(),
            notice: Notice,
            matched,
            results: Vec::new(),
            diff: Vec::new(),
            warnings: Vec::new(),
            dry_run: None,
            confirm_token: None,
            expires_at: None,
        }
    }
}
