//! Resources, prompts and completion: what plugins give beside tools, as MCP asks for it.
//!
//! What a caller must not know of is answered like what does not exist. Tool sets and read-only modes do not matter here: reading
//! changes nothing, and people choose what they attach.

use std::future::Future;
use std::sync::Arc;

use rmcp::model::{
    CompleteRequestParams, CompleteResult, CompletionInfo, GetPromptRequestParams,
    GetPromptResponse, GetPromptResult, Prompt as ShownPrompt, PromptArgument, PromptMessage,
    ReadResourceRequestParams, ReadResourceResult, Reference, Resource as ShownResource,
    ResourceTemplate, Role,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};
use tracing::Instrument;

use super::asking::{self, Asking as AskingClient};
use super::content;
use super::correlation::correlation_id;
use super::server::McpServer;
use crate::capabilities::context::Caller;
use crate::capabilities::contract::prompts::{self, Script};
use crate::capabilities::contract::resources::Contents;
use crate::capabilities::contract::types::Typing;
use crate::capabilities::contract::{Error, ErrorKind, kind_name};
use crate::observe::redact;
use crate::plugins::{Asking, Offered, Prompt, Prompted, Registry, Resource};

/// Characters of what a client sent, in an error.
const SHOWN: usize = 200;

impl McpServer {
    /// The registry in which `finds` finds something; plugins that are still loading are waited for.
    async fn registry_with(&self, finds: impl Fn(&Registry) -> bool) -> Arc<Registry> {
        let registry = self.shared.host.registry();
        if finds(&registry) {
            return registry;
        }
        self.shared.host.loaded(self.shared.config.list_wait).await;
        self.shared.host.registry()
    }

