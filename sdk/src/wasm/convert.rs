//! The SDK's types to the contract's, and back.

use serde_json::Value;
use serde_json::value::RawValue;

use super::bindings::exports::orderdesk::plugin::tools as contract;
use super::bindings::orderdesk::plugin::{http as wire_http, types};
use crate::arguments::Sealed;
use crate::error::{ErrorKind, ToolError};
use crate::http::{HeaderValue, Method, Request, Response};
use crate::outcome::{Content, Embedded, Outcome, Output, Pause};
use crate::plugin::Manifest;
use crate::resource::Body;
use crate::tool::ToolDescription;

impl From<types::Error> for ToolError {
    fn from(error: types::Error) -> Self {
        Self {
            kind: match error.kind {
                types::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
                types::ErrorKind::NotFound => ErrorKind::NotFound,
                types::ErrorKind::Conflict => ErrorKind::Conflict,
                types::ErrorKind::Unauthorized => ErrorKind::Unauthorized,
                types::ErrorKind::Denied => ErrorKind::Denied,
                types::ErrorKind::RateLimited => ErrorKind::RateLimited,
                types::ErrorKind::Cancelled => ErrorKind::Cancelled,
                types::ErrorKind::Timeout => ErrorKind::Timeout,
                types::ErrorKind::TooLarge => ErrorKind::TooLarge,
                types::ErrorKind::Upstream => ErrorKind::Upstream,
                types::ErrorKind::Unavailable => ErrorKind::Unavailable,
                types::ErrorKind::Internal => ErrorKind::Internal,
                types::ErrorKind::Other => ErrorKind::Other,
            },
            code: error.code,
            message: error.message,
            retry_after_ms: error.retry_after_ms,
            outcome_unknown: error.outcome_unknown,
            // The host writes JSON here; what is not would only be lost advice.
            extra: error
                .extra
                .and_then(|extra| serde_json::from_str(&extra).ok()),
        }
    }
}

impl From<ToolError> for types::Error {
    fn from(error: ToolError) -> Self {
        Self {
            kind: match error.kind {
                ErrorKind::InvalidInput => types::ErrorKind::InvalidInput,
                ErrorKind::NotFound => types::ErrorKind::NotFound,
                ErrorKind::Conflict => types::ErrorKind::Conflict,
                ErrorKind::Unauthorized => types::ErrorKind::Unauthorized,
                ErrorKind::Denied => types::ErrorKind::Denied,
                ErrorKind::RateLimited => types::ErrorKind::RateLimited,
                ErrorKind::Cancelled => types::ErrorKind::Cancelled,
                ErrorKind::Timeout => types::ErrorKind::Timeout,
                ErrorKind::TooLarge => types::ErrorKind::TooLarge,
                ErrorKind::Upstream => types::ErrorKind::Upstream,
                ErrorKind::Unavailable => types::ErrorKind::Unavailable,
                ErrorKind::Internal => types::ErrorKind::Internal,
                ErrorKind::Other => types::ErrorKind::Other,
            },
            code: error.code,
            message: error.message,
            retry_after_ms: error.retry_after_ms,
            outcome_unknown: error.outcome_unknown,
            extra: error.extra.map(|extra| extra.to_string()),
        }
    }
}

impl From<Request> for wire_http::Request {
    fn from(request: Request) -> Self {
        let header = |value| match value {
            HeaderValue::Text(text) => wire_http::HeaderValue::Text(text),
            HeaderValue::Sealed { prefix, value } => {
                wire_http::HeaderValue::Sealed(wire_http::SealedHeader {
                    prefix,
                    value: handle(&value),
                })
            }
        };
        Self {
            endpoint: request.endpoint,
            method: match request.method {
                Method::Get => wire_http::Method::Get,
                Method::Head => wire_http::Method::Head,
                Method::Post => wire_http::Method::Post,
                Method::Put => wire_http::Method::Put,
                Method::Patch => wire_http::Method::Patch,
                Method::Delete => wire_http::Method::Delete,
            },
            path: request.path,
            query: request.query,
            headers: request
                .headers
                .into_iter()
                .map(|(name, value)| (name, header(value)))
                .collect(),
            body: request.body,
            safe_to_repeat: request.safe_to_repeat,
            timeout_ms: request.timeout_ms,
            hold: request.hold,
            lock: request.lock,
            extra: json(request.extra),
        }
    }
}

