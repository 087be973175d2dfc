//! One validated, typed configuration, layered from built-in defaults, the TOML file and the environment.
//!
//! The host knows nothing of Order Desk: its URL, its names and its first store all stand in `orderdesk.toml`.

mod find;
mod load;
mod public_url;
mod security;
mod value;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

pub use find::{default_data_dir, find_config};
pub use load::{ConfigError, Environment, load};
pub use public_url::PublicUrl;
pub use security::Security;
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
    /// What one tool call may use, for plugins that do not say otherwise.
    pub limits: Limits,
    /// The services that plugins may be granted to speak to, by name.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// How long what came through hooks is kept.
    pub webhooks: Webhooks,
    /// How long it is kept who did what.
    pub audit: Audit,
    /// The plugins, by name. A plugin *is* its name here: namespace, grants, cache and locks hang on it.
    pub plugins: BTreeMap<String, Plugin>,
    /// What stdio does for the one person on whose machine it runs.
    pub local: Local,
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
            list_wait: Duration::from_secs(20),
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

/// `[limits]` and `[plugins.NAME.limits]`: what one tool call may use.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// All linear memories of the call together.
    pub memory: ByteSize,
    /// Time that the plugin's own code may run.
    #[serde(with = "humantime_serde")]
    pub cpu: Duration,
    /// Wall-clock time from the call's arrival to its answer.
    #[serde(with = "humantime_serde")]
    pub time: Duration,
    /// Calls at once of one tenant to one plugin; further ones wait.
    pub calls: usize,
    /// Bytes that the plugin may answer with.
    pub output: ByteSize,
    /// Bytes of HTTP answers that one call may receive, decompressed.
    pub http_bytes: ByteSize,
    /// HTTP requests that one call may send.
    pub http_requests: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: ByteSize::mib(64),
            cpu: Duration::from_secs(2),
            time: Duration::from_secs(90),
            calls: 16,
            output: ByteSize::mib(4),
            http_bytes: ByteSize::mib(32),
            http_requests: 100,
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

/// `[plugins.NAME]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// The component's file; a relative path starts at the config file's folder.
    pub source: PathBuf,
    /// The component's digest in hexadecimal; another file is refused.
    #[serde(default)]
    pub sha256: Option<String>,
    /// What its tools' names may start with. Default: the plugin's name and an underscore.
    #[serde(default)]
    pub prefixes: Option<Vec<String>>,
    /// What its resources' URIs may start with, without `://`. Default: the plugin's name.
    #[serde(default)]
    pub schemes: Option<Vec<String>>,
    /// What it may reach. Omitted means denied.
    #[serde(default)]
    pub grants: Grants,
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

fn enabled() -> bool {
    true
}

/// `[plugins.NAME.limits]`: as `[limits]`, each optional.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginLimits {
    /// See [`Limits::memory`].
    pub memory: Option<ByteSize>,
    /// See [`Limits::cpu`].
    #[serde(with = "humantime_serde")]
    pub cpu: Option<Duration>,
    /// See [`Limits::time`].
    #[serde(with = "humantime_serde")]
    pub time: Option<Duration>,
    /// See [`Limits::calls`].
    pub calls: Option<usize>,
    /// See [`Limits::output`].
    pub output: Option<ByteSize>,
    /// See [`Limits::http_bytes`].
    pub http_bytes: Option<ByteSize>,
    /// See [`Limits::http_requests`].
    pub http_requests: Option<u32>,
}

impl PluginLimits {
    /// These limits where they are given, the host's elsewhere.
    pub fn over(&self, host: &Limits) -> Limits {
        Limits {
            memory: self.memory.unwrap_or(host.memory),
            cpu: self.cpu.unwrap_or(host.cpu),
            time: self.time.unwrap_or(host.time),
            calls: self.calls.unwrap_or(host.calls),
            output: self.output.unwrap_or(host.output),
            http_bytes: self.http_bytes.unwrap_or(host.http_bytes),
            http_requests: self.http_requests.unwrap_or(host.http_requests),
        }
    }
}

/// `[plugins.NAME.grants]`: what a plugin may reach. Omitted means denied.
#[derive(Debug, Clone, Default, Deserialize)]
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
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// A name of `[endpoints]`.
    pub endpoint: String,
    /// Such as `GET /orders/*`: `*` is one segment, `**` the rest. Empty: nothing.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// Which of a plugin's tools are served.
#[derive(Debug, Clone, Default, Deserialize)]
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
