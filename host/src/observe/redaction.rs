//! The last net under logs and errors: what looks like a secret or like a person's data is replaced.
//!
//! Types are the first: our secrets cannot be printed. This catches what came in as ordinary text, in a plugin's log line or a
//! service's error message. Each pattern is as narrow as the thing itself, since a log whose ids and digests are eaten is of no
//! use either.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Separators that stand between the digits of a card, percent-encoded ones too.
const GAP: &str = r"(?:[ \-]|%20|\+)";

/// What is looked for. The patterns are constants: one that is wrong fails in every test.
static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    Some(Patterns {
        token: Regex::new(
            // Access keys, confirmation tokens and links of this server, whatever stands before them.
            r"(?i-u)od[mcl](?:_|%5F)[0-9A-Za-z_\-%]{12,}",
        )
        .ok()?,
        bearer: Regex::new(
            r#"(?i)(bearer|basic)((?:\s|%20|\+|\\[tn]|\\?["':=,]){1,4})([0-9A-Za-z\-._~+/%]{16,}=*)"#,
        )
        .ok()?,
        card: Regex::new(&format!(
            r"\d{{13,19}}|\d{{4}}{GAP}\d{{4}}{GAP}\d{{4}}{GAP}\d{{1,7}}|\d{{4}}{GAP}\d{{6}}{GAP}\d{{4,5}}"
        ))
        .ok()?,
        email: Regex::new(
            r"[\p{L}\p{N}.!#$&'*+/=?^_`{|}~%\-]*[\p{L}\p{N}_\-+](?:@|%40|\\u0040)(?:[\p{L}\p{N}](?:[\p{L}\p{N}\-]*[\p{L}\p{N}])?\.)+\p{L}{2,}",
        )
        .ok()?,
    })
});

struct Patterns {
    token: Regex,
    bearer: Regex,
    card: Regex,
    email: Regex,
}

/// The text with what must not be seen replaced by `[key]`, `[token]`, `[card]` and `[email]`.
///
/// ```
/// use orderdesk_mcp::observe::redact;
/// assert_eq!(redact("order 1042 of r.okafor@example.com"), "order 1042 of [email]");
/// ```
pub fn redact(text: &str) -> Cow<'_, str> {
    without(text, true)
}

/// The same, with e-mail addresses left as they are: for what a tool tells its own caller about, who may read the things
/// themselves. A conflict over an address, for instance, is to show both.
///
/// ```
/// use orderdesk_mcp::observe::redact_secrets;
/// let theirs = r#"{"theirs": "r.okafor@example.com", "card": "4111111111111111"}"#;
/// assert_eq!(redact_secrets(theirs), r#"{"theirs": "r.okafor@example.com", "card": "[card]"}"#);
/// ```
pub fn redact_secrets(text: &str) -> Cow<'_, str> {
    without(text, false)
}

fn without(text: &str, addresses: bool) -> Cow<'_, str> {
    let Some(patterns) = &*PATTERNS else {
        return Cow::Borrowed("[redacted]");
    };
    let mut text = Cow::Borrowed(text);
    // Most lines hold none of these bytes.
    let lower_d = text.contains("od") || text.contains("OD") || text.contains("Od");
    if lower_d {
        replace(&mut text, &patterns.token, |_, _| Some("[key]".to_owned()));
    }
    replace(&mut text, &patterns.bearer, |_, found| {
        is_credential(&found[3]).then(|| format!("{}{}[token]", &found[1], &found[2]))
    });
    if addresses && (text.contains('@') || text.contains("%40") || text.contains("\\u0040")) {
        replace(&mut text, &patterns.email, |_, _| {
            Some("[email]".to_owned())
        });
    }
    replace(&mut text, &patterns.card, |text, found| {
        let card = found.get(0)?;
        let alone = stands_alone(text, card.start(), card.end());
        (alone && is_card(card.as_str())).then(|| "[card]".to_owned())
    });
    text
}

/// Replaces what `by` has a replacement for.
fn replace(
    text: &mut Cow<'_, str>,
    pattern: &Regex,
    by: impl Fn(&str, &Captures<'_>) -> Option<String>,
) {
    let mut replaced = String::new();
    let mut kept = 0;
    for found in pattern.captures_iter(text) {
        let (Some(whole), Some(replacement)) = (found.get(0), by(text, &found)) else {
            continue;
        };
        replaced.push_str(&text[kept..whole.start()]);
        replaced.push_str(&replacement);
        kept = whole.end();
    }
    if kept > 0 {
        replaced.push_str(&text[kept..]);
        *text = Cow::Owned(replaced);
    }
}

/// Whether what stands behind `Bearer` is a token rather than the next word of a sentence.
fn is_credential(text: &str) -> bool {
    let digit = text.bytes().any(|byte| byte.is_ascii_digit());
    let inner = text.get(1..).unwrap_or_default();
    let mixed = inner.bytes().any(|byte| byte.is_ascii_uppercase())
        && text.bytes().any(|byte| byte.is_ascii_lowercase());
    digit || mixed || text.len() >= 32
}

/// Whether digits are no part of something longer: an id, a digest, a number with a fraction.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let part = |character: char| character.is_alphanumeric() || "_.-".contains(character);
    let before = text[..start].chars().next_back();
    // In JSON and in Debug, `\n` before a number is two characters, of which the second is a letter.
    let escaped = ["\\n", "\\r", "\\t"]
        .iter()
        .any(|code| text[..start].ends_with(code));
    // Terminals are told of colours by ESC, "[", numbers and "m".
    let coloured = before == Some('m')
        && text[..start - 1]
            .trim_end_matches(|it: char| it.is_ascii_digit() || it == ';')
            .ends_with("\u{1b}[");
    let encoded = ["%20", "%3D", "%3A", "%22"]
        .iter()
        .any(|code| text[..start].ends_with(code));
    let mut after = text[end..].chars();
    let goes_on = match after.next() {
        // The end of a sentence is no part of the number.
        Some('.' | '-') => after.next().is_some_and(char::is_alphanumeric),
        Some(next) => part(next),
        None => false,
    };
    (escaped || encoded || coloured || !before.is_some_and(part)) && !goes_on
}

/// Whether digits, with or without separators, can be the number of a payment card: an issuer's range with its length
/// (ISO/IEC 7812), and the check digit (Luhn).
fn is_card(text: &str) -> bool {
    let plain = text.replace("%20", "");
    let digits: Vec<u32> = plain.chars().filter_map(|it| it.to_digit(10)).collect();
    let issuer = digits
        .iter()
        .take(4)
        .fold(0, |number, digit| number * 10 + digit);
    let lengths: &[usize] = match issuer {
        4000..=4999 => &[13, 16, 19],
        5100..=5599 | 2221..=2720 => &[16],
        3400..=3499 | 3700..=3799 => &[15],
        3000..=3059 | 3600..=3699 | 3800..=3999 => &[14, 16],
        3528..=3589 => &[16, 17, 18, 19],
        6011 | 6200..=6299 | 6440..=6599 => &[16, 17, 18, 19],
        5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763 => &[13, 14, 15, 16, 17, 18, 19],
        _ => &[],
    };
    lengths.contains(&digits.len()) && luhn(&digits)
}

/// The check of ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests;
