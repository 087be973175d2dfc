//! `tools/call`: from what a client sent to what it gets back.

use std::sync::Arc;

use rmcp::model::{CallToolRequestParams, CallToolResponse};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::Value;
use tracing::Instrument;
use tracing::field::Empty;

use super::answer;
use super::asking::{self, Asking};
use super::choice::Choice;
use super::connection::Connection;
use super::correlation::correlation_id;
use super::oauth;
use super::progress::{self, ProgressReports};
use super::server::{McpServer, in_scope};
use super::url_elicitation::{self, OpensPages};
use crate::capabilities::context::{Caller, ProgressSink};
use crate::capabilities::contract::{Error, ErrorKind};
use crate::observe::{TRACEPARENT, continue_trace};
use crate::plugins::{
    Agreed, CallRequest, Listed, PluginHost, Registry, Reply, Selection, names_link, outcome_word,
    unknown_toolset,
};

impl McpServer {
    /// What is in use for this request.
    ///
    /// # Errors
    /// The client chose a set that there is not. One in the configuration is the operator's business, whom `check` tells.
    pub(super) async fn selection(
        &self,
        context: &RequestContext<RoleServer>,
    ) -> Result<Selection, ErrorData> {
        let (host, config) = (&self.shared.host, &self.shared.config);
        let choice = match &self.shared.stdio {
            Some(stdio) => stdio.choice.clone(),
            None => context
                .extensions
                .get::<http::request::Parts>()
                .and_then(|parts| parts.extensions.get::<Choice>())
                .cloned()
                .unwrap_or_default(),
        };
        if unknown_toolset(&choice.toolsets, &host.registry()).is_some() {
            host.loaded(config.list_wait).await;
            if let Some(what) = unknown_toolset(&choice.toolsets, &host.registry()) {
                return Err(ErrorData::invalid_params(what, None));
            }
        }
        Ok(choice.selection(config, self.shared.stdio.is_some()))
    }

    /// By what way this request came.
    pub(super) fn connection(&self, context: &RequestContext<RoleServer>) -> Connection {
        let shared = &self.shared;
        Connection::of(
            context,
            shared.stdio.is_some(),
            shared.config.legacy_sessions,
        )
    }

    /// The tool, if this caller may know of it. Plugins that are still loading are waited for.
    async fn find(
        &self,
        name: &str,
        caller: &Caller,
        selection: &Selection,
    ) -> Result<Listed, ErrorData> {
        let mut registry = self.shared.host.registry();
        let mut complete = true;
        if registry.find(name).is_none() {
            complete = self.shared.host.loaded(self.shared.config.list_wait).await;
            registry = self.shared.host.registry();
        }
        match registry.find(name) {
            Some(listed) if in_scope(listed, caller) => Ok(listed.clone()),
            _ if !complete => Err(still_loading(name)),
            _ => {
                let agreed = self.agreed(caller).await?;
                Err(unknown_tool(name, &registry, caller, selection, &agreed))
            }
        }
    }

    pub(super) async fn call(
        &self,
        params: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.caller(context).await?;
        let selection = self.selection(context).await?;
        let correlation_id = correlation_id();
        let listed = self.find(&params.name, &caller, &selection).await?;
        let span = tracing::info_span!(
            "call",
            otel.name = listed.tool.name,
            otel.kind = "server",
            otel.status_code = Empty,
            outcome = Empty,
            correlation_id = &*correlation_id,
            tool = listed.tool.name,
            plugin = listed.plugin_name(),
            tenant = caller.principal.tenant.as_str(),
            key = caller.principal.key.as_str(),
        );
        if let Some(traceparent) = traceparent(context) {
            continue_trace(&span, &traceparent);
        }
        let started = tokio::time::Instant::now();
        let asking = Asking::of(context, self.connection(context));
        let brought_state = params.request_state.is_some();
        #[cfg(feature = "conformance")]
        let tool_name = listed.tool.name.clone();
        let call = self
            .run(
                listed,
                params,
                caller,
                selection,
                correlation_id.clone(),
                (context, &asking),
            )
            .instrument(span.clone());
        let result = call.await;
        let outcome = outcome_word(&result);
        span.record("outcome", outcome);
        if result.is_err() {
            span.record("otel.status_code", "ERROR");
        }
        span.in_scope(|| {
            let elapsed_ms = started.elapsed().as_millis();
            match &result {
                Ok(_) => tracing::info!(elapsed_ms, outcome, "called"),
                Err(error) => tracing::info!(
                    elapsed_ms,
                    outcome,
                    code = error.code.as_deref().unwrap_or_default(),
                    "called"
                ),
            }
        });
        #[cfg(feature = "conformance")]
        if self.shared.config.conformance && super::conformance::TRIGGERS.contains(&&*tool_name) {
            self.shared.host.lists_changed();
        }
        let result = match result {
            Ok(Reply::Done(answer)) => return Ok(answer::success(answer).into()),
            Ok(Reply::Asked(asked)) => asking::in_result(asked),
            Ok(Reply::Linked(linked)) => {
                return match OpensPages::of(context) {
                    OpensPages::InResult => Ok(url_elicitation::in_result(linked).into()),
                    OpensPages::ByError => Err(url_elicitation::by_error(linked)),
                    OpensPages::Never => Ok(answer::waiting(&linked, &correlation_id).into()),
                };
            }
            Err(error) => Err(error),
        };
        match result {
            Ok(asked) => Ok(asked.into()),
            Err(error) => match asking::protocol_error(&error, brought_state) {
                Some(refused) if asking.is_in_result() => Err(refused),
                _ => Ok(answer::failure(&error, &correlation_id).into()),
            },
        }
    }

