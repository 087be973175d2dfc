//! The one way in which this plugin changes an order.
//!
//! Lock; read fresh, with the tokens for both requests; check what the caller wants to be true; merge; record the
//! before-image; PUT the whole order, while the lock's lease outlasts it; compare the answer with exactly what was meant;
//! after an answer that was lost, read until the order shows whether the change arrived.

use std::time::Duration;

use orderdesk_client::difference::{Edit, edits};
use orderdesk_client::journal::{Change, Intent, Journal, State};
use orderdesk_client::{
    ApiRequest, Notice, Stopwatch, Store, basis, changed_since, keep_lock, take_object,
    wait_for_turn,
};
use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{Context, ErrorKind, Output, ToolError};

use super::guards::Guards;
use super::outcome::{Found, find_out};
use super::resolve::Seen;
use super::undo::Conflict;
use super::{overwrites, put, reply, resolve};
use crate::fields::HISTORY;
use crate::get::by_shop_number;
use crate::settings::Settings;
use crate::written::Written;
use crate::{TAG_LISTS, tag_of};

/// The longest that a lock can last; it is given back as soon as the work is done.
pub(crate) const LEASE: Duration = Duration::from_secs(120);
/// What must be left of the call when its turn comes: two requests and some.
const WORK: Duration = Duration::from_secs(35);
/// Waiting is worth this much even in a short call.
pub(super) const LEAST_WAIT: Duration = Duration::from_secs(2);
/// An order that was read longer ago than this is read again before it is written.
const FRESH: Duration = Duration::from_secs(2);
/// Slower than that this often in a row is no chance.
const ATTEMPTS: usize = 3;

/// One change of one order.
pub(crate) struct Changing<'a> {
    pub(crate) context: &'a Context,
    pub(crate) store: &'a Store,
    pub(crate) settings: &'a Settings,
    /// The tool that was called.
    pub(crate) tool: &'a str,
    pub(crate) order_id: &'a str,
    pub(crate) guards: &'a Guards,
    /// The basis to which somebody agreed: the change makes exactly that difference, or none.
    pub(crate) agreed: Option<String>,
    /// The change that it takes back.
    pub(crate) undoes: Option<&'a str>,
    /// The call that it belongs to, where one call makes several.
    pub(crate) call_id: Option<&'a str>,
}

/// What an order shall become.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// The whole order.
    pub(crate) order: Map<String, Value>,
    /// What there is to know.
    pub(crate) remarks: Vec<String>,
    /// What is left as it is.
    pub(crate) conflicts: Vec<Conflict>,
}

/// Makes a plan from an order as it is.
pub(crate) type Planner<'a> = dyn Fn(&Map<String, Value>) -> Result<Plan, ToolError> + 'a;

