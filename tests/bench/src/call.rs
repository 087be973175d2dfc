//! `bench call`: what a tool call costs through a sandboxed plugin, beside the same tool built in.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig};
use serde_json::{Value, json};

use crate::http::{Connection, tool_call};
use crate::percentile::Times;
use crate::sandbox;
use crate::server::NATIVE_TOOL;
use crate::start;

const WARM_UP: usize = 300;
/// Calls of each kind in one round; the kinds take turns, so that a slow moment of the machine hits all of them.
const ROUND: usize = 200;
const ROUNDS: usize = 15;
const CONNECTIONS: usize = 50;
const LOAD: Duration = Duration::from_secs(2);
const LOAD_ROUNDS: usize = 3;

struct Kind {
    name: &'static str,
    request: Vec<u8>,
    times: Vec<Duration>,
    /// Best calls per second of all rounds.
    per_second: f64,
}

/// Runs the benchmark and prints it.
pub(crate) async fn bench() -> anyhow::Result<()> {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System)).await?;
    let base_url = simulator.base_url();
    let data = tempfile::tempdir()?;
    let (mut server, port, key) = spawn_server(data.path(), &base_url).await?;

    let mut connection = Connection::open(port).await?;
    let (store, api_key) = sandbox::first_store(&simulator)?;
    let register = tool_call(
        &key,
        "stores_register",
        &json!({"store_id": store, "api_key": api_key}),
    );
    connection.structured(&register).await?;
    let order = simulator
        .with_store(store, |store| store.orders().next().map(|order| order.id()))
        .flatten()
        .context("the store has no order")?;

    let message = json!({"message": "hello"});
    let mut kinds = [
        ("native", tool_call(&key, NATIVE_TOOL, &message)),
        ("plugin", tool_call(&key, "echo_say", &message)),
        (
            "cached",
            tool_call(&key, "orders_get", &json!({"order_id": order})),
        ),
    ]
    .map(|(name, request)| Kind {
        name,
        request,
        times: Vec::new(),
        per_second: 0.0,
    });

    sequential(&mut connection, &mut kinds).await?;
    for _ in 0..LOAD_ROUNDS {
        for kind in &mut kinds {
            kind.per_second = kind.per_second.max(load(port, &kind.request).await?);
        }
    }
    drop(server.stdin.take());
    server.wait()?;
    report(&kinds, data.path(), &base_url, &key).await
}

async fn sequential(connection: &mut Connection, kinds: &mut [Kind]) -> anyhow::Result<()> {
    for kind in kinds.iter() {
        for _ in 0..WARM_UP {
            connection.send(&kind.request).await?;
        }
    }
    for _ in 0..ROUNDS {
        for kind in kinds.iter_mut() {
            // The order's 15 seconds in the cache may have run out meanwhile: that read is not what is measured.
            connection.structured(&kind.request).await?;
            for _ in 0..ROUND {
                let began = Instant::now();
                connection.send(&kind.request).await?;
                kind.times.push(began.elapsed());
            }
        }
    }
    Ok(())
}

/// Calls per second over many connections at once.
async fn load(port: u16, request: &[u8]) -> anyhow::Result<f64> {
    Connection::open(port).await?.structured(request).await?;
    let began = Instant::now();
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let request = request.to_vec();
            tokio::spawn(async move {
                let mut connection = Connection::open(port).await?;
                let mut calls = 0_u32;
                while began.elapsed() < LOAD {
                    connection.succeed(&request).await?;
                    calls += 1;
                }
                anyhow::Ok(calls)
            })
        })
        .collect();
    let mut calls = 0.0;
    for worker in workers {
        calls += f64::from(worker.await??);
    }
    Ok(calls / began.elapsed().as_secs_f64())
}

/// What is served beside the plugins that ship.
#[derive(PartialEq, Eq)]
pub(crate) enum With {
    /// An echo, and the same tool built in.
    Echo,
    /// The hostile plugin of the tests, too.
    Hostile,
}