    pub(super) async fn read(
        &self,
        params: ReadResourceRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<ReadResourceResult, ErrorData> {
        let caller = self.caller(context).await?;
        let uri = params.uri;
        let registry = self
            .registry_with(|it| it.find_resource(&uri).is_some())
            .await;
        let found = registry
            .find_resource(&uri)
            .filter(|(offered, _)| reaches_resource(&registry, offered, &caller));
        let Some((resource, variables)) = found else {
            return Err(no_resource(&uri));
        };
        let host = &self.shared.host;
        let of = (resource.plugin_name(), resource.item.name.as_str());
        let contents = self.answered("read", of, caller, context, async |asking| {
            host.read_resource(resource, &uri, variables, asking).await
        });
        contents
            .await
            .map(read_result)
            .map_err(|failed| match failed.error.kind {
                ErrorKind::NotFound => ErrorData::resource_not_found(
                    failed.error.message.clone(),
                    failed.data(Some(&uri)),
                ),
                _ => failed.into_error(Some(&uri)),
            })
    }

    pub(super) async fn prompt(
        &self,
        params: GetPromptRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let caller = self.caller(context).await?;
        let name = params.name;
        let registry = self
            .registry_with(|it| it.find_prompt(&name).is_some())
            .await;
        let found = registry.find_prompt(&name);
        let Some(prompt) = found.filter(|it| reaches_prompt(&registry, it, &caller)) else {
            return Err(no_prompt(&name));
        };
        let mut arguments = Vec::new();
        for (name, value) in params.arguments.unwrap_or_default() {
            match value {
                Value::String(value) => arguments.push((name, value)),
                // Some clients send ids as numbers.
                Value::Number(value) => arguments.push((name, value.to_string())),
                Value::Null => {}
                _ => {
                    let message = format!("the argument '{}' is not text", shown(&name));
                    return Err(ErrorData::invalid_params(message, None));
                }
            }
        }
        let host = &self.shared.host;
        let of = (prompt.plugin_name(), prompt.item.name.as_str());
        let client = AskingClient::of(context, self.connection(context));
        let brought_state = params.request_state.is_some();
        let mut answered = asking::from_responses(params.request_state, params.input_responses);
        loop {
            let (arguments, answered_before) = (arguments.clone(), answered.take());
            let prompted = self.answered("prompt", of, caller.clone(), context, async |asking| {
                let asking = Asking {
                    askable: client.askable(),
                    answered: answered_before,
                    ..asking
                };
                host.get_prompt(prompt, arguments, asking).await
            });
            let failed = |failed: Failed| {
                let refused = asking::protocol_error(&failed.error, brought_state);
                let refused = refused.filter(|_| client.is_in_result());
                refused.unwrap_or_else(|| failed.into_error(None))
            };
            let asked = match prompted.await.map_err(failed)? {
                Prompted::Script(script) => return Ok(prompt_result(script).into()),
                Prompted::Asked(asked) => asked,
            };
            let unanswered = |error: Error| ErrorData::internal_error(error.message, None);
            let Some(peer) = client.peer() else {
                return Ok(asking::in_result(asked).map_err(unanswered)?.into());
            };
            let asking = asking::by_request(peer, asked).await;
            answered = Some(asking.map_err(unanswered)?);
        }
    }

    pub(super) async fn completion(
        &self,
        params: CompleteRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let caller = self.caller(context).await?;
        let given = params.context.and_then(|context| context.arguments);
        let typing = Typing {
            name: params.argument.name,
            typed: params.argument.value,
            given: given.unwrap_or_default().into_iter().collect(),
        };
        let host = &self.shared.host;
        let completion = match &params.r#ref {
            Reference::Resource(reference) => {
                let uri = &reference.uri;
                let registry = self.registry_with(|it| it.find_listed(uri).is_some()).await;
                let found = registry.find_listed(uri);
                let Some(resource) = found.filter(|it| reaches_resource(&registry, it, &caller))
                else {
                    return Err(no_resource(uri));
                };
                let of = (resource.plugin_name(), resource.item.name.as_str());
                self.answered("complete", of, caller, context, async |asking| {
                    host.complete_variable(resource, typing, asking).await
                })
                .await
            }
            Reference::Prompt(reference) => {
                let name = &reference.name;
                let registry = self
                    .registry_with(|it| it.find_prompt(name).is_some())
                    .await;
                let found = registry.find_prompt(name);
                let Some(prompt) = found.filter(|it| reaches_prompt(&registry, it, &caller)) else {
                    return Err(no_prompt(name));
                };
                let of = (prompt.plugin_name(), prompt.item.name.as_str());
                self.answered("complete", of, caller, context, async |asking| {
                    host.complete_argument(prompt, typing, asking).await
                })
                .await
            }
            _ => return Err(ErrorData::invalid_params("unknown kind of reference", None)),
        };
        let completion = completion.map_err(|failed| failed.into_error(None))?;
        CompletionInfo::with_pagination(completion.values, completion.total, completion.has_more)
            .map(CompleteResult::new)
            .map_err(|error| ErrorData::internal_error(error, None))
    }

    /// Runs `ask` with the caller's rights, and writes into the log how it went.
    async fn answered<T, F: Future<Output = Result<T, Error>>>(
        &self,
        what: &'static str,
        (plugin, name): (&str, &str),
        caller: Caller,
        context: &RequestContext<RoleServer>,
        ask: impl FnOnce(Asking) -> F,
    ) -> Result<T, Failed> {
        let correlation_id = correlation_id();
        let span = tracing::info_span!(
            "offer",
            correlation_id = &*correlation_id,
            what,
            plugin,
            name,
            tenant = caller.principal.tenant.as_str(),
            key = caller.principal.key.as_str(),
        );
        let started = tokio::time::Instant::now();
        let answering = async {
            if let Some(stdio) = &self.shared.stdio {
                let (host, wait) = (&self.shared.host, self.shared.config.list_wait);
                stdio.first_calls.make(host, &caller, wait).await?;
            }
            ask(Asking {
                caller,
                correlation_id: correlation_id.clone(),
                cancelled: context.ct.clone(),
                askable: Default::default(),
                answered: None,
            })
            .await
        };
        let answer = answering.instrument(span.clone()).await;
        span.in_scope(|| {
            let elapsed_ms = started.elapsed().as_millis();
            match &answer {
                Ok(_) => tracing::info!(elapsed_ms, outcome = "ok", "answered"),
                Err(error) => tracing::info!(
                    elapsed_ms,
                    outcome = kind_name(error.kind),
                    code = error.code.as_deref().unwrap_or_default(),
                    "answered"
                ),
            }
        });
        answer.map_err(|error| Failed {
            error,
            correlation_id,
        })
    }
}

