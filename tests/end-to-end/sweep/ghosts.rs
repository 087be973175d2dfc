//! Names of nothing, and what may differ between two answers about it.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use orderdesk_simulator::sample;
use regex::Regex;
use serde_json::Value;

/// Of the same form as `real`, and naming nothing.
pub(super) fn ghost(kind: &str, real: &str) -> String {
    match kind {
        // A place in a list that is ordered by time: the same moment, and no change of it.
        "cursor of orders_changes" | "cursor of products_changes" => {
            let (moment, rest) = real.split_at(real.len() - 4);
            format!("{moment}{}", turned(rest))
        }
        // Of the same form, and of a search that nobody made.
        "cursor of orders_list"
        | "cursor of products_list"
        | "cursor of orders_history"
        | "cursor of shipments_list" => {
            let cursor = BASE64_URL_SAFE_NO_PAD.decode(real).unwrap();
            let mut cursor: Value = serde_json::from_slice(&cursor).unwrap();
            cursor["search"] = turned(cursor["search"].as_str().unwrap()).into();
            BASE64_URL_SAFE_NO_PAD.encode(cursor.to_string())
        }
        _ => turned(real),
    }
}

pub(super) fn turned(real: &str) -> String {
    if let Ok(sample::HARBOR_AND_OAK_ID) = real.parse() {
        // As near to the other store's id, which is offered to who mistypes it.
        return "9023".to_owned();
    }
    let (fixed, rest) = match real.split_once('_') {
        Some((prefix @ ("odm" | "odc"), rest)) => (format!("{prefix}_"), rest),
        _ => (String::new(), real),
    };
    let (kind, rest) = match rest.split_once(':') {
        Some((kind, rest)) => (format!("{kind}:"), rest),
        None => (String::new(), rest),
    };
    let hexadecimal = rest.bytes().all(|it| it.is_ascii_hexdigit());
    let turned = rest.chars().map(|it| match it {
        '0'..='9' => turn(it, b'0', 10),
        'a'..='f' if hexadecimal => turn(it, b'a', 6),
        'a'..='z' => turn(it, b'a', 26),
        'A'..='Z' => turn(it, b'A', 26),
        other => other,
    });
    format!("{fixed}{kind}{}", turned.collect::<String>())
}

fn turn(letter: char, first: u8, of: u8) -> char {
    let at = u8::try_from(letter).unwrap() - first;
    char::from(first + (at + 3) % of)
}

/// What differs between two answers about nothing: the name of the nothing, and what is new in each.
pub(super) fn masked(answer: &str, name: &str) -> String {
    static NEW: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r#"correlation id [0-9a-f]+|\\?"(correlation_id|expires_at|confirm_token|duration_ms)\\?":\s*\\?("[^"\\]*\\?"|\d+)|od[cp]_[0-9A-Za-z]+|odl_[0-9A-Za-z_-]+|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"#,
        )
        .unwrap()
    });
    let escaped = serde_json::to_string(name).unwrap();
    let escaped = escaped.trim_matches('"');
    let answer = answer.replace(escaped, "…").replace(name, "…");
    NEW.replace_all(&answer, "~").into_owned()
}

pub(super) fn shown(answer: &str) -> String {
    answer.chars().skip(60).take(500).collect()
}
