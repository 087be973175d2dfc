//! All changes of one call taken back, order by order, in steps.

use orderdesk_client::journal::{Change, Journal};
use orderdesk_client::{Store, agreed_basis, ask, basis, changed_since};
use orderdesk_plugin::serde_json::{Value, json};
use orderdesk_plugin::{Context, Outcome, Output, ToolError};

use crate::batch::{Made, Row, Step, Work, shown};
use crate::change::engine::Changing;
use crate::change::guards::Guards;
use crate::change::whole::{Sort, sort};
use crate::settings::Settings;
use crate::shipments::{self, undo::Undoing};
use crate::undo::{nothing_to_do, planner};
use crate::written::Written;

const TOOL: &str = "orders_undo";

/// A call whose changes are taken back.
pub(crate) struct WholeCall<'a> {
    pub(crate) context: &'a Context,
    pub(crate) store: &'a Store,
    pub(crate) settings: &'a Settings,
}

impl WholeCall<'_> {
    /// Shows, asks, or takes back: whichever is next. The changes come newest first, and go so.
    pub(crate) fn undo(
        &self,
        changes: Vec<Change>,
        preview: bool,
    ) -> Result<Outcome<Written>, ToolError> {
        if !preview && let Some(work) = Work::resumed(self.context) {
            return self.go_on(work);
        }
        let ids: Vec<String> = changes
            .iter()
            .map(|change| change.change_id.clone())
            .collect();
        let basis = basis::digest(self.context, &ids);
        if preview {
            return Ok(Output::new(self.preview(&changes)).resting_on(basis).into());
        }
        let Some(agreed) = agreed_basis(self.context)? else {
            let question = format!(
                "Take back {} changes of the store {:?}, made by one call of {}? What others changed since stays.",
                changes.len(),
                self.store.name(),
                changes[0].tool
            );
            return Ok(ask(&basis, question).into());
        };
        if agreed != basis {
            return Err(changed_since(
                "The changes of that call",
                json!(ids),
                Value::Null,
            ));
        }
        self.go_on(Work::new(ids))
    }

    fn preview(&self, changes: &[Change]) -> Written {
        let mut whole = Written::preview(self.store, &[]);
        let mut made = Made::default();
        for change in changes {
            let shown = match settled(change, self.store) {
                Some(settled) => settled,
                None => self.shown(change).map_err(|error| error.message),
            };
            whole.results.push(made.add(&change.thing_id, shown));
        }
        told(whole, made)
    }

    fn go_on(&self, work: Work) -> Result<Outcome<Written>, ToolError> {
        let journal = Journal::new(self.context, self.store, self.settings.writing.keep());
        let undo = |change_id: &str, made: &mut Made| {
            let Ok(Some(change)) = journal.find(change_id) else {
                return Row::failed("", format!("The change {change_id} is no longer kept."));
            };
            let done = match settled(&change, self.store) {
                Some(settled) => settled,
                None => self
                    .made(&change, made.call_id.as_deref())
                    .map_err(|error| error.message),
            };
            made.add(&change.thing_id, done)
        };
        match work.go_on(self.context, "changes", undo, |_| {})? {
            Step::Pause(pause) => Ok(pause.into()),
            Step::End {
                made,
                results,
                stopped,
            } => {
                let mut whole = Written::new(self.store);
                whole.changed = results.iter().any(|row| row.change_id.is_some());
                let (results, more) = shown(results);
                whole.results = results;
                whole.warnings.extend(stopped);
                whole.warnings.extend(more);
                Ok(Outcome::complete(told(whole, made)))
            }
        }
    }

    fn shown(&self, change: &Change) -> Result<Written, ToolError> {
        if change.kind == shipments::KIND {
            let output = self.of_shipment(change, None).preview()?;
            return Ok(output.structured.written(self.store));
        }
        let output = self.changing(change, None).preview(&planner(change))?;
        Ok(output.structured)
    }

    fn made(&self, change: &Change, call_id: Option<&str>) -> Result<Written, ToolError> {
        if change.kind == shipments::KIND {
            // Agreed to together with the others.
            let changed = self.of_shipment(change, call_id).make(None)?;
            return Ok(changed.written(self.store));
        }
        self.changing(change, call_id).make(&planner(change))
    }

    fn of_shipment<'b>(&'b self, change: &'b Change, call_id: Option<&str>) -> Undoing<'b> {
        Undoing {
            context: self.context,
            store: self.store,
            change,
            keep: self.settings.writing.keep(),
            call_id: call_id.map(str::to_owned),
        }
    }

    fn changing<'b>(&'b self, change: &'b Change, call_id: Option<&'b str>) -> Changing<'b> {
        static NONE: Guards = Guards::none();
        Changing {
            context: self.context,
            store: self.store,
            settings: self.settings,
            tool: TOOL,
            order_id: &change.thing_id,
            guards: &NONE,
            agreed: None,
            undoes: Some(&change.change_id),
            call_id,
        }
    }
}

/// What of a change needs no undoing: there is nothing to take back any more, or it is left alone.
fn settled(change: &Change, store: &Store) -> Option<Result<Written, String>> {
    if sort(&change.edits) != Sort::Changed {
        return Some(Err(format!(
            "The change {} made or removed the order: take it back by itself.",
            change.change_id
        )));
    }
    nothing_to_do(change, store).map(Ok)
}

fn told(mut whole: Written, made: Made) -> Written {
    whole.warnings.extend(made.not_shown());
    whole.diff = made.diff;
    whole.conflicts = made.conflicts;
    whole
}