/// A server in a process of its own, which ends with its stdin.
pub(crate) struct Spawned {
    pub(crate) process: Child,
    pub(crate) port: u16,
    /// Of one tenant.
    pub(crate) key: String,
    /// Of another.
    pub(crate) rival_key: String,
}

pub(crate) async fn spawn_server(
    data_dir: &Path,
    base_url: &str,
) -> anyhow::Result<(Child, u16, String)> {
    let server = spawn(data_dir, base_url, With::Echo).await?;
    Ok((server.process, server.port, server.key))
}

/// Waits for the server off the thread that serves as its Order Desk.
pub(crate) async fn spawn(data_dir: &Path, base_url: &str, with: With) -> anyhow::Result<Spawned> {
    let (data_dir, base_url) = (data_dir.to_owned(), base_url.to_owned());
    tokio::task::spawn_blocking(move || start_process(&data_dir, &base_url, with)).await?
}

fn start_process(data_dir: &Path, base_url: &str, with: With) -> anyhow::Result<Spawned> {
    let mut server = Command::new(std::env::current_exe()?)
        .args(["serve", "--base-url", base_url, "--data-dir"])
        .arg(data_dir)
        .args((with == With::Hostile).then_some("--hostile"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(server.stdout.take().context("no stdout")?).read_line(&mut line)?;
    let ready: Value = serde_json::from_str(&line).context("the server did not start")?;
    let port = ready["port"]
        .as_u64()
        .and_then(|port| u16::try_from(port).ok())
        .context("no port")?;
    let key = |name: &str| {
        let key = ready[name].as_str();
        key.map(str::to_owned).context("no key")
    };
    Ok(Spawned {
        process: server,
        port,
        key: key("key")?,
        rival_key: key("rival_key")?,
    })
}

async fn report(
    kinds: &[Kind; 3],
    data_dir: &Path,
    base_url: &str,
    key: &str,
) -> anyhow::Result<()> {
    let warm = start::start(data_dir, base_url, key).await?;
    std::fs::remove_dir_all(data_dir.join("compiled"))?;
    let cold = start::start(data_dir, base_url, key).await?;

    let p50 = |kind: &Kind| Times::new(kind.times.clone()).micros(50);
    let [native, plugin, cached] = kinds;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<8} {:>10} {:>10} {:>12}",
        "tool", "p50 µs", "p99 µs", "calls/s @50"
    )?;
    for kind in kinds {
        let times = Times::new(kind.times.clone());
        writeln!(
            out,
            "{:<8} {:>10.0} {:>10.0} {:>12.0}",
            kind.name,
            times.micros(50),
            times.micros(99),
            kind.per_second
        )?;
    }
    writeln!(
        out,
        "plugin / native: {:.2} x p50, {:.2} x calls/s",
        p50(plugin) / p50(native),
        plugin.per_second / native.per_second
    )?;
    writeln!(
        out,
        "cached / native: {:.2} x p50, {:.2} x calls/s",
        p50(cached) / p50(native),
        cached.per_second / native.per_second
    )?;
    writeln!(
        out,
        "start to tools/list: {:.0} ms warm, {:.0} ms cold; at rest {:.0} MB",
        warm.millis, cold.millis, warm.megabytes
    )?;
    let result = json!({
        "native_p50_us": p50(native), "plugin_p50_us": p50(plugin), "cached_p50_us": p50(cached),
        "plugin_ratio": p50(plugin) / p50(native), "cached_ratio": p50(cached) / p50(native),
        "native_rps": native.per_second, "plugin_rps": plugin.per_second, "cached_rps": cached.per_second,
        "start_ms": warm.millis, "cold_start_ms": cold.millis, "rss_mb": warm.megabytes,
    });
    writeln!(out, "RESULT {result}")?;
    Ok(())
}
