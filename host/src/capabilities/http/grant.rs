//! What a plugin may ask of an endpoint: methods and path patterns, matched on unencoded segments.

use std::fmt;
use std::str::FromStr;

use super::Method;

/// One endpoint and what may be asked of it. Without a pattern: nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpGrant {
    /// The endpoint's name in the config.
    pub endpoint: String,
    /// What is allowed.
    pub allow: Vec<AllowPattern>,
}

/// A method and a path, as in `GET /orders/*`.
///
/// `*` is one segment, and not one with a `/` or `\` in it: a service that decodes `%2F` before it routes would see two.
/// `**`, only at the end, is one segment or more of any kind. A method covers itself only: `HEAD` must be listed as `HEAD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowPattern {
    method: Method,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    One,
    Rest,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Not a method, a space and a path.
    #[error("'{0}' is not of the form 'GET /orders/*'")]
    Form(String),
    /// Not one of the contract's methods.
    #[error("'{0}' is none of GET, HEAD, POST, PUT, PATCH, DELETE")]
    Method(String),
    /// A segment that no request can have, or that means something else than it says.
    #[error("'{pattern}': {reason}")]
    Segment {
        /// The whole pattern.
        pattern: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl HttpGrant {
    /// Whether some pattern covers this request.
    pub fn allows(&self, method: Method, path: &[String]) -> bool {
        self.allow
            .iter()
            .any(|pattern| pattern.matches(method, path))
    }
}

impl AllowPattern {
    /// Whether the pattern covers this request.
    pub fn matches(&self, method: Method, path: &[String]) -> bool {
        if method != self.method {
            return false;
        }
        let mut path = path.iter();
        for segment in &self.segments {
            let covered = match (segment, path.next()) {
                (Segment::Rest, first) => return first.is_some(),
                (Segment::Literal(literal), Some(given)) => literal == given,
                (Segment::One, Some(given)) => !given.contains(['/', '\\']),
                (_, None) => false,
            };
            if !covered {
                return false;
            }
        }
        path.next().is_none()
    }

    /// Whether every request that `other` covers is covered by this, too.
    pub fn covers(&self, other: &Self) -> bool {
        if self.method != other.method {
            return false;
        }
        let mut others = other.segments.iter();
        for segment in &self.segments {
            let covered = match (segment, others.next()) {
                (Segment::Rest, first) => return first.is_some(),
                (Segment::Literal(literal), Some(Segment::Literal(given))) => literal == given,
                (Segment::One, Some(Segment::One)) => true,
                // `*` covers no segment with a backslash in it.
                (Segment::One, Some(Segment::Literal(given))) => !given.contains('\\'),
                _ => false,
            };
            if !covered {
                return false;
            }
        }
        others.next().is_none()
    }

    /// Whether requests of both can be about the same thing: their paths have something in common, or one lies within the other.
    pub fn same_place(&self, other: &Self) -> bool {
        self.segments
            .iter()
            .zip(&other.segments)
            .all(|(one, another)| match (one, another) {
                (Segment::Literal(one), Segment::Literal(another)) => one == another,
                _ => true,
            })
    }

    /// The method that it covers.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The narrowest sensible pattern that would cover a refused request: plain words stay, everything else (an id, a
    /// name) becomes `*`. For the log line that tells the operator what to add.
    pub(super) fn covering(method: Method, path: &[String]) -> Self {
        let is_word = |text: &str| {
            !text.is_empty()
                && text.len() <= 40
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte == b'_')
        };
        let segments = path
            .iter()
            .map(|segment| {
                if is_word(segment) {
                    Segment::Literal(segment.clone())
                } else {
                    Segment::One
                }
            })
            .collect();
        Self { method, segments }
    }
}

impl FromStr for AllowPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (method, path) = text
            .split_once(' ')
            .ok_or_else(|| PatternError::Form(text.to_owned()))?;
        let method = Method::ALL
            .into_iter()
            .find(|known| known.as_str() == method)
            .ok_or_else(|| PatternError::Method(method.to_owned()))?;
        let path = path
            .trim()
            .strip_prefix('/')
            .ok_or_else(|| PatternError::Form(text.to_owned()))?;
        let mut segments = Vec::new();
        if !path.is_empty() {
            let mut parts = path.split('/').peekable();
            while let Some(part) = parts.next() {
                let segment = parse_segment(part, parts.peek().is_none()).map_err(|reason| {
                    PatternError::Segment {
                        pattern: text.to_owned(),
                        reason,
                    }
                })?;
                segments.push(segment);
            }
        }
        Ok(Self { method, segments })
    }
}

fn parse_segment(part: &str, last: bool) -> Result<Segment, &'static str> {
    match part {
        "*" => Ok(Segment::One),
        "**" if last => Ok(Segment::Rest),
        "**" => Err("'**' may stand only at the end"),
        "" => Err("a path has no empty segment and no '/' at its end"),
        "." | ".." => Err("a path has no '.' or '..'"),
        _ if part.contains('*') => Err("'*' stands for a whole segment, not for a part of one"),
        _ if part.contains(['?', '#']) => Err("a pattern covers the path only, without '?' or '#'"),
        _ if part.contains(|c: char| c.is_control() || c.is_whitespace()) => {
            Err("a pattern's segments have no spaces or control characters")
        }
        _ => Ok(Segment::Literal(part.to_owned())),
    }
}

impl fmt::Display for AllowPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.method)?;
        if self.segments.is_empty() {
            f.write_str("/")?;
        }
        for segment in &self.segments {
            match segment {
                Segment::Literal(literal) => write!(f, "/{literal}")?,
                Segment::One => f.write_str("/*")?,
                Segment::Rest => f.write_str("/**")?,
            }
        }
        Ok(())
    }
}
