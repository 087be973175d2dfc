//! Progress from plugins to clients that asked for it: strictly increasing, at most ten a second, none after the result.

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::Peer;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::capabilities::context::ProgressSink;

const INTERVAL: Duration = Duration::from_millis(100);
/// What waits to be sent; a plugin that reports faster loses reports, not memory.
const WAITING: usize = 16;

struct Report {
    done: f64,
    total: Option<f64>,
    message: String,
}

/// Where a plugin's reports go in.
pub struct ReportedProgress(mpsc::Sender<Report>);

impl ProgressSink for ReportedProgress {
    fn progress(&self, done: f64, total: Option<f64>, message: &str) {
        if done.is_finite() {
            let message = message.chars().take(500).collect();
            // A full queue drops the report: the next one says more.
            let _ = self.0.try_send(Report {
                done,
                total,
                message,
            });
        }
    }
}

/// Where they come out.
pub struct ProgressReports {
    reports: mpsc::Receiver<Report>,
    token: ProgressToken,
    peer: Peer<RoleServer>,
}

/// A pipe for one call.
pub fn pipe(token: ProgressToken, peer: Peer<RoleServer>) -> (ReportedProgress, ProgressReports) {
    let (sender, reports) = mpsc::channel(WAITING);
    (
        ReportedProgress(sender),
        ProgressReports {
            reports,
            token,
            peer,
        },
    )
}

impl ProgressReports {
    /// Sends reports for as long as `call` runs.
    pub async fn beside<T>(mut self, call: impl Future<Output = T>) -> T {
        tokio::pin!(call);
        let mut last: Option<(f64, Instant)> = None;
        loop {
            tokio::select! {
                biased;
                result = &mut call => return result,
                Some(report) = self.reports.recv() => {
                    let due = last.is_none_or(|(done, at)| report.done > done && at.elapsed() >= INTERVAL);
                    if due {
                        last = Some((report.done, Instant::now()));
                        let mut notification = ProgressNotificationParam::new(self.token.clone(), report.done)
                            .with_message(report.message);
                        if let Some(total) = report.total {
                            notification = notification.with_total(total);
                        }
                        if let Err(error) = self.peer.notify_progress(notification).await {
                            tracing::debug!(cause = %error, "progress could not be sent");
                        }
                    }
                }
            }
        }
    }
}
