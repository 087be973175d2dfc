//! Rows as text, with the names of their fields written once: what a model reads of a list.
//!
//! In the structured result every row is an object, as programs like it; its names alone are a third of its bytes. The text
//! says the same as JSON too, with `{"columns": [...], "rows": [[...]]}` in the place of the rows: the cells stand in the
//! sequence of the columns, `null` for a field that a row does not have, and nothing for those at a row's end.

use orderdesk_plugin::{ToolError, serde_json};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The text of a list whose rows are in its field `rows`.
///
/// # Errors
/// `internal`: `listed` is not an object with such rows.
pub fn as_table(listed: &impl Serialize, rows: &str) -> Result<String, ToolError> {
    let malformed = |what: &str| {
        ToolError::internal(
            "list-malformed",
            format!("The list cannot be shown: {what}."),
        )
    };
    let mut listed = match serde_json::to_value(listed) {
        Ok(Value::Object(listed)) => listed,
        _ => return Err(malformed("it is no object")),
    };
    let Some(Value::Array(found)) = listed.get_mut(rows).map(Value::take) else {
        return Err(malformed("it has no rows"));
    };
    let objects: Vec<Map<String, Value>> = found
        .into_iter()
        .filter_map(|row| match row {
            Value::Object(row) => Some(row),
            _ => None,
        })
        .collect();
    listed.insert(rows.to_owned(), table(objects));
    Ok(Value::Object(listed).to_string())
}

fn table(objects: Vec<Map<String, Value>>) -> Value {
    let columns = columns(&objects);
    let rows: Vec<Vec<Value>> = objects
        .into_iter()
        .map(|mut object| {
            let last = columns.iter().rposition(|name| object.contains_key(name));
            columns
                .iter()
                .take(last.map_or(0, |last| last + 1))
                .map(|name| object.remove(name).unwrap_or_default())
                .collect()
        })
        .collect();
    json!({ "columns": columns, "rows": rows })
}

/// Every name, those of all rows before those of few: so rows end early.
fn columns(objects: &[Map<String, Value>]) -> Vec<String> {
    let mut seen: Map<String, Value> = Map::new();
    for name in objects.iter().flat_map(Map::keys) {
        let times = seen.get(name).and_then(Value::as_u64).unwrap_or_default();
        seen.insert(name.clone(), json!(times + 1));
    }
    let mut columns: Vec<(String, u64)> = seen
        .into_iter()
        .map(|(name, times)| (name, times.as_u64().unwrap_or_default()))
        .collect();
    columns.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    columns.into_iter().map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    /// What a reader makes of the text.
    fn read(text: &str) -> Value {
        let mut listed: Value = serde_json::from_str(text).unwrap();
        let table = listed["orders"].take();
        let columns = table["columns"].as_array().unwrap();
        let rows = table["rows"].as_array().unwrap().iter().map(|row| {
            let cells = columns.iter().zip(row.as_array().unwrap());
            let named = cells.filter(|(_, cell)| !cell.is_null());
            named
                .map(|(name, cell)| (name.as_str().unwrap().to_owned(), cell.clone()))
                .collect::<Map<_, _>>()
        });
        listed["orders"] = rows.collect();
        listed
    }

    fn row() -> impl Strategy<Value = Map<String, Value>> {
        let cell = prop_oneof![
            any::<i32>().prop_map(|number| json!(number)),
            ".{0,12}".prop_map(|text| json!(text)),
            Just(json!(["a", {"b": null}])),
        ];
        prop::collection::vec(("[a-f]", cell), 0..6).prop_map(|row| row.into_iter().collect())
    }

    proptest! {
        #[test]
        fn the_text_says_what_the_objects_say(rows in prop::collection::vec(row(), 0..8)) {
            let listed = json!({ "total": 7, "orders": rows, "next_cursor": null });
            prop_assert_eq!(read(&as_table(&listed, "orders").unwrap()), listed);
        }
    }

    #[test]
    fn names_are_written_once_and_rare_ones_stand_last() {
        let listed =
            json!({ "orders": [{ "id": "1", "tag": "x", "total": 2 }, { "id": "2", "total": 0 }] });
        assert_eq!(
            as_table(&listed, "orders").unwrap(),
            r#"{"orders":{"columns":["id","total","tag"],"rows":[["1",2,"x"],["2",0]]}}"#
        );
    }
}
