//! Answers that fit a model: under 2,000 tokens where nobody asked for more, never above 20,000.
//!
//! Lists end a page early ([`crate::Page`]). Whatever else is too long is shortened here, in one place for every tool: long
//! lists to their first rows, long texts to their beginning, never silently. `left_out` names each place with what is shown of
//! it, `note` says how to get the rest. What is small (ids, versions, tokens, warnings) always stays.

use orderdesk_plugin::serde_json::value::{RawValue, to_raw_value};
use orderdesk_plugin::{Plugin, ToolError, serde_json};
use serde_json::{Map, Value, json};

use crate::tokens::estimate;

/// Of an answer where nobody asked for more, by the estimate: under 2,000 tokens.
pub const SMALL: usize = 1_950;
/// Of every answer, by the estimate: under 20,000 tokens even where the estimate is a fifth too low.
pub const LARGE: usize = 16_000;
/// What is shortened first, and where nobody asked for the whole of it: the thing itself.
const THINGS: [&str; 3] = ["order", "product", "shipment"];
/// What was done to it: of a preview it stays, since somebody decides by it.
const DIFFERENCE: &str = "diff";
/// Arguments that ask for more.
const CHOICES: [&str; 2] = ["fields", "response_format"];
/// Tokens that `left_out` and `note` may take.
const RESERVE: usize = 250;
/// A part that is smaller than this share of an answer stays as it is.
const SHARE: usize = 16;
/// Rows of a list that may be shown at all, where anything is left out.
const ROWS: usize = 500;
/// Places that are named one by one; further ones are counted.
const NAMED: usize = 8;
/// The end of a text whose end is left out.
const CUT: &str = " more characters, left out]";
/// Letters of a place's name.
const PLACE: usize = 80;

/// The plugin, all of whose answers fit. `advice` says for a tool how to get at what is left out.
#[must_use]
pub fn fitted(plugin: Plugin, advice: fn(&str) -> &'static str) -> Plugin {
    plugin.finish(move |tool, arguments, mut output| {
        let text = output.structured.get();
        // A token has at least one byte.
        if text.len() > SMALL
            && let Some(short) = fit(text, arguments, advice(tool))?
        {
            output.structured = short;
        }
        Ok(output)
    })
}

/// The answer if it had to be shortened.
fn fit(text: &str, arguments: &str, advice: &str) -> Result<Option<Box<RawValue>>, ToolError> {
    let tokens = estimate(text);
    let holds = |part: &str| text.contains(&format!("\"{part}\":"));
    let long_by_itself = THINGS.iter().any(|thing| holds(thing)) || holds(DIFFERENCE);
    if tokens <= SMALL || (tokens <= LARGE && !long_by_itself) {
        return Ok(None);
    }
    let malformed = |error: serde_json::Error| {
        ToolError::internal(
            "answer-malformed",
            format!("The answer cannot be shortened: {error}"),
        )
    };
    let asked: Map<String, Value> = serde_json::from_str(arguments).map_err(malformed)?;
    let asks_for_more = CHOICES.iter().any(|name| asked.contains_key(*name));
    if tokens <= LARGE && asks_for_more {
        return Ok(None);
    }
    let mut answer: Map<String, Value> = serde_json::from_str(text).map_err(malformed)?;
    let mut places = Places::default();
    if !asks_for_more {
        // Of many things at once each is told.
        let decides = ["dry_run", "results", "next_cursor"].iter().any(|name| {
            answer
                .get(*name)
                .is_some_and(|it| !is_blank(it) && *it != false)
        });
        let may = |name: &str| THINGS.contains(&name) || (name == DIFFERENCE && !decides);
        shorten(&mut answer, SMALL, may, false, &mut places);
    }
    if tokens > LARGE && estimate(&json!(answer).to_string()) > LARGE {
        // Behind a cursor stand the rows after those of this page: none of its own may be missing.
        let paged = answer.contains_key("next_cursor");
        let kept = |value: &Value| paged && value.is_array();
        let names: Vec<String> = answer
            .iter()
            .filter(|(_, value)| !kept(value))
            .map(|(name, _)| name.clone())
            .collect();
        shorten(
            &mut answer,
            LARGE,
            |name| names.iter().any(|it| it == name),
            false,
            &mut places,
        );
    }
    if places.all.is_empty() {
        // At most what was blank is gone.
        return to_raw_value(&answer).map(Some).map_err(malformed);
    }
    // What the tool itself leaves out, as it always does, is named there already.
    let own = answer.get("left_out").and_then(Value::as_array).cloned();
    let mut left_out = own.unwrap_or_default();
    left_out.extend(places.named().into_iter().map(Value::from));
    answer.insert("left_out".to_owned(), left_out.into());
    let note = answer.get("note").and_then(Value::as_str).unwrap_or("");
    let note = format!("{note} Shortened: see left_out. {advice}");
    answer.insert("note".to_owned(), note.trim().into());
    to_raw_value(&answer).map(Some).map_err(malformed)
}

