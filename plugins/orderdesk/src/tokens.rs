//! How many tokens a text costs a model, without a tokenizer: an estimate that is rather too high.
//!
//! Models cut a text into pieces first (words, up to three digits, runs of marks) and then pieces into tokens. The pieces are
//! counted as the tokenizers of OpenAI do it (their patterns are published); how many tokens a piece has is estimated from its
//! length and its letters. A test holds it against a real tokenizer, over texts of every kind that orders hold.

/// Letters of a usual word, which is one token.
const WORD: usize = 6;
/// Different marks in a row, as JSON has them between two texts.
const MARKS: usize = 4;

/// An upper estimate.
#[must_use]
pub fn estimate(text: &str) -> usize {
    // In quarters of a token.
    let mut quarters = 0;
    let mut run = Run::default();
    for letter in text.chars() {
        let kind = Kind::of(letter);
        if !run.goes_on(kind) {
            quarters += run.quarters();
            run = Run::default();
        }
        run.take(letter, kind);
    }
    (quarters + run.quarters()).div_ceil(4)
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Nothing,
    Lower,
    Upper,
    Digit,
    Space,
    Mark,
    /// As many bytes of UTF-8.
    Foreign(usize),
}

impl Kind {
    fn of(letter: char) -> Self {
        match letter {
            'a'..='z' => Self::Lower,
            'A'..='Z' => Self::Upper,
            '0'..='9' => Self::Digit,
            ' ' => Self::Space,
            letter if letter.is_ascii() => Self::Mark,
            letter => Self::Foreign(letter.len_utf8()),
        }
    }
}

/// Letters of one kind in a row.
#[derive(Default)]
struct Run {
    kind: Kind,
    length: usize,
    /// How often a letter differs from the one before it.
    turns: usize,
    last: Option<char>,
}

impl Run {
    fn goes_on(&self, kind: Kind) -> bool {
        self.kind == kind || self.kind == Kind::Nothing
    }

    fn take(&mut self, letter: char, kind: Kind) {
        self.kind = kind;
        self.length += 1;
        self.turns += usize::from(self.last.is_some_and(|last| last != letter));
        self.last = Some(letter);
    }

    fn quarters(&self) -> usize {
        let length = self.length;
        match self.kind {
            Kind::Nothing => 0,
            // A word; what is longer than a usual one may be none.
            Kind::Lower => 4 + 2 * length.saturating_sub(WORD),
            Kind::Upper => 2 * length + 2,
            Kind::Digit => 4 * length.div_ceil(3),
            // The last belongs to the word behind it.
            Kind::Space => 4 * length.saturating_sub(1).div_ceil(8),
            // What JSON has between two texts is one token, or two; more than that is no JSON.
            Kind::Mark => {
                3 + self.turns.min(MARKS).div_ceil(2)
                    + 3 * self.turns.saturating_sub(MARKS)
                    + (length - 1 - self.turns).div_ceil(4)
            }
            Kind::Foreign(2) => 3 * length,
            Kind::Foreign(3) => 7 * length,
            Kind::Foreign(_) => 12 * length,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    /// The texts of orders as they come: what they hold, and how much higher than the tokenizer's count an estimate may be.
    fn texts() -> Vec<(&'static str, String, f64)> {
        let scattered = |set: &str, length: usize| {
            let set: Vec<char> = set.chars().collect();
            let mut state = 88_172_645_463_325_252_u64;
            let mut next = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                usize::try_from(state % set.len() as u64).unwrap()
            };
            (0..length).map(|_| set[next()]).collect::<String>()
        };
        let row = |id: u64| {
            json!({
                "id": id.to_string(), "source_id": format!("WEB-{id}"), "date_added": "2026-03-02", "folder_id": "31001",
                "order_total": 102.9, "ship_to": "Ruth Okafor, Portland, US", "items": "2x ORG-WAL, 4x LBL-BRS",
            })
        };
        let rows: Vec<_> = (5_512_034..5_512_134).map(row).collect();
        let base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        vec![
            ("rows", json!(rows).to_string(), 1.3),
            (
                "prose",
                "Please call before delivery, and do not leave it at the door. ".repeat(60),
                1.6,
            ),
            (
                "German",
                "Bitte vor der Lieferung anrufen. Größere Mengen möglich. ".repeat(60),
                2.2,
            ),
            (
                "Russian",
                "Пожалуйста, позвоните перед доставкой. ".repeat(60),
                2.6,
            ),
            (
                "Chinese",
                "请在送货前致电客户,包装要结实,不要放在门口。".repeat(60),
                2.6,
            ),
            (
                "Japanese",
                "配達前にお電話ください。玄関先に置かないでください。".repeat(60),
                2.9,
            ),
            ("emoji", "🎁🎉😀👩‍👩‍👧‍👦".repeat(60), 2.0),
            ("base64", scattered(base64, 4_000), 1.2),
            ("hexadecimal", scattered("0123456789abcdef", 4_000), 1.2),
            (
                "codes",
                (0..300).map(|it| format!("ORG-WAL-{it:03}-XL, ")).collect(),
                1.3,
            ),
            ("digits", scattered("0123456789", 4_000), 1.1),
            (
                "capitals",
                scattered("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 4_000),
                1.2,
            ),
            (
                "letters",
                scattered("abcdefghijklmnopqrstuvwxyz", 4_000),
                1.2,
            ),
            (
                "marks",
                scattered("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", 4_000),
                1.4,
            ),
            ("escapes", r#"\u0001\n\"\t"#.repeat(300), 1.6),
            ("rare signs", scattered("𠀀𠀁𠀂𠀃𡀀𡀁龘靐齉爩", 2_000), 1.4),
        ]
    }

    #[test]
    fn an_estimate_is_near_what_a_tokenizer_counts_and_rather_above_it() {
        let tokenizer = tiktoken_rs::o200k_base().unwrap();
        for (name, text, most) in texts() {
            let counted = tokenizer.encode_ordinary(&text).len() as f64;
            let ratio = estimate(&text) as f64 / counted;
            // As much too low as the limits of answers (`brief`) leave room for.
            assert!((0.85..=most).contains(&ratio), "{name}: {ratio:.2}");
        }
    }

    #[test]
    fn no_text_costs_nothing_and_more_text_costs_more() {
        assert_eq!(estimate(""), 0);
        let text = "Ruth Okafor, Portland, US: 2x ORG-WAL".repeat(9);
        let costs: Vec<usize> = (0..text.len()).map(|end| estimate(&text[..end])).collect();
        assert!(costs.windows(2).all(|pair| pair[0] <= pair[1]), "{costs:?}");
    }
}
