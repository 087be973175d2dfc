//! A resource or a template of resources as a plugin declares it, checked.

use super::uri::Shape;
use crate::capabilities::contract::resources::{Fixed, Template};

/// Characters of a name.
const NAME_LENGTH: usize = 40;
/// Characters of a media type.
const MIME_LENGTH: usize = 127;

/// Something to read, or many things of one shape.
#[derive(Debug)]
pub struct Resource {
    /// Where: one URI, or a template.
    pub shape: Shape,
    /// For programs.
    pub name: String,
    /// For people.
    pub title: String,
    /// What is there.
    pub description: String,
    /// Its media type.
    pub mime: Option<String>,
    /// The tool that tells the same, which a limited key needs.
    pub tool: Option<String>,
}

impl From<Fixed> for Declared {
    fn from(fixed: Fixed) -> Self {
        Self {
            is_template: false,
            uri: fixed.uri,
            name: fixed.name,
            title: fixed.title,
            description: fixed.description,
            mime: fixed.mime,
            tool: fixed.tool,
        }
    }
}

impl From<Template> for Declared {
    fn from(template: Template) -> Self {
        Self {
            is_template: true,
            uri: template.uri_template,
            name: template.name,
            title: template.title,
            description: template.description,
            mime: template.mime,
            tool: template.tool,
        }
    }
}

/// What a plugin says.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Declared {
    is_template: bool,
    uri: String,
    name: String,
    title: String,
    description: String,
    mime: Option<String>,
    tool: Option<String>,
}

impl Declared {
    /// What agents may have to read of it.
    pub fn bytes(&self) -> usize {
        let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.uri.len()
            + self.name.len()
            + self.title.len()
            + self.description.len()
            + of(&self.mime)
            + of(&self.tool)
    }
}

impl Resource {
    /// Checks what a plugin declares, which may use these schemes.
    ///
    /// # Errors
    /// What is wrong with which resource, in words.
    pub fn check(declared: Declared, schemes: &[String]) -> Result<Self, String> {
        let shown: String = declared
            .uri
            .chars()
            .filter(|c| !c.is_control())
            .take(100)
            .collect();
        let of_resource = |what: &str| format!("resource '{shown}': {what}");
        let shape = Shape::read(&declared.uri, schemes)
            .map_err(|error| of_resource(&format!("its URI {error}")))?;
        if shape.is_template() != declared.is_template {
            return Err(of_resource(if declared.is_template {
                "it is declared as a template and has no variable"
            } else {
                "it has a variable and is not declared as a template"
            }));
        }
        let legal_name = (1..=NAME_LENGTH).contains(&declared.name.len())
            && declared.name.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte)
            });
        if !legal_name {
            return Err(of_resource(&format!(
                "its name must have 1 to {NAME_LENGTH} of a-z, 0-9, _ and -"
            )));
        }
        if declared.title.trim().is_empty() || declared.description.trim().is_empty() {
            return Err(of_resource("it has no title or no description"));
        }
        if declared.mime.as_deref().is_some_and(|mime| !is_mime(mime)) {
            return Err(of_resource("its media type is none"));
        }
        Ok(Self {
            shape,
            name: declared.name,
            title: declared.title,
            description: declared.description,
            mime: declared.mime,
            tool: declared.tool,
        })
    }
}

/// A media type as it may stand in front of a client: `type/subtype`, and printable parameters.
pub fn is_mime(text: &str) -> bool {
    let token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    let (kind, parameters) = text.split_once(';').unwrap_or((text, ""));
    text.len() <= MIME_LENGTH
        && parameters
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
        && kind
            .trim_end()
            .split_once('/')
            .is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn declared(uri: &str) -> Declared {
        Declared {
            is_template: uri.contains('{'),
            uri: uri.into(),
            name: "order".into(),
            title: "An order".into(),
            description: "One order.".into(),
            mime: Some("application/json".into()),
            tool: None,
        }
    }

    fn check(declared: Declared) -> Result<Resource, String> {
        Resource::check(declared, &["shop".to_owned()])
    }

    #[test]
    fn only_what_is_whole_is_served() {
        check(declared("shop://hours")).unwrap();
        check(declared("shop://{store}/orders/{id}")).unwrap();
        let error = check(declared("orderdesk://{store}/orders/{id}")).unwrap_err();
        assert!(
            error.contains("orderdesk://") && error.contains("shop://"),
            "{error}"
        );
        for wrong in [
            Declared {
                name: "an order".into(),
                ..declared("shop://hours")
            },
            Declared {
                title: " ".into(),
                ..declared("shop://hours")
            },
            Declared {
                description: String::new(),
                ..declared("shop://hours")
            },
            Declared {
                mime: Some("json".into()),
                ..declared("shop://hours")
            },
            Declared {
                is_template: true,
                ..declared("shop://hours")
            },
            Declared {
                is_template: false,
                ..declared("shop://{id}")
            },
        ] {
            assert!(check(wrong).is_err());
        }
    }

    #[test]
    fn media_types_are_told_from_what_is_none() {
        for mime in [
            "text/plain",
            "application/vnd.api+json",
            "text/html; charset=utf-8",
        ] {
            assert!(is_mime(mime), "{mime}");
        }
        let long = format!("text/{}", "x".repeat(200));
        for none in [
            "",
            "text",
            "/plain",
            "text/",
            "te xt/plain",
            "text/plain\r\nX: y",
            "text/plain; a=\u{1b}",
            &long,
        ] {
            assert!(!is_mime(none), "{none}");
        }
    }
}
