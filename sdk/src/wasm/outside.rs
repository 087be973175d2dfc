//! What reaches a component beside calls of its tools: requests through hooks, and events.

use serde_json::Value;

use super::bindings::exports::orderdesk::plugin::{events, webhooks};
use super::bindings::orderdesk::plugin::types;
use super::guest::Component;
use super::host::ComponentHost;
use crate::arguments::Sealed;
use crate::error::ToolError;
use crate::webhooks::{Event, Reason, Request, Verdict};

impl<T: Component> webhooks::Guest for T {
    fn handle(request: webhooks::Request) -> Result<webhooks::Verdict, types::Error> {
        let request = Request {
            method: request.method,
            headers: request.headers,
            query: request.query,
            body: request.body,
            subject: request.subject,
            key: request.key.map(Sealed::new),
        };
        Ok(T::plugin().judge(&request, ComponentHost)?.into())
    }
}

impl From<Verdict> for webhooks::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accepted(happening) => Self::Accepted(webhooks::Event {
                kind: happening.kind,
                identity: happening.identity,
                tags: happening.tags,
                resources: happening.resources,
                payload: happening.payload.to_string(),
                extra: None,
            }),
            Verdict::Rejected(rejection) => Self::Rejected(webhooks::Rejection {
                reason: match rejection.reason {
                    Reason::BadSignature => webhooks::Reason::BadSignature,
                    Reason::NotOurs => webhooks::Reason::NotOurs,
                    Reason::Malformed => webhooks::Reason::Malformed,
                },
                detail: rejection.detail,
            }),
        }
    }
}

impl<T: Component> events::Guest for T {
    fn handle(event: events::Event) -> Result<(), types::Error> {
        let payload: Value = serde_json::from_str(&event.payload).map_err(|error| {
            ToolError::internal(
                "event-not-json",
                format!("The event {} holds no JSON: {error}", event.kind),
            )
        })?;
        let event = Event {
            id: event.id,
            source: event.source,
            kind: event.kind,
            subject: event.subject,
            payload,
            received_at_ms: event.received_at_ms,
            attempt: event.attempt,
        };
        Ok(T::plugin().handle(&event, ComponentHost)?)
    }
}
