//! What a caller wants to be true before its change is made.

use orderdesk_client::Notice;
use orderdesk_client::difference::{self, Edit, id};
use orderdesk_client::likeness::same;
use orderdesk_client::normalise;
use orderdesk_plugin::serde_json::{Map, Value, json};
use orderdesk_plugin::{Context, ToolError};
use schemars::JsonSchema;
use serde::Deserialize;

use super::items;
use super::place::at;
use super::undo::Conflict;
use crate::version;

/// Conditions of a change.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Guards {
    /// `version` of a read: refused if the order differs from it in anything.
    if_unchanged_since: Option<String>,
    /// The values that you saw in the fields that you change, shaped like the order: refused only if one of those differs.
    expected: Option<Map<String, Value>>,
}

impl Guards {
    /// No conditions.
    pub(crate) const fn none() -> Self {
        Self {
            if_unchanged_since: None,
            expected: None,
        }
    }

    /// That nothing has changed since the version that was read, if one is given.
    pub(crate) const fn unchanged_since(version: Option<String>) -> Self {
        Self {
            if_unchanged_since: version,
            expected: None,
        }
    }

    /// Refuses the change where its conditions do not hold.
    ///
    /// # Errors
    /// `changed-since` with theirs and ours in `extra`.
    pub(crate) fn check(
        &self,
        context: &Context,
        order: &Map<String, Value>,
        edits: &[Edit],
    ) -> Result<(), ToolError> {
        if let Some(seen) = &self.if_unchanged_since {
            let version = version::of(context, order);
            if *seen != version {
                return Err(refusal(
                    "The order has changed since the version that you read",
                    edits.iter().map(there).collect(),
                    &version,
                ));
            }
        }
        let conflicts = match &self.expected {
            Some(expected) => self::conflicts(expected, order, edits),
            None => Vec::new(),
        };
        if conflicts.is_empty() {
            return Ok(());
        }
        let version = version::of(context, order);
        Err(refusal(
            "Fields that you change are not as you saw them",
            conflicts,
            &version,
        ))
    }
}

fn there(edit: &Edit) -> Conflict {
    let shown = edit.shown();
    Conflict {
        path: shown.path,
        theirs: shown.before,
        ours: shown.after,
    }
}

/// The places that are changed and are not as the caller saw them.
fn conflicts(
    expected: &Map<String, Value>,
    order: &Map<String, Value>,
    edits: &[Edit],
) -> Vec<Conflict> {
    let expected = named(expected, order);
    edits
        .iter()
        .filter(|edit| {
            let seen = at(&expected, &edit.at);
            let holds = match (seen, &edit.before) {
                (None, _) => true,
                // A row of which only some fields were told.
                (Some(Value::Object(seen)), Some(before)) => items::covers(before, seen),
                (Some(seen), before) => same(Some(seen), before.as_ref()),
            };
            !holds
        })
        .map(there)
        .collect()
}

/// Items that are expected by their code get the id of the item that has it.
fn named(expected: &Map<String, Value>, order: &Map<String, Value>) -> Map<String, Value> {
    let mut expected = Value::Object(expected.clone());
    normalise::order(&mut expected);
    let Value::Object(mut expected) = expected else {
        return Map::new();
    };
    if let Some(Value::Array(rows)) = expected.get_mut("order_items") {
        for row in rows.iter_mut().filter(|row| id(row).is_none()) {
            let code = row.get("code").cloned();
            let item = items::of(order)
                .iter()
                .find(|item| code.is_some() && item.get("code") == code.as_ref());
            if let (Some(id), Value::Object(row)) = (item.and_then(difference::id), row) {
                row.insert("id".to_owned(), json!(id));
            }
        }
    }
    expected
}

fn refusal(what: &str, conflicts: Vec<Conflict>, version: &str) -> ToolError {
    let paths: Vec<&str> = conflicts
        .iter()
        .map(|conflict| conflict.path.as_str())
        .collect();
    let at = match paths.as_slice() {
        [] => String::new(),
        paths => format!(" ({})", paths.join(", ")),
    };
    ToolError::conflict(
        "changed-since",
        format!(
            "{what}{at}. Nothing was changed. See `theirs` (there now) and `ours` (wanted), decide, and repeat it with \
             what is there now."
        ),
    )
    .with_extra(json!({
        "notice": Notice::TEXT,
        "theirs": conflicts.iter().map(|conflict| json!({"path": conflict.path, "value": conflict.theirs})).collect::<Vec<_>>(),
        "ours": conflicts.iter().map(|conflict| json!({"path": conflict.path, "value": conflict.ours})).collect::<Vec<_>>(),
        "version": version,
    }))
}
