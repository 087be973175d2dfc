//! `shipments_add_batch`: many shipments, in steps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use orderdesk_client::difference::{self, Difference, Edit};
use orderdesk_client::{
    Store, StoreReference, WriteArguments, WriteSettings, basis, changed_since,
};
use orderdesk_plugin::serde_json::{self, Value, json};
use orderdesk_plugin::{Context, Id, Outcome, Output, Pause, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::details::{self, Details};
use super::sweep::{Row, Sweep, Wanted};
use super::{LIST, text};

/// More than that is a list to be given in parts.
const MOST: usize = 200;
/// Rows of one request to Order Desk, which documents no limit: about as many as there are tokens for their reads.
const STEP: usize = 20;
/// Rows until a pause: then the host calls again, with new time and progress told, unless the caller gave up.
const PER_CALL: usize = 40;
/// No request is begun with less time than this, or than half of a short step.
const NEEDED: Duration = Duration::from_secs(40);

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// One row for each parcel.
    #[schemars(length(min = 1, max = 200))]
    shipments: Vec<Parcel>,
    #[serde(flatten)]
    write: WriteArguments,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
struct Parcel {
    /// Order Desk's own id of the order.
    order_id: Id,
    /// The carrier's number; "n/a" is not taken here.
    tracking_number: String,
    #[serde(flatten)]
    details: Details,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Added {
    /// The store that they are in.
    store: StoreReference,
    /// Shipments that this call added, or would add.
    added: usize,
    /// Rows that failed: see their error.
    failed: usize,
    /// One for each row, in their order.
    results: Vec<Row>,
    /// What differs.
    diff: Vec<Difference>,
    /// Tell the person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// True: a preview; nothing was changed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    /// Makes exactly this difference, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm_token: Option<String>,
    /// When the token ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// How far it is: the state of a pause.
#[derive(Default, Serialize, Deserialize)]
struct Progress {
    /// Rows that were looked at, where that comes first.
    looked: Vec<Row>,
    /// Rows that are done, well or not.
    results: Vec<Row>,
    /// What the preview rested on, if there was one.
    agreed: Option<String>,
    /// Holds the changes of all steps together.
    call_id: Option<String>,
}

pub(crate) fn add(arguments: Arguments, context: &Context) -> Result<Outcome<Added>, ToolError> {
    let wanted = wanted(&arguments.shipments)?;
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    let preview = arguments.write.preview(context);
    let mut progress = begun(context)?;
    let mut sweep = Sweep {
        context,
        store: &store,
        keep: context.settings::<WriteSettings>()?.keep(),
        call_id: progress.call_id.take(),
    };
    let mut allowance = Allowance::new(context);

    if preview || progress.agreed.is_some() {
        while progress.looked.len() < wanted.len() {
            // Asked to come to an end, before anything was done.
            if context.session().cancelled() && !progress.looked.is_empty() {
                return Err(ToolError::unavailable(
                    "too-slow",
                    format!(
                        "Looking at the orders of {} of {} rows took all the time that there was. Nothing was changed. Give \
                         fewer rows at once.",
                        progress.looked.len(),
                        wanted.len()
                    ),
                ));
            }
            let Some(rows) = allowance.next(&wanted, progress.looked.len()) else {
                return pause(
                    &progress,
                    "looked at",
                    progress.looked.len(),
                    wanted.len(),
                    context,
                );
            };
            progress.looked.extend(sweep.look(rows)?);
        }
        let edits = edits(&wanted, &progress.looked, Row::would_be_added);
        let basis = basis::digest(context, &edits);
        if preview {
            let added = answer(&store, progress.looked, &edits, Row::would_be_added);
            let added = Added {
                dry_run: true,
                ..added
            };
            return Ok(Output::new(added).resting_on(basis).into());
        }
        if progress.agreed.as_ref() != Some(&basis) {
            return Err(changed_since(
                "What is to be added",
                json!({ "diff": difference::shown(&edits) }),
                json!({ "shipments": wanted.iter().map(|it| &it.fields).collect::<Vec<_>>() }),
            ));
        }
    }
    while progress.results.len() < wanted.len() {
        if context.session().cancelled() && !progress.results.is_empty() {
            break;
        }
        let Some(rows) = allowance.next(&wanted, progress.results.len()) else {
            progress.call_id = sweep.call_id;
            return pause(
                &progress,
                "done",
                progress.results.len(),
                wanted.len(),
                context,
            );
        };
        progress.results.extend(sweep.add(rows));
    }
    for row in &wanted[progress.results.len()..] {
        progress.results.push(Row::failed(
            row,
            "Not begun: the call was cancelled, the server stopped, or its time was over. Repeat it unchanged to go on.",
        ));
    }
    let edits = edits(&wanted, &progress.results, Row::was_added);
    Ok(Outcome::complete(answer(
        &store,
        progress.results,
        &edits,
        Row::was_added,
    )))
}

/// The rows as they are sent.
fn wanted(parcels: &[Parcel]) -> Result<Vec<Wanted>, ToolError> {
    if parcels.is_empty() || parcels.len() > MOST {
        return Err(ToolError::invalid_input(
            "too-many-shipments",
            format!(
                "'shipments' has 1 to {MOST} rows: received {}. Nothing was changed; part them into several calls.",
                parcels.len()
            ),
        ));
    }
    let mut seen = BTreeSet::new();
    let mut wanted = Vec::new();
    for (place, parcel) in parcels.iter().enumerate() {
        let refused = |mut error: ToolError| {
            error.message = format!("'shipments', row {}: {}", place + 1, error.message);
            error
        };
        let order_id = super::order_id(&parcel.order_id).map_err(refused)?;
        let fields = details::new(&parcel.tracking_number, &parcel.details).map_err(refused)?;
        let number = text(&fields, "tracking_number").to_lowercase();
        if details::is_none(&number) {
            return Err(refused(ToolError::invalid_input(
                "no-tracking-number",
                "without a tracking number nothing tells a repetition from a further shipment. Nothing was changed. Add it \
                 with shipments_add and an idempotency_key.",
            )));
        }
        if !seen.insert((order_id.to_owned(), number)) {
            return Err(refused(ToolError::invalid_input(
                "row-twice",
                format!(
                    "order {order_id} has this tracking number in an earlier row too. Nothing was changed. Remove one."
                ),
            )));
        }
        wanted.push(Wanted {
            order_id: order_id.to_owned(),
            fields,
        });
    }
    Ok(wanted)
}

fn begun(context: &Context) -> Result<Progress, ToolError> {
    match context.resumption() {
        Some(resumption) => serde_json::from_slice(&resumption.state).map_err(|error| {
            ToolError::internal(
                "pause-malformed",
                format!("The state of this call's pause cannot be read: {error}. Repeat the call from its start."),
            )
        }),
        None => Ok(Progress {
            agreed: context.confirmation().map(|it| it.basis.clone()),
            ..Progress::default()
        }),
    }
}

/// How many rows this step may still take.
struct Allowance<'a> {
    context: &'a Context,
    rows: usize,
    needed: Duration,
}

impl<'a> Allowance<'a> {
    fn new(context: &'a Context) -> Self {
        Self {
            context,
            rows: PER_CALL,
            needed: NEEDED.min(context.session().time_left() / 2),
        }
    }

    /// The next rows from this place on; none if it is time for a pause.
    fn next<'w>(&mut self, wanted: &'w [Wanted], from: usize) -> Option<&'w [Wanted]> {
        let count = STEP.min(self.rows).min(wanted.len() - from);
        // Something in every step, however short it is.
        let short = self.rows < PER_CALL && self.context.session().time_left() < self.needed;
        if count == 0 || short {
            return None;
        }
        self.rows -= count;
        Some(&wanted[from..from + count])
    }
}

