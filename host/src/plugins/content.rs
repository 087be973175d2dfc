//! What plugins give people and models to read, held against the contract before it goes on.

use super::resource::is_mime;
use crate::capabilities::contract::types::{Body, Content};

/// What a piece of content costs beside what is in it, once it is JSON.
const PIECE: usize = 64;
/// Pieces of one answer: each is an object of its own on its way to the client, which no limit of bytes tells.
pub(super) const MOST_PIECES: usize = 1_000;
/// As long as a URI may be.
const URI_BYTES: usize = 2048;

/// Bytes that the pieces have, about.
pub(super) fn size<'a>(pieces: impl IntoIterator<Item = &'a Content>) -> usize {
    let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let one = |content: &Content| match content {
        Content::Text(text) => text.len(),
        Content::Blob(blob) => blob.mime.len() + blob.data.len(),
        Content::Link(link) => {
            link.uri.len() + link.name.len() + of(&link.mime) + of(&link.description)
        }
        Content::Embedded(embedded) => {
            embedded.uri.len() + of(&embedded.mime) + body_size(&embedded.body)
        }
    };
    pieces.into_iter().map(|content| PIECE + one(content)).sum()
}

/// Bytes that stand in a resource.
pub(super) fn body_size(body: &Body) -> usize {
    match body {
        Body::Text(text) => text.len(),
        Body::Blob(bytes) => bytes.len(),
    }
}

/// Checks media types and URIs.
///
/// # Errors
/// What is wrong with the first piece that breaks the contract.
pub(super) fn check<'a>(pieces: impl IntoIterator<Item = &'a Content>) -> Result<(), &'static str> {
    for content in pieces {
        match content {
            Content::Text(_) => {}
            Content::Blob(blob) => {
                let shows = blob.mime.starts_with("image/") || blob.mime.starts_with("audio/");
                if !shows || !is_mime(&blob.mime) {
                    return Err("bytes of its content are neither an image nor a sound");
                }
            }
            Content::Link(link) if !is_uri(&link.uri) => {
                return Err("a link in its content has no URI");
            }
            Content::Link(_) => {}
            Content::Embedded(embedded) => {
                if !is_uri(&embedded.uri) {
                    return Err("a resource in its content has no URI");
                }
                if embedded.mime.as_deref().is_some_and(|mime| !is_mime(mime)) {
                    return Err("the media type of a resource in its content is none");
                }
            }
        }
    }
    Ok(())
}

fn is_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    uri.len() <= URI_BYTES
        && !rest.is_empty()
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !uri.chars().any(|c| c.is_control() || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::contract::types::{Blob, Embedded, Link};

    #[test]
    fn only_what_clients_can_show_passes() {
        let blob = |mime: &str| {
            Content::Blob(Blob {
                mime: mime.into(),
                data: vec![1],
            })
        };
        let link = |uri: &str| {
            Content::Link(Link {
                uri: uri.into(),
                name: "n".into(),
                mime: None,
                description: None,
            })
        };
        let embedded = |uri: &str, mime: &str| {
            Content::Embedded(Embedded {
                uri: uri.into(),
                mime: Some(mime.into()),
                body: Body::Text(String::new()),
            })
        };
        for (content, fine) in [
            (blob("image/png"), true),
            (blob("audio/wav"), true),
            (blob("application/pdf"), false),
            (blob("image/"), false),
            (link("shop://orders/1"), true),
            (link("orders/1"), false),
            (link("shop://a b"), false),
            (embedded("shop://orders/1", "application/json"), true),
            (embedded("", "application/json"), false),
            (embedded("shop://orders/1", "json"), false),
        ] {
            assert_eq!(check([&content]).is_ok(), fine, "{content:?}");
        }
    }
}
