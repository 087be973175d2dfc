//! What plugins give to read, as MCP's content.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{ContentBlock, Resource, ResourceContents};

use crate::capabilities::contract::types::{Body, Content, Link};

/// A piece of content.
pub fn block(content: Content) -> ContentBlock {
    match content {
        Content::Text(text) => ContentBlock::text(text),
        Content::Blob(blob) if blob.mime.starts_with("audio/") => {
            ContentBlock::audio(STANDARD.encode(blob.data), blob.mime)
        }
        Content::Blob(blob) => ContentBlock::image(STANDARD.encode(blob.data), blob.mime),
        Content::Link(link) => linked(link),
        Content::Embedded(embedded) => {
            ContentBlock::resource(contents(embedded.uri, embedded.mime, embedded.body))
        }
    }
}

/// What stands in a resource.
pub fn contents(uri: String, mime: Option<String>, body: Body) -> ResourceContents {
    let contents = match body {
        Body::Text(text) => ResourceContents::text(text, uri),
        Body::Blob(bytes) => ResourceContents::blob(STANDARD.encode(bytes), uri),
    };
    match mime {
        Some(mime) => contents.with_mime_type(mime),
        None => contents,
    }
}

fn linked(link: Link) -> ContentBlock {
    let mut resource = Resource::new(link.uri, link.name);
    resource.mime_type = link.mime;
    resource.description = link.description;
    ContentBlock::resource_link(resource)
}
