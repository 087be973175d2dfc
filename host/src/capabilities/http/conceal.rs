//! Parts of JSON answers that the operator conceals, named by JSON pointers.
//!
//! The answer is not rebuilt: the spans to replace are found in its text, so numbers, order and repeated keys stay as they
//! were, and every one of several equal keys is concealed.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Pointers (RFC 6901) in which `*` stands for any key or element.
#[derive(Debug, Default)]
pub(super) struct Conceal {
    pointers: Vec<Vec<Token>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Any,
    Key(String),
}

impl Token {
    fn is_partly_any(&self) -> bool {
        matches!(self, Self::Key(key) if key.contains('*'))
    }

    fn covers(&self, key: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Key(own) => own == key,
        }
    }
}

impl Conceal {
    pub(super) fn parse(pointers: &[String]) -> Result<Self, String> {
        let pointers = pointers
            .iter()
            .map(|pointer| {
                let tokens = pointer
                    .strip_prefix('/')
                    .ok_or_else(|| format!("'{pointer}' does not begin with '/'"))?;
                let tokens: Vec<_> = tokens.split('/').map(parse_token).collect();
                if tokens.iter().all(|token| *token == Token::Any) {
                    return Err(format!("'{pointer}' names no key"));
                }
                if tokens.iter().any(Token::is_partly_any) {
                    return Err(format!(
                        "'{pointer}': '*' stands for a whole key, not for a part of one"
                    ));
                }
                Ok(tokens)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { pointers })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pointers.is_empty()
    }

    /// The spans of what is concealed in a JSON text.
    pub(super) fn spans(&self, json: &RawValue, start: usize) -> Vec<Range<usize>> {
        let pointers: Vec<&[Token]> = self.pointers.iter().map(Vec::as_slice).collect();
        let mut spans = Vec::new();
        collect(json, start, &pointers, &mut spans);
        spans
    }

    /// Whether a text names what is concealed, for texts that no pointer leads into.
    pub(super) fn is_mentioned(&self, text: &[u8]) -> bool {
        self.pointers.iter().any(|pointer| {
            let name = pointer.iter().rev().find_map(|token| match token {
                Token::Key(key) => Some(key),
                Token::Any => None,
            });
            name.is_some_and(|name| memchr::memmem::find(text, name.as_bytes()).is_some())
        })
    }
}

fn parse_token(token: &str) -> Token {
    match token {
        "*" => Token::Any,
        // In this order: `~01` is `~1`.
        key => Token::Key(key.replace("~1", "/").replace("~0", "~")),
    }
}

fn collect(value: &RawValue, start: usize, pointers: &[&[Token]], spans: &mut Vec<Range<usize>>) {
    let text = value.get();
    if pointers.iter().any(|pointer| pointer.is_empty()) {
        spans.push(start..start + text.len());
        return;
    }
    for (key, child) in children(text) {
        let below: Vec<&[Token]> = pointers
            .iter()
            .filter_map(|pointer| pointer.split_first())
            .filter(|(token, _)| token.covers(&key))
            .map(|(_, rest)| rest)
            .collect();
        if !below.is_empty() {
            collect(child, start + offset(text, child.get()), &below, spans);
        }
    }
}

/// Where `part`, which was borrowed from `text`, begins in it.
pub(super) fn offset(text: &str, part: &str) -> usize {
    part.as_ptr() as usize - text.as_ptr() as usize
}

/// The members of an object or array, each with its key or index.
fn children(text: &str) -> Vec<(String, &RawValue)> {
    match text.as_bytes().first() {
        Some(b'{') => serde_json::from_str(text).map(|Members(members)| members),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(text).map(|elements| {
            let numbered = elements.into_iter().enumerate();
            numbered
                .map(|(index, element)| (index.to_string(), element))
                .collect()
        }),
        _ => Ok(Vec::new()),
    }
    // The text is part of one that was parsed as a whole.
    .unwrap_or_default()
}

/// An object's members in order, with repeated keys.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}
