//! Progress from plugins to clients that asked for it: strictly increasing, at most ten in any second, none after the result.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::Peer;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::capabilities::context::ProgressSink;
use crate::plugins::Imitations;

/// Reports that a client gets in any [`WINDOW`].
const REPORTS: usize = 10;
const WINDOW: Duration = Duration::from_secs(1);
/// What waits to be sent; a plugin that reports faster loses reports, not memory.
const WAITING: usize = 16;

enum Report {
    Progress {
        done: f64,
        total: Option<f64>,
        message: String,
    },
    /// A line of the plugin's log; only in builds for the conformance suite.
    #[cfg(feature = "conformance")]
    Line(super::conformance::Line),
}

/// Where a plugin's reports go in.
pub struct ReportedProgress {
    reports: mpsc::Sender<Report>,
    /// What no plugin may say.
    imitations: Arc<Imitations>,
    #[cfg(feature = "conformance")]
    pub(super) lines: super::conformance::Lines,
}

impl ProgressSink for ReportedProgress {
    fn progress(&self, done: f64, total: Option<f64>, message: &str) {
        if done.is_finite() {
            let mut message = message.chars().take(500).collect();
            self.imitations.clean(&mut message);
            // A full queue drops the report: the next one says more.
            let _ = self.reports.try_send(Report::Progress {
                done,
                total,
                message,
            });
        }
    }

    #[cfg(feature = "conformance")]
    fn logged(&self, level: crate::capabilities::contract::log::Level, text: &str) {
        if let Some(line) = self.lines.line(level, text) {
            let _ = self.reports.try_send(Report::Line(line));
        }
    }
}

/// Where they come out.
pub struct ProgressReports {
    reports: mpsc::Receiver<Report>,
    token: Option<ProgressToken>,
    peer: Peer<RoleServer>,
    pace: Pace,
}

/// A pipe for one call; without a token, no progress comes out of it.
pub fn pipe(
    token: Option<ProgressToken>,
    peer: Peer<RoleServer>,
    imitations: Arc<Imitations>,
) -> (ReportedProgress, ProgressReports) {
    let (reports, received) = mpsc::channel(WAITING);
    (
        ReportedProgress {
            reports,
            imitations,
            #[cfg(feature = "conformance")]
            lines: super::conformance::Lines::default(),
        },
        ProgressReports {
            reports: received,
            token,
            peer,
            pace: Pace::default(),
        },
    )
}

impl ProgressReports {
    /// Sends reports for as long as `call` runs, and what waits when it ends before the result.
    pub async fn beside<T>(mut self, call: impl Future<Output = T>) -> T {
        tokio::pin!(call);
        let result = loop {
            tokio::select! {
                biased;
                result = &mut call => break result,
                Some(report) = self.reports.recv() => self.send(report).await,
            }
        };
        while let Ok(report) = self.reports.try_recv() {
            self.send(report).await;
        }
        result
    }

    async fn send(&mut self, report: Report) {
        let (done, total, message) = match report {
            Report::Progress {
                done,
                total,
                message,
            } => (done, total, message),
            #[cfg(feature = "conformance")]
            Report::Line(line) => return line.send(&self.peer).await,
        };
        let Some(token) = &self.token else { return };
        if !self.pace.takes(done, Instant::now()) {
            return;
        }
        let mut notification =
            ProgressNotificationParam::new(token.clone(), done).with_message(message);
        if let Some(total) = total {
            notification = notification.with_total(total);
        }
        if let Err(error) = self.peer.notify_progress(notification).await {
            tracing::debug!(cause = %error, "progress could not be sent");
        }
    }
}

/// Which reports a client gets.
#[derive(Default)]
struct Pace {
    done: Option<f64>,
    /// When the last ones were sent.
    sent: VecDeque<Instant>,
}

impl Pace {
    fn takes(&mut self, done: f64, now: Instant) -> bool {
        if self.done.is_some_and(|before| done <= before) {
            return false;
        }
        if self.sent.len() == REPORTS {
            if self.sent.front().is_some_and(|first| now - *first < WINDOW) {
                return false;
            }
            self.sent.pop_front();
        }
        self.sent.push_back(now);
        self.done = Some(done);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_only_grows() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let taken: Vec<bool> = [0.0, 0.0, 2.0, 1.0, 2.5]
            .map(|done| pace.takes(done, now))
            .to_vec();
        assert_eq!(taken, [true, false, true, false, true]);
    }

    #[test]
    fn no_second_has_more_than_ten_reports() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let mut sent = Vec::new();
        for step in 0..500u32 {
            let at = Duration::from_millis(u64::from(step) * 7);
            if pace.takes(f64::from(step), start + at) {
                sent.push(at);
            }
        }
        assert!(sent.len() >= 30, "{sent:?}");
        for eleven in sent.windows(REPORTS + 1) {
            assert!(eleven[REPORTS] - eleven[0] >= WINDOW, "{eleven:?}");
        }
    }
}
