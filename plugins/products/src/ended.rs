//! Changes whose end was not recorded: the server was killed in the middle, or the answer was lost for good. The product itself
//! tells what became of them.

use std::time::Duration;

use orderdesk_client::Store;
use orderdesk_client::aftermath::Sight;
use orderdesk_client::difference::Edit;
use orderdesk_client::journal::{Change, State};
use orderdesk_client::likeness::{alike, same};
use orderdesk_client::record::at;
use orderdesk_plugin::serde_json::Value;
use orderdesk_plugin::{Context, ErrorKind, ToolError};

use crate::Product;
use crate::deed::{Sort, Step, sight, sort};
use crate::shelf::{read, text};

/// Until then a call may still be under way: what looks untouched is not believed to be so.
const SETTLED: Duration = Duration::from_secs(60);

/// The change as it ended, as far as a fresh read shows it. None if that is not known.
///
/// # Errors
/// What the host and Order Desk refuse.
pub(crate) fn ended(
    context: &Context,
    store: &Store,
    change: &Change,
) -> Result<Option<Change>, ToolError> {
    let whole = |value: Option<&Value>| {
        value
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let seen = match (sort(&change.edits), change.edits.first()) {
        (Sort::Created, Some(edit)) => {
            sight(context, store, &Step::Create(whole(edit.after.as_ref())))?
        }
        (Sort::Removed, Some(_)) => {
            sight(context, store, &Step::Remove(whole(change.before.as_ref())))?
        }
        _ => match read(context, store, &change.thing_id, 0) {
            Ok(now) => changed(&change.edits, now),
            Err(error) if error.kind == ErrorKind::NotFound => Sight::Neither,
            Err(error) => return Err(error),
        },
    };
    let age = context.clock().now_ms().saturating_sub(change.at_ms);
    let settled = Duration::from_millis(age) >= SETTLED;
    let mut change = change.clone();
    match seen {
        Sight::Made(product) => {
            change.state = State::Made;
            if let Some(product) = product {
                change.thing_id = text(&product, "id").to_owned();
                change.after = Some(Value::Object(product));
            }
        }
        Sight::NotMade if settled => change.state = State::NotMade,
        Sight::NotMade | Sight::Neither => return Ok(None),
    }
    Ok(Some(change))
}

fn changed(edits: &[Edit], now: Product) -> Sight<Option<Product>> {
    let all = |is: fn(&Edit, Option<&Value>) -> bool| {
        edits.iter().all(|edit| is(edit, at(&now, &edit.at)))
    };
    if all(|edit, now| alike(now, edit.after.as_ref())) {
        Sight::Made(Some(now))
    } else if all(|edit, now| same(now, edit.before.as_ref())) {
        Sight::NotMade
    } else {
        Sight::Neither
    }
}
