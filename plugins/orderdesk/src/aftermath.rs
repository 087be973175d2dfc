//! After a write: what became of it, and what Order Desk made of what it was sent.

use std::time::Duration;

use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::{Context, ToolError, serde_json};
use serde_json::{Map, Value};

use crate::journal::{Change, Journal, State};
use crate::likeness::{Likeness, blank, compare};
use crate::writing::{Normalised, Stopwatch, keep_lock};

/// Nobody waits longer for a thing to show.
const LONGEST: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// A request that was cut off may still be carried out: what looks untouched is looked at again after this long.
const SETTLED: Duration = Duration::from_secs(3);
/// What a call keeps to answer with.
const TO_ANSWER: Duration = Duration::from_secs(5);

/// What a look at the thing showed.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight<T> {
    /// The write arrived; the thing is as it shall be.
    Made(T),
    /// The thing is as it was before.
    NotMade,
    /// It is neither, since somebody else changed it meanwhile; or there was no time to see it settle.
    Neither,
}

/// Looks at a thing whose write has an unknown outcome, until it shows what became of it.
///
/// # Errors
/// That of the last look, if none showed anything in time.
pub fn look<T>(
    context: &Context,
    mut look: impl FnMut() -> Result<Sight<T>, ToolError>,
) -> Result<Sight<T>, ToolError> {
    let watch = Stopwatch::start(context);
    let mut pause = FIRST_PAUSE;
    loop {
        context.clock().sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
        let seen = look();
        let settled = match &seen {
            Ok(Sight::Made(_)) => true,
            Ok(_) => watch.elapsed(context) >= SETTLED,
            Err(_) => false,
        };
        let late = watch.elapsed(context) + pause > LONGEST
            || context.session().time_left() < pause + TO_ANSWER;
        if settled {
            return seen;
        }
        if late || context.session().cancelled() {
            // It may still arrive.
            return seen.map(|_| Sight::Neither);
        }
    }
}

/// How to tell what became of a write.
pub struct Words<'a> {
    /// What a look shows where it did not arrive, such as "the product is as it was before".
    pub as_before: &'a str,
    /// How the caller can look, such as "see products_get of 5".
    pub look_with: &'a str,
}

/// What a caller reads of a write whose answer was lost, and which was made.
pub const MADE: &str =
    "Order Desk's answer was lost, but a look afterwards showed that the change was made.";

/// Finds out by `looks` what became of a write whose answer was lost with this error.
///
/// # Errors
/// It was not made, or nobody knows: as the change ended, and what the caller reads.
pub fn judge<T>(
    context: &Context,
    lost: ToolError,
    words: &Words<'_>,
    looks: impl FnMut() -> Result<Sight<T>, ToolError>,
) -> Result<T, (State, ToolError)> {
    let unknown = |why: &str| {
        let error = still_unknown(lost.clone(), why, words.look_with);
        Err((State::Unknown, error))
    };
    match look(context, looks) {
        Ok(Sight::Made(made)) => Ok(made),
        Ok(Sight::NotMade) => {
            let error = did_not_arrive(lost, words.as_before);
            Err((State::NotMade, error))
        }
        Ok(Sight::Neither) => unknown(
            "A look at it did not settle that: it may be under way, or somebody else changed it at the same time.",
        ),
        Err(read) => unknown(&format!(
            "Reading it afterwards failed too ({}).",
            read.message
        )),
    }
}

/// Records a change that was not made, or of which nobody knows: then whoever comes next waits until it cannot arrive any
/// more. Answers the error, which is what matters to the caller.
pub fn not_done(
    context: &Context,
    journal: &Journal<'_>,
    mut change: Change,
    lock: Lock,
    (state, error): (State, ToolError),
) -> ToolError {
    change.state = state;
    if state == State::Unknown {
        keep_lock(context, lock);
    }
    // Logged by the journal.
    let _ = journal.settle(&change);
    error
}

/// The error of a write that a look showed not to have arrived.
#[must_use]
pub fn did_not_arrive(mut error: ToolError, what: &str) -> ToolError {
    error.outcome_unknown = false;
    error.message = format!(
        "{} A look at Order Desk afterwards showed that it did not arrive: {what}. It is safe to repeat this call.",
        without_advice(&error.message)
    );
    error
}

/// The error of a write of which nobody knows what became: `look_with` says how to see it.
#[must_use]
pub fn still_unknown(mut error: ToolError, why: &str, look_with: &str) -> ToolError {
    error.outcome_unknown = true;
    error.message = format!(
        "{} {why} Do not repeat it before you know: {look_with}.",
        without_advice(&error.message)
    );
    error
}

/// A message without what the client said about repeating, which is better known by now.
fn without_advice(message: &str) -> &str {
    message
        .trim_end_matches("The change may have been made all the same: look before repeating it.")
        .trim_end()
}

/// How a stored record differs from the one that was sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stored {
    /// Tidied or computed by Order Desk.
    pub normalised: Vec<Normalised>,
    /// Anything else, in words.
    pub warnings: Vec<String>,
}

/// Compares the fields that were sent with what is stored; `at` stands before their names. A field of `computed` that was
/// sent blank is Order Desk's to fill.
#[must_use]
pub fn stored(
    at: &str,
    sent: &Map<String, Value>,
    stored: &Map<String, Value>,
    computed: &[&str],
) -> Stored {
    let mut found = Stored::default();
    for (name, value) in sent {
        let now = stored.get(name);
        let filled = computed.contains(&name.as_str()) && blank(value);
        let likeness = compare(Some(value), now);
        let path = format!("{at}{name}");
        match likeness {
            Likeness::Same => {}
            Likeness::Different if !filled => found.warnings.push(format!(
                "{path}: {value} was sent, and Order Desk now has {}. Order Desk or somebody else made it so.",
                now.unwrap_or(&Value::Null)
            )),
            _ => found.normalised.push(Normalised {
                path,
                sent: value.clone(),
                stored: now.cloned().unwrap_or_default(),
            }),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_order_desk_tidied_is_told_from_what_it_did_not_take() {
        let sent = map(json!({
            "carrier_code": "ups", "weight": 4.2, "tracking_url": "", "status": "shipped", "cost": 1
        }));
        let now = map(json!({
            "carrier_code": "UPS", "weight": "4.2", "tracking_url": "https://x", "status": "", "cost": "1"
        }));
        let found = stored("shipment.", &sent, &now, &["tracking_url"]);
        let paths: Vec<_> = found.normalised.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, ["shipment.carrier_code", "shipment.tracking_url"]);
        assert_eq!(found.warnings.len(), 1);
        assert!(found.warnings[0].starts_with("shipment.status: \"shipped\" was sent"));
    }

    #[test]
    fn a_look_replaces_what_was_said_about_repeating() {
        let error = ToolError::upstream(
            "orderdesk-error",
            "Order Desk answered with an error (HTTP 502). The change may have been made all the same: look before \
             repeating it.",
        )
        .with_outcome_unknown();
        let settled = did_not_arrive(error, "nothing is there");
        assert!(!settled.outcome_unknown);
        assert!(!settled.message.contains("all the same"), "{settled}");
        assert!(settled.message.contains("(HTTP 502). A look"), "{settled}");
    }
}
