//! What a call leaves in the audit trail: a change before it is made and after, everything else after.

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::call::CallRequest;
use super::confirm::Reply;
use super::host::PluginHost;
use super::registry::Listed;
use crate::capabilities::context::{CallContext, Caller};
use crate::capabilities::contract::{Error, ErrorKind};
use crate::tenancy::audit::{Audit, Begun, Ending, Entry, Given, Source};
use crate::tenancy::{EventKept, Handling, Hook};

/// A call on its way into the audit trail. Whoever drops it unended was cancelled.
pub(super) struct Trail {
    audit: Audit,
    entry: Option<Entry>,
    /// Told of already: what came of it follows.
    begun: Option<Begun>,
    started: Instant,
    /// Knows what the call is about, once the plugin said so.
    context: OnceLock<Arc<CallContext>>,
}

impl PluginHost {
    fn trail(&self, entry: Entry) -> Trail {
        Trail {
            audit: self.services.tenancy.audit().clone(),
            entry: Some(entry),
            begun: None,
            started: Instant::now(),
            context: OnceLock::new(),
        }
    }

    /// Of a caller's call of a tool.
    pub(super) fn trail_of_call(&self, listed: &Listed, request: &CallRequest) -> Trail {
        self.trail(Entry {
            correlation_id: Some(request.correlation_id.clone()),
            source: request.caller.way.clone(),
            ..of_tool(listed, &request.caller, &request.arguments)
        })
    }

    /// Of a plugin's call of another's tool.
    pub(super) fn trail_of_peer(
        &self,
        listed: &Listed,
        parent: &CallContext,
        arguments: &Map<String, Value>,
    ) -> Trail {
        self.trail(Entry {
            correlation_id: Some(parent.correlation_id.clone()),
            source: Source::Peer(parent.grantee.name.clone()),
            ..of_tool(listed, &parent.caller, arguments)
        })
    }

    /// Of the reading of a resource or prompt. `given` names the variables or arguments.
    pub(super) fn trail_of_offer(
        &self,
        kind: &'static str,
        (plugin, name): (&str, &str),
        asking: &super::Asking,
        given: Map<String, Value>,
    ) -> Trail {
        let properties: Map<String, Value> = given
            .keys()
            .map(|name| (name.clone(), json!({"type": "string"})))
            .collect();
        let mut schema = Map::new();
        schema.insert("properties".to_owned(), properties.into());
        self.trail(Entry {
            plugin: Some(plugin.to_owned()),
            correlation_id: Some(asking.correlation_id.clone()),
            source: asking.caller.way.clone(),
            given: Some(Given {
                schema: Arc::new(schema),
                sealed: Vec::new(),
                arguments: given,
            }),
            ..Entry::of(&asking.caller.principal, kind, name)
        })
    }

    /// Of an event in the hands of a plugin.
    pub(super) fn trail_of_event(&self, handling: &Handling, id: &Arc<str>) -> Trail {
        self.trail(Entry {
            plugin: Some(handling.plugin.clone()),
            kind: "event",
            action: handling.event.kind.clone(),
            correlation_id: Some(id.clone()),
            details: Some(json!({"event_id": handling.id, "attempt": handling.attempts})),
            ..of_hook(&handling.hook)
        })
    }

    /// A request that came through a hook and was kept, or had come before.
    pub(super) async fn tell_of_request(&self, hook: &Hook, kind: &str, kept: &EventKept) {
        let (outcome, details) = match kept {
            EventKept::New(id) => ("ok", json!({"event_id": id})),
            EventKept::Repeated => ("repeated", json!({})),
            EventKept::NoHook => return,
        };
        let entry = Entry {
            plugin: Some(hook.plugin.clone()),
            kind: "webhook",
            action: kind.to_owned(),
            details: Some(details),
            ..of_hook(hook)
        };
        let audit = self.services.tenancy.audit();
        audit.tell(entry, Ending::of(outcome)).await;
    }
}

fn of_tool(listed: &Listed, caller: &Caller, arguments: &Map<String, Value>) -> Entry {
    Entry {
        plugin: Some(listed.plugin_name().to_owned()),
        given: Some(Given {
            schema: listed.tool.arguments.schema().clone(),
            sealed: listed.secret_arguments().map(str::to_owned).collect(),
            arguments: arguments.clone(),
        }),
        ..Entry::of(&caller.principal, "call", listed.tool.name.clone())
    }
}

