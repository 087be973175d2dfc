//! What an operator sees of a running server: logs to stderr with a correlation id for each call, metrics, traces; and what
//! keeps secrets and people's data out of them.

mod lines;
mod metrics;
mod redaction;
mod traces;

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use lines::Redacted;
pub use metrics::{Kind, LISTED, Listed, MEDIA_TYPE, Metrics};
pub use redaction::{redact, redact_secrets};
pub use traces::{Collector, TRACEPARENT, Traces, TracesError, continue_trace};

/// Our own targets; plugins' lines come under `orderdesk_mcp::plugin`.
const OWN: &str = "orderdesk_mcp";

/// Starts logging. `RUST_LOG` raises and lowers our own targets only: libraries print whole requests at debug, with
/// keys and customers' data in them, and never say more than warnings here.
pub fn start(traces: Option<&Traces>) {
    let directives = std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = EnvFilter::builder().parse_lossy(directives);
    let own = filter_fn(ours_or_warning);
    let lines = fmt::layer().with_writer(Redacted(std::io::stderr));
    let subscriber = tracing_subscriber::registry().with(traces.map(Traces::layer));
    if std::io::stderr().is_terminal() {
        subscriber
            .with(lines.with_filter(filter).with_filter(own))
            .init();
    } else {
        subscriber
            .with(
                lines
                    .json()
                    .flatten_event(true)
                    .with_filter(filter)
                    .with_filter(own),
            )
            .init();
    }
}

fn ours_or_warning(metadata: &Metadata<'_>) -> bool {
    // A level is "greater" the more it says.
    metadata.target().starts_with(OWN) || *metadata.level() <= Level::WARN
}