impl Changing<'_> {
    /// Answers the exact difference and changes nothing.
    ///
    /// # Errors
    /// As [`Changing::make`].
    pub(crate) fn preview(&self, plan: &Planner<'_>) -> Result<Output<Written>, ToolError> {
        let order = self.read(None)?;
        let plan = plan(&order)?;
        let edits = edits(&order, &plan.order);
        self.guards.check(self.context, &order, &edits)?;
        let written = Written {
            warnings: plan.remarks,
            conflicts: plan.conflicts,
            ..Written::preview(self.store, &edits)
        };
        Ok(Output::new(written).resting_on(basis::digest(self.context, &edits)))
    }

    /// Makes the change.
    ///
    /// # Errors
    /// `changed-since-preview`, `changed-since`; what the plan refuses; what Order Desk and the host refuse. With
    /// `outcome_unknown`, nobody knows whether it was made.
    pub(crate) fn make(&self, plan: &Planner<'_>) -> Result<Written, ToolError> {
        let agreed = self.agreed.as_deref();
        let lock = self.lock()?;
        let mut change: Option<Change> = None;
        let mut earlier: Option<Vec<String>> = None;
        for attempt in 1..=ATTEMPTS {
            let order = match self.read(Some(&lock)) {
                Ok(order) => order,
                Err(error) => return Err(self.settle_refused(change, error)),
            };
            let read = Stopwatch::start(self.context);
            // Once, and before this change is one of them.
            let earlier = earlier.get_or_insert_with(|| self.settle_earlier(&Seen::There(&order)));
            let planned = match plan(&order) {
                Ok(mut planned) => {
                    planned.remarks.splice(0..0, earlier.iter().cloned());
                    planned
                }
                Err(error) => return Err(self.settle_refused(change, error)),
            };
            let edits = edits(&order, &planned.order);
            if agreed.is_some_and(|agreed| agreed != basis::digest(self.context, &edits)) {
                return Err(self.settle_refused(change, changed(self.order_id, &edits)));
            }
            if let Err(error) = self.guards.check(self.context, &order, &edits) {
                return Err(self.settle_refused(change, error));
            }
            if edits.is_empty() {
                self.settle_unmade(change);
                let mut written = Written::new(self.store).with_order(self.context, order);
                written.warnings = planned.remarks;
                written.conflicts = planned.conflicts;
                return Ok(written);
            }
            let recorded = self.record(change.take(), &edits, &order)?;
            if read.elapsed(self.context) > FRESH {
                change = Some(recorded);
                continue;
            }
            if self.context.session().cancelled() {
                let error = ToolError::cancelled(
                    "cancelled",
                    "The call was cancelled before anything was sent. Nothing was changed.",
                );
                return Err(self.settle_refused(Some(recorded), error));
            }
            let sent = put::dated(planned.order.clone(), self.context.clock().now_ms());
            let answer = put::send(self, &lock, &sent);
            if let Err(error) = &answer
                && attempt < ATTEMPTS
                && wait_for_turn(self.context, error, WORK)
            {
                change = Some(recorded);
                continue;
            }
            return self.conclude(lock, recorded, (&order, &sent), planned, answer);
        }
        Err(self.settle_refused(
            change,
            ToolError::unavailable(
                "too-slow",
                "Between reading and writing the order more time passed than is safe, several times over. Nothing was \
                 changed. Try again in a minute.",
            )
            .with_retry_after_ms(60_000),
        ))
    }

    /// The lock that every change of this order takes.
    pub(crate) fn lock(&self) -> Result<Lock, ToolError> {
        let left = self.context.session().time_left();
        let wait = left.saturating_sub(WORK).max(LEAST_WAIT);
        lock(self.context, self.store, self.order_id, wait)
    }

    /// Records how earlier changes of this order ended that nobody saw end, and answers what there is to tell of them.
    pub(crate) fn settle_earlier(&self, seen: &Seen<'_>) -> Vec<String> {
        resolve::settle(self.context, &self.journal(), self.order_id, seen)
    }

    /// The order, fresh; under the lock, with the token for the write that follows.
    pub(crate) fn read(&self, lock: Option<&Lock>) -> Result<Map<String, Value>, ToolError> {
        let mut request = ApiRequest::get(["orders", self.order_id]);
        if let Some(lock) = lock {
            // For the write, and for the look into the history after it.
            let hold = if self.settings.verify_overwrites {
                2
            } else {
                1
            };
            request = request.under_lock(lock).hold(hold);
        }
        let mut answer = self
            .store
            .client(self.context)
            .send(request)
            .map_err(|mut error| {
                if error.kind == ErrorKind::NotFound {
                    error.message = format!("{} {}", error.message, by_shop_number(self.order_id));
                }
                error
            })?;
        let mut order = take_object(&mut answer, "order")?;
        order.remove(HISTORY);
        Ok(order)
    }

    fn record(
        &self,
        earlier: Option<Change>,
        edits: &[Edit],
        order: &Map<String, Value>,
    ) -> Result<Change, ToolError> {
        let journal = self.journal();
        let before = Some(Value::Object(order.clone()));
        match earlier {
            None => journal.intend(Intent {
                tool: self.tool,
                kind: "order",
                thing_id: self.order_id,
                edits: edits.to_vec(),
                before,
                undoes: self.undoes.map(str::to_owned),
                call_id: self.call_id.map(str::to_owned),
            }),
            Some(mut change) => {
                change.edits = edits.to_vec();
                change.before = before;
                journal.put(&change)?;
                Ok(change)
            }
        }
    }

    fn conclude(
        &self,
        lock: Lock,
        mut change: Change,
        (order, sent): (&Map<String, Value>, &Map<String, Value>),
        plan: Plan,
        answer: Result<Value, ToolError>,
    ) -> Result<Written, ToolError> {
        let mut warnings = plan.remarks;
        let stored = match answer {
            Ok(mut answer) => match take_object(&mut answer, "order") {
                Ok(stored) => Some(stored),
                // It was accepted; what it became is another question.
                Err(_) => self.read(None).ok(),
            },
            Err(error) if error.outcome_unknown => match find_out(self, order, &change.edits) {
                Found::Made(stored) => {
                    warnings.push(format!(
                        "Order Desk's answer was lost ({}), and reading the order again shows that the change was made.",
                        error.code.as_deref().unwrap_or("no answer")
                    ));
                    Some(stored)
                }
                Found::NotMade => return Err(self.settle_refused(Some(change), not_made(error))),
                Found::Unknown(now) => {
                    keep_lock(self.context, lock);
                    return Err(self.settle_unknown(change, error, now));
                }
            },
            Err(error) => return Err(self.settle_refused(Some(change), error)),
        };
        let mut written = Written::new(self.store);
        match &stored {
            Some(stored) => {
                let checked = reply::check(order, sent, stored, &change.edits);
                written.normalised = checked.normalised;
                warnings.extend(checked.warnings);
            }
            None => warnings.push(
                "Order Desk accepted the change and did not show the order: it was not compared with what was sent."
                    .to_owned(),
            ),
        }
        written.overwrites = Some(match self.settings.verify_overwrites {
            true => overwrites::look(self, order, &mut warnings),
            false => overwrites::NOT_LOOKED_AT.to_owned(),
        });
        change.state = State::Made;
        change.partial = !plan.conflicts.is_empty();
        change.after = stored.clone().map(Value::Object);
        warnings.extend(self.journal().settle(&change));
        written.change_id = Some(change.change_id);
        written.changed = true;
        written.diff = orderdesk_client::difference::shown(&change.edits);
        written.warnings = warnings;
        written.conflicts = plan.conflicts;
        Ok(match stored {
            Some(mut stored) => {
                stored.remove(HISTORY);
                written.with_order(self.context, stored)
            }
            None => written,
        })
    }

    pub(crate) fn journal(&self) -> Journal<'_> {
        Journal::new(self.context, self.store, self.settings.writing.keep())
    }

    /// Lets the cache forget the order and every list.
    pub(crate) fn forget(&self) {
        forget(self.context, [self.order_id]);
    }

    fn settle_unmade(&self, change: Option<Change>) {
        if let Some(mut change) = change {
            change.state = State::NotMade;
            // The caller hears that nothing was done, which is true however this ends.
            drop(self.journal().settle(&change));
        }
    }

    fn settle_refused(&self, change: Option<Change>, error: ToolError) -> ToolError {
        self.settle_unmade(change);
        error
    }

    fn settle_unknown(
        &self,
        mut change: Change,
        error: ToolError,
        now: Option<Map<String, Value>>,
    ) -> ToolError {
        change.state = State::Unknown;
        let unrecorded = self.journal().settle(&change).unwrap_or_default();
        ToolError {
            message: format!(
                "{} Nobody knows yet whether the order {} was changed: reading it again did not show it in time. Read it \
                 (orders_get) in a minute and compare it with `ours` before repeating anything. The before-image is kept \
                 as change {}. {unrecorded}",
                error.message, self.order_id, change.change_id
            ),
            outcome_unknown: true,
            ..error
        }
        .with_extra(json!({
            "change_id": change.change_id,
            "notice": Notice::TEXT,
            "ours": orderdesk_client::difference::shown(&change.edits),
            "theirs": now,
        }))
    }
}

