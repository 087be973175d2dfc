//! A text as it reads after decoding, with the way back to where each part stands in the source.
//!
//! A secret can come back escaped in more ways than could be listed (`/`, `\/`, `/`, and any mixture), so it is not
//! the secret that is encoded but the text that is decoded, leniently: what is no escape stays as it is.

use std::ops::Range;

/// A decoded text. Where nothing was decoded, source and view run in step; each decoded escape is noted.
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    escapes: Vec<Escape>,
}

struct Escape {
    view: Range<usize>,
    source: Range<usize>,
}

impl View {
    /// The part of the source that reads as `range`, with whole escapes.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        let start = match self.escape_at(range.start) {
            Ok(escape) => escape.source.start,
            Err(start) => start,
        };
        let end = match self.escape_at(range.end - 1) {
            Ok(escape) => escape.source.end,
            Err(last) => last + 1,
        };
        start..end
    }

    /// The escape that a byte of the view came from, or the byte's place in the source.
    fn escape_at(&self, at: usize) -> Result<&Escape, usize> {
        let after = self
            .escapes
            .partition_point(|escape| escape.view.start <= at);
        match after.checked_sub(1).map(|last| &self.escapes[last]) {
            None => Err(at),
            Some(escape) if at < escape.view.end => Ok(escape),
            Some(escape) => Err(at - escape.view.end + escape.source.end),
        }
    }
}

/// JSON's escapes in a string (RFC 8259, section 7) undone. `None` where there is none.
pub(super) fn json_unescaped(text: &[u8]) -> Option<View> {
    decoded(text, b'\\', |rest| match *rest.get(1)? {
        b'u' => {
            let unit = hex_unit(rest.get(2..6)?)?;
            // Half of a surrogate pair stands for no character; no secret has one.
            let character = char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER);
            Some((6, character))
        }
        b'b' => Some((2, '\u{8}')),
        b'f' => Some((2, '\u{c}')),
        b'n' => Some((2, '\n')),
        b'r' => Some((2, '\r')),
        b't' => Some((2, '\t')),
        quoted @ (b'"' | b'\\' | b'/') => Some((2, quoted.into())),
        _ => None,
    })
}

/// Percent-encoded ASCII (RFC 3986, section 2.1) undone. `None` where there is none.
pub(super) fn percent_decoded(text: &[u8]) -> Option<View> {
    decoded(text, b'%', |rest| {
        let unit = hex_unit(rest.get(1..3)?)?;
        let byte = u8::try_from(unit).ok().filter(u8::is_ascii)?;
        Some((3, byte.into()))
    })
}

fn hex_unit(digits: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(digits).ok()?;
    let all_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    all_hex.then(|| u16::from_str_radix(digits, 16).ok())?
}

/// Decodes what `unescape` understands of what begins with `mark`: it answers an escape's length and character.
fn decoded(
    text: &[u8],
    mark: u8,
    unescape: impl Fn(&[u8]) -> Option<(usize, char)>,
) -> Option<View> {
    let mut view = View {
        bytes: Vec::new(),
        escapes: Vec::new(),
    };
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = memchr::memchr(mark, &text[at..]) {
        let start = at + found;
        let Some((length, character)) = unescape(&text[start..]) else {
            at = start + 1;
            continue;
        };
        view.bytes.extend_from_slice(&text[copied..start]);
        let view_start = view.bytes.len();
        let mut utf8 = [0; 4];
        view.bytes
            .extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
        at = start + length;
        copied = at;
        view.escapes.push(Escape {
            view: view_start..view.bytes.len(),
            source: start..at,
        });
    }
    if view.escapes.is_empty() {
        return None;
    }
    view.bytes.extend_from_slice(&text[copied..]);
    Some(view)
}