/// An error, and where its cause stands in the log.
struct Failed {
    error: Error,
    correlation_id: Arc<str>,
}

impl Failed {
    fn data(&self, uri: Option<&str>) -> Option<Value> {
        let mut data = json!({
            "kind": kind_name(self.error.kind),
            "code": self.error.code,
            "retry_after_ms": self.error.retry_after_ms,
            "correlation_id": &*self.correlation_id,
        });
        if let Some(uri) = uri {
            data["uri"] = shown(uri).into();
        }
        Some(data)
    }

    fn into_error(self, uri: Option<&str>) -> ErrorData {
        let data = self.data(uri);
        let message = redact(&self.error.message).into_owned();
        match self.error.kind {
            ErrorKind::InvalidInput | ErrorKind::NotFound => {
                ErrorData::invalid_params(message, data)
            }
            _ => ErrorData::internal_error(message, data),
        }
    }
}

pub(super) fn reaches_resource(
    registry: &Registry,
    offered: &Offered<Resource>,
    caller: &Caller,
) -> bool {
    let scopes = &caller.principal.scopes;
    registry.reaches(offered, offered.item.tool.as_deref(), scopes)
}

pub(super) fn reaches_prompt(
    registry: &Registry,
    offered: &Offered<Prompt>,
    caller: &Caller,
) -> bool {
    let scopes = &caller.principal.scopes;
    registry.reaches(offered, offered.item.tool.as_deref(), scopes)
}

fn shown(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(SHOWN)
        .collect()
}

pub(super) fn no_resource(uri: &str) -> ErrorData {
    let uri = shown(uri);
    ErrorData::resource_not_found(
        format!(
            "there is no resource '{uri}'; resources/list and resources/templates/list name those that there are"
        ),
        Some(json!({ "uri": uri })),
    )
}

fn no_prompt(name: &str) -> ErrorData {
    ErrorData::invalid_params(
        format!(
            "there is no prompt '{}'; prompts/list names those that there are",
            shown(name)
        ),
        None,
    )
}

pub(super) fn shown_resource(resource: &Resource) -> ShownResource {
    let mut shown = ShownResource::new(resource.shape.text(), &resource.name)
        .with_title(&resource.title)
        .with_description(&resource.description);
    shown.mime_type.clone_from(&resource.mime);
    shown
}

pub(super) fn shown_template(resource: &Resource) -> ResourceTemplate {
    let mut shown = ResourceTemplate::new(resource.shape.text(), &resource.name)
        .with_title(&resource.title)
        .with_description(&resource.description);
    shown.mime_type.clone_from(&resource.mime);
    shown
}

pub(super) fn shown_prompt(prompt: &Prompt) -> ShownPrompt {
    let arguments = prompt.arguments.iter().map(|argument| {
        let mut shown = PromptArgument::new(&argument.name).with_required(argument.required);
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        shown.title = given(&argument.title);
        shown.description = given(&argument.description);
        shown
    });
    ShownPrompt::new(
        &prompt.name,
        Some(&prompt.description),
        Some(arguments.collect()),
    )
    .with_title(&prompt.title)
}

fn read_result(read: Contents) -> ReadResourceResult {
    let pieces = read
        .contents
        .into_iter()
        .map(|piece| content::contents(piece.uri.unwrap_or_default(), piece.mime, piece.body));
    ReadResourceResult::new(pieces.collect())
        .with_ttl_ms(read.fresh_ms.into())
        .with_cache_scope(rmcp::model::CacheScope::Private)
}

fn prompt_result(script: Script) -> GetPromptResult {
    let messages = script.messages.into_iter().map(|message| {
        let role = match message.role {
            prompts::Role::User => Role::User,
            prompts::Role::Assistant => Role::Assistant,
        };
        PromptMessage::new(role, content::block(message.content))
    });
    let mut result = GetPromptResult::new(messages.collect());
    result.description = script.description;
    result
}
