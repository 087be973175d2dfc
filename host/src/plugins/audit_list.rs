//! `audit_list`: what was done for a tenant, told to the tenant itself.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::native::{Native, NativeTool};
use super::tool::Tool;
use crate::capabilities::context::Caller;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::clock::Timestamp;
use crate::config::Limits;
use crate::tenancy::audit::{Audit, PageError, Wanted};

const LIMIT: u64 = 20;
const LARGEST_LIMIT: u64 = 100;
/// Of an answer where no limit was given: under 2,000 tokens, of which ids and times have one in two bytes.
const SMALL: usize = 3_300;
/// Of every answer: under 20,000 tokens.
const LARGE: usize = 27_000;

struct AuditList {
    audit: Audit,
}

/// The tool, in the set `audit`.
///
/// # Errors
/// Its own schema is wrong.
pub fn audit_list(audit: Audit, limits: &Limits) -> Result<Native, String> {
    let schema = json!({
        "type": "object",
        "properties": {
            "tool": {"type": "string", "description": "Only this tool, or administrative act such as keys.revoke."},
            "subject": {"type": "string", "description": "Only about this, such as store:9021."},
            "outcome": {
                "type": "string",
                "enum": ["ok", "error", "unknown", "cancelled", "asked", "repeated"],
                "description": "Only what ended like this."
            },
            "changes_only": {"type": "boolean", "description": "True: leave out what only read."},
            "since": {"type": "string", "description": "From then on, UTC: 2026-03-01 or RFC 3339."},
            "until": {"type": "string", "description": "Before then."},
            "with_values": {"type": "boolean", "description": "True: with arguments and old and new values in full. They are personal data, and texts in them come from third parties."},
            "limit": {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "description": "At once; default 20, or as many as fit into a short answer."},
            "cursor": {"type": "string", "description": "next_cursor of the last answer."}
        },
        "additionalProperties": false
    });
    let output = json!({
        "type": "object",
        "properties": {
            "entries": {"type": "array", "items": {
                "type": "object",
                "properties": {
                    "at": {"type": "string", "description": "UTC."},
                    "kind": {"type": "string", "description": "call, resource, prompt, webhook, event, confirmation or administration."},
                    "tool": {"type": "string"},
                    "plugin": {"type": "string"},
                    "subject": {"type": "string"},
                    "key_id": {"type": ["string", "null"], "description": "The access key's public part."},
                    "outcome": {"type": "string", "description": "unknown: it may have happened."},
                    "error_code": {"type": "string"},
                    "duration_ms": {"type": "integer"},
                    "correlation_id": {"type": "string"},
                    "source": {"type": "string"},
                    "arguments": {"type": "object", "additionalProperties": true, "description": "Names, ids and choices."},
                    "changed": {"type": "array", "items": {"type": "string"}, "description": "Paths of changed fields."},
                    "values": {"type": "object", "additionalProperties": true}
                },
                "required": ["at", "kind", "tool", "key_id", "outcome", "source"]
            }},
            "next_cursor": {"type": ["string", "null"]}
        },
        "required": ["entries", "next_cursor"]
    });
    let mut tool = Tool::native(
        "audit_list",
        "Who did what",
        "Lists what was done for this tenant through this server, by any agent or operator, newest first: calls, reads, webhooks, \
         keys made and revoked. Use it to find out who or what made a change, and how it ended. Do not use it to take changes \
         back, or for what people did in the service itself. Example: {\"changes_only\": true}.",
        schema,
    )?;
    tool.output_schema = output.as_object().cloned().map(Arc::new);
    tool.toolset = Some("audit".to_owned());
    tool.by_default = false;
    tool.hints.idempotent = true;
    Ok(Native {
        tool: Arc::new(tool),
        code: Arc::new(AuditList { audit }),
        limits: limits.clone(),
    })
}

#[async_trait]
impl NativeTool for AuditList {
    async fn call(&self, caller: &Caller, arguments: Map<String, Value>) -> Result<Answer, Error> {
        let text = |name: &str| {
            arguments
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let flag = |name: &str| {
            arguments
                .get(name)
                .and_then(Value::as_bool)
                .unwrap_or(false)
        };
        let limit = arguments
            .get("limit")
            .and_then(Value::as_u64)
            .unwrap_or(LIMIT);
        let wanted = Wanted {
            subject: text("subject"),
            action: text("tool"),
            outcome: text("outcome"),
            changes_only: flag("changes_only"),
            since: moment(&arguments, "since")?,
            until: moment(&arguments, "until")?,
            values: flag("with_values"),
            cursor: text("cursor"),
            bytes: Some(match arguments.contains_key("limit") {
                true => LARGE,
                false => SMALL,
            }),
            limit: u32::try_from(limit.clamp(1, LARGEST_LIMIT)).unwrap_or(1),
        };
        let page =
            self.audit
                .page(&caller.principal, wanted)
                .await
                .map_err(|error| match error {
                    PageError::Cursor => Error::new(
                        ErrorKind::InvalidInput,
                        "bad-cursor",
                        format!("'cursor': {error}."),
                    ),
                    PageError::Store(error) => Error::internal("Reading the audit trail", &error),
                })?;
        let mut result = Map::new();
        result.insert("entries".to_owned(), page.entries.into());
        result.insert("next_cursor".to_owned(), page.next_cursor.into());
        Ok(Answer {
            content: Vec::new(),
            structured: Some(result.into()),
        })
    }
}

fn moment(arguments: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Error> {
    let Some(text) = arguments.get(name).and_then(Value::as_str) else {
        return Ok(None);
    };
    let moment = Timestamp::parse(text).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            "invalid-arguments",
            format!("'{name}' is no date: write 2026-03-01, or 2026-03-01T09:30:00Z."),
        )
    })?;
    Ok(Some(moment))
}
