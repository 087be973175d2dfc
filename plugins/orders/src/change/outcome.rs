//! Whether a write whose answer was lost arrived.

use std::time::Duration;

use orderdesk_client::Stopwatch;
use orderdesk_client::difference::Edit;
use orderdesk_plugin::Context;
use orderdesk_plugin::serde_json::{Map, Value};

use super::engine::Changing;
use super::place::{Standing, standing};

/// Nobody waits longer for the truth to show.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);
/// What the call keeps to answer with.
const TO_ANSWER: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// A request that was cut off may still be carried out: what looks untouched is looked at again after this long.
pub(crate) const SETTLED: Duration = Duration::from_secs(3);

/// Looks again and again, at growing intervals, until `look` sees something. It is told whether enough time has passed to
/// believe that nothing happened. None if it never saw anything.
pub(crate) fn until<T>(context: &Context, mut look: impl FnMut(bool) -> Option<T>) -> Option<T> {
    let watch = Stopwatch::start(context);
    let mut pause = FIRST_PAUSE;
    while watch.elapsed(context) + pause <= LONGEST
        && context.session().time_left() >= pause + TO_ANSWER
    {
        context.clock().sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
        let seen = look(watch.elapsed(context) >= SETTLED);
        if seen.is_some() {
            return seen;
        }
    }
    None
}

/// What reading an order showed.
pub(crate) enum Found {
    /// It was changed: the order as it is.
    Made(Map<String, Value>),
    /// It was not changed.
    NotMade,
    /// Neither can be seen; the order as it was read last, if it could be read.
    Unknown(Option<Map<String, Value>>),
}

/// Reads the order until it shows one of the two states.
pub(crate) fn find_out(
    changing: &Changing<'_>,
    origin: &Map<String, Value>,
    edits: &[Edit],
) -> Found {
    let mut last = None;
    let found = until(changing.context, |settled| {
        let order = changing.read(None).ok()?;
        let all = |wanted: Standing| {
            edits
                .iter()
                .all(|edit| standing(origin, edit, &order) == wanted)
        };
        if all(Standing::After) {
            return Some(Found::Made(order));
        }
        if settled && all(Standing::Before) {
            return Some(Found::NotMade);
        }
        last = Some(order);
        None
    });
    found.unwrap_or(Found::Unknown(last))
}
