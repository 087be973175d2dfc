//! What tools for many orders share.

use std::time::Duration;

use orderdesk_client::Several;
use orderdesk_plugin::{Context, Pause, ToolError, serde_json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a step leaves of its call: enough for one change whose answer is lost.
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
    /// The same for all changes of this call.
    call_id: Option<String>,
    left: Vec<String>,
    done: Vec<Row>,
}

/// What a step came to.
pub(crate) enum Step {
    /// The host calls again.
    Pause(Pause),
    /// Nothing is left to do, or the caller gave up, which `stopped` says.
    End {
        results: Vec<Row>,
        stopped: Option<String>,
    },
}

impl Work {
    /// Work that begins. Without an id, the call is named by its first change.
    pub(crate) fn new(left: Vec<String>, call_id: Option<String>) -> Self {
        Self {
            call_id,
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

    /// Does one after the other, as long as the call's time allows. `one` is told the thing and the call's id, which it
    /// sets with the first change; `keep` is told how far the work is.
    pub(crate) fn go_on(
        mut self,
        context: &Context,
        things: &str,
        mut one: impl FnMut(&str, &mut Option<String>) -> Row,
        mut keep: impl FnMut(&Self),
    ) -> Step {
        let total = self.len();
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
            // One in every step, however short the operator made it.
            if did && context.session().time_left() < TO_FINISH {
                return Step::Pause(Pause {
                    state: serde_json::to_vec(&self).unwrap_or_default(),
                    questions: Vec::new(),
                    message: Some(format!("{message} are done.")),
                });
            }
            let row = one(&next, &mut self.call_id);
            if !row.ok && context.session().cancelled() {
                return self.stopped(things);
            }
            self.left.remove(0);
            self.done.push(row);
            did = true;
            keep(&self);
        }
        Step::End {
            results: self.done,
            stopped: None,
        }
    }

    fn stopped(self, things: &str) -> Step {
        Step::End {
            results: self.done,
            stopped: Some(format!(
                "It was cancelled: the {things} without a result were not changed."
            )),
        }
    }
}
