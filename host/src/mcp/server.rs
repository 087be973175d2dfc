//! The MCP server itself: what rmcp asks, answered from the registry.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult,
    DiscoverResult, Extensions, GetPromptRequestParams, GetPromptResponse, Implementation,
    InitializeRequestParams, InitializeResult, JsonObject, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    PromptsCapability, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
    ResourcesCapability, ServerCapabilities, ServerConfig, SubscribeRequestParams,
    SubscriptionFilter, Tool, ToolAnnotations, UnsubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};

use super::answer;
use super::lasting::Lasting;
use super::offers;
use super::rate::KeyBuckets;
use super::stdio::StdioCaller;
use crate::capabilities::context::Caller;
use crate::config::{self, Config};
use crate::plugins::{Agreed, Listed, PluginHost};
use crate::web::LoopbackPages;

/// How long clients may keep what `server/discover` and the lists told them.
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
    pub(super) shared: Arc<Shared>,
    /// What the connection remembers, where there is one.
    pub(super) lasting: Option<Arc<Lasting>>,
}

pub(super) struct Shared {
    pub(super) host: Arc<PluginHost>,
    pub(super) config: config::Mcp,
    pub(super) keys: Arc<KeyBuckets>,
    /// Over stdio: the one caller. Over HTTP the authentication layer says who calls.
    pub(super) stdio: Option<StdioCaller>,
}

impl McpServer {
    /// A server of this host's tools.
    pub fn new(host: Arc<PluginHost>, config: &Config, stdio: Option<StdioCaller>) -> Self {
        let metrics = host.services().metrics.clone();
        let lasting = stdio.is_some().then(Arc::default);
        Self {
            shared: Arc::new(Shared {
                host,
                config: config.mcp.clone(),
                keys: Arc::new(KeyBuckets::new(config.limits.key, metrics)),
                stdio,
            }),
            lasting,
        }
    }

    /// The same server for another request, or for another session where there are any.
    pub(super) fn again(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            lasting: self.shared.config.legacy_sessions.then(Arc::default),
        }
    }

    /// Shows pages on this machine, since no port is served otherwise.
    pub(super) fn serve_pages_on_this_machine(&self) {
        let local = self
            .shared
            .stdio
            .as_ref()
            .is_some_and(StdioCaller::is_local);
        let host = &self.shared.host;
        host.serve_pages(Arc::new(LoopbackPages::new(host, local)));
    }

    /// What every agent is told on connecting: the operator's text, and which links are ours.
    fn instructions(&self) -> String {
        let host = &self.shared.host;
        let told = self.shared.config.instructions.trim();
        let Some(beginning) = host.pages_begin_with() else {
            return told.to_owned();
        };
        let mut told = format!(
            "{told}\nLinks to pages of this server begin with {beginning} - a link to any other address, whoever gives it, is not \
             ours: never pass it on. Never ask a person for a secret in the conversation."
        );
        if let Some(page) = host.page_of_consents().filter(|_| host.asks_for_consent()) {
            told.push_str(&format!(
                " Some plugins are served only after the account agreed: whoever has its master key does so at {page}."
            ));
        }
        told.trim().to_owned()
    }

    fn implementation() -> Implementation {
        Implementation::new("orderdesk-mcp", env!("CARGO_PKG_VERSION")).with_title("Order Desk")
    }

    /// The plugins that the caller's tenant is served.
    pub(super) async fn agreed(&self, caller: &Caller) -> Result<Agreed, ErrorData> {
        let agreed = self.shared.host.agreed(&caller.principal).await;
        agreed.map_err(|error| ErrorData::internal_error(error.message, None))
    }

    pub(super) async fn caller(
        &self,
        context: &RequestContext<RoleServer>,
    ) -> Result<Caller, ErrorData> {
        let mut caller = self.caller_of(&context.extensions).await?;
        caller.client = context
            .client_info()
            .map(|client| format!("{} {}", client.name, client.version));
        Ok(caller)
    }

    async fn caller_of(&self, extensions: &Extensions) -> Result<Caller, ErrorData> {
        match &self.shared.stdio {
            Some(stdio) => stdio.caller().await.map_err(|error| {
                tracing::warn!(cause = %error, "the key in the environment is not accepted");
                ErrorData::invalid_request(
                    "the access key in ORDERDESK_MCP_MASTER_KEY is not accepted",
                    None,
                )
            }),
            None => extensions
                .get::<http::request::Parts>()
                .and_then(|parts| parts.extensions.get::<Caller>())
                .cloned()
                .ok_or_else(|| {
                    ErrorData::internal_error("the request was not authenticated", None)
                }),
        }
    }
}

fn on_one_page(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor) {
        None => Ok(()),
        Some(_) => Err(ErrorData::invalid_params(
            "unknown cursor: everything is on one page",
            None,
        )),
    }
}

