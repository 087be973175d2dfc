//! What Prometheus reads: counters, gauges and histograms with bounded labels.
//!
//! One [`Metrics`] belongs to one server and travels with what it counts; there is no global one.

mod listed;

use std::borrow::Cow;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

pub use listed::{Kind, LISTED, Listed};

/// The media type of [`Metrics::text`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds; a call that is served from the cache takes one millisecond, one that waits for its endpoint a minute.
const SECONDS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 90.0,
];
const MEMORY: [f64; 10] = [
    (1 << 20) as f64,
    (2 << 20) as f64,
    (4 << 20) as f64,
    (8 << 20) as f64,
    (16 << 20) as f64,
    (32 << 20) as f64,
    (64 << 20) as f64,
    (128 << 20) as f64,
    (256 << 20) as f64,
    (512 << 20) as f64,
];

type Word = Cow<'static, str>;
type Labels<const N: usize> = [(&'static str, Word); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;
type Seconds<const N: usize> = Family<Labels<N>, Histogram>;

/// The metrics of one server.
pub struct Metrics {
    registry: Mutex<Registry>,
    calls: Counters<3>,
    call_seconds: Seconds<2>,
    calls_running: Family<Labels<1>, Gauge>,
    calls_waiting: Family<Labels<1>, Gauge>,
    call_wait_seconds: Seconds<1>,
    refused: Counters<1>,
    authentications: Counters<1>,
    upstream_requests: Counters<2>,
    upstream_seconds: Seconds<1>,
    bucket_wait_seconds: Seconds<1>,
    cache_lookups: Counters<2>,
    guest_memory: Family<Labels<1>, Histogram>,
    guest_cpu: Family<Labels<1>, Counter<f64, AtomicU64>>,
    guest_memory_in_use: Gauge,
    traps: Counters<1>,
    load_seconds: Seconds<2>,
    webhook_requests: Counters<1>,
    audit_rows: Counters<1>,
    audit_refusals: Counter,
    events: Counters<2>,
}

/// Labels in the order in which the metric lists them.
fn labels<const N: usize>(listed: &Listed, values: [Word; N]) -> Labels<N> {
    let mut names = listed.labels.iter();
    values.map(|value| (names.next().copied().unwrap_or_default(), value))
}

fn word(text: &str) -> Word {
    Cow::Owned(text.to_owned())
}

fn register<M: Metric + Clone>(registry: &mut Registry, listed: &Listed, metric: M) -> M {
    registry.register(listed.name, listed.help, metric.clone());
    metric
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

fn memory() -> Histogram {
    Histogram::new(MEMORY)
}

impl Default for Metrics {
    fn default() -> Self {
        use listed::*;
        let mut own = Registry::default();
        let registry = &mut own;
        let in_seconds = || Family::new_with_constructor(seconds as fn() -> Histogram);
        Self {
            calls: register(registry, &CALLS, Family::default()),
            call_seconds: register(
                registry,
                &CALL_SECONDS,
                Family::new_with_constructor(seconds as fn() -> Histogram),
            ),
            calls_running: register(registry, &CALLS_RUNNING, Family::default()),
            calls_waiting: register(registry, &CALLS_WAITING, Family::default()),
            call_wait_seconds: register(registry, &CALL_WAIT_SECONDS, in_seconds()),
            refused: register(registry, &REFUSED, Family::default()),
            authentications: register(registry, &AUTHENTICATIONS, Family::default()),
            upstream_requests: register(registry, &UPSTREAM_REQUESTS, Family::default()),
            upstream_seconds: register(registry, &UPSTREAM_SECONDS, in_seconds()),
            bucket_wait_seconds: register(registry, &BUCKET_WAIT_SECONDS, in_seconds()),
            cache_lookups: register(registry, &CACHE_LOOKUPS, Family::default()),
            guest_memory: register(
                registry,
                &GUEST_MEMORY_BYTES,
                Family::new_with_constructor(memory as fn() -> Histogram),
            ),
            guest_cpu: register(registry, &GUEST_CPU_SECONDS, Family::default()),
            guest_memory_in_use: register(registry, &GUEST_MEMORY_IN_USE_BYTES, Gauge::default()),
            traps: register(registry, &TRAPS, Family::default()),
            load_seconds: register(
                registry,
                &LOAD_SECONDS,
                Family::new_with_constructor(seconds as fn() -> Histogram),
            ),
            webhook_requests: register(registry, &WEBHOOK_REQUESTS, Family::default()),
            audit_rows: register(registry, &AUDIT_ROWS, Family::default()),
            audit_refusals: register(registry, &AUDIT_REFUSALS, Counter::default()),
            events: register(registry, &EVENTS, Family::default()),
            registry: Mutex::new(own),
        }
    }
}

impl Metrics {
    /// Everything, as OpenMetrics text.
    pub fn text(&self) -> String {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answer = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut answer, &registry);
        answer
    }

    /// A call ended: `ok`, `asked`, or the kind of its error.
    pub fn called(&self, plugin: &str, tool: &str, outcome: &'static str, took: Duration) {
        let of_tool = [word(plugin), word(tool)];
        self.call_seconds
            .get_or_create(&labels(&listed::CALL_SECONDS, of_tool.clone()))
            .observe(took.as_secs_f64());
        let [plugin, tool] = of_tool;
        self.calls
            .get_or_create(&labels(&listed::CALLS, [plugin, tool, outcome.into()]))
            .inc();
    }

    /// So many calls more, or fewer, run.
    pub fn running(&self, plugin: &str, more: i64) {
        self.calls_running
            .get_or_create(&labels(&listed::CALLS_RUNNING, [word(plugin)]))
            .inc_by(more);
    }

    /// So many calls more, or fewer, wait.
    pub fn waiting(&self, plugin: &str, more: i64) {
        self.calls_waiting
            .get_or_create(&labels(&listed::CALLS_WAITING, [word(plugin)]))
            .inc_by(more);
    }

    /// A call waited so long for its place.
    pub fn waited(&self, plugin: &str, wait: Duration) {
        self.call_wait_seconds
            .get_or_create(&labels(&listed::CALL_WAIT_SECONDS, [word(plugin)]))
            .observe(wait.as_secs_f64());
    }

    /// Something ran into a limit.
    pub fn refused(&self, limit: &'static str) {
        self.refused
            .get_or_create(&labels(&listed::REFUSED, [limit.into()]))
            .inc();
    }

    /// An access key was presented.
    pub fn authenticated(&self, outcome: &'static str) {
        self.authentications
            .get_or_create(&labels(&listed::AUTHENTICATIONS, [outcome.into()]))
            .inc();
    }

    /// A request was sent to an endpoint and answered with this status, or not at all.
    pub fn requested(&self, endpoint: &str, status: Option<u16>, took: Duration) {
        let status = match status {
            None => "none".into(),
            // Others than these are no statuses (RFC 9110, section 15), and whoever sends them has many.
            Some(status @ 100..=599) => Cow::Owned(status.to_string()),
            Some(_) => "other".into(),
        };
        self.upstream_requests
            .get_or_create(&labels(
                &listed::UPSTREAM_REQUESTS,
                [word(endpoint), status],
            ))
            .inc();
        self.upstream_seconds
            .get_or_create(&labels(&listed::UPSTREAM_SECONDS, [word(endpoint)]))
            .observe(took.as_secs_f64());
    }

    /// A request waited so long for its token.
    pub fn waited_for_token(&self, endpoint: &str, wait: Duration) {
        self.bucket_wait_seconds
            .get_or_create(&labels(&listed::BUCKET_WAIT_SECONDS, [word(endpoint)]))
            .observe(wait.as_secs_f64());
    }

    /// A plugin looked into the cache.
    pub fn looked_up(&self, plugin: &str, hit: bool) {
        let result = if hit { "hit" } else { "miss" };
        self.cache_lookups
            .get_or_create(&labels(
                &listed::CACHE_LOOKUPS,
                [word(plugin), result.into()],
            ))
            .inc();
    }

    /// An instance is gone, which had so much memory at most and took so much processor time.
    pub fn instance_ended(&self, plugin: &str, memory: usize, cpu: Duration) {
        self.guest_memory
            .get_or_create(&labels(&listed::GUEST_MEMORY_BYTES, [word(plugin)]))
            .observe(memory as f64);
        if !cpu.is_zero() {
            self.guest_cpu
                .get_or_create(&labels(&listed::GUEST_CPU_SECONDS, [word(plugin)]))
                .inc_by(cpu.as_secs_f64());
        }
    }

    /// Bytes that all instances have.
    pub fn guest_memory_in_use(&self, bytes: usize) {
        self.guest_memory_in_use
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// An instance failed.
    pub fn trapped(&self, plugin: &str) {
        self.traps
            .get_or_create(&labels(&listed::TRAPS, [word(plugin)]))
            .inc();
    }

    /// A plugin was loaded, or refused.
    pub fn loaded(&self, plugin: &str, loaded: bool, took: Duration) {
        let outcome = if loaded { "loaded" } else { "failed" };
        self.load_seconds
            .get_or_create(&labels(
                &listed::LOAD_SECONDS,
                [word(plugin), outcome.into()],
            ))
            .observe(took.as_secs_f64());
    }

    /// A request came through a hook.
    pub fn hook_answered(&self, outcome: &'static str) {
        self.webhook_requests
            .get_or_create(&labels(&listed::WEBHOOK_REQUESTS, [outcome.into()]))
            .inc();
    }

    /// So many rows of the audit trail were written, failed to be, or are lost.
    pub fn audited(&self, outcome: &'static str, rows: usize) {
        self.audit_rows
            .get_or_create(&labels(&listed::AUDIT_ROWS, [outcome.into()]))
            .inc_by(rows as u64);
    }

    /// A change was not made because its intent could not be written.
    pub fn change_refused_by_audit(&self) {
        self.audit_refusals.inc();
    }

    /// An event was handed to a plugin.
    pub fn event_handed_over(&self, plugin: &str, outcome: &'static str) {
        self.events
            .get_or_create(&labels(&listed::EVENTS, [word(plugin), outcome.into()]))
            .inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_say_their_unit() {
        for (at, listed) in LISTED.iter().enumerate() {
            assert!(LISTED[..at].iter().all(|other| other.name != listed.name));
            let measured = ["_seconds", "_bytes"];
            let has_unit = measured.iter().any(|unit| listed.name.ends_with(unit));
            assert!(
                has_unit || listed.kind != Kind::Histogram,
                "{}",
                listed.name
            );
            assert!(!listed.help.ends_with('.'), "{}", listed.name);
        }
    }

    #[test]
    fn what_is_counted_stands_in_the_text_with_its_labels() {
        let metrics = Metrics::default();
        metrics.called("orders", "look", "ok", Duration::from_millis(3));
        metrics.requested("shop", Some(429), Duration::from_millis(30));
        metrics.requested("shop", Some(999), Duration::from_millis(30));
        metrics.requested("shop", None, Duration::from_millis(30));
        let text = metrics.text();
        for line in [
            "orderdesk_mcp_calls_total{plugin=\"orders\",tool=\"look\",outcome=\"ok\"} 1",
            "orderdesk_mcp_call_seconds_count{plugin=\"orders\",tool=\"look\"} 1",
            "orderdesk_mcp_upstream_requests_total{endpoint=\"shop\",status=\"429\"} 1",
            "orderdesk_mcp_upstream_requests_total{endpoint=\"shop\",status=\"other\"} 1",
            "orderdesk_mcp_upstream_requests_total{endpoint=\"shop\",status=\"none\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
