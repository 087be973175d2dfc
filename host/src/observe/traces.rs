//! Spans for an OpenTelemetry collector: a call, its plugin, each host call and each HTTP request.
//!
//! Spans carry names, ids and statuses. What plugins and this server log stays out of them: log lines are not exported.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use thiserror::Error;
use tracing::{Level, Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, layer};
use url::Url;

use super::OWN;

/// For the last spans, when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// For one batch of spans.
const EXPORT: Duration = Duration::from_secs(10);
/// Header (W3C Trace Context) and key of MCP's `_meta` in which a caller names its trace.
pub const TRACEPARENT: &str = "traceparent";

/// Spans cannot be exported.
#[derive(Debug, Error)]
#[error("[traces] otlp: {0}")]
pub struct TracesError(String);

/// Where spans go.
pub struct Collector {
    /// The collector's base; spans go to `v1/traces` below it.
    pub base: Url,
    /// The part of the calls that is traced, 0 to 1.
    pub sample: f64,
    /// Sends requests, with the collector's headers.
    pub client: Arc<dyn HttpClient>,
}

/// Spans on their way; they go out in batches, from a thread of their own.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts to collect spans for this collector.
    ///
    /// # Errors
    /// The exporter cannot be made.
    pub fn start(collector: Collector) -> Result<Self, TracesError> {
        let base = collector.base.as_str().trim_end_matches('/');
        let exporter = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(collector.client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/traces"))
            .with_timeout(EXPORT)
            .build()
            .map_err(|error| TracesError(error.to_string()))?;
        let resource = Resource::builder()
            .with_service_name(env!("CARGO_PKG_NAME"))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(collector.sample)));
        Ok(Self(
            SdkTracerProvider::builder()
                .with_batch_exporter(exporter)
                .with_sampler(sampler)
                .with_resource(resource)
                .build(),
        ))
    }

    /// Sends what is left, and answers whether all of it arrived. Blocks: not for async code.
    pub fn finish(self) -> bool {
        self.0.shutdown_with_timeout(FAREWELL).is_ok()
    }

    pub(super) fn layer<S>(&self) -> impl layer::Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(env!("CARGO_PKG_NAME")))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_level(false)
            .with_filter(filter_fn(is_span_of_ours).with_max_level_hint(LevelFilter::DEBUG))
    }
}

fn is_span_of_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with(OWN) && *metadata.level() <= Level::DEBUG
}

/// Makes a span, before it is entered, part of the trace that its caller names. What is no `traceparent` is none.
pub fn continue_trace(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    if context.span().span_context().is_valid() {
        // It fails where nothing is exported.
        let _ = span.set_parent(context);
    }
}