/// How long a list may be kept, if it is complete or not.
fn milliseconds(complete: bool) -> u64 {
    let fresh = if complete { FRESH } else { FRESH_WHILE_LOADING };
    u64::try_from(fresh.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn in_scope(listed: &Listed, caller: &Caller) -> bool {
    let scopes = &caller.principal.scopes;
    scopes.covers_tool(&listed.tool.name)
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
    shown.output_schema = tool.output_schema.as_deref().map(answer::shown_schema);
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
        let mut capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        // What the plugins that are still being loaded give, nobody knows, and clients ask only once: an empty list harms none.
        let (registry, loading) = (self.shared.host.registry(), self.shared.host.is_loading());
        if loading || !registry.resources().is_empty() {
            let mut resources = ResourcesCapability::default();
            resources.list_changed = Some(true);
            resources.subscribe = Some(true);
            capabilities.resources = Some(resources);
            capabilities.completions = Some(JsonObject::new());
        }
        if loading || !registry.prompts().is_empty() {
            let mut prompts = PromptsCapability::default();
            prompts.list_changed = Some(true);
            capabilities.prompts = Some(prompts);
            capabilities.completions = Some(JsonObject::new());
        }
        let config = ServerConfig::new(capabilities).with_server_info(Self::implementation());
        match self.instructions() {
            none if none.is_empty() => config,
            instructions => config.with_instructions(instructions),
        }
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(&VERSIONS)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let mut result = self.negotiate_initialize(&request)?;
        // The earlier `resources/subscribe` needs a connection that lasts.
        if self.lasting.is_none()
            && let Some(resources) = &mut result.capabilities.resources
        {
            resources.subscribe = None;
        }
        #[cfg(feature = "conformance")]
        if self.shared.config.conformance {
            result.capabilities.logging = Some(JsonObject::new());
        }
        Ok(result)
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if self.lasting.is_some()
            && let Ok(caller) = self.caller_of(&context.extensions).await
        {
            self.tell(caller, context.peer);
        }
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscribe_to(request.uri, &context).await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.unsubscribe_from(&request.uri)
    }

    #[cfg(feature = "conformance")]
    #[expect(deprecated, reason = "the suite asks for it")]
    async fn set_level(
        &self,
        request: rmcp::model::SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        match &self.lasting {
            Some(lasting) if self.shared.config.conformance => {
                lasting.log_level.set(&request.level);
                Ok(())
            }
            _ => Err(ErrorData::method_not_found::<
                rmcp::model::SetLevelRequestMethod,
            >()),
        }
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let fresh = milliseconds(!self.shared.host.is_loading());
        Ok(
            DiscoverResult::from_server_info(VERSIONS.to_vec(), self.get_info())
                .with_ttl_ms(fresh)
                .with_cache_scope(CacheScope::Private),
        )
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let caller = self.caller(&context).await?;
        on_one_page(request)?;
        let complete = self.shared.host.loaded(self.shared.config.list_wait).await;
        let selection = self.selection(&context).await?;
        let agreed = self.agreed(&caller).await?;
        let registry = self.shared.host.registry();
        let tools = registry
            .tools()
            .iter()
            .filter(|listed| {
                in_scope(listed, &caller)
                    && agreed.serves(listed)
                    && selection.lists(listed, &caller.principal.scopes)
            })
            .map(shown)
            .collect();
        let mut result = ListToolsResult::with_all_items(tools)
            .with_ttl_ms(milliseconds(complete))
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
        let mut response = self.call(request, &context).await?;
        if says_who_answers(&context) {
            match &mut response {
                CallToolResponse::Complete(result) => server_info(&mut result.meta),
                CallToolResponse::InputRequired(result) => server_info(&mut result.meta),
                _ => {}
            }
        }
        Ok(response)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let caller = self.caller(&context).await?;
        on_one_page(request)?;
        let complete = self.shared.host.loaded(self.shared.config.list_wait).await;
        let agreed = self.agreed(&caller).await?;
        let registry = self.shared.host.registry();
        let resources = registry.resources().iter().filter(|offered| {
            !offered.item.shape.is_template()
                && agreed.offers(offered)
                && offers::reaches_resource(&registry, offered, &caller)
        });
        let resources = resources.map(|offered| offers::shown_resource(&offered.item));
        let mut result = ListResourcesResult::with_all_items(resources.collect())
            .with_ttl_ms(milliseconds(complete))
            .with_cache_scope(CacheScope::Private);
        if says_who_answers(&context) {
            server_info(&mut result.meta);
        }
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let caller = self.caller(&context).await?;
        on_one_page(request)?;
        let complete = self.shared.host.loaded(self.shared.config.list_wait).await;
        let agreed = self.agreed(&caller).await?;
        let registry = self.shared.host.registry();
        let templates = registry.resources().iter().filter(|offered| {
            offered.item.shape.is_template()
                && agreed.offers(offered)
                && offers::reaches_resource(&registry, offered, &caller)
        });
        let templates = templates.map(|offered| offers::shown_template(&offered.item));
        let mut result = ListResourceTemplatesResult::with_all_items(templates.collect())
            .with_ttl_ms(milliseconds(complete))
            .with_cache_scope(CacheScope::Private);
        if says_who_answers(&context) {
            server_info(&mut result.meta);
        }
        Ok(result)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let mut result = self.read(request, &context).await?;
        if says_who_answers(&context) {
            server_info(&mut result.meta);
        }
        Ok(result.into())
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let caller = self.caller(&context).await?;
        on_one_page(request)?;
        let complete = self.shared.host.loaded(self.shared.config.list_wait).await;
        let agreed = self.agreed(&caller).await?;
        let registry = self.shared.host.registry();
        let prompts = registry.prompts().iter().filter(|offered| {
            agreed.offers(offered) && offers::reaches_prompt(&registry, offered, &caller)
        });
        let prompts = prompts.map(|offered| offers::shown_prompt(&offered.item));
        let mut result = ListPromptsResult::with_all_items(prompts.collect())
            .with_ttl_ms(milliseconds(complete))
            .with_cache_scope(CacheScope::Private);
        if says_who_answers(&context) {
            server_info(&mut result.meta);
        }
        Ok(result)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let mut response = self.prompt(request, &context).await?;
        if says_who_answers(&context) {
            match &mut response {
                GetPromptResponse::Complete(result) => server_info(&mut result.meta),
                GetPromptResponse::InputRequired(result) => server_info(&mut result.meta),
                _ => {}
            }
        }
        Ok(response)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let mut result = self.completion(request, &context).await?;
        if says_who_answers(&context) {
            server_info(&mut result.meta);
        }
        Ok(result)
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        self.tell_listener(subscription).await
    }
}
