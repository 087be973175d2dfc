//! `products_adjust_stock`: more or less of many products, relative to what is there.
//!
//! Order Desk knows absolute numbers only (order-desk-api.md §5), so two who write at once would lose one of the two
//! changes. Here every product's lock is taken first, in the order of their ids, and the stock is read under them.

mod answer;
pub(crate) mod back;
mod carry;
mod kept;
mod plan;

use std::collections::BTreeMap;

use orderdesk_client::aftermath;
use orderdesk_client::repeat::{self, Attempt};
use orderdesk_client::{
    Stopwatch, Store, TextOrNumber, WriteArguments, WriteSettings, agreed_basis, basis, in_turn,
    keep_lock,
};
use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::serde_json::{self, json};
use orderdesk_plugin::{Context, Outcome, Output, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::shelf::{code, lock, named, text, with_codes};
pub(crate) use answer::{Adjusted, Row};
use answer::{adjusted, answered, preview};
use carry::{Carry, Ended, Fate, Settled, fates, gone};
use kept::Kept;
use plan::{Asked, Line, edits, plan, stock_changed};

pub(crate) const TOOL: &str = "products_adjust_stock";
/// Their codes go into one address, and their locks are held together.
const MOST: usize = 50;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// One row for each product; rows for the same product add up.
    #[schemars(length(min = 1, max = 50))]
    adjustments: Vec<Adjustment>,
    /// True: stock may fall below zero; else that is refused, and nothing is changed.
    allow_negative: Option<bool>,
    #[serde(flatten)]
    write: WriteArguments,
    /// A text of yours: the same call with it adjusts once. Give one always, since a repetition without it adjusts again.
    idempotency_key: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
struct Adjustment {
    /// The SKU.
    code: TextOrNumber,
    /// How many more (5) or less (-5).
    by: i64,
}

pub(crate) fn adjust(
    arguments: Arguments,
    context: &Context,
) -> Result<Outcome<Adjusted>, ToolError> {
    in_turn(context, || once(&arguments, context))
}

fn once(arguments: &Arguments, context: &Context) -> Result<Outcome<Adjusted>, ToolError> {
    let asked = asked(&arguments.adjustments)?;
    let allow_negative = arguments.allow_negative == Some(true);
    let store = Store::for_write(context, arguments.write.store_identifier.as_ref())?;
    if arguments.write.preview(context) {
        let lines = plan(&asked, &read(context, &store, &asked, 0)?, allow_negative)?;
        let basis = basis::digest(context, &edits(&lines));
        return Ok(Output::new(preview(&store, &lines))
            .resting_on(basis)
            .into());
    }
    let keep = context.settings::<WriteSettings>()?.keep();
    let carry = Carry {
        context,
        store: &store,
        keep,
        tool: TOOL,
        undoes: BTreeMap::new(),
    };
    let Some(key) = arguments.idempotency_key.as_deref() else {
        return anew(&carry, &asked, allow_negative, None).map(Outcome::complete);
    };
    let _alone = named(context, &repeat::lock_name(context, &store, TOOL, key))?;
    let rows: Vec<_> = asked.iter().map(|it| (&it.code, it.by)).collect();
    let digest = basis::digest(context, &json!([rows, allow_negative]));
    let kept = |ticket| Kept {
        context,
        store: &store,
        key,
        ticket,
        keep,
    };
    let adjusted = match repeat::begin(context, &store, TOOL, key, &digest, keep)? {
        Attempt::Done(result, _) => earlier(result)?,
        Attempt::First(ticket) => anew(&carry, &asked, allow_negative, Some(&kept(ticket)))?,
        Attempt::Again(ticket) => {
            let kept = kept(ticket);
            match kept.earlier()? {
                Some(lines) => resumed(&carry, &lines, &kept)?,
                None => anew(&carry, &asked, allow_negative, Some(&kept))?,
            }
        }
    };
    Ok(Outcome::complete(adjusted))
}

fn asked(adjustments: &[Adjustment]) -> Result<Vec<Asked>, ToolError> {
    if adjustments.is_empty() || adjustments.len() > MOST {
        return Err(ToolError::invalid_input(
            "too-many-adjustments",
            format!(
                "'adjustments' has 1 to {MOST} rows: received {}. Nothing was changed; part them into several calls.",
                adjustments.len()
            ),
        ));
    }
    adjustments
        .iter()
        .map(|row| {
            Ok(Asked {
                code: code("adjustments.code", &row.code.text())?.to_owned(),
                by: row.by,
            })
        })
        .collect()
}

fn read(
    context: &Context,
    store: &Store,
    asked: &[Asked],
    hold: u8,
) -> Result<Vec<crate::Product>, ToolError> {
    let mut codes: Vec<&str> = asked.iter().map(|it| it.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    with_codes(context, store, &codes, hold)
}

/// The locks of these products, in the order of their ids: two calls never wait for each other in a circle.
fn locks(carry: &Carry<'_>, ids: &[&str]) -> Result<Vec<Lock>, ToolError> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter()
        .map(|id| lock(carry.context, carry.store, id))
        .collect()
}

/// Adjusts what is there now.
fn anew(
    carry: &Carry<'_>,
    asked: &[Asked],
    allow_negative: bool,
    kept: Option<&Kept<'_>>,
) -> Result<Adjusted, ToolError> {
    let nothing_sent = |error: ToolError| {
        if let Some(kept) = kept {
            kept.forget();
        }
        error
    };
    let (context, store) = (carry.context, carry.store);
    let prepared = || {
        // Once to learn which products they are, once under their locks.
        let known = read(context, store, asked, 0)?;
        let ids: Vec<&str> = known.iter().map(|it| text(it, "id")).collect();
        let locks = locks(carry, &ids)?;
        let shelf = read(context, store, asked, 2)?;
        let read_at = Stopwatch::start(context);
        let lines = plan(asked, &shelf, allow_negative)?;
        if lines.iter().any(|line| !ids.contains(&line.id.as_str())) {
            return Err(gone());
        }
        let edits = edits(&lines);
        let basis = basis::digest(context, &edits);
        if agreed_basis(context)?.is_some_and(|agreed| agreed != basis) {
            return Err(stock_changed(&lines));
        }
        if let Some(kept) = kept {
            kept.intend(&lines)?;
        }
        Ok((locks, shelf, read_at, lines))
    };
    let (locks, shelf, read_at, lines) = prepared().map_err(nothing_sent)?;
    let Some(first) = locks.first().filter(|_| !lines.is_empty()) else {
        return Ok(ended_well(
            carry,
            kept,
            adjusted(store, Vec::new(), Vec::new()),
        ));
    };
    let ended = carry
        .out(lines, &shelf, read_at, first)
        .map_err(nothing_sent)?;
    settle(carry, ended, Vec::new(), kept, locks)
}

/// Goes on with a call that began under the same key and was not seen to end: what arrived is not sent again.
fn resumed(carry: &Carry<'_>, lines: &[Line], kept: &Kept<'_>) -> Result<Adjusted, ToolError> {
    let ids: Vec<&str> = lines.iter().map(|line| line.id.as_str()).collect();
    let locks = locks(carry, &ids)?;
    let shelf = carry.shelf(lines, 2)?;
    let read_at = Stopwatch::start(carry.context);
    let fates = fates(lines, &shelf);
    let other: Vec<String> = lines
        .iter()
        .zip(&fates)
        .filter_map(|(line, fate)| match fate {
            Fate::Other(now) => Some(format!(
                "{:?} was {}, should become {}, is {}",
                line.code,
                line.before,
                line.after,
                now.map_or_else(|| "gone".to_owned(), |now| now.to_string())
            )),
            _ => None,
        })
        .collect();
    if !other.is_empty() {
        return Err(ToolError::conflict(
            "first-attempt-unknown",
            format!(
                "An earlier call with this 'idempotency_key' was interrupted, and the stock has changed since, so nobody can \
                 tell whether it arrived: {}. Nothing was sent now. Compare it with what you have, and adjust the rest \
                 with a new key.",
                other.join("; ")
            ),
        ));
    }
    let (made, open): (Vec<_>, Vec<_>) = lines
        .iter()
        .cloned()
        .zip(fates)
        .partition(|(_, fate)| *fate == Fate::Made);
    let made: Vec<Settled> = made
        .into_iter()
        .map(|(line, fate)| Settled {
            line,
            change_id: None,
            fate,
        })
        .collect();
    let open: Vec<Line> = open.into_iter().map(|(line, _)| line).collect();
    let Some(first) = locks.first().filter(|_| !open.is_empty()) else {
        let warnings = vec!["An earlier call with this idempotency_key had made it.".to_owned()];
        return Ok(ended_well(
            carry,
            Some(kept),
            adjusted(carry.store, made, warnings),
        ));
    };
    let ended = carry.out(open, &shelf, read_at, first)?;
    settle(carry, ended, made, Some(kept), locks)
}

/// Tells the caller how it ended, and remembers it under the key if there is no doubt left.
fn settle(
    carry: &Carry<'_>,
    ended: Ended,
    made_before: Vec<Settled>,
    kept: Option<&Kept<'_>>,
    locks: Vec<Lock>,
) -> Result<Adjusted, ToolError> {
    let Ended {
        lines,
        mut warnings,
        lost,
    } = ended;
    let all = |fate: &Fate| lines.iter().all(|it| it.fate == *fate);
    let doubtful = |it: &Settled| matches!(it.fate, Fate::Other(_));
    let Some(error) = lost else {
        let open = lines.iter().any(|it| it.fate == Fate::NotMade);
        let lines = made_before.into_iter().chain(lines).collect();
        let adjusted = adjusted(carry.store, lines, warnings);
        // What was passed over is sent by the next call under the key.
        return Ok(if open {
            adjusted
        } else {
            ended_well(carry, kept, adjusted)
        });
    };
    if all(&Fate::Made) {
        warnings.push(
            "Order Desk's answer was lost, but a look afterwards showed that the change was made."
                .to_owned(),
        );
        let lines = made_before.into_iter().chain(lines).collect();
        return Ok(ended_well(
            carry,
            kept,
            adjusted(carry.store, lines, warnings),
        ));
    }
    if all(&Fate::NotMade) && made_before.is_empty() {
        if let Some(kept) = kept {
            kept.forget();
        }
        return Err(aftermath::did_not_arrive(
            error,
            "the stock is as it was before",
        ));
    }
    if lines.iter().any(doubtful) {
        // Whoever comes next waits until this one cannot arrive any more.
        for lock in locks {
            keep_lock(carry.context, lock);
        }
        if !lines.iter().any(|it| it.fate == Fate::Made) {
            let rows: Vec<String> = lines
                .iter()
                .map(|it| {
                    format!(
                        "{:?} from {} to {}",
                        it.line.code, it.line.before, it.line.after
                    )
                })
                .collect();
            return Err(aftermath::still_unknown(
                error,
                &format!(
                    "A look did not settle what became of it ({}).",
                    rows.join(", ")
                ),
                "see products_list with these codes, or repeat the call with the same idempotency_key if you gave one",
            ));
        }
    }
    warnings.push(
        "Order Desk's answer was lost, and a look afterwards showed only a part of it: see each row. With an \
         idempotency_key, the same call finishes the rest; without one, repeat only the rows that were not made."
            .to_owned(),
    );
    let lines: Vec<Settled> = made_before.into_iter().chain(lines).collect();
    Ok(answered(carry.store, lines, warnings, true))
}

/// Keeps the result under the key: a repetition answers it.
fn ended_well(carry: &Carry<'_>, kept: Option<&Kept<'_>>, adjusted: Adjusted) -> Adjusted {
    if let Some(kept) = kept {
        kept.ticket.done(carry.context, &json!(adjusted));
    }
    adjusted
}

fn earlier(result: serde_json::Value) -> Result<Adjusted, ToolError> {
    let mut adjusted: Adjusted = serde_json::from_value(result).map_err(|error| {
        ToolError::internal(
            "document-malformed",
            format!("The result kept under this idempotency_key cannot be read: {error}. See products_list."),
        )
    })?;
    adjusted.warnings.push(
        "This was done before under the same idempotency_key: this is the result of then, and nothing was changed now."
            .to_owned(),
    );
    Ok(adjusted)
}
