//! Which fields of a row an answer shows.

use orderdesk_plugin::{ToolError, serde_json};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// How much of each row is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResponseFormat {
    /// What is mostly looked at.
    #[default]
    Concise,
    /// Everything.
    Detailed,
}

/// Chosen fields, such as `order_total` or `shipping.city`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields(Vec<String>);

impl Fields {
    /// Reads the argument; none if nothing was chosen. `known` are the names that a row can have at its top.
    ///
    /// # Errors
    /// `unknown-field` names the nearest known one.
    pub fn read(chosen: Option<&[String]>, known: &[&str]) -> Result<Option<Self>, ToolError> {
        let chosen: Vec<String> = chosen
            .into_iter()
            .flatten()
            .flat_map(|field| field.split(','))
            .map(|field| field.trim().to_owned())
            .filter(|field| !field.is_empty())
            .collect();
        for field in &chosen {
            let top = field.split('.').next().unwrap_or_default();
            if !known.contains(&top) {
                return Err(unknown(top, known));
            }
        }
        Ok((!chosen.is_empty()).then_some(Self(chosen)))
    }

    /// The chosen fields of a row, in the chosen order; what a row does not have is left out.
    #[must_use]
    pub fn of(&self, row: &Map<String, Value>) -> Map<String, Value> {
        let mut picked = Map::new();
        for field in &self.0 {
            let path: Vec<&str> = field.split('.').collect();
            if let Some(value) = look_up(row, &path) {
                put(&mut picked, &path, value);
            }
        }
        picked
    }
}

fn look_up(row: &Map<String, Value>, path: &[&str]) -> Option<Value> {
    let (first, rest) = path.split_first()?;
    let value = row.get(*first)?;
    match (rest, value) {
        ([], value) => Some(value.clone()),
        (rest, Value::Object(inner)) => look_up(inner, rest),
        // `order_items.code`: that field of each.
        (rest, Value::Array(rows)) => {
            let values = rows
                .iter()
                .filter_map(|row| look_up(row.as_object()?, rest));
            Some(Value::Array(values.collect()))
        }
        _ => None,
    }
}

fn put(picked: &mut Map<String, Value>, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() || value.is_array() {
        picked.insert(path.join("."), value);
        return;
    }
    let inner = picked
        .entry((*first).to_owned())
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        put(inner, rest, value);
    }
}

fn unknown(field: &str, known: &[&str]) -> ToolError {
    let nearest = known
        .iter()
        .min_by_key(|candidate| strsim::damerau_levenshtein(candidate, field))
        .copied()
        .unwrap_or_default();
    ToolError::invalid_input(
        "unknown-field",
        format!(
            "'fields': there is no field '{}'; did you mean '{nearest}'? There are: {}.",
            field.chars().take(60).collect::<String>(),
            known.join(", ")
        ),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const KNOWN: [&str; 4] = ["id", "email", "shipping", "order_items"];

    fn row() -> Map<String, Value> {
        json!({
            "id": "5", "email": "a@example.com",
            "shipping": {"city": "Portland", "country": "US"},
            "order_items": [{"code": "A", "quantity": 1}, {"code": "B", "quantity": 2}],
        })
        .as_object()
        .unwrap()
        .clone()
    }

    fn picked(fields: &[&str]) -> Value {
        let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        Value::Object(
            Fields::read(Some(&fields), &KNOWN)
                .unwrap()
                .unwrap()
                .of(&row()),
        )
    }

    #[test]
    fn fields_are_picked_at_any_depth_and_from_each_row_of_a_list() {
        assert_eq!(
            picked(&["id", "shipping.city"]),
            json!({"id": "5", "shipping": {"city": "Portland"}})
        );
        assert_eq!(
            picked(&["order_items.code"]),
            json!({"order_items.code": ["A", "B"]})
        );
        assert_eq!(
            picked(&["id, email"]),
            json!({"id": "5", "email": "a@example.com"})
        );
        assert_eq!(
            picked(&["shipping.city", "shipping.country"]),
            json!({"shipping": {"city": "Portland", "country": "US"}})
        );
    }

    #[test]
    fn an_unknown_field_is_refused_with_the_nearest() {
        let error = Fields::read(Some(&["emial".to_owned()]), &KNOWN).unwrap_err();
        assert!(error.has_code("unknown-field"));
        assert!(
            error.to_string().contains("did you mean 'email'?"),
            "{error}"
        );
    }

    #[test]
    fn nothing_chosen_is_no_choice() {
        assert_eq!(Fields::read(None, &KNOWN).unwrap(), None);
        assert_eq!(Fields::read(Some(&[" ".to_owned()]), &KNOWN).unwrap(), None);
    }

    proptest! {
        #[test]
        fn what_is_picked_is_what_the_row_has(chosen in proptest::sample::subsequence(KNOWN.to_vec(), 1..4)) {
            let picked = picked(&chosen);
            prop_assert_eq!(picked.as_object().unwrap().len(), chosen.len());
            for field in chosen {
                prop_assert_eq!(&picked[field], &row()[field]);
            }
        }
    }
}
