//! URIs of resources, and the shapes that plugins declare for theirs: `scheme://segment/segment…`, where each segment of a
//! shape is text or one `{variable}`. Nothing more of RFC 6570, so that it can be told whether two shapes have a URI in common.

use std::fmt;

use percent_encoding::percent_decode_str;

/// Bytes of a URI; longer ones name nothing.
const LENGTH: usize = 2_048;
/// Segments of a shape.
const SEGMENTS: usize = 16;
/// Characters of a variable's name.
const VARIABLE_LENGTH: usize = 40;
/// Schemes that clients give a meaning of their own; the operator cannot give them to a plugin either.
const FOREIGN: [&str; 11] = [
    "about",
    "blob",
    "data",
    "file",
    "ftp",
    "http",
    "https",
    "javascript",
    "mailto",
    "ui",
    "vscode",
];

/// The variables of a URI, decoded, in the order of its shape.
pub type Variables = Vec<(String, String)>;

/// A URI as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    scheme: String,
    /// Decoded.
    segments: Vec<String>,
}

impl Uri {
    /// None where no resource can be: no scheme, no segment, a segment that is empty, `.` or `..` once it is decoded, or a
    /// query.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > LENGTH || text.contains(['?', '#']) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let segments = rest.split('/').map(decoded);
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            segments: segments.collect::<Option<_>>()?,
        })
    }
}

fn decoded(segment: &str) -> Option<String> {
    // `%` without two digits behind it is no encoding, and the crate would leave it as it is.
    let mut rest = segment;
    while let Some((_, encoded)) = rest.split_once('%') {
        let digits = encoded.get(..2)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        rest = encoded;
    }
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    let plain = !text.is_empty() && text != "." && text != ".." && !text.contains(char::is_control);
    plain.then(|| text.into_owned())
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(String),
    Variable(String),
}

/// The shape of one resource's URI, or of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    text: String,
    scheme: String,
    segments: Vec<Segment>,
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Shape {
    /// Reads what a plugin declares, in one of its schemes.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that begins with the URI.
    pub fn read(text: &str, schemes: &[String]) -> Result<Self, String> {
        if text.len() > LENGTH {
            return Err(format!("has more than {LENGTH} bytes"));
        }
        let owned = text
            .split_once("://")
            .filter(|(scheme, _)| schemes.iter().any(|owned| owned == scheme));
        let Some((scheme, rest)) = owned else {
            let schemes: Vec<String> = schemes.iter().map(|it| format!("{it}://")).collect();
            return Err(format!("must start with one of: {}", schemes.join(", ")));
        };
        let segments = rest
            .split('/')
            .map(segment)
            .collect::<Result<Vec<_>, _>>()?;
        if segments.len() > SEGMENTS {
            return Err(format!("has more than {SEGMENTS} segments"));
        }
        let shape = Self {
            text: text.to_owned(),
            scheme: scheme.to_owned(),
            segments,
        };
        let variables: Vec<&str> = shape.variables().collect();
        match variables
            .iter()
            .enumerate()
            .find(|(at, name)| variables[..*at].contains(name))
        {
            Some((_, twice)) => Err(format!("has the variable '{twice}' twice")),
            None => Ok(shape),
        }
    }

    /// As it was declared.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of its variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Variable(name) => Some(name.as_str()),
            Segment::Text(_) => None,
        })
    }

    /// Whether it is the shape of many.
    pub fn is_template(&self) -> bool {
        self.variables().next().is_some()
    }

    /// The variables of a URI that has this shape.
    pub fn fit(&self, uri: &Uri) -> Option<Variables> {
        if uri.scheme != self.scheme || uri.segments.len() != self.segments.len() {
            return None;
        }
        let mut variables = Vec::new();
        for (shape, given) in self.segments.iter().zip(&uri.segments) {
            match shape {
                Segment::Text(text) if text == given => {}
                Segment::Text(_) => return None,
                Segment::Variable(name) => variables.push((name.clone(), given.clone())),
            }
        }
        Some(variables)
    }

    /// Whether some URI has both shapes.
    pub fn meets(&self, other: &Self) -> bool {
        let meet = |pair: (&Segment, &Segment)| match pair {
            (Segment::Text(one), Segment::Text(other)) => one == other,
            _ => true,
        };
        self.scheme == other.scheme
            && self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(meet)
    }
}

