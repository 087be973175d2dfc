//! One validated, typed configuration, layered from built-in defaults, the TOML file and the environment.
//!
//! The host knows nothing of Order Desk: its URL, its names and its first store all stand in `orderdesk.toml`.

mod find;
mod limits;
mod load;
mod monitoring;
mod oauth;
mod public_url;
mod security;
mod source;
mod value;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use ipnet::IpNet;
use serde::Deserialize;

pub use find::{StartedBy, default_data_dir, find_config};
pub use limits::{KeyLimit, Limits, PluginLimits};
pub use load::{ConfigError, DATA_DIR, Environment, load};
pub use monitoring::{Metrics, Traces};
pub use oauth::{IssuerUrl, Oauth, OauthScopes, ScopeName};
pub use public_url::PublicUrl;
pub use security::Security;
pub use source::Source;
pub use value::FromEnvironment;

/// Everything that an operator can set. Unknown keys are errors.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the server listens and keeps its data.
    pub server: Server,
    /// How MCP is served.
    pub mcp: Mcp,
    /// What a stranger may do, and what passes through a model.
    pub security: Security,
    /// Whose tokens are taken beside access keys; none: nobody's.
    pub oauth: Option<Oauth>,
    /// What one tool call may use, for plugins that do not say otherwise.
    pub limits: Limits,
    /// The services that plugins may be granted to speak to, by name.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// How long what came through hooks is kept.
    pub webhooks: Webhooks,
    /// How long it is kept who did what.
    pub audit: Audit,
    /// Whose signatures are known, by name.
    pub publishers: BTreeMap<String, Publisher>,
    /// The plugins, by name. A plugin *is* its name here: namespace, grants, cache and locks hang on it.
    pub plugins: BTreeMap<String, Plugin>,
    /// What stdio does for the one person on whose machine it runs.
    pub local: Local,
    /// Where Prometheus reads.
    pub metrics: Metrics,
    /// Where spans go.
    pub traces: Traces,
}

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port of the HTTP listener.
    pub listen: SocketAddr,
    /// Database, server key and compiled plugins. Created with mode 0700.
    pub data_dir: PathBuf,
    /// How long writes that are under way may take to finish at shutdown.
    #[serde(with = "humantime_serde")]
    pub shutdown_grace: Duration,
    /// Where others reach this server, as in links and hooks: `https://…`, or a loopback address. Default: where it listens.
    pub public_url: Option<PublicUrl>,
    /// `Host` headers that are served beside the loopback names.
    pub allowed_hosts: Vec<String>,
    /// `Origin` headers (`https://host:port`) of web pages that may call; every other origin is refused.
    pub allowed_origins: Vec<String>,
    /// Networks (`10.0.0.0/8`) of the proxies whose `X-Forwarded-For` or `Forwarded` says who asks.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            data_dir: default_data_dir(),
            shutdown_grace: Duration::from_secs(30),
            public_url: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
        }
    }
}

/// `[mcp]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mcp {
    /// How long `tools/list` waits for plugins that are compiled for the first time.
    #[serde(with = "humantime_serde")]
    pub list_wait: Duration,
    /// Text that every agent gets on connecting, at most 1,700 bytes.
    pub instructions: String,
    /// The sets of tools that are listed and callable, beside the tools without a set; empty: what plugins list by default.
    /// A client's own choice (`/mcp?toolsets=…`) goes before it.
    pub toolsets: Vec<String>,
    /// No tool that writes is listed or callable, whoever asks.
    pub read_only: bool,
    /// What counts where a tool asks whether it may.
    pub confirm: Confirm,
    /// Sessions over HTTP for clients of the era with `initialize`: the server can then ask them, and tell them of changes.
    /// They live in this process, so several of them need a proxy that always sends a session to the same one.
    pub legacy_sessions: bool,
    /// `serve --conformance`: what the conformance suite needs and no client does.
    #[cfg(feature = "conformance")]
    #[serde(skip)]
    pub conformance: bool,
}

/// `[mcp] confirm`: what counts where a tool asks whether it may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// A person's yes where the client can ask, or the token of a preview.
    #[default]
    Token,
    /// Only a person's yes.
    Person,
    /// Nothing is asked: for scripts.
    Never,
}

impl Default for Mcp {
    fn default() -> Self {
        Self {
            list_wait: Duration::from_secs(10),
            instructions: String::new(),
            toolsets: Vec::new(),
            read_only: false,
            confirm: Confirm::default(),
            legacy_sessions: false,
            #[cfg(feature = "conformance")]
            conformance: false,
        }
    }
}

/// `[webhooks]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// How long events are kept after they came: so long a repeated request is known, and so long a failed handling can be
    /// looked at.
    #[serde(with = "humantime_serde")]
    pub keep: Duration,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            keep: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

/// `[audit]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// How long rows of the audit trail are kept.
    #[serde(with = "humantime_serde")]
    pub keep: Duration,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            keep: Duration::from_secs(90 * 24 * 3600),
        }
    }
}

