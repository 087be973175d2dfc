//! What a plugin prints goes into the log, never to our stdout, where it would break MCP over stdio.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// Bytes that one call may print; the rest is dropped.
const PRINTED_BYTES: usize = 16 << 10;

/// One of a plugin's two output streams.
#[derive(Clone)]
pub struct PluginOutput {
    plugin: Arc<str>,
    printed: Arc<std::sync::atomic::AtomicUsize>,
}

impl PluginOutput {
    /// Output of the plugin with this name.
    pub fn new(plugin: &str) -> Self {
        Self {
            plugin: plugin.into(),
            printed: Arc::default(),
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
        let before = self
            .printed
            .fetch_add(bytes.len(), std::sync::atomic::Ordering::Relaxed);
        let kept = &bytes[..bytes.len().min(PRINTED_BYTES.saturating_sub(before))];
        let text = String::from_utf8_lossy(kept);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
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