impl From<wire_http::Response> for Response {
    fn from(response: wire_http::Response) -> Self {
        Self {
            status: response.status,
            headers: response.headers,
            body: response.body,
        }
    }
}

impl From<Manifest> for contract::Manifest {
    fn from(manifest: Manifest) -> Self {
        Self {
            name: manifest.name,
            version: manifest.version,
            description: manifest.description,
            wishes: manifest
                .wishes
                .into_iter()
                .map(|wish| contract::Wish {
                    grant: wish.grant,
                    reason: wish.reason,
                })
                .collect(),
            settings_schema: json(manifest.settings_schema),
            extra: json(manifest.extra),
        }
    }
}

impl From<ToolDescription> for contract::Tool {
    fn from(tool: ToolDescription) -> Self {
        Self {
            name: tool.name,
            title: tool.title,
            description: tool.description,
            input_schema: tool.input_schema.to_string(),
            output_schema: json(tool.output_schema),
            hints: contract::Hints {
                read_only: tool.hints.read_only,
                destructive: tool.hints.destructive,
                idempotent: tool.hints.idempotent,
                open_world: tool.hints.open_world,
            },
            toolset: tool.toolset,
            by_default: tool.by_default,
            extra: json(tool.extra),
        }
    }
}

impl From<Outcome<Box<RawValue>>> for contract::Outcome {
    fn from(outcome: Outcome<Box<RawValue>>) -> Self {
        match outcome {
            Outcome::Complete(output) => Self::Complete(output.into()),
            Outcome::Pause(pause) => Self::Pause(pause.into()),
        }
    }
}

impl From<Output<Box<RawValue>>> for contract::Output {
    fn from(output: Output<Box<RawValue>>) -> Self {
        Self {
            content: output.content.into_iter().map(Into::into).collect(),
            structured: structured(output.structured),
            basis: output.basis,
            extra: json(output.extra),
        }
    }
}

/// `null` is no structured result.
fn structured(json: Box<RawValue>) -> Option<String> {
    (json.get() != "null").then(|| Box::<str>::from(json).into_string())
}

impl From<Embedded> for types::Embedded {
    fn from(embedded: Embedded) -> Self {
        Self {
            uri: embedded.uri,
            mime: embedded.mime,
            body: embedded.body.into(),
        }
    }
}

impl From<Body> for types::Body {
    fn from(body: Body) -> Self {
        match body {
            Body::Text(text) => Self::Text(text),
            Body::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

impl From<Content> for types::Content {
    fn from(content: Content) -> Self {
        match content {
            Content::Text(text) => Self::Text(text),
            Content::Blob { mime, data } => Self::Blob(types::Blob { mime, data }),
            Content::Embedded(embedded) => Self::Embedded(embedded.into()),
            Content::Link {
                uri,
                name,
                mime,
                description,
            } => Self::Link(types::Link {
                uri,
                name,
                mime,
                description,
            }),
        }
    }
}

impl From<Pause> for types::Pause {
    fn from(pause: Pause) -> Self {
        Self {
            state: pause.state,
            questions: pause
                .questions
                .into_iter()
                .map(|question| types::Question {
                    id: question.id,
                    kind: question.kind,
                    parameters: question.parameters.to_string(),
                })
                .collect(),
            message: pause.message,
        }
    }
}

pub(super) fn handle(value: &Sealed) -> String {
    value.handle().to_owned()
}

pub(super) fn json(value: Option<Value>) -> Option<String> {
    value.map(|value| value.to_string())
}
