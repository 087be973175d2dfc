//! How much a call, and a key, may use.

use std::num::NonZeroU32;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

/// `[limits]`, and `[plugins.NAME.limits]` over it: what one tool call may use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
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
    /// Bytes that a plugin may keep for one tenant, as it wrote them.
    pub stored: ByteSize,
    /// Lines that one call may write into the log, printing and the tools that it calls included.
    pub log_lines: u32,
    /// How deep arrays and objects may lie within each other, in arguments and answers.
    pub nesting: u32,
    /// Calls of one access key, of all plugins together.
    pub key: KeyLimit,
}

/// `[limits.key]`: the token bucket of one access key. Only `tools/call` costs: a read 1, a write 2.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyLimit {
    /// Tokens added each minute.
    pub per_minute: NonZeroU32,
    /// Capacity; the bucket starts full. At least 2, which a write costs.
    pub burst: NonZeroU32,
}

impl Default for KeyLimit {
    fn default() -> Self {
        let of = |tokens| NonZeroU32::new(tokens).unwrap_or(NonZeroU32::MIN);
        Self {
            per_minute: of(120),
            burst: of(240),
        }
    }
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
            stored: ByteSize::mib(256),
            log_lines: 1000,
            nesting: 64,
            key: KeyLimit::default(),
        }
    }
}

/// `[plugins.NAME.limits]`: as `[limits]`, each optional.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
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
    /// See [`Limits::stored`].
    pub stored: Option<ByteSize>,
    /// See [`Limits::log_lines`].
    pub log_lines: Option<u32>,
    /// See [`Limits::nesting`].
    pub nesting: Option<u32>,
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
            stored: self.stored.unwrap_or(host.stored),
            log_lines: self.log_lines.unwrap_or(host.log_lines),
            nesting: self.nesting.unwrap_or(host.nesting),
            key: host.key,
        }
    }
}
