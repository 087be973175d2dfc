//! The token bucket of each access key. Only `tools/call` costs: a read 1, a write 2, its preview 1.
//!
//! Buckets are in memory, each process its own. What they protect is this process: its instances, its processor, its queues.
//! (What protects a service are the buckets towards its endpoint; they stand in the database, and hold for all processes
//! together.) A row for each call would cost a write transaction where a cached read takes a fraction of one, and the writer is
//! one for all: a tenant over its limit would slow the others with its refusals. So the limit of `n` processes is `n` times this.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::capabilities::context::Caller;
use crate::capabilities::contract::{Error, ErrorKind};
use crate::config::KeyLimit;
use crate::observe::Metrics;
use crate::plugins::Tool;
use crate::rate::{Buckets, Refill, retry_after};
use crate::tenancy::KeyId;

const READ: NonZeroU32 = NonZeroU32::MIN;
const WRITE: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
/// Where a request says its method before its body is read (MCP 2026-07-28, Streamable HTTP).
const METHOD: &str = "mcp-method";

/// Whether a call may change something: a preview does not.
pub(super) fn changes(tool: &Tool, arguments: Option<&Map<String, Value>>) -> bool {
    let previews = arguments.is_some_and(|it| it.get("dry_run") == Some(&Value::Bool(true)));
    !(tool.hints.read_only || previews)
}

/// The buckets of all keys.
pub(super) struct KeyBuckets {
    limit: KeyLimit,
    buckets: Buckets<KeyId>,
    metrics: Arc<Metrics>,
}

impl KeyBuckets {
    pub(super) fn new(limit: KeyLimit, metrics: Arc<Metrics>) -> Self {
        Self {
            limit,
            buckets: Buckets::new(Refill::per_minute(limit.per_minute, limit.burst)),
            metrics,
        }
    }

    /// Takes what a call costs.
    ///
    /// # Errors
    /// The key has used up its calls: when it has so many again.
    pub(super) fn take(
        &self,
        caller: &Caller,
        tool: &Tool,
        arguments: Option<&Map<String, Value>>,
    ) -> Result<(), Error> {
        let cost = if changes(tool, arguments) {
            WRITE
        } else {
            READ
        };
        self.buckets
            .take(&caller.principal.key, cost)
            .map_err(|wait| {
                self.metrics.refused("key-rate");
                let KeyLimit { per_minute, burst } = self.limit;
                Error::new(
                    ErrorKind::RateLimited,
                    "rate-limited",
                    format!(
                        "This access key made too many calls: it has {per_minute} a minute and at most {burst} at once (limits.key); a call that writes counts twice. Nothing was done."
                    ),
                )
                .retry_after(wait)
            })
    }

    fn exhausted(&self, caller: &Caller) -> Option<Duration> {
        self.buckets.exhausted(&caller.principal.key)
    }
}

/// Turns calls of a key away that was told to wait and does not, before their bodies are read. The first one over the limit is
/// answered by the tool's result, which a model can read.
pub(super) async fn guard(
    State(keys): State<Arc<KeyBuckets>>,
    request: Request,
    next: Next,
) -> Response {
    let calls = request.headers().get(METHOD) == Some(&HeaderValue::from_static("tools/call"));
    let caller = request.extensions().get::<Caller>();
    let wait = caller
        .filter(|_| calls)
        .and_then(|caller| keys.exhausted(caller));
    let Some(wait) = wait else {
        return next.run(request).await;
    };
    keys.metrics.refused("key-rate");
    let seconds = retry_after(wait);
    let message = format!("too many calls of this access key; try again in {seconds} s");
    let body = json!({
        "jsonrpc": "2.0",
        "id": null,
        "error": {"code": -32600, "message": message, "data": {"retry_after_ms": wait.as_millis()}},
    });
    (
        StatusCode::TOO_MANY_REQUESTS,
        [(header::RETRY_AFTER, seconds.to_string())],
        Json(body),
    )
        .into_response()
}
