//! One change of one shipment, carried out: recorded, sent once, and looked at afterwards.

use std::time::Duration;

use orderdesk_client::aftermath::{self, Sight, Stored, Words};
use orderdesk_client::journal::{Change, Intent, Journal, State};
use orderdesk_client::likeness::{alike, blank};
use orderdesk_client::{Normalised, Store};
use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::serde_json::Value;
use orderdesk_plugin::{Context, ErrorKind, ToolError};

use super::details::same_parcel;
use super::step::{COMPUTED, Step};
use super::{KIND, LIST, Shipment, TIME_OUT, listed, read, text};
use crate::change::engine::forget;

/// Who changes which order's shipments, and why.
pub(crate) struct Deed<'a> {
    pub(crate) context: &'a Context,
    pub(crate) store: &'a Store,
    pub(crate) order_id: &'a str,
    pub(crate) tool: &'a str,
    /// How long the before-image is kept.
    pub(crate) keep: Duration,
    /// The change that this one takes back.
    pub(crate) undoes: Option<String>,
    /// The call that it belongs to, where one call makes several changes.
    pub(crate) call_id: Option<String>,
}

/// How it ended well.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// None if Order Desk had it already, so that this call changed nothing.
    pub(crate) change_id: Option<String>,
    /// As Order Desk stores it; none where it was removed, or could not be read.
    pub(crate) shipment: Option<Shipment>,
    pub(crate) normalised: Vec<Normalised>,
    pub(crate) warnings: Vec<String>,
}

impl Deed<'_> {
    /// Makes the change. `before` was read under the lock, which ends with this.
    ///
    /// # Errors
    /// What Order Desk or the host refuses. `outcome_unknown` is set only where looking did not help.
    pub(super) fn carry_out(
        &self,
        step: &Step,
        before: &[Shipment],
        lock: Lock,
    ) -> Result<Done, ToolError> {
        let journal = Journal::new(self.context, self.store, self.keep);
        let mut change = journal.intend(Intent {
            tool: self.tool,
            kind: KIND,
            thing_id: self.order_id,
            edits: step.edits(before),
            before: step.target(before).cloned().map(Value::Object),
            undoes: self.undoes.clone(),
            call_id: self.call_id.clone(),
        })?;
        let request = step
            .request(self.order_id)
            .timeout(TIME_OUT)
            .under_lock(&lock);
        // Before and after: a read that is under way must not be kept, and this call may be cut off.
        forget(self.context, [self.order_id]);
        let sent = self.store.client(self.context).send(request);
        forget(self.context, [self.order_id]);
        let ended = match sent {
            Ok(_) => Ok(self.confirmed(step, before)),
            Err(error) if error.outcome_unknown => self.looked_for(step, before, error),
            Err(error) if is_there_already(step, &error) => {
                return self.refused(step, change, error);
            }
            Err(error) => Err((State::NotMade, error)),
        };
        match ended {
            Ok(mut done) => {
                change.state = State::Made;
                change.after = done.shipment.clone().map(Value::Object);
                done.warnings.extend(journal.settle(&change));
                done.change_id = Some(change.change_id);
                Ok(done)
            }
            Err(not_done) => Err(aftermath::not_done(
                self.context,
                &journal,
                change,
                lock,
                not_done,
            )),
        }
    }

    fn now(&self) -> Result<Vec<Shipment>, ToolError> {
        read(self.context, self.store, self.order_id, 0)
    }

    /// Order Desk said that it is done: neither id nor shipment come with that, so they are read.
    fn confirmed(&self, step: &Step, before: &[Shipment]) -> Done {
        if let Step::Remove(_) = step {
            return Done::default();
        }
        let not_seen = |why: String| Done {
            warnings: vec![format!(
                "Order Desk confirmed the change, but it could not be checked ({why}). See shipments_list."
            )],
            ..Done::default()
        };
        match self.now().map(|now| step.sight(before, &now)) {
            Ok(Sight::Made(Some(shipment))) => described(step, shipment),
            Ok(Sight::Made(None)) => Done::default(),
            Ok(Sight::NotMade) => not_seen("the order's shipments do not show it".to_owned()),
            Ok(Sight::Neither) => {
                not_seen("the shipment is neither as it was nor as it shall be".to_owned())
            }
            Err(error) => not_seen(error.message),
        }
    }

    fn looked_for(
        &self,
        step: &Step,
        before: &[Shipment],
        error: ToolError,
    ) -> Result<Done, (State, ToolError)> {
        let words = Words {
            as_before: match step {
                Step::Add(_) => "the order has no such shipment",
                Step::Replace(..) | Step::Remove(_) => "the shipment is as it was before",
            },
            look_with: &format!("see shipments_list of order {}", self.order_id),
        };
        let judged = aftermath::judge(self.context, error, &words, || {
            self.now().map(|now| step.sight(before, &now))
        });
        // Something may have been read, and kept, before it arrived.
        forget(self.context, [self.order_id]);
        let mut done = judged?.map_or_else(Done::default, |it| described(step, it));
        done.warnings.push(aftermath::MADE.to_owned());
        Ok(done)
    }

    /// Order Desk did not add it because of a shipment that is there: the same one, then all is well, or another.
    fn refused(
        &self,
        step: &Step,
        mut change: Change,
        mut error: ToolError,
    ) -> Result<Done, ToolError> {
        change.state = State::NotMade;
        let _ = Journal::new(self.context, self.store, self.keep).settle(&change);
        let (Step::Add(fields), Ok(now)) = (step, self.now()) else {
            return Err(error);
        };
        if let Some(shipment) = now.iter().find(|there| same_parcel(there, fields)) {
            return Ok(there_already(shipment, fields));
        }
        error.message = format!(
            "{} No shipment of order {} has the tracking number {:?}. {}",
            error.message,
            self.order_id,
            text(fields, "tracking_number"),
            listed(&now)
        );
        Err(error)
    }
}

fn is_there_already(step: &Step, error: &ToolError) -> bool {
    matches!(step, Step::Add(_))
        && error.kind == ErrorKind::Conflict
        && error.has_code("orderdesk-conflict")
}

/// A shipment as it is stored now, against what was sent.
fn described(step: &Step, shipment: Shipment) -> Done {
    let sent = match step {
        Step::Add(fields) | Step::Replace(_, fields) => fields.clone(),
        Step::Remove(_) => Shipment::new(),
    };
    let at = format!("{LIST}.{}.", text(&shipment, "id"));
    let Stored {
        normalised,
        warnings,
    } = aftermath::stored(&at, &sent, &shipment, COMPUTED);
    Done {
        change_id: None,
        shipment: Some(shipment),
        normalised,
        warnings,
    }
}

/// Nothing was to do: the order has this parcel. Where it has it otherwise than was asked for, that is told.
pub(super) fn there_already(shipment: &Shipment, fields: &Shipment) -> Done {
    let id = text(shipment, "id");
    let differing: Vec<&str> = fields
        .iter()
        .filter(|(name, value)| !blank(value) && !alike(shipment.get(*name), Some(value)))
        .map(|(name, _)| name.as_str())
        .collect();
    let mut warnings = Vec::new();
    if !differing.is_empty() {
        warnings.push(format!(
            "The shipment {id} with this tracking number was there already, with other values in {}. Nothing was changed: \
             shipments_update changes them.",
            differing.join(", ")
        ));
    }
    Done {
        shipment: Some(shipment.clone()),
        warnings,
        ..Done::default()
    }
}
