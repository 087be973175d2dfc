//! What tools for many orders share.

use std::time::Duration;

use orderdesk_client::Several;
use orderdesk_client::difference::Difference;
use orderdesk_plugin::{Context, Pause, ToolError, serde_json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::change::undo::Conflict;
use crate::written::Written;

/// Differences that an answer shows; the rest is counted.
const SHOWN: usize = 60;
/// What a step leaves of its time: enough for one change whose answer is lost.
const TO_FINISH: Duration = Duration::from_secs(45);

/// Each order is read before it is moved, within the store's bucket and the time of a call.
const MOST: usize = 50;

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
                "'order_id_list' takes {MOST} orders at once, and has {}. Split it.",
                ids.len()
            ),
        ));
    }
    Ok(ids)
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
                    if self.diff.len() < SHOWN {
                        row.path = named(&row.path);
                        self.diff.push(row);
                    } else {
                        self.more += 1;
                    }
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
        if self.call_id.is_none() {
            self.call_id.clone_from(&change_id);
        }
        Row {
            order_id: order_id.to_owned(),
            ok: error.is_none(),
            error,
            change_id,
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
    /// Work that begins. Without an id, the call is named by its first change.
    pub(crate) fn new(left: Vec<String>, call_id: Option<String>) -> Self {
        Self {
            made: Made {
                call_id,
                ..Made::default()
            },
            left,
            done: Vec::new(),
        }
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
    pub(crate) fn go_on(
        mut self,
        context: &Context,
        things: &str,
        mut one: impl FnMut(&str, &mut Made) -> Row,
        mut keep: impl FnMut(&Self),
    ) -> Step {
        let total = self.len();
        // Where the operator made steps short, half of one at most.
        let to_finish = TO_FINISH.min(context.session().time_left() / 2);
        let mut did = false;
        while let Some(next) = self.left.first().cloned() {
            let done = self.done.len();
            let message = format!("{done} of {total} {things}");
            context
                .session()
                .progress(done as f64, Some(total as f64), &message);
            if context.session().cancelled() {
                return self.stopped(things);
            }
            // One in every step, however short it is.
            if did && context.session().time_left() < to_finish {
                return Step::Pause(Pause {
                    state: serde_json::to_vec(&self).unwrap_or_default(),
                    questions: Vec::new(),
                    message: Some(format!("{message} are done.")),
                });
            }
            let row = one(&next, &mut self.made);
            if !row.ok && context.session().cancelled() {
                return self.stopped(things);
            }
            self.left.remove(0);
            self.done.push(row);
            did = true;
            keep(&self);
        }
        Step::End {
            made: self.made,
            results: self.done,
            stopped: None,
        }
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
