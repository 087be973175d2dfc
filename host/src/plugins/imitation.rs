//! Links that are made to look like pages of this server.
//!
//! People enter keys and API keys at pages of this server, and agents are told what the links to them begin with. So no text of a
//! plugin, nor what a customer wrote into an order that it reads, may hold a link that passes for one: neither one of our own
//! address, which only the host gives, nor one that only looks like it. In what a plugin answers, asks or reports, such a link is
//! replaced by [`REMOVED`]; a plugin that declares one is not served.
//!
//! A link to any other place cannot be told from an honest one: that is what the server's instructions to agents are for.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::capabilities::contract::Error;
use crate::capabilities::contract::types::{Body, Content, Pause};
use crate::config::{Config, PublicUrl};

/// What stands where such a link stood.
pub const REMOVED: &str = "[link removed: this server did not make it]";

/// What tokens of links begin with.
const TOKEN: &str = "odl_";
/// So many characters after it make it more than a word.
const TOKEN_CHARACTERS: usize = 16;
/// Where the pages are, below whatever stands before.
const PAGES: &str = "/person/";
/// Where people sit at the server's own machine, its pages are there.
const THIS_MACHINE: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];
/// As often is something decoded that was encoded more than once.
const LAYERS: usize = 3;
/// No reference to a character is longer.
const REFERENCE: usize = 12;

/// Knows links that look like ours.
#[derive(Debug, Clone)]
pub struct Imitations {
    /// Names of this server, in small letters.
    hosts: Vec<String>,
}

impl Imitations {
    /// Of the pages of a server with this configuration.
    pub fn of(config: &Config) -> Self {
        let public = config.server.public_url.as_ref().and_then(PublicUrl::host);
        let mut hosts: Vec<String> = THIS_MACHINE.map(str::to_owned).to_vec();
        hosts.extend(public.map(|host| host.to_ascii_lowercase()));
        Self { hosts }
    }

    /// The first link in a text that looks like ours.
    pub fn found<'a>(&self, text: &'a str) -> Option<&'a str> {
        if !may_hold_one(text) {
            return None;
        }
        runs(text).map(|(_, run)| run).find(|run| self.is_one(run))
    }

    /// The first in any text of this value.
    pub fn found_in<'a>(&self, value: &'a Value) -> Option<&'a str> {
        match value {
            Value::String(text) => self.found(text),
            Value::Array(values) => values.iter().find_map(|value| self.found_in(value)),
            Value::Object(object) => object
                .iter()
                .find_map(|(name, value)| self.found(name).or_else(|| self.found_in(value))),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }

    /// A text without them.
    pub fn without<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.found(text).is_none() {
            return Cow::Borrowed(text);
        }
        let mut kept = String::with_capacity(text.len());
        let mut copied = 0;
        for (at, run) in runs(text).filter(|(_, run)| self.is_one(run)) {
            kept.push_str(&text[copied..at]);
            kept.push_str(REMOVED);
            copied = at + run.len();
        }
        kept.push_str(&text[copied..]);
        tracing::warn!("a link made to look like a page of this server was removed");
        Cow::Owned(kept)
    }

    /// Takes them out of a text; true if there was one.
    pub fn clean(&self, text: &mut String) -> bool {
        match self.without(text) {
            Cow::Borrowed(_) => false,
            Cow::Owned(kept) => {
                *text = kept;
                true
            }
        }
    }

    /// Takes them out of all texts of a value; true if there was one.
    pub fn clean_value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => self.clean(text),
            Value::Array(values) => values
                .iter_mut()
                .fold(false, |any, value| self.clean_value(value) | any),
            Value::Object(object) => self.clean_object(object),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// As [`Self::clean_value`].
    pub fn clean_object(&self, object: &mut Map<String, Value>) -> bool {
        let mut any = false;
        if object.keys().any(|name| self.found(name).is_some()) {
            any = true;
            *object = std::mem::take(object)
                .into_iter()
                .map(|(name, value)| (self.without(&name).into_owned(), value))
                .collect();
        }
        object
            .values_mut()
            .fold(any, |any, value| self.clean_value(value) | any)
    }

    /// Takes them out of pieces of content.
    pub(super) fn clean_content<'a>(&self, pieces: impl IntoIterator<Item = &'a mut Content>) {
        for piece in pieces {
            let leads_there = match piece {
                Content::Text(text) => {
                    self.clean(text);
                    false
                }
                Content::Blob(_) => false,
                Content::Link(link) => {
                    self.clean(&mut link.name);
                    self.clean_if_any(&mut link.description);
                    self.found(&link.uri).is_some()
                }
                Content::Embedded(embedded) => {
                    self.clean_body(&mut embedded.body);
                    self.found(&embedded.uri).is_some()
                }
            };
            if leads_there {
                *piece = Content::Text(REMOVED.to_owned());
            }
        }
    }

    /// Takes them out of what stands in a resource.
    pub(super) fn clean_body(&self, body: &mut Body) {
        if let Body::Text(text) = body {
            self.clean(text);
        }
    }

    /// Takes them out of what a pause asks and says.
    pub(super) fn clean_pause(&self, pause: &mut Pause) {
        self.clean_if_any(&mut pause.message);
        for question in &mut pause.questions {
            self.clean_json(&mut question.parameters);
        }
    }

    /// Takes them out of an error.
    pub(super) fn clean_error(&self, mut error: Error) -> Error {
        self.clean(&mut error.message);
        self.clean_if_any(&mut error.code);
        if let Some(extra) = &mut error.extra {
            self.clean_json(extra);
        }
        error
    }

    fn clean_if_any(&self, text: &mut Option<String>) {
        if let Some(text) = text {
            self.clean(text);
        }
    }

    /// Takes them out of JSON: in it, characters may be escaped.
    fn clean_json(&self, text: &mut String) {
        match serde_json::from_str::<Value>(text) {
            Ok(mut value) => {
                if self.clean_value(&mut value) {
                    *text = value.to_string();
                }
            }
            // Whoever reads it says that it is none.
            Err(_) => {
                self.clean(text);
            }
        }
    }

    fn is_one(&self, run: &str) -> bool {
        if !may_hold_one(run) {
            return false;
        }
        let plain = plain(run);
        holds_token(&plain) || self.hosts.iter().any(|host| looks_like(&plain, host))
    }
}

