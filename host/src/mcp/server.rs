//! The MCP server itself: what rmcp asks, answered from the registry.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, DiscoverResult,
    Implementation, ListToolsResult, PaginatedRequestParams, ProtocolVersion, ServerCapabilities,
    ServerConfig, SubscriptionFilter, Tool, ToolAnnotations,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tracing::Instrument;

use super::correlation::correlation_id;
use super::stdio::StdioCaller;
use super::{answer, progress};
use crate::capabilities::context::{Caller, ProgressSink};
use crate::capabilities::contract::Error;
use crate::plugins::{CallRequest, Listed, PluginHost, Registry};

/// How long clients may keep what `server/discover` and `tools/list` told them.
const FRESH: Duration = Duration::from_secs(300);
/// While plugins are still being compiled, lists grow.
const FRESH_WHILE_LOADING: Duration = Duration::from_secs(2);

/// Revisions of MCP that are served, newest first.
const VERSIONS: [ProtocolVersion; 3] = [
    ProtocolVersion::V_2026_07_28,
    ProtocolVersion::V_2025_11_25,
    ProtocolVersion::V_2025_06_18,
];

/// Where results say who answers (MCP 2026-07-28, "General fields").
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// Answers MCP requests; cheap to clone, as rmcp does for every request.
#[derive(Clone)]
pub struct McpServer {
    shared: Arc<Shared>,
}

struct Shared {
    host: Arc<PluginHost>,
    list_wait: Duration,
    instructions: String,
    /// Over stdio: the one caller. Over HTTP the authentication layer says who calls.
    stdio: Option<StdioCaller>,
}

impl McpServer {
    /// A server of this host's tools.
    pub fn new(
        host: Arc<PluginHost>,
        config: &crate::config::Mcp,
        stdio: Option<StdioCaller>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                host,
                list_wait: config.list_wait,
                instructions: config.instructions.trim().to_owned(),
                stdio,
            }),
        }
    }

    fn implementation() -> Implementation {
        Implementation::new("orderdesk-mcp", env!("CARGO_PKG_VERSION")).with_title("Order Desk")
    }

    async fn caller(&self, context: &RequestContext<RoleServer>) -> Result<Caller, ErrorData> {
        let mut caller = match &self.shared.stdio {
            Some(stdio) => stdio.caller().await.map_err(|error| {
                tracing::warn!(cause = %error, "the key in the environment is not accepted");
                ErrorData::invalid_request(
                    "the access key in ORDERDESK_MCP_MASTER_KEY is not accepted",
                    None,
                )
            })?,
            None => context
                .extensions
                .get::<http::request::Parts>()
                .and_then(|parts| parts.extensions.get::<Caller>())
                .cloned()
                .ok_or_else(|| {
                    ErrorData::internal_error("the request was not authenticated", None)
                })?,
        };
        caller.client = context
            .client_info()
            .map(|client| format!("{} {}", client.name, client.version));
        Ok(caller)
    }

    /// The tool, if this caller may know of it. Plugins that are still loading are waited for.
    async fn find(&self, name: &str, caller: &Caller) -> Result<Listed, ErrorData> {
        let mut registry = self.shared.host.registry();
        if registry.find(name).is_none() {
            self.shared.host.loaded(self.shared.list_wait).await;
            registry = self.shared.host.registry();
        }
        match registry.find(name) {
            Some(listed) if in_scope(listed, caller) => Ok(listed.clone()),
            _ => Err(unknown_tool(name, &registry, caller)),
        }
    }

    async fn call(
        &self,
        params: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let caller = self.caller(context).await?;
        let correlation_id = correlation_id();
        let listed = self.find(&params.name, &caller).await?;
        let span = tracing::info_span!(
            "call",
            correlation_id = &*correlation_id,
            tool = listed.tool.name,
            plugin = listed.plugin_name(),
            tenant = caller.principal.tenant.as_str(),
            key = caller.principal.key.as_str(),
        );
        let started = tokio::time::Instant::now();
        let call = self
            .run(listed, params, caller, correlation_id.clone(), context)
            .instrument(span.clone());
        let result = call.await;
        span.in_scope(|| {
            let elapsed_ms = started.elapsed().as_millis();
            match &result {
                Ok(_) => tracing::info!(elapsed_ms, outcome = "ok", "called"),
                Err(error) => tracing::info!(
                    elapsed_ms,
                    outcome = crate::capabilities::contract::kind_name(error.kind),
                    code = error.code.as_deref().unwrap_or_default(),
                    "called"
                ),
            }
        });
        Ok(match result {
            Ok(answer) => answer::success(answer),
            Err(error) => answer::failure(&error, &correlation_id),
        })
    }

    async fn run(
        &self,
        listed: Listed,
        params: CallToolRequestParams,
        caller: Caller,
        correlation_id: Arc<str>,
        context: &RequestContext<RoleServer>,
    ) -> Result<crate::plugins::Answer, Error> {
        let host = &self.shared.host;
        if let Some(stdio) = &self.shared.stdio {
            stdio
                .first_calls
                .make(host, &caller, self.shared.list_wait)
                .await?;
        }
        let (sink, reports) = match context.meta.get_progress_token() {
            Some(token) => {
                let (sink, reports) = progress::pipe(token, context.peer.clone());
                (Some(Arc::new(sink) as Arc<dyn ProgressSink>), Some(reports))
            }
            None => (None, None),
        };
        let call = host.call(
            &listed,
            CallRequest {
                caller,
                arguments: params.arguments.unwrap_or_default(),
                correlation_id,
                cancelled: context.ct.clone(),
                progress: sink,
            },
        );
        match reports {
            Some(reports) => reports.beside(call).await,
            None => call.await,
        }
    }
}

