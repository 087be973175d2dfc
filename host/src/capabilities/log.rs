//! `log`: a plugin's lines, under a target of their own.

use super::context::CallState;
use super::contract::log::{Host, Level};

/// A line and its fields together; the rest is cut.
const LINE_BYTES: usize = 4 << 10;

impl Host for CallState {
    async fn emit(&mut self, level: Level, message: String, fields: Vec<(String, String)>) {
        let plugin = self.grantee.name.as_str();
        let correlation_id = self
            .call
            .as_ref()
            .map(|call| &*call.correlation_id)
            .unwrap_or("loading");
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
        truncate(&mut line);
        // A target of its own, so that RUST_LOG can raise plugins apart from the host.
        match level {
            Level::Trace => {
                tracing::trace!(target: "orderdesk_mcp::plugin", plugin, correlation_id, "{line}")
            }
            Level::Debug => {
                tracing::debug!(target: "orderdesk_mcp::plugin", plugin, correlation_id, "{line}")
            }
            Level::Info => {
                tracing::info!(target: "orderdesk_mcp::plugin", plugin, correlation_id, "{line}")
            }
            Level::Warn => {
                tracing::warn!(target: "orderdesk_mcp::plugin", plugin, correlation_id, "{line}")
            }
            Level::Error => {
                tracing::error!(target: "orderdesk_mcp::plugin", plugin, correlation_id, "{line}")
            }
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
    use super::*;

    #[test]
    fn long_lines_are_cut_at_a_character_and_stay_one_line() {
        let mut line = format!("a\nb{}", "é".repeat(LINE_BYTES));
        truncate(&mut line);
        assert!(line.len() <= LINE_BYTES + 8);
        assert!(!line.contains('\n'));
        assert!(line.ends_with("[cut]"));
    }
}
