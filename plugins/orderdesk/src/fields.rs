//! Which fields of a row an answer shows, and which part of a long one.

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

/// What stands inside a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// Nothing that has a name: text or a number.
    Plain,
    /// Names that the store chose.
    Open,
    /// These names, in the field itself or in each row of its list.
    Names(&'static [&'static str]),
}

/// The fields that a row can have at its top, and what stands inside them.
pub type Known = [(&'static str, Inside)];

/// Chosen fields, such as `order_total`, `shipping.city` or, of each item, `order_items.code`. `order_items[8:16]` are the
/// items from the ninth to the sixteenth, `checkout_data.Message[0:500]` the first 500 characters of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// In the chosen order.
    parts: Vec<(String, Slice, Part)>,
}

/// Of a list the rows, of a text the characters, from the first number on and before the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slice {
    from: usize,
    to: usize,
}

impl Slice {
    const ALL: Self = Self {
        from: 0,
        to: usize::MAX,
    };

    /// A name and its slice: `order_items[8:16]`, `order_items[8:]`. What looks otherwise is a name.
    fn split(field: &str) -> (&str, Self) {
        let sliced = || {
            let (name, slice) = field.strip_suffix(']')?.rsplit_once('[')?;
            let (from, to) = slice.split_once(':')?;
            let number = |text: &str, without: usize| match text.is_empty() {
                true => Some(without),
                false => text.parse().ok(),
            };
            let slice = Self {
                from: number(from, 0)?,
                to: number(to, usize::MAX)?,
            };
            Some((name, slice))
        };
        sliced().unwrap_or((field, Self::ALL))
    }

    fn of(self, value: Value) -> Value {
        let length = self.to.saturating_sub(self.from);
        match value {
            value if self == Self::ALL => value,
            Value::Array(rows) => rows.into_iter().skip(self.from).take(length).collect(),
            Value::String(text) => text
                .chars()
                .skip(self.from)
                .take(length)
                .collect::<String>()
                .into(),
            value => value,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Only(Fields),
}

impl Fields {
    /// Reads the argument; none if nothing was chosen.
    ///
    /// # Errors
    /// `unknown-field` names the nearest known one; `two-slices` for two parts of one field.
    pub fn read(chosen: Option<&[String]>, known: &Known) -> Result<Option<Self>, ToolError> {
        let mut fields = Self::default();
        let chosen = chosen
            .into_iter()
            .flatten()
            .flat_map(|field| field.split(','))
            .map(str::trim)
            .filter(|field| !field.is_empty());
        for field in chosen {
            let path: Vec<(&str, Slice)> = field.split('.').map(Slice::split).collect();
            let names: Vec<&str> = path.iter().map(|(name, _)| *name).collect();
            check(&names, known)?;
            if !fields.add(&path) {
                return Err(ToolError::invalid_input(
                    "two-slices",
                    format!(
                        "'fields': '{}' names another part of a field than one before it. Ask for one part of a field at a time.",
                        field.chars().take(60).collect::<String>()
                    ),
                ));
            }
        }
        Ok((!fields.parts.is_empty()).then_some(fields))
    }

    /// True if this field or a part of it was chosen.
    #[must_use]
    pub fn mention(&self, field: &str) -> bool {
        self.parts.iter().any(|(name, ..)| name == field)
    }

    /// The chosen fields of a row, in the chosen order; what a row does not have is left out. Rows of a list inside stay
    /// as many as they are, so that what belongs together stays together.
    #[must_use]
    pub fn of(&self, row: &Map<String, Value>) -> Map<String, Value> {
        let mut picked = Map::new();
        for (name, slice, part) in &self.parts {
            if let Some(value) = row.get(name).and_then(|value| part.of(value)) {
                picked.insert(name.clone(), slice.of(value));
            }
        }
        picked
    }

    /// False if another part of the field was chosen before.
    fn add(&mut self, path: &[(&str, Slice)]) -> bool {
        let Some(((name, slice), rest)) = path.split_first() else {
            return true;
        };
        let place = match self.parts.iter().position(|(there, ..)| there == name) {
            Some(place) => place,
            None => {
                let part = Part::Only(Self::default());
                self.parts.push(((*name).to_owned(), *slice, part));
                self.parts.len() - 1
            }
        };
        let (_, chosen, part) = &mut self.parts[place];
        if chosen != slice {
            return false;
        }
        match part {
            // The whole holds every part.
            Part::Whole => true,
            part if rest.is_empty() => {
                *part = Part::Whole;
                true
            }
            Part::Only(fields) => fields.add(rest),
        }
    }
}

impl Part {
    fn of(&self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Self::Whole, value) => Some(value.clone()),
            (Self::Only(fields), Value::Object(object)) => {
                let picked = fields.of(object);
                (!picked.is_empty()).then_some(Value::Object(picked))
            }
            (Self::Only(fields), Value::Array(rows)) => Some(
                rows.iter()
                    .filter_map(Value::as_object)
                    .map(|row| Value::Object(fields.of(row)))
                    .collect(),
            ),
            _ => None,
        }
    }
}

fn check(path: &[&str], known: &Known) -> Result<(), ToolError> {
    let (top, rest) = path.split_first().unwrap_or((&"", &[]));
    let Some((_, inside)) = known.iter().find(|(name, _)| name == top) else {
        let names: Vec<String> = known.iter().map(|(name, _)| (*name).to_owned()).collect();
        return Err(unknown(top, &names));
    };
    match (inside, rest.first()) {
        (_, None) | (Inside::Open, Some(_)) => Ok(()),
        (Inside::Names(names), Some(name)) if names.contains(name) => Ok(()),
        (Inside::Names(names), Some(_)) => {
            let names: Vec<String> = names.iter().map(|name| format!("{top}.{name}")).collect();
            Err(unknown(&path.join("."), &names))
        }
        (Inside::Plain, Some(_)) => Err(unknown(&path.join("."), &[(*top).to_owned()])),
    }
}

fn unknown(field: &str, known: &[String]) -> ToolError {
    let nearest = known
        .iter()
        // A part of a name is nearer than its distance says: `items` for `order_items`.
        .min_by_key(|candidate| {
            (
                field.len() < 3 || !candidate.contains(field),
                strsim::damerau_levenshtein(candidate, field),
            )
        })
        .map(String::as_str)
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
mod tests;