fn pause(
    progress: &Progress,
    what: &str,
    done: usize,
    total: usize,
    context: &Context,
) -> Result<Outcome<Added>, ToolError> {
    let message = format!("{done} of {total} shipments {what}");
    #[allow(clippy::cast_precision_loss)] // Few.
    context
        .session()
        .progress(done as f64, Some(total as f64), &message);
    let state = serde_json::to_vec(progress)
        .map_err(|error| ToolError::internal("pause-malformed", error.to_string()))?;
    Ok(Pause {
        state,
        questions: Vec::new(),
        message: Some(message),
    }
    .into())
}

/// What differs by the rows that `counts`, over all orders.
fn edits(wanted: &[Wanted], rows: &[Row], counts: fn(&Row) -> bool) -> Vec<Edit> {
    let mut of_order: BTreeMap<&str, usize> = BTreeMap::new();
    let counted = wanted.iter().zip(rows).filter(|(_, row)| counts(row));
    counted
        .map(|(wanted, _)| {
            let place = of_order.entry(&wanted.order_id).or_default();
            *place += 1;
            Edit {
                at: vec![
                    "orders".to_owned(),
                    wanted.order_id.clone(),
                    LIST.to_owned(),
                    format!("+{place}"),
                ],
                before: None,
                after: Some(Value::Object(wanted.fields.clone())),
            }
        })
        .collect()
}

fn answer(store: &Store, results: Vec<Row>, edits: &[Edit], counts: fn(&Row) -> bool) -> Added {
    let failed = results.iter().filter(|row| !row.ok).count();
    let warnings = match failed {
        0 => Vec::new(),
        failed => vec![format!(
            "{failed} of {} shipments are not there: see the errors of their rows. The same call again adds only what is \
             missing.",
            results.len()
        )],
    };
    Added {
        store: store.reference(),
        added: results.iter().filter(|row| counts(row)).count(),
        failed,
        results,
        diff: difference::shown(edits),
        warnings,
        dry_run: false,
        confirm_token: None,
        expires_at: None,
    }
}
