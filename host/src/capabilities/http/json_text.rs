//! A JSON text in which parts are to be replaced so that it stays JSON.

use std::ops::Range;

use serde_json::value::RawValue;

use super::conceal::{Conceal, offset};
use super::guard::Cut;

/// A body that is a JSON text.
pub(super) struct JsonText<'a> {
    text: &'a str,
    root: &'a RawValue,
}

impl<'a> JsonText<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let root = serde_json::from_str(text).ok()?;
        Some(Self { text, root })
    }

    /// Whether it is an object or an array, so that pointers lead somewhere.
    pub(super) fn has_members(&self) -> bool {
        self.root.get().starts_with(['{', '['])
    }

    pub(super) fn concealed(&self, conceal: &Conceal) -> Vec<Range<usize>> {
        if conceal.is_empty() {
            return Vec::new();
        }
        conceal.spans(self.root, offset(self.text, self.root.get()))
    }

    /// Finds as cuts that leave the text JSON: within a string whole escapes, elsewhere the whole number or word.
    pub(super) fn fitted(&self, finds: Vec<Range<usize>>) -> Vec<Cut> {
        if finds.is_empty() {
            return Vec::new();
        }
        let mut cuts = Vec::with_capacity(finds.len());
        let mut tokens = Tokens {
            text: self.text.as_bytes(),
            at: 0,
        };
        let mut token = tokens.next();
        for find in finds {
            while token
                .as_ref()
                .is_some_and(|token| token.span.end <= find.start)
            {
                token = tokens.next();
            }
            cuts.push(match &mut token {
                Some(token) => token.fitted(self.text.as_bytes(), find),
                None => Cut {
                    span: find,
                    value: false,
                },
            });
        }
        cuts
    }
}

/// A string's inside, or a number or word.
struct JsonToken {
    span: Range<usize>,
    string: bool,
    /// A character's first byte, not behind the finds so far.
    reached: usize,
}

impl JsonToken {
    /// Finds must come in order, which keeps a long string with many finds linear.
    fn fitted(&mut self, text: &[u8], find: Range<usize>) -> Cut {
        let inside = self.span.start <= find.start && find.end <= self.span.end;
        if !inside {
            return Cut {
                span: find,
                value: false,
            };
        }
        if !self.string {
            return Cut {
                span: self.span.clone(),
                value: true,
            };
        }
        let mut end = self.reached;
        while end <= find.start {
            self.reached = end;
            end += escape_length(&text[end..]);
        }
        while end < find.end {
            end += escape_length(&text[end..]);
        }
        Cut {
            span: self.reached..end,
            value: false,
        }
    }
}

/// How many bytes the next character of a JSON string takes.
fn escape_length(text: &[u8]) -> usize {
    match text {
        [b'\\', b'u', ..] => 6,
        [b'\\', ..] => 2,
        _ => 1,
    }
}

/// The tokens of a text that is known to be JSON, without punctuation.
struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl Iterator for Tokens<'_> {
    type Item = JsonToken;

    fn next(&mut self) -> Option<JsonToken> {
        let punctuation = |byte: &u8| b" \t\r\n{}[]:,".contains(byte);
        let rest = &self.text[self.at..];
        let start = self.at + rest.iter().position(|byte| !punctuation(byte))?;
        if self.text[start] != b'"' {
            let rest = &self.text[start..];
            let length = rest.iter().position(punctuation).unwrap_or(rest.len());
            self.at = start + length;
            return Some(JsonToken {
                span: start..self.at,
                string: false,
                reached: start,
            });
        }
        let mut end = start + 1;
        while self.text.get(end).is_some_and(|byte| *byte != b'"') {
            end += escape_length(&self.text[end..]);
        }
        self.at = end + 1;
        Some(JsonToken {
            span: start + 1..end,
            string: true,
            reached: start + 1,
        })
    }
}