/// A row of a list, in as many tokens; what is left out of it is named with its place. `open`: its fields are Order Desk's own,
/// so that blank ones go first.
#[must_use]
pub fn row(
    mut row: Map<String, Value>,
    budget: usize,
    open: bool,
) -> (Map<String, Value>, Vec<String>) {
    let mut places = Places::default();
    shorten(&mut row, budget, |_| true, open, &mut places);
    (row, places.named())
}

/// Shortens those parts of an answer for which `may` is true, until the whole fits. Where they are too few for that, they
/// become as short as they can. Parts whose fields are Order Desk's own lose blank ones first.
fn shorten(
    answer: &mut Map<String, Value>,
    budget: usize,
    may: impl Fn(&str) -> bool,
    rows_are_open: bool,
    places: &mut Places,
) {
    let cost = |value: &Value| estimate(&value.to_string());
    let costs: Vec<(String, usize)> = answer
        .iter()
        .map(|(name, value)| (name.clone(), cost(value) + estimate(name) + 1))
        .collect();
    let all: usize = costs.iter().map(|(_, cost)| cost).sum();
    if all <= budget {
        return;
    }
    let long: Vec<&str> = costs
        .iter()
        .filter(|(name, cost)| may(name) && *cost > budget / SHARE)
        .map(|(name, _)| name.as_str())
        .collect();
    let others: usize = costs
        .iter()
        .filter(|(name, _)| !long.contains(&name.as_str()))
        .map(|(_, cost)| cost)
        .sum();
    // Where the others fill it already, the thing itself is still worth a look.
    let left = budget.saturating_sub(others + RESERVE).max(budget / 4);
    let before: Vec<(&str, Value)> = long
        .into_iter()
        .filter_map(|name| Some((name, answer.get(name)?.clone())))
        .collect();
    if before.is_empty() {
        return;
    }
    let mut step = Some(Step::first());
    while let Some(now) = step {
        let mut cuts = Places::default();
        let after: Vec<(&str, Value)> = before
            .iter()
            .map(|(name, value)| {
                let open = rows_are_open || THINGS.contains(name);
                (*name, now.cut(value, name, (0, open), &mut cuts))
            })
            .collect();
        let costs = after.iter().map(|(_, value)| cost(value)).sum::<usize>();
        step = now.next(costs, left);
        if costs <= left || step.is_none() {
            for (name, value) in after {
                answer.insert(name.to_owned(), value);
            }
            places.all.extend(cuts.all);
            return;
        }
    }
}

/// How much is shown; each step shows less than the one before.
#[derive(Clone, Copy)]
struct Step {
    /// Rows of a list.
    rows: usize,
    /// Lists and objects within each other.
    depth: usize,
}

impl Step {
    /// Only what is blank is left out, which says nothing.
    fn first() -> Self {
        Self {
            rows: usize::MAX,
            depth: usize::MAX,
        }
    }

    /// The next step after one that cost so many tokens, where so many are left: the more there are too many, the longer.
    fn next(self, cost: usize, left: usize) -> Option<Self> {
        let rows = self.rows.min(ROWS);
        match (rows, self.depth) {
            (1, usize::MAX) => Some(Self { depth: 3, ..self }),
            (1, 0) => None,
            (1, depth) => Some(Self {
                depth: depth - 1,
                ..self
            }),
            (rows, _) => Some(Self {
                rows: (rows * left / cost.max(1))
                    .clamp(rows / 4, rows * 4 / 5)
                    .max(1),
                ..self
            }),
        }
    }

    /// Letters of a text.
    fn letters(self) -> usize {
        self.rows.saturating_mul(40)
    }

    /// Fields of an object: of the thing itself more than of what is in it.
    fn fields(self, depth: usize) -> usize {
        self.rows.saturating_mul(4).max(match depth {
            0 => 60,
            _ => 12,
        })
    }