fn in_scope(listed: &Listed, caller: &Caller) -> bool {
    let scopes = &caller.principal.scopes;
    scopes.covers_tool(&listed.tool.name)
}

/// A tool that this caller must not know of is answered like one that does not exist.
fn unknown_tool(name: &str, registry: &Registry, caller: &Caller) -> ErrorData {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    let nearest: Vec<&str> = registry
        .nearest(name)
        .into_iter()
        .filter(|name| {
            registry
                .find(name)
                .is_some_and(|listed| in_scope(listed, caller))
        })
        .collect();
    let hint = if nearest.is_empty() {
        "tools/list names those that there are".to_owned()
    } else {
        format!("did you mean {}?", nearest.join(" or "))
    };
    ErrorData::invalid_params(format!("there is no tool '{shown}'; {hint}"), None)
}

fn shown(listed: &Listed) -> Tool {
    let tool = &listed.tool;
    let annotations = ToolAnnotations::new()
        .read_only(tool.hints.read_only)
        .destructive(tool.hints.destructive)
        .idempotent(tool.hints.idempotent)
        .open_world(tool.hints.open_world);
    let mut shown = Tool::new(
        tool.name.clone(),
        tool.description.clone(),
        tool.arguments.schema().clone(),
    )
    .with_title(tool.title.clone())
    .with_annotations(annotations);
    shown.output_schema = tool.output_schema.clone();
    shown
}

/// `serverInfo` belongs into every result since 2026-07-28; rmcp puts it only into some.
fn says_who_answers(context: &RequestContext<RoleServer>) -> bool {
    context
        .protocol_version()
        .is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

fn server_info(meta: &mut Option<rmcp::model::MetaObject>) {
    let value = serde_json::to_value(McpServer::implementation()).unwrap_or_default();
    meta.get_or_insert_default()
        .insert(SERVER_INFO.to_owned(), value);
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        let config = ServerConfig::new(capabilities).with_server_info(Self::implementation());
        if self.shared.instructions.is_empty() {
            config
        } else {
            config.with_instructions(self.shared.instructions.clone())
        }
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(&VERSIONS)
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        Ok(
            DiscoverResult::from_server_info(VERSIONS.to_vec(), self.get_info())
                .with_ttl_ms(u64::try_from(FRESH.as_millis()).unwrap_or(u64::MAX))
                .with_cache_scope(CacheScope::Private),
        )
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let caller = self.caller(&context).await?;
        if request.and_then(|request| request.cursor).is_some() {
            return Err(ErrorData::invalid_params(
                "unknown cursor: all tools are on one page",
                None,
            ));
        }
        let complete = self.shared.host.loaded(self.shared.list_wait).await;
        let registry = self.shared.host.registry();
        let tools = registry
            .tools()
            .iter()
            .filter(|listed| {
                in_scope(listed, &caller)
                    && (listed.tool.hints.read_only || !caller.principal.scopes.read_only)
            })
            .map(shown)
            .collect();
        let fresh = if complete { FRESH } else { FRESH_WHILE_LOADING };
        let mut result = ListToolsResult::with_all_items(tools)
            .with_ttl_ms(u64::try_from(fresh.as_millis()).unwrap_or(u64::MAX))
            .with_cache_scope(CacheScope::Private);
        if says_who_answers(&context) {
            server_info(&mut result.meta);
        }
        Ok(result)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.shared.host.registry().find(name).map(shown)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let mut result = self.call(request, &context).await?;
        if says_who_answers(&context) {
            server_info(&mut result.meta);
        }
        Ok(result.into())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let mut revisions = self.shared.host.revisions();
        let stopping = self.shared.host.stopping();
        loop {
            tokio::select! {
                () = subscription.cancelled() => return Ok(()),
                () = stopping.cancelled() => return Ok(()),
                changed = revisions.changed() => {
                    if changed.is_err() || subscription.sink().notify_tool_list_changed().await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
}
