//! What tools for many orders share.

use std::time::Duration;

use orderdesk_client::Several;
use orderdesk_client::difference::Difference;
use orderdesk_client::journal::{Change, Journal, State};
use orderdesk_plugin::serde_json::{self, Value};
use orderdesk_plugin::{Context, Pause, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::change::undo::Conflict;
use crate::written::Written;

/// Rows that an answer shows; those that failed go first, and the rest is counted.
const ROWS: usize = 300;
/// Differences that an answer shows; the rest is counted.
const SHOWN: usize = 60;
/// What a step leaves of its time: enough for one change whose answer is lost.
const TO_FINISH: Duration = Duration::from_secs(45);

/// Order Desk's pace lets through no more within the half hour that a call may take.
const MOST: usize = 5_000;

/// Whether somebody agreed to work on many things.
pub(crate) enum Agreed {
    /// It can begin.
    Yes(Work),
    /// Not yet.
    Asking(Pause),
}

/// Changes of an order among which that of an interrupted attempt is.
const LATEST: u32 = 5;

/// What became of one order.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Row {
    pub(crate) order_id: String,
    pub(crate) ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) error: Option<String>,
    /// For orders_undo; none if there was nothing to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub(crate) change_id: Option<String>,
}

impl Row {
    /// Of an order that was left as it is.
    pub(crate) fn failed(order_id: &str, error: impl Into<String>) -> Self {
        Self {
            order_id: order_id.to_owned(),
            ok: false,
            error: Some(error.into()),
            change_id: None,
        }
    }
}

/// As many rows as an answer shows, and what to tell of the others.
pub(crate) fn shown(mut rows: Vec<Row>) -> (Vec<Row>, Option<String>) {
    let more = rows.len().saturating_sub(ROWS);
    if more == 0 {
        return (rows, None);
    }
    rows.sort_by_key(|row| row.ok);
    let failed = rows.iter().skip(ROWS).filter(|row| !row.ok).count();
    rows.truncate(ROWS);
    let told = format!(
        "{more} further orders are not listed; {} of them succeeded. Those that failed are listed first. orders_changes has every \
         change.",
        more - failed
    );
    (rows, Some(told))
}

/// The ids, each once, in the sequence in which locks are taken.
pub(crate) fn ids(list: &Several) -> Result<Vec<String>, ToolError> {
    let mut ids = list.values("order_id_list")?;
    if let Some(id) = ids
        .iter()
        .find(|id| !id.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Err(ToolError::invalid_input(
            "bad-order-id",
            format!(
                "'order_id_list' takes Order Desk's own numbers, such as [5512034]: received {:?}. Find an order by the \
                 shop's number with orders_list and source_id.",
                id.chars().take(60).collect::<String>()
            ),
        ));
    }
    ids.sort();
    ids.dedup();
    if ids.len() > MOST {
        return Err(ToolError::invalid_input(
            "too-many-orders",
            format!(
                "'order_id_list' takes at most {MOST} orders in one call, which is about half an hour of work, and has {}. Split it.",
                ids.len()
            ),
        ));
    }
    Ok(ids)
}

/// The change that an earlier attempt of this call made of an order, and did not live to say so.
pub(crate) fn made_before(
    journal: &Journal<'_>,
    order_id: &str,
    call_id: Option<&str>,
) -> Option<String> {
    let call_id = call_id?;
    let latest = journal.list(Some(("order", order_id)), None, LATEST).ok()?;
    let made = |change: &Change| change.call_id == call_id && change.state == State::Made;
    latest.into_iter().find(made).map(|change| change.change_id)
}

/// Work on many things, which goes on over several steps: the state of a pause without a question.
#[derive(Serialize, Deserialize)]
pub(crate) struct Work {
    made: Made,
    left: Vec<String>,
    done: Vec<Row>,
}

/// What all steps of a call made together.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Made {
    /// The same for all changes of the call: without one that was given, the id of the first.
    pub(crate) call_id: Option<String>,
    /// Paths begin with the order's id.
    pub(crate) diff: Vec<Difference>,
    /// Likewise.
    pub(crate) conflicts: Vec<Conflict>,
    /// What there is to tell of single things.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
    /// What the tool itself remembers from step to step.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) memory: Value,
    /// Whether an earlier attempt began with it: then what is done already is no surprise.
    #[serde(skip)]
    pub(crate) again: bool,
    /// Differences beside these.
    more: usize,
}

impl Made {
    /// Takes over what was changed in an order, or would be, and answers its row.
    pub(crate) fn add(&mut self, order_id: &str, done: Result<Written, String>) -> Row {
        let (change_id, error) = match done {
            Ok(written) => {
                let named = |path: &str| format!("{order_id}.{path}");
                for mut row in written.diff {
                    row.path = named(&row.path);
                    self.show(row);
                }
                self.conflicts
                    .extend(written.conflicts.into_iter().map(|mut row| {
                        row.path = named(&row.path);
                        row
                    }));
                (written.change_id, None)
            }
            Err(error) => (None, Some(error)),
        };
        self.begins_with(change_id.as_deref());
        Row {
            order_id: order_id.to_owned(),
            ok: error.is_none(),
            error,
            change_id,
        }
    }

