//! What is taken out of an answer before a plugin, a log or anybody else sees it: what the endpoint conceals, and every
//! secret that was opened for the request, in whichever encoding a service would hand it back.
//!
//! Found are: the secret as it is; JSON-escaped or percent-encoded, in any mixture and up to [`DEPTH`] deep (JSON in a
//! JSON string, a URL in it); in hexadecimal; in base64 (both alphabets, padded or not, anywhere within something
//! longer); in UTF-16. Not found is what no service does by accident: parts of a secret, ciphers, compression within the
//! body. A secret of fewer than [`super::needle::SHORT`] bytes is replaced only where it stands as a whole word: it would be found in
//! half of all texts otherwise, and who enters one should be told that it protects nothing.

use std::ops::Range;
use std::sync::Arc;

use super::OpenedSecret;
use super::conceal::Conceal;
use super::encodings::{json_unescaped, percent_decoded};
use super::json_text::JsonText;
use super::needle::{Needle, needles};

/// What stands in a secret's place.
const SEALED: &str = "[sealed]";
/// How many encodings within each other are undone.
const DEPTH: usize = 3;

/// One request's guard.
pub(super) struct Guard {
    conceal: Arc<Conceal>,
    needles: Vec<Needle>,
}

/// A part of a text to replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) span: Range<usize>,
    /// The cut is a whole JSON value, so that what replaces it has to be one.
    pub(super) value: bool,
}

impl Guard {
    pub(super) fn new(conceal: Arc<Conceal>, secrets: &[OpenedSecret]) -> Self {
        let needles = secrets
            .iter()
            .flat_map(|secret| needles(secret.plaintext.trim_ascii()))
            .collect();
        Self { conceal, needles }
    }

    /// Whether there is nothing to take out.
    pub(super) fn is_idle(&self) -> bool {
        self.needles.is_empty() && self.conceal.is_empty()
    }

    /// The value of a header, fit to be seen.
    pub(super) fn header(&self, value: &[u8]) -> String {
        let cuts = merged(as_text(self.finds(value)));
        String::from_utf8_lossy(&spliced(value, &cuts)).into_owned()
    }

    /// A body, fit to be seen. It stays byte for byte what it was where nothing had to be removed.
    pub(super) fn body(&self, mut body: Vec<u8>) -> Vec<u8> {
        if body.starts_with(b"\xef\xbb\xbf") {
            // A byte order mark is not JSON (RFC 8259, section 8.1), but some services send one.
            body.drain(..3);
        }
        let json = JsonText::parse(&body);
        if !json.as_ref().is_some_and(JsonText::has_members) && self.conceal.is_mentioned(&body) {
            // Broken or wrapped JSON, or another format: what is concealed is in it, but not to be cut out.
            return SEALED.into();
        }
        let finds = self.finds(&body);
        let cuts = match &json {
            Some(json) => {
                let mut cuts: Vec<Cut> = json
                    .concealed(&self.conceal)
                    .into_iter()
                    .map(|span| Cut { span, value: true })
                    .collect();
                cuts.extend(json.fitted(finds));
                cuts
            }
            None => as_text(finds),
        };
        if cuts.is_empty() {
            return body;
        }
        spliced(&body, &merged(cuts))
    }

    /// Where secrets stand in a text: apart and in order.
    fn finds(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut finds = Vec::new();
        if !self.needles.is_empty() {
            self.search(text, DEPTH, &|range| range, &mut finds);
        }
        finds.sort_unstable_by_key(|find| find.start);
        finds
    }

    fn search(
        &self,
        text: &[u8],
        depth: usize,
        to_source: &dyn Fn(Range<usize>) -> Range<usize>,
        finds: &mut Vec<Range<usize>>,
    ) {
        for needle in &self.needles {
            finds.extend(needle.find(text).map(to_source));
        }
        if depth == 0 {
            return;
        }
        for view in [json_unescaped(text), percent_decoded(text)]
            .into_iter()
            .flatten()
        {
            let to_source = |range| to_source(view.source(range));
            self.search(&view.bytes, depth - 1, &to_source, finds);
        }
    }
}

fn as_text(finds: Vec<Range<usize>>) -> Vec<Cut> {
    let cuts = finds.into_iter().map(|span| Cut { span, value: false });
    cuts.collect()
}

/// Cuts that overlap become one.
fn merged(mut cuts: Vec<Cut>) -> Vec<Cut> {
    cuts.sort_unstable_by_key(|cut| cut.span.start);
    let mut merged: Vec<Cut> = Vec::with_capacity(cuts.len());
    for cut in cuts {
        match merged.last_mut() {
            Some(last) if cut.span.start < last.span.end => {
                last.value |= cut.value;
                last.span.end = last.span.end.max(cut.span.end);
            }
            _ => merged.push(cut),
        }
    }
    merged
}

fn spliced(text: &[u8], cuts: &[Cut]) -> Vec<u8> {
    let mut spliced = Vec::with_capacity(text.len());
    let mut copied = 0;
    for Cut { span, value } in cuts {
        spliced.extend_from_slice(&text[copied..span.start]);
        let quote: &[u8] = if *value { b"\"" } else { b"" };
        spliced.extend_from_slice(quote);
        spliced.extend_from_slice(SEALED.as_bytes());
        spliced.extend_from_slice(quote);
        copied = span.end;
    }
    spliced.extend_from_slice(&text[copied..]);
    spliced
}
