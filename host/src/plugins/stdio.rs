//! What a plugin prints goes into the log, never to our stdout, where it would break MCP over stdio.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::capabilities::log::LogBudget;

/// One of a plugin's two output streams.
#[derive(Clone)]
pub struct PluginOutput {
    plugin: Arc<str>,
    log: Arc<LogBudget>,
}

impl PluginOutput {
    /// Output of the plugin with this name, within what its call may write.
    pub fn new(plugin: &str, log: Arc<LogBudget>) -> Self {
        Self {
            plugin: plugin.into(),
            log,
        }
    }
}

impl IsTerminal for PluginOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for PluginOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for PluginOutput {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let text = String::from_utf8_lossy(bytes);
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        for line in lines.map_while(|line| self.log.line(line)) {
            tracing::info!(target: "orderdesk_mcp::plugin", plugin = &*self.plugin, "printed: {line}");
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