/// `[endpoints.NAME]`: a service that plugins may be granted to speak to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The URL below which plugins name paths.
    pub base: FromEnvironment,
    /// Headers that plugins may set.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Headers that carry a sealed secret.
    #[serde(default)]
    pub sealed_headers: Vec<String>,
    /// JSON pointers of what is removed from answers before anybody sees them; `*` stands for any key or element.
    #[serde(default)]
    pub conceal: Vec<String>,
    /// The token bucket towards the service, per opened secret.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// Time to establish a connection.
    #[serde(default = "default_connect_timeout", with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Time to receive an answer.
    #[serde(default = "default_read_timeout", with = "humantime_serde")]
    pub read_timeout: Duration,
    /// Bytes of one answer, decompressed.
    #[serde(default = "default_response")]
    pub max_response: ByteSize,
    /// Bytes of one request's body.
    #[serde(default = "default_request")]
    pub max_request: ByteSize,
    /// Repetitions of a request that the plugin calls safe to repeat.
    #[serde(default = "default_retries")]
    pub retries: u32,
    /// The answer's header that tells how many tokens the service thinks are left.
    #[serde(default)]
    pub tokens_remaining_header: Option<String>,
    /// The answer's header that tells, in seconds, when to come back after a 429; `Retry-After` is always understood.
    #[serde(default)]
    pub retry_after_header: Option<String>,
    /// A path below the base that `check` asks for, to say whether the service can be reached.
    #[serde(default)]
    pub probe: Option<String>,
}

fn default_connect_timeout() -> Duration {
    Duration::from_secs(10)
}
fn default_read_timeout() -> Duration {
    Duration::from_secs(60)
}
fn default_response() -> ByteSize {
    ByteSize::mib(16)
}
fn default_request() -> ByteSize {
    ByteSize::mib(4)
}
fn default_retries() -> u32 {
    3
}

/// A token bucket: at most `burst` tokens, refilled with `per_second`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Capacity; the bucket starts full.
    pub burst: NonZeroU32,
    /// Tokens added each second.
    pub per_second: NonZeroU32,
}

/// `[publishers.NAME]`: somebody who signs components.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publisher {
    /// The public key of minisign, `RW…`. The signature stands beside the component, as `SOURCE.minisig`.
    pub key: String,
}

/// `[plugins.NAME]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// The component's file, or the URL of one; a relative path starts at the config file's folder.
    pub source: Source,
    /// The component's digest in hexadecimal; another file is refused. A URL needs it.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Whose signature it must carry: a name of `[publishers]`.
    #[serde(default)]
    pub publisher: Option<String>,
    /// What its tools' names may start with. Default: the plugin's name, `_` for `-`, and an underscore.
    #[serde(default)]
    pub prefixes: Option<Vec<String>>,
    /// What its resources' URIs may start with, without `://`. Default: the plugin's name.
    #[serde(default)]
    pub schemes: Option<Vec<String>>,
    /// What it may reach. Omitted means denied.
    #[serde(default)]
    pub grants: Grants,
    /// Who has to agree before it touches what belongs to a tenant.
    #[serde(default)]
    pub consent: Consent,
    /// Overrides of `[limits]`.
    #[serde(default)]
    pub limits: PluginLimits,
    /// Handed to the plugin, validated against the schema that it declares.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Which of its tools are served.
    #[serde(default)]
    pub tools: ToolFilter,
    /// `false`: not loaded.
    #[serde(default = "enabled")]
    pub enabled: bool,
}

impl Plugin {
    /// A plugin that is granted nothing.
    pub fn of(source: Source) -> Self {
        Self {
            source,
            sha256: None,
            publisher: None,
            prefixes: None,
            schemes: None,
            grants: Grants::default(),
            consent: Consent::default(),
            limits: PluginLimits::default(),
            settings: serde_json::Map::new(),
            tools: ToolFilter::default(),
            enabled: true,
        }
    }
}

/// `[plugins.NAME] consent`: who has to agree before a plugin touches what belongs to a tenant: its sealed keys, and the
/// documents, tools and events of other plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consent {
    /// Each tenant for itself, with its master key.
    #[default]
    Tenant,
    /// The operator, for all tenants.
    Operator,
}

fn enabled() -> bool {
    true
}

/// `[plugins.NAME.grants]`: what a plugin may reach. Omitted means denied.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// Endpoints, narrowed to methods and paths.
    pub http: Vec<HttpGrant>,
    /// Other plugins' namespaces whose documents it may read and whose sealed secrets it may use.
    pub read: Vec<String>,
    /// Other plugins' tools that it may call.
    pub tools: Vec<String>,
    /// Whether it may take locks.
    pub locks: bool,
    /// Other plugins whose events it is handed.
    pub events: Vec<String>,
}

/// One endpoint and what may be asked of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// A name of `[endpoints]`.
    pub endpoint: String,
    /// Such as `GET /orders/*`: `*` is one segment, `**` the rest. Empty: nothing.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// Which of a plugin's tools are served.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolFilter {
    /// Only these, where given.
    pub include: Option<Vec<String>>,
    /// All but these.
    pub exclude: Vec<String>,
}

/// `[local]`: what stdio does for the one person on whose machine it runs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Local {
    /// Tools to call once for the local tenant, and again when their arguments changed.
    pub first_calls: Vec<FirstCall>,
}

/// A tool call whose arguments may come from the environment; left out while a variable that it needs is not set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstCall {
    /// The tool's name.
    pub tool: String,
    /// Values, or `{ env = "NAME" }`.
    #[serde(default)]
    pub arguments: BTreeMap<String, FromEnvironment>,
}