fn segment(text: &str) -> Result<Segment, String> {
    let shown = || -> String { text.chars().filter(|c| !c.is_control()).take(60).collect() };
    if let Some(name) = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        let legal = (1..=VARIABLE_LENGTH).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !legal {
            return Err(format!(
                "has the variable '{}': a name has at most {VARIABLE_LENGTH} of a-z, 0-9 and _",
                shown()
            ));
        }
        return Ok(Segment::Variable(name.to_owned()));
    }
    let legal = !text.is_empty()
        && text != "."
        && text != ".."
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    if legal {
        Ok(Segment::Text(text.to_owned()))
    } else {
        Err(format!(
            "has the segment '{}': each is one {{variable}}, or made of letters, digits, '-', '.', '_' and '~'",
            shown()
        ))
    }
}

/// The schemes that a plugin may use: what the operator says, else its name.
///
/// # Errors
/// The operator gave one that is none, or that clients take for something else.
pub fn schemes(plugin: &str, configured: Option<&[String]>) -> Result<Vec<String>, String> {
    let Some(configured) = configured else {
        return Ok(vec![plugin.replace('_', "-")]);
    };
    for scheme in configured {
        let legal = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme.len() <= VARIABLE_LENGTH
            && scheme.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte)
            });
        if !legal {
            return Err(format!(
                "'{scheme}' is no scheme: it starts with a letter and is made of a-z, 0-9, '+', '-' and '.'"
            ));
        }
        if FOREIGN.contains(&scheme.as_str()) {
            return Err(format!(
                "'{scheme}' means something else to clients; choose a scheme of your own"
            ));
        }
    }
    Ok(configured.to_vec())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shape(text: &str) -> Result<Shape, String> {
        Shape::read(text, &["shop".to_owned()])
    }

    fn fit(uri: &str) -> Option<Vec<(String, String)>> {
        shape("shop://{store}/orders/{id}")
            .unwrap()
            .fit(&Uri::read(uri)?)
    }

    #[test]
    fn variables_are_whole_segments_and_decoded() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            fit("SHOP://Main%20shop/orders/a%2Fb"),
            Some(vec![pair("store", "Main shop"), pair("id", "a/b")])
        );
    }

    #[test]
    fn what_leads_elsewhere_fits_nothing() {
        for uri in [
            "",
            "shop://",
            "shop://a/orders",
            "shop://a/orders/",
            "shop://a/orders/1/",
            "shop://a/orders/..",
            "shop://a/orders/%2e%2E",
            "shop://a/../orders/1",
            "shop://a/orders/%zz",
            "shop://a/orders/%",
            "shop://a/orders/%é1",
            "shop://a/orders/%ff",
            "shop://a/orders/%00",
            "shop://a/orders/1?x=1",
            "shop://a/orders/1#x",
            "shop:a/orders/1",
            "shop:///orders/1",
            "other://a/orders/1",
            "file:///etc/passwd",
            &format!("shop://a/orders/{}", "x".repeat(3_000)),
        ] {
            assert_eq!(fit(uri), None, "{uri}");
        }
    }

    #[test]
    fn shapes_that_are_none_or_of_another_scheme_are_refused() {
        let long = format!("shop://{}", "x".repeat(3_000));
        for text in [
            "orders",
            "shop:orders",
            "shop://",
            "shop://a//b",
            "shop://a/..",
            "shop://{a}/{a}",
            "shop://{a}b",
            "shop://{A}",
            "shop://{}",
            "shop://{?q}",
            "shop://{+path}",
            "shop://a b",
            "shop://a?b",
            "https://shop/a",
            "Shop://a",
            &long,
        ] {
            assert!(shape(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shapes_meet_where_a_uri_has_both() {
        let meet = |one: &str, other: &str| shape(one).unwrap().meets(&shape(other).unwrap());
        assert!(meet("shop://{store}/orders/{id}", "shop://{a}/{b}/{c}"));
        assert!(meet("shop://{store}/orders/{id}", "shop://main/{kind}/17"));
        assert!(!meet(
            "shop://{store}/orders/{id}",
            "shop://{store}/products/{id}"
        ));
        assert!(!meet("shop://{store}/orders/{id}", "shop://{store}/orders"));
    }

    #[test]
    fn schemes_that_clients_know_are_nobodys() {
        assert_eq!(schemes("my_plugin", None).unwrap(), ["my-plugin"]);
        for scheme in ["https", "file", "javascript", "Shop", "", "a b"] {
            assert!(
                schemes("shop", Some(&[scheme.to_owned()])).is_err(),
                "{scheme}"
            );
        }
    }
}
