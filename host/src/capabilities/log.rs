//! `log`: a plugin's lines, under a target of their own.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::context::CallState;
use super::contract::log::{Host, Level};

/// A line and its fields together; the rest is cut.
const LINE_BYTES: usize = 4 << 10;
/// What one call may write in all, printing and the tools that it calls included; the rest is left out.
const CALL_BYTES: usize = 256 << 10;
/// What a line costs beside its text: time, level, names and ids stand in it too.
const OVERHEAD: usize = 128;

/// What a call may still write into the log.
#[derive(Debug)]
pub struct LogBudget {
    bytes: AtomicUsize,
    lines: AtomicUsize,
}

impl LogBudget {
    /// So many lines, whatever their length, and no more bytes than any call may write.
    pub fn new(lines: u32) -> Self {
        Self {
            bytes: AtomicUsize::new(CALL_BYTES),
            lines: AtomicUsize::new(lines as usize),
        }
    }

    /// One line, cut where it is too long, or none any more. The last one says so.
    pub fn line(&self, text: &str) -> Option<String> {
        let mut line = text.to_owned();
        truncate(&mut line);
        let cost = line.len() + OVERHEAD;
        let lines_left = take(&self.lines, 1)?;
        let bytes_left = take(&self.bytes, cost)?;
        if lines_left <= 1 {
            line.push_str(" [further lines of this call are left out: limits.log_lines]");
        } else if bytes_left <= cost {
            line.push_str(" [further lines of this call are left out: 256 KiB are written]");
        }
        Some(line)
    }
}

/// What was left before this was taken; nothing, if nothing was.
fn take(left: &AtomicUsize, cost: usize) -> Option<usize> {
    left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        (left > 0).then(|| left.saturating_sub(cost))
    })
    .ok()
}

/// A target of its own, so that RUST_LOG can raise plugins apart from the host.
macro_rules! write_line {
    ($state:expr, $level:ident, $text:expr) => {
        if tracing::enabled!(target: "orderdesk_mcp::plugin", tracing::Level::$level)
            && let Some(line) = $state.log.line($text)
        {
            let plugin = $state.grantee.name.as_str();
            let correlation_id = $state.call.as_ref().map_or("loading", |call| &*call.correlation_id);
            tracing::event!(target: "orderdesk_mcp::plugin", tracing::Level::$level, plugin, correlation_id, "{line}");
        }
    };
}

impl Host for CallState {
    async fn emit(&mut self, level: Level, message: String, fields: Vec<(String, String)>) {
        let mut line = message;
        for (name, value) in fields {
            if line.len() >= LINE_BYTES {
                break;
            }
            line.push(' ');
            line.push_str(&name);
            line.push('=');
            line.push_str(&value);
        }
        #[cfg(feature = "conformance")]
        if let Some(sink) = self.call.as_ref().and_then(|call| call.progress.as_ref()) {
            sink.logged(level, &line);
        }
        match level {
            Level::Trace => write_line!(self, TRACE, &line),
            Level::Debug => write_line!(self, DEBUG, &line),
            Level::Info => write_line!(self, INFO, &line),
            Level::Warn => write_line!(self, WARN, &line),
            Level::Error => write_line!(self, ERROR, &line),
        }
    }
}

fn truncate(line: &mut String) {
    if line.len() > LINE_BYTES {
        let end = (0..=LINE_BYTES)
            .rev()
            .find(|&at| line.is_char_boundary(at))
            .unwrap_or(0);
        line.truncate(end);
        line.push_str(" [cut]");
    }
    // One call, one line: a plugin cannot forge another's.
    if line.contains(['\n', '\r']) {
        *line = line.replace(['\n', '\r'], "\\n");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn long_lines_are_cut_at_a_character_and_stay_one_line() {
        let mut line = format!("a\nb{}", "é".repeat(LINE_BYTES));
        truncate(&mut line);
        assert!(line.len() <= LINE_BYTES + 8);
        assert!(!line.contains('\n'));
        assert!(line.ends_with("[cut]"));
    }

    #[test]
    fn a_call_writes_so_much_and_no_more_and_the_last_line_says_so() {
        let budget = LogBudget::new(100_000);
        let lines: Vec<String> = std::iter::from_fn(|| budget.line("flood")).collect();
        assert!(lines.len() * (OVERHEAD + 5) <= CALL_BYTES + OVERHEAD + 5);
        assert!(lines.len() > 1_000);
        let (last, before) = lines.split_last().unwrap();
        assert!(last.contains("left out"), "{last}");
        assert!(before.iter().all(|line| line == "flood"));
        assert_eq!(budget.line("more"), None);
    }

    #[test]
    fn so_many_lines_and_the_last_one_names_the_limit() {
        let budget = LogBudget::new(3);
        let lines: Vec<String> = std::iter::from_fn(|| budget.line("x")).collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[2].contains("limits.log_lines"), "{}", lines[2]);
        assert_eq!(LogBudget::new(0).line("x"), None);
    }
}