/// Text without any of these holds no link and no token. Most names and values are such, and cost no more than this.
fn may_hold_one(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes
        .iter()
        .any(|byte| matches!(byte, b'/' | b'\\' | b'%' | b'&') || !byte.is_ascii())
        || bytes
            .windows(TOKEN.len())
            .any(|part| part.eq_ignore_ascii_case(TOKEN.as_bytes()))
}

/// What a reader's program may take for one link: text up to where links end, in prose, in Markdown and in HTML; and where in
/// the text it stands.
fn runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut begun = 0;
    std::iter::from_fn(move || {
        let rest = text[begun..].trim_start_matches(ends_a_link);
        if rest.is_empty() {
            return None;
        }
        let at = text.len() - rest.len();
        let end = rest
            .char_indices()
            .find(|(at, c)| ends_a_link(*c) && !is_of_an_address(&rest[..*at], *c));
        let run = &rest[..end.map_or(rest.len(), |(end, _)| end)];
        begun = at + run.len();
        Some((at, run))
    })
}

fn ends_a_link(c: char) -> bool {
    c.is_whitespace() || "\"'`<>()[]{}|".contains(c)
}

/// Whether a bracket belongs to an address of version 6.
fn is_of_an_address(before: &str, bracket: char) -> bool {
    match bracket {
        '[' => before.ends_with("://"),
        ']' => before.contains("://[") && !before.contains(']'),
        _ => false,
    }
}

/// A link as a browser reads it: without what is encoded, hidden, or only looks like ASCII; in small letters.
fn plain(run: &str) -> String {
    let mut plain = run.to_owned();
    for _ in 0..LAYERS {
        let decoded = percent_decode_str(&plain).decode_utf8_lossy();
        let decoded = without_references(&decoded);
        if decoded == plain {
            break;
        }
        plain = decoded;
    }
    plain
        .chars()
        .filter(|c| !is_hidden(*c))
        .map(|c| match c {
            '\\' => '/',
            '\u{3002}' | '\u{ff61}' => '.',
            // The full-width forms of ASCII.
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            c => c,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Resolves what HTML and Markdown write as `&#47;` or `&#x2f;`, and the named ones that links are made of.
fn without_references(text: &str) -> String {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        resolved.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(REFERENCE).position(|byte| byte == b';');
        match end.and_then(|end| Some((referred(&rest[1..end])?, end))) {
            Some((character, end)) => {
                resolved.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                resolved.push('&');
                rest = &rest[1..];
            }
        }
    }
    resolved.push_str(rest);
    resolved
}

fn referred(reference: &str) -> Option<char> {
    let number = match reference.strip_prefix('#') {
        Some(number) => number,
        None => {
            return match reference {
                "sol" => Some('/'),
                "colon" => Some(':'),
                "period" => Some('.'),
                "lowbar" => Some('_'),
                "amp" => Some('&'),
                _ => None,
            };
        }
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(number) => u32::from_str_radix(number, 16),
        None => number.parse(),
    };
    char::from_u32(code.ok()?)
}

/// Whether something passes for the token of one of our links, wherever it leads.
fn holds_token(plain: &str) -> bool {
    plain.match_indices(TOKEN).any(|(at, _)| {
        let token = plain[at + TOKEN.len()..].bytes();
        let token = token.take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
        token.take(TOKEN_CHARACTERS).count() == TOKEN_CHARACTERS
    })
}

fn looks_like(plain: &str, host: &str) -> bool {
    let Some(named) = plain.find(host) else {
        return false;
    };
    plain
        .rfind(PAGES)
        .is_some_and(|pages| pages >= named + host.len())
        || is_disguised(plain, host)
}

/// Whether the name stands in a link's authority and is not where that leads: `https://ours@other`, `https://ours.other`.
fn is_disguised(plain: &str, host: &str) -> bool {
    let Some((_, rest)) = plain.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let begins = |at: usize| at == 0 || b".@:".contains(&authority.as_bytes()[at - 1]);
    if !authority.match_indices(host).any(|(at, _)| begins(at)) {
        return false;
    }
    let leads_to = authority.rsplit('@').next().unwrap_or_default();
    let name = match leads_to.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => leads_to,
    };
    let name = name.trim_end_matches('.');
    name != host && !name.strip_suffix(host).is_some_and(|it| it.ends_with('.'))
}

#[cfg(test)]
mod tests;