    /// Takes over a difference, whose path begins with the order's id.
    pub(crate) fn show(&mut self, difference: Difference) {
        if self.diff.len() < SHOWN {
            self.diff.push(difference);
        } else {
            self.more += 1;
        }
    }

    /// A change of this call: the first names it.
    pub(crate) fn begins_with(&mut self, change_id: Option<&str>) {
        if self.call_id.is_none() {
            self.call_id = change_id.map(str::to_owned);
        }
    }

    /// That not all differences are shown, where that is so.
    pub(crate) fn not_shown(&self) -> Option<String> {
        let more = self.more;
        (more > 0).then(|| {
            format!(
                "{more} further differences are not shown; orders_changes has those that were made."
            )
        })
    }
}

/// What a step came to.
pub(crate) enum Step {
    /// The host calls again.
    Pause(Pause),
    /// Nothing is left to do, or the caller gave up, which `stopped` says.
    End {
        made: Made,
        results: Vec<Row>,
        stopped: Option<String>,
    },
}

impl Work {
    /// Work that begins. Unless it gets a name ([`Work::of_call`]), the call is named by its first change.
    pub(crate) fn new(left: Vec<String>) -> Self {
        Self {
            made: Made::default(),
            left,
            done: Vec::new(),
        }
    }

    /// The same work, of which the tool remembers this.
    pub(crate) fn remembering(mut self, memory: Value) -> Self {
        self.made.memory = memory;
        self
    }

    /// The same work, which an earlier attempt began.
    pub(crate) fn again(mut self) -> Self {
        self.made.again = true;
        self
    }

    /// The same work, as the changes of this call.
    pub(crate) fn of_call(mut self, call_id: String) -> Self {
        self.made.call_id = Some(call_id);
        self
    }

    /// Work that an earlier step of this call left.
    pub(crate) fn resumed(context: &Context) -> Option<Self> {
        serde_json::from_slice(&context.resumption()?.state).ok()
    }

    /// How many things there are in all.
    pub(crate) fn len(&self) -> usize {
        self.left.len() + self.done.len()
    }

    /// Does one after the other, as long as the step's time allows. `one` is told the thing and what was
    /// made so far, to which it adds; `keep` is told how far the work is.
    ///
    /// # Errors
    /// None: what fails is in the rows.
    pub(crate) fn go_on(
        self,
        context: &Context,
        things: &str,
        mut one: impl FnMut(&str, &mut Made) -> Row,
        keep: impl FnMut(&Self),
    ) -> Result<Step, ToolError> {
        let one = |ids: &[String], made: &mut Made| {
            Ok(ids.iter().map(|id| one(id, &mut *made)).collect())
        };
        self.go_on_together(1, context, things, one, keep)
    }

    /// As [`Work::go_on`], several at once. An error of `some` says that none of these was done: it is told of each of
    /// them, and of the whole work where nothing was done yet.
    ///
    /// # Errors
    /// The first of `some`, if nothing was done before it.
    pub(crate) fn go_on_together(
        mut self,
        several: usize,
        context: &Context,
        things: &str,
        mut some: impl FnMut(&[String], &mut Made) -> Result<Vec<Row>, ToolError>,
        mut keep: impl FnMut(&Self),
    ) -> Result<Step, ToolError> {
        let total = self.len();
        // Where the operator made steps short, half of one at most.
        let to_finish = TO_FINISH.min(context.session().time_left() / 2);
        let mut did = false;
        while !self.left.is_empty() {
            let done = self.done.len();
            let message = format!("{done} of {total} {things}");
            context
                .session()
                .progress(done as f64, Some(total as f64), &message);
            if context.session().cancelled() {
                return Ok(self.stopped(things));
            }
            // Some in every step, however short it is.
            if did && context.session().time_left() < to_finish {
                return Ok(Step::Pause(Pause {
                    state: serde_json::to_vec(&self).unwrap_or_default(),
                    questions: Vec::new(),
                    message: Some(format!("{message} are done.")),
                }));
            }
            let next: Vec<String> = self.left.iter().take(several).cloned().collect();
            let rows = match some(&next, &mut self.made) {
                Ok(rows) => rows,
                Err(_) if context.session().cancelled() => return Ok(self.stopped(things)),
                Err(error) if self.done.is_empty() => return Err(error),
                Err(error) => next
                    .iter()
                    .map(|id| Row::failed(id, error.message.as_str()))
                    .collect(),
            };
            if rows.iter().all(|row| !row.ok) && context.session().cancelled() {
                return Ok(self.stopped(things));
            }
            self.left.drain(..next.len());
            self.done.extend(rows);
            did = true;
            keep(&self);
        }
        Ok(Step::End {
            made: self.made,
            results: self.done,
            stopped: None,
        })
    }

    fn stopped(self, things: &str) -> Step {
        Step::End {
            made: self.made,
            results: self.done,
            stopped: Some(format!(
                "It ended early (cancelled, or the server stopped, or plugins.orders.limits.total_time was over): the {things} \
                 without a result were not changed. Repeat the call to go on, with its idempotency_key if it has one: what is \
                 done is not done twice."
            )),
        }
    }
}