fn of_hook(hook: &Hook) -> Entry {
    Entry {
        tenant: Some(hook.tenant.clone()),
        subject: Some(hook.subject.clone()),
        source: Source::Webhook(hook.label.clone()),
        ..Entry::default()
    }
}

impl Trail {
    /// Tells of a change before it is made. Only then may it begin.
    ///
    /// # Errors
    /// It cannot be told of: nothing may be changed.
    pub(super) async fn begin(&mut self) -> Result<(), Error> {
        let Some(entry) = self.entry.take() else {
            return Ok(());
        };
        let what = entry.action.clone();
        match self.audit.begin(entry).await {
            Ok(begun) => {
                self.begun = Some(begun);
                Ok(())
            }
            Err(error) => {
                tracing::error!(cause = %error, "the audit trail cannot be written, so no change is made");
                Err(Error::new(
                    ErrorKind::Unavailable,
                    "audit-unavailable",
                    format!(
                        "{what} was not carried out and nothing was changed: the audit trail cannot be written at the moment, and \
                         no change is made without it. Try again in a minute; if it stays so, tell the operator of this server."
                    ),
                ))
            }
        }
    }

    /// The context knows more of the call than its arguments.
    pub(super) fn runs_in(&self, context: &Arc<CallContext>) {
        // A call has one.
        let _ = self.context.set(context.clone());
    }

    /// A person, or the token of a preview, allowed this call.
    pub(super) async fn confirmed(
        &self,
        caller: &Caller,
        listed: &Listed,
        id: &Arc<str>,
        by: &str,
    ) {
        let entry = Entry {
            plugin: Some(listed.plugin_name().to_owned()),
            correlation_id: Some(id.clone()),
            source: caller.way.clone(),
            details: Some(json!({"by": by})),
            ..Entry::of(&caller.principal, "confirmation", listed.tool.name.clone())
        };
        self.audit.tell(entry, Ending::of("ok")).await;
    }

    /// Tells what came of a tool's call.
    pub(super) async fn end(self, result: &Result<Reply, Error>) {
        let ending = match result {
            Ok(Reply::Done(answer)) => {
                let structured = answer.structured.as_ref().filter(|_| self.begun.is_some());
                Ending {
                    diffs: structured.map(|it| diffs(&it.object)).unwrap_or_default(),
                    ..Ending::of("ok")
                }
            }
            Ok(Reply::Asked(_) | Reply::Linked(_)) => Ending::of("asked"),
            Err(error) => failed(error),
        };
        self.ended(ending).await;
    }

    /// Tells what came of anything else.
    pub(super) async fn end_with<T>(self, result: &Result<T, Error>) {
        let ending = match result {
            Ok(_) => Ending::of("ok"),
            Err(error) => failed(error),
        };
        self.ended(ending).await;
    }

    async fn ended(mut self, mut ending: Ending) {
        ending.subject = self.subject();
        ending.duration_ms = self.elapsed();
        if let Some(begun) = self.begun.take() {
            begun.end(ending).await;
        } else if let Some(entry) = self.entry.take() {
            self.audit.tell(entry, ending).await;
        }
    }

    fn subject(&self) -> Option<String> {
        self.context.get().and_then(|context| context.subject())
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            let ending = Ending {
                subject: self.subject(),
                duration_ms: self.elapsed(),
                ..Ending::of("cancelled")
            };
            self.audit.tell_now(entry, ending);
        }
    }
}

fn failed(error: &Error) -> Ending {
    let outcome = match error.kind {
        _ if error.outcome_unknown => "unknown",
        ErrorKind::Cancelled => "cancelled",
        _ => "error",
    };
    Ending {
        // A plugin's own words, though short ones.
        code: error.code.as_deref().map(|code| {
            code.chars()
                .filter(|it| !it.is_control())
                .take(64)
                .collect()
        }),
        ..Ending::of(outcome)
    }
}

/// The changes that a result tells of: its own, and those of each row of a batch.
fn diffs(result: &Map<String, Value>) -> Vec<Value> {
    let of = |object: &Map<String, Value>| {
        let diff = object.get("diff").and_then(Value::as_array);
        diff.cloned().unwrap_or_default()
    };
    let mut diffs = of(result);
    let rows = result.get("results").and_then(Value::as_array);
    for row in rows.into_iter().flatten().filter_map(Value::as_object) {
        diffs.extend(of(row));
    }
    diffs.truncate(500);
    diffs
}
