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
/// Arguments that ask for more.
const CHOICES: [&str; 2] = ["fields", "response_format"];
/// Tokens that `left_out` and `note` may take.
const RESERVE: usize = 250;
/// A part that is smaller than this share of an answer stays as it is.
const SHARE: usize = 16;
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
    let holds = |thing: &&str| text.contains(&format!("\"{thing}\":{{"));
    if tokens <= SMALL || (tokens <= LARGE && !THINGS.iter().any(|thing| holds(&thing))) {
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
        shorten(
            &mut answer,
            SMALL,
            |name| THINGS.contains(&name),
            false,
            &mut places,
        );
    }
    if estimate(&json!(answer).to_string()) > LARGE {
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
        return Ok((tokens > LARGE || !asks_for_more)
            .then(|| to_raw_value(&answer))
            .transpose()
            .map_err(malformed)?);
    }
    answer.insert("left_out".to_owned(), json!(places.named()));
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
        step = now.next();
        let fits = after.iter().map(|(_, value)| cost(value)).sum::<usize>() <= left;
        if fits || step.is_none() {
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

    fn next(self) -> Option<Self> {
        match (self.rows, self.depth) {
            (usize::MAX, _) => Some(Self { rows: 400, ..self }),
            (1, usize::MAX) => Some(Self { depth: 3, ..self }),
            (1, 0) => None,
            (1, depth) => Some(Self {
                depth: depth - 1,
                ..self
            }),
            (rows, _) => Some(Self {
                rows: (rows * 4 / 5).max(1),
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
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn item(number: usize) -> Value {
        json!({
            "id": (90_000 + number).to_string(), "name": "Walnut Organizer", "price": 24.5, "quantity": 2, "code": "ORG-WAL",
            "category_code": "", "variation_list": {"Finish": "Oil"}, "metadata": {},
        })
    }

    fn order(items: usize, note: usize) -> Value {
        json!({
            "id": "5512034", "email": "", "order_total": 102.9, "shipping": {"first_name": "Ruth", "city": "Portland"},
            "order_items": (0..items).map(item).collect::<Vec<_>>(),
            "checkout_data": {"Message": "配達前にお電話ください。".repeat(note)},
        })
    }

    fn answered(answer: &Value, arguments: &Value) -> Value {
        let (text, arguments) = (answer.to_string(), arguments.to_string());
        match fit(&text, &arguments, "Ask for 'fields'.").unwrap() {
            Some(short) => serde_json::from_str(short.get()).unwrap(),
            None => answer.clone(),
        }
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let answer = json!({"order": order(5, 3), "version": "v"});
        assert_eq!(answered(&answer, &json!({})), answer);
        let answer = json!({"order": order(60, 3), "version": "v"});
        assert_eq!(
            answered(&answer, &json!({"response_format": "detailed"})),
            answer
        );
    }

    #[test]
    fn a_long_order_is_shortened_and_says_what_it_lacks_and_how_to_get_it() {
        let answer = json!({"order": order(300, 900), "version": "v"});
        let short = answered(&answer, &json!({}));
        let items = short["order"]["order_items"].as_array().unwrap();
        assert!(!items.is_empty());
        let left_out = short["left_out"].to_string();
        assert!(
            left_out.contains(&format!("order.order_items: {} of 300", items.len())),
            "{left_out}"
        );
        assert!(
            left_out.contains("order.checkout_data.Message: "),
            "{left_out}"
        );
        assert!(
            short["note"]
                .as_str()
                .unwrap()
                .contains("Ask for 'fields'.")
        );
        assert_eq!(
            (&short["version"], &short["order"]["order_total"]),
            (&json!("v"), &json!(102.9))
        );
        let detailed = answered(&answer, &json!({"response_format": "detailed"}));
        assert!(detailed["order"]["order_items"].as_array().unwrap().len() > items.len());
    }

    #[test]
    fn those_that_failed_are_shown_before_those_that_did_not() {
        let result = |number: usize| json!({"order_id": number.to_string(), "ok": number % 500 != 499, "change_id": "0123456789abcdef".repeat(4)});
        let answer = json!({"results": (0..1_000).map(result).collect::<Vec<_>>()});
        let short = answered(&answer, &json!({}));
        let failed: Vec<&Value> = short["results"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| it["ok"] == false)
            .collect();
        assert_eq!(failed.len(), 2);
        assert!(
            short["left_out"][0].as_str().unwrap().ends_with("of 1000"),
            "{short}"
        );
    }

    #[test]
    fn no_row_of_a_page_is_dropped_behind_its_cursor() {
        let change = json!({"change_id": "a", "diff": [{"path": "x", "before": null, "after": "y".repeat(400)}]});
        let answer = json!({"changes": vec![change; 400], "next_cursor": "b"});
        assert_eq!(
            answered(&answer, &json!({}))["changes"]
                .as_array()
                .unwrap()
                .len(),
            400
        );
    }

    #[test]
    fn a_text_that_was_shortened_cannot_be_written_back() {
        let short = answered(&json!({"order": order(1, 900)}), &json!({}));
        let order = short["order"].as_object().unwrap();
        let error = refuse_shortened(order).unwrap_err();
        assert!(
            error.has_code("shortened-text") && error.message.contains("checkout_data"),
            "{error}"
        );
        refuse_shortened(super::tests::order(1, 1).as_object().unwrap()).unwrap();
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            (".{0,12}", 1..400_usize).prop_map(|(text, times)| text.repeat(times).into()),
        ];
        leaf.prop_recursive(4, 200, 60, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..60).prop_map(Value::from),
                prop::collection::btree_map(".{0,12}", inner, 0..60)
                    .prop_map(|fields| fields.into_iter().collect::<Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_an_order_holds_its_answer_fits(order in value(), more in any::<bool>()) {
            let answer = json!({"order": {"id": "1", "x": order}, "version": "v", "change_id": "c", "diff": []});
            let arguments = if more { json!({"response_format": "detailed"}) } else { json!({}) };
            let text = answered(&answer, &arguments).to_string();
            prop_assert!(estimate(&text) <= if more { LARGE } else { SMALL }, "{}", text);
        }
    }
}