/// The lock that every change of an order takes.
///
/// # Errors
/// `conflict` while other calls change it, or while nobody knows how an earlier change ended.
pub(crate) fn lock(
    context: &Context,
    store: &Store,
    order_id: &str,
    wait: Duration,
) -> Result<Lock, ToolError> {
    context
        .locks()
        .acquire(&format!("order/{}/{order_id}", store.id()), wait, LEASE)
        .map_err(|error| match error.kind {
            ErrorKind::Conflict => {
                let retry_after_ms = error.retry_after_ms.unwrap_or(2_000);
                let seconds = retry_after_ms.div_ceil(1_000);
                let message = if error.has_code("lock-kept") {
                    format!(
                        "An earlier change of the order {order_id} was sent, and its outcome is not known yet. Nothing was \
                         changed now. Read the order again (orders_get) in {seconds} s, then repeat this."
                    )
                } else {
                    format!(
                        "Other calls are changing the order {order_id} at the moment. Nothing was changed. Try again in a \
                         few seconds."
                    )
                };
                ToolError {
                    message,
                    retry_after_ms: Some(retry_after_ms),
                    ..error
                }
            }
            _ => error,
        })
}

/// Lets the cache forget orders and every list. A cache that does not work keeps nothing anyway.
pub(crate) fn forget<'a>(context: &Context, order_ids: impl IntoIterator<Item = &'a str>) {
    let tags = order_ids
        .into_iter()
        .map(tag_of)
        .chain([TAG_LISTS.to_owned()]);
    if let Err(error) = context.cache().invalidate(tags) {
        let reason = error.to_string();
        context.log().warn(
            "what was kept of changed orders was not forgotten",
            &[("reason", &reason)],
        );
    }
}

fn changed(order_id: &str, edits: &[Edit]) -> ToolError {
    let places = |value: fn(&Edit) -> Option<Value>| -> Value {
        edits
            .iter()
            .map(|edit| json!({ "path": edit.shown().path, "value": value(edit) }))
            .collect()
    };
    changed_since(
        &format!("What this would change in the order {order_id}"),
        places(|edit| edit.before.clone()),
        places(|edit| edit.after.clone()),
    )
}

fn not_made(error: ToolError) -> ToolError {
    ToolError {
        message: format!(
            "Order Desk's answer was lost, and reading the order again shows that the change was not made. It is safe to \
             repeat it. ({})",
            error.message
        ),
        outcome_unknown: false,
        ..error
    }
}
