//! The metrics that there are. Each is registered from its entry here, and `docs/operating.md` shows this list.

/// What a metric is, as Prometheus has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in buckets.
    Histogram,
}

/// A metric.
#[derive(Debug)]
pub struct Listed {
    /// With its prefix, and with its unit where it has one; in answers a counter's name ends with `_total`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels. Their values are names of the configuration, names of tools, and words of this program: never who called,
    /// and never what about.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

macro_rules! listed {
    ($($id:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(super) const $id: Listed = Listed {
            name: concat!("orderdesk_mcp_", $name),
            kind: Kind::$kind,
            labels: &[$($label),*],
            help: $help,
        };)*
        /// All of them.
        pub const LISTED: &[&Listed] = &[$(&$id),*];
    };
}

listed! {
    CALLS: Counter "calls" ["plugin", "tool", "outcome"] "Calls that ended; outcome is ok, asked or the kind of the error";
    CALL_SECONDS: Histogram "call_seconds" ["plugin", "tool"] "Time from a call's arrival to its answer, waiting included";
    CALLS_RUNNING: Gauge "calls_running" ["plugin"] "Calls that run";
    CALLS_WAITING: Gauge "calls_waiting" ["plugin"] "Calls that wait for a place";
    CALL_WAIT_SECONDS: Histogram "call_wait_seconds" ["plugin"] "Time that calls waited for a place";
    REFUSED: Counter "refused" ["limit"] "Calls and requests that ran into a limit";
    AUTHENTICATIONS: Counter "authentications" ["outcome"] "Access keys that were presented: accepted, refused, slowed or unavailable";
    UPSTREAM_REQUESTS: Counter "upstream_requests" ["endpoint", "status"] "HTTP requests to endpoints, each attempt, by status; none where there was no answer";
    UPSTREAM_SECONDS: Histogram "upstream_seconds" ["endpoint"] "Time from a request to an endpoint to its whole answer";
    BUCKET_WAIT_SECONDS: Histogram "bucket_wait_seconds" ["endpoint"] "Time that requests waited for a token of their endpoint's bucket";
    CACHE_LOOKUPS: Counter "cache_lookups" ["plugin", "result"] "Look-ups in the cache: hit or miss";
    GUEST_MEMORY_BYTES: Histogram "guest_memory_bytes" ["plugin"] "The most memory that an instance had";
    GUEST_CPU_SECONDS: Counter "guest_cpu_seconds" ["plugin"] "Processor time of the plugin's own code, sampled every 10 ms";
    GUEST_MEMORY_IN_USE_BYTES: Gauge "guest_memory_in_use_bytes" [] "Memory of all instances that there are at the moment";
    TRAPS: Counter "traps" ["plugin"] "Instances that failed other than by a limit";
    LOAD_SECONDS: Histogram "plugin_load_seconds" ["plugin", "outcome"] "Time to load a plugin, compiling included: loaded or failed";
    WEBHOOK_REQUESTS: Counter "webhook_requests" ["outcome"] "Requests through hooks: accepted, repeated, rejected, unknown, limited or failed";
    AUDIT_ROWS: Counter "audit_rows" ["outcome"] "Rows of the audit trail: written, failed (a try of writing them, which is repeated) or lost (what only read, and could not be written)";
    AUDIT_REFUSALS: Counter "audit_refusals" [] "Changes that were not made because the audit trail could not be written";
    EVENTS: Counter "events" ["plugin", "outcome"] "Events that were handed to a plugin: handled, again or given-up";
}
