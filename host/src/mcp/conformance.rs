//! What the conformance suite wants and no client needs: only in builds with the feature `conformance`, and there only with
//! `serve --conformance`.
//!
//! MCP has deprecated the log that clients see. Plugins' lines go to the operator's log; for the suite they go to the client, too.
//! And there are two tools whose calls change lists, which no call of a real plugin does.

#![expect(
    deprecated,
    reason = "the log that clients see is deprecated in MCP, and the suite asks for it"
)]

use std::sync::atomic::{AtomicU8, Ordering};

use rmcp::RoleServer;
use rmcp::model::{LoggingLevel, LoggingMessageNotificationParam};
use rmcp::service::{Peer, RequestContext};

use crate::capabilities::contract::log::Level;

/// Calls of these tell clients that lists have changed.
pub const TRIGGERS: [&str; 2] = ["test_trigger_tool_change", "test_trigger_prompt_change"];

/// The least level that a session wants to hear of.
pub struct SessionLevel(AtomicU8);

/// Above every level: nothing.
const NOTHING: u8 = u8::MAX;

impl Default for SessionLevel {
    fn default() -> Self {
        Self(AtomicU8::new(NOTHING))
    }
}

impl SessionLevel {
    /// What `logging/setLevel` sets.
    pub fn set(&self, level: &LoggingLevel) {
        self.0.store(rank(level), Ordering::Relaxed);
    }
}

/// The lines of one call that its client gets; none by default.
pub struct Lines(u8);

impl Default for Lines {
    fn default() -> Self {
        Self(NOTHING)
    }
}

impl Lines {
    /// Those that this request, or its session, asks for.
    pub fn of(context: &RequestContext<RoleServer>, session: Option<&SessionLevel>) -> Self {
        let request = context.meta.log_level().as_ref().map(rank);
        let session = session.map(|level| level.0.load(Ordering::Relaxed));
        Self(request.or(session).unwrap_or(NOTHING))
    }

    /// Whether there can be any.
    pub fn are_wanted(&self) -> bool {
        self.0 != NOTHING
    }

    /// A line, if the client wants it.
    pub fn line(&self, level: Level, text: &str) -> Option<Line> {
        let level = match level {
            Level::Trace | Level::Debug => LoggingLevel::Debug,
            Level::Info => LoggingLevel::Info,
            Level::Warn => LoggingLevel::Warning,
            Level::Error => LoggingLevel::Error,
        };
        (rank(&level) >= self.0)
            .then(|| Line(LoggingMessageNotificationParam::new(level, text.into())))
    }
}

fn rank(level: &LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 0,
        LoggingLevel::Info => 1,
        LoggingLevel::Notice => 2,
        LoggingLevel::Warning => 3,
        LoggingLevel::Error => 4,
        LoggingLevel::Critical => 5,
        LoggingLevel::Alert => 6,
        LoggingLevel::Emergency => 7,
    }
}

/// A line on its way to a client.
pub struct Line(LoggingMessageNotificationParam);

impl Line {
    /// Sends it.
    pub async fn send(self, peer: &Peer<RoleServer>) {
        if let Err(error) = peer.notify_logging_message(self.0).await {
            tracing::debug!(cause = %error, "a log line could not be sent");
        }
    }
}