    fn cut(
        self,
        value: &Value,
        place: &str,
        (depth, open): (usize, bool),
        places: &mut Places,
    ) -> Value {
        let inside = (depth + 1, open);
        match value {
            Value::String(text) => match text.char_indices().nth(self.letters()) {
                Some((end, _)) => {
                    let (shown, of) = (self.letters(), text.chars().count());
                    places.add(place, format!("{shown} of {of} characters"));
                    Value::String(format!("{}{}", &text[..end], cut_mark(of - shown)))
                }
                None => value.clone(),
            },
            Value::Array(rows) => {
                let most = if depth >= self.depth { 0 } else { self.rows };
                let chosen = chosen(rows, most);
                if chosen.len() < rows.len() {
                    places.add(place, format!("{} of {}", chosen.len(), rows.len()));
                }
                let rows = chosen
                    .into_iter()
                    .filter_map(|at| Some((at, rows.get(at)?)));
                rows.map(|(at, row)| self.cut(row, &format!("{place}[{at}]"), inside, places))
                    .collect()
            }
            Value::Object(fields) => {
                let most = if depth > self.depth {
                    0
                } else {
                    self.fields(depth)
                };
                let said: Vec<_> = fields
                    .iter()
                    .filter(|(_, value)| !open || !is_blank(value))
                    .collect();
                let shown: Vec<_> = said
                    .iter()
                    .filter(|(name, _)| name.len() <= self.letters())
                    .take(most)
                    .collect();
                if shown.len() < said.len() {
                    places.add(place, format!("{} of {} fields", shown.len(), said.len()));
                }
                let shown = shown.into_iter().map(|(name, value)| {
                    let inner = format!("{place}.{name}");
                    ((*name).clone(), self.cut(value, &inner, inside, places))
                });
                Value::Object(shown.collect())
            }
            value => value.clone(),
        }
    }
}

/// What stands at the end of a text that is not whole. Nothing may be set to a text with it: see [`refuse_shortened`].
fn cut_mark(letters: usize) -> String {
    format!("…[{letters}{CUT}")
}

/// Refuses to write texts as an answer shows them in part: that would destroy the rest.
///
/// # Errors
/// `shortened-text` names the field.
pub fn refuse_shortened(changes: &Map<String, Value>) -> Result<(), ToolError> {
    let Some((name, _)) = changes.iter().find(|(_, value)| is_shortened(value)) else {
        return Ok(());
    };
    Err(ToolError::invalid_input(
        "shortened-text",
        format!(
            "'{name}' holds a text as a long answer shows it, with its end left out: written back, it would destroy the rest. Read \
             the whole text first, with \"fields\": [\"{name}\"], or leave the field out to keep it. Nothing was changed."
        ),
    ))
}

fn is_shortened(value: &Value) -> bool {
    match value {
        Value::String(text) => text.ends_with(CUT) && text.contains("…["),
        Value::Array(rows) => rows.iter().any(is_shortened),
        Value::Object(fields) => fields.values().any(is_shortened),
        _ => false,
    }
}

/// Which rows are shown: the first, but those that failed before those that did not.
fn chosen(rows: &[Value], most: usize) -> Vec<usize> {
    if rows.len() <= most {
        return (0..rows.len()).collect();
    }
    let failed = |at: &usize| rows.get(*at).is_some_and(|row| row["ok"] == false);
    let (mut first, others): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(failed);
    first.extend(others);
    first.truncate(most);
    first.sort_unstable();
    first
}

/// What says nothing: it is left out first, and without a word.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(rows) => rows.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Where something was left out, and how much of it is shown.
#[derive(Default)]
struct Places {
    all: Vec<String>,
}

impl Places {
    fn add(&mut self, place: &str, shown: String) {
        let place: String = match place.char_indices().nth(PLACE) {
            Some((end, _)) => format!("{}…", &place[..end]),
            None => place.to_owned(),
        };
        self.all.push(format!("{place}: {shown}"));
    }

    fn named(&self) -> Vec<String> {
        let mut named: Vec<String> = self.all.iter().take(NAMED).cloned().collect();
        if self.all.len() > NAMED {
            named.push(format!("and {} more places", self.all.len() - NAMED));
        }
        named
    }
}

#[cfg(test)]
mod tests;