    /// Where the plugin tells how far it is, if the client wants to hear of it.
    fn reports(
        &self,
        context: &RequestContext<RoleServer>,
    ) -> Option<(Arc<dyn ProgressSink>, ProgressReports)> {
        let token = context.meta.get_progress_token();
        let imitations = self.shared.host.imitations();
        #[cfg(feature = "conformance")]
        if self.shared.config.conformance {
            let session = self.lasting.as_ref().map(|lasting| &lasting.log_level);
            let lines = super::conformance::Lines::of(context, session);
            if token.is_some() || lines.are_wanted() {
                let (mut sink, reports) = progress::pipe(token, context.peer.clone(), imitations);
                sink.lines = lines;
                return Some((Arc::new(sink), reports));
            }
            return None;
        }
        let (sink, reports) = progress::pipe(Some(token?), context.peer.clone(), imitations);
        Some((Arc::new(sink), reports))
    }

    async fn run(
        &self,
        listed: Listed,
        params: CallToolRequestParams,
        caller: Caller,
        selection: Selection,
        correlation_id: Arc<str>,
        (context, asking): (&RequestContext<RoleServer>, &Asking),
    ) -> Result<Reply, Error> {
        let host = &self.shared.host;
        let arguments = params.arguments.as_ref();
        self.shared.keys.take(&caller, &listed.tool, arguments)?;
        if let Err(narrow) = oauth::check_covered(context, &listed.tool, arguments) {
            // Where another token would not help, the reason is another.
            selection.check(&listed, &caller.principal.scopes, &host.registry())?;
            return Err(narrow);
        }
        if let Some(stdio) = &self.shared.stdio {
            stdio
                .first_calls
                .make(host, &caller, self.shared.config.list_wait)
                .await?;
        }
        let (sink, reports) = self.reports(context).unzip();
        let (visit, answered) = match params.request_state {
            Some(state) if names_link(&state) => {
                (url_elicitation::visit(params.input_responses), None)
            }
            state => (None, asking::from_responses(state, params.input_responses)),
        };
        let request = CallRequest {
            cancelled: context.ct.clone(),
            progress: sink,
            selection,
            askable: asking.askable(),
            answered,
            visit,
            ..CallRequest::new(caller, params.arguments.unwrap_or_default(), correlation_id)
        };
        let call = converse(host, &listed, request, asking);
        match reports {
            Some(reports) => reports.beside(call).await,
            None => call.await,
        }
    }
}

/// The trace that the caller names: in the message, or in the header of the request that brought it.
fn traceparent(context: &RequestContext<RoleServer>) -> Option<String> {
    let in_message = context.meta.get(TRACEPARENT).and_then(Value::as_str);
    let in_header = || {
        let parts = context.extensions.get::<http::request::Parts>()?;
        parts.headers.get(TRACEPARENT)?.to_str().ok()
    };
    in_message.or_else(in_header).map(str::to_owned)
}

/// Calls, and calls again with the answers where the client is asked by a request of its own.
async fn converse(
    host: &Arc<PluginHost>,
    listed: &Listed,
    mut request: CallRequest,
    asking: &Asking,
) -> Result<Reply, Error> {
    let Some(peer) = asking.peer() else {
        return host.call_or_ask(listed, request).await;
    };
    loop {
        let asked = match host.call_or_ask(listed, request.clone()).await? {
            Reply::Asked(asked) => asked,
            done => return Ok(done),
        };
        // Nothing runs meanwhile: whoever gives up leaves a question that nobody answers.
        let answered = tokio::select! {
            answered = asking::by_request(peer, asked) => answered?,
            () = request.cancelled.cancelled() => return Err(Error::new(
                ErrorKind::Cancelled,
                "cancelled",
                "The call was cancelled while it waited for a person's answer. It was not carried out.",
            )),
        };
        request.answered = Some(answered);
    }
}

/// Whether there is such a tool cannot be known yet, and a model that hears that there is none goes without it.
fn still_loading(name: &str) -> ErrorData {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    ErrorData::internal_error(
        format!(
            "'{shown}' cannot be called yet: plugins are still being compiled for the first time. Try again in a few seconds"
        ),
        None,
    )
}

/// A tool that this caller must not know of is answered like one that does not exist.
fn unknown_tool(
    name: &str,
    registry: &Registry,
    caller: &Caller,
    selection: &Selection,
    agreed: &Agreed,
) -> ErrorData {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    let nearest: Vec<&str> = registry
        .nearest(name)
        .into_iter()
        .filter(|name| {
            registry.find(name).is_some_and(|listed| {
                in_scope(listed, caller)
                    && agreed.serves(listed)
                    && selection.lists(listed, &caller.principal.scopes)
            })
        })
        .collect();
    let hint = if nearest.is_empty() {
        "tools/list names those that there are".to_owned()
    } else {
        format!("did you mean {}?", nearest.join(" or "))
    };
    ErrorData::invalid_params(format!("there is no tool '{shown}'; {hint}"), None)
}
