//! Changes that are no PUT: an order that comes into being, and one that ceases to be.

use orderdesk_client::difference::Edit;
use orderdesk_plugin::serde_json::{Map, Value};

use crate::concise::concise;

/// No field of an order bears this name.
const ORDER: &str = "order";

/// The edit of an order that comes into being.
pub(crate) fn created(order: &Map<String, Value>) -> Edit {
    Edit {
        at: vec![ORDER.to_owned()],
        before: None,
        after: Some(Value::Object(order.clone())),
    }
}

/// The edit of an order that ceases to be, in short: its before-image is kept whole.
pub(crate) fn deleted(order: &Map<String, Value>) -> Edit {
    Edit {
        at: vec![ORDER.to_owned()],
        before: Some(Value::Object(concise(order))),
        after: None,
    }
}

/// What a change was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Created,
    Deleted,
    Changed,
}

/// What a change with these edits was.
pub(crate) fn sort(edits: &[Edit]) -> Sort {
    match edits {
        [edit] if edit.at == [ORDER] && edit.before.is_none() => Sort::Created,
        [edit] if edit.at == [ORDER] => Sort::Deleted,
        _ => Sort::Changed,
    }
}
