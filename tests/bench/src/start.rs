//! How long the server's own program takes to its first answered `tools/list`, and how much memory it holds at rest.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;
use tokio::net::TcpListener;

use crate::http::{Connection, request};

const PATIENCE: Duration = Duration::from_secs(60);

/// One start.
pub(crate) struct Started {
    /// From spawning the process to the answer, in milliseconds.
    pub(crate) millis: f64,
    /// Resident memory after it, in megabytes.
    pub(crate) megabytes: f64,
    /// How many tools it listed.
    pub(crate) tools: usize,
}

/// Starts `orderdesk-mcp serve` in this data directory, which may be empty, and asks for its tools.
pub(crate) async fn start(data_dir: &Path, base_url: &str, key: &str) -> anyhow::Result<Started> {
    start_with(&crate::server::shipped_config()?, data_dir, base_url, key).await
}

/// As [`start`], with another configuration.
pub(crate) async fn start_with(
    config: &Path,
    data_dir: &Path,
    base_url: &str,
    key: &str,
) -> anyhow::Result<Started> {
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let program =
        std::env::var_os("ORDERDESK_MCP_BIN").context("run it with `cargo xtask bench call`")?;
    let began = Instant::now();
    let server = Command::new(program)
        .args([
            "serve",
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--data-dir",
        ])
        .arg(data_dir)
        .arg("--config")
        .arg(config)
        .env("ORDERDESK_BASE_URL", base_url)
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .spawn()?;
    let server = Stopped(server);
    let list = request(key, "tools/list", None, json!({}));
    loop {
        if let Ok(mut connection) = Connection::open(port).await {
            let answer = connection.send(&list).await?;
            let millis = began.elapsed().as_secs_f64() * 1e3;
            let tools: serde_json::Value = serde_json::from_slice(answer)?;
            let listed = tools["result"]["tools"].as_array().map_or(0, Vec::len);
            if listed == 0 {
                bail!("the server lists no tools: {tools}");
            }
            return Ok(Started {
                millis,
                megabytes: resident(server.0.id())?,
                tools: listed,
            });
        }
        if began.elapsed() > PATIENCE {
            bail!("the server did not start");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Resident memory of a process, in megabytes.
pub(crate) fn resident(process: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1024.0)
}
