//! `bench soak`: whether memory stays where it is over a million calls, ten thousand clients that greet, and a thousand
//! listeners that go away without a word.

use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use serde_json::json;

use crate::call::spawn_server;
use crate::http::{Connection, initialize, request, tool_call};
use crate::sandbox;
use crate::server::NATIVE_TOOL;

/// Connections at once.
const CONNECTIONS: usize = 8;
/// So many calls, and one more client greets.
const GREETS: usize = 100;
/// So many calls, and one more listener comes and is gone.
const LISTENS: usize = 1_000;
/// Looks at the memory, of which the last count.
const READINGS: usize = 100;
const LAST: usize = 10;
/// Megabytes that memory may have grown at the end.
const FLAT: f64 = 5.0;

/// What all connections share.
struct Load {
    server: u32,
    port: u16,
    key: String,
    /// One after the other.
    calls: Vec<Vec<u8>>,
    begun: AtomicUsize,
    /// Megabytes, after every so many calls.
    readings: Mutex<Vec<f64>>,
    every: usize,
    last: usize,
}

/// Runs `warm_up` calls and then `calls`, and prints how memory was.
///
/// # Errors
/// A call failed that must not, or memory grew by more than five megabytes.
pub(crate) async fn bench(warm_up: usize, calls: usize) -> anyhow::Result<()> {
    ensure!(
        calls >= READINGS && warm_up >= LAST,
        "too few calls to tell anything"
    );
    let simulator = sandbox::unhurried().await?;
    let data = tempfile::tempdir()?;
    let (mut child, port, key) = spawn_server(data.path(), &simulator.base_url()).await?;
    let (store, api_key) = sandbox::first_store(&simulator)?;
    let orders: Vec<u64> = simulator
        .with_store(store, |store| {
            store.orders().map(|order| order.id()).collect()
        })
        .context("the store is gone")?;
    let registration = json!({"store_id": store, "api_key": api_key});
    let register = tool_call(&key, "stores_register", &registration);
    Connection::open(port).await?.structured(&register).await?;

    let began = Instant::now();
    let load = |first: usize, last: usize, readings: usize| Load {
        server: child.id(),
        port,
        key: key.clone(),
        calls: mixed(&key, &orders),
        begun: AtomicUsize::new(first),
        readings: Mutex::default(),
        every: ((last - first) / readings).max(1),
        last,
    };
    let warm = run(load(0, warm_up, LAST)).await?;
    let long = run(load(warm_up, warm_up + calls, READINGS)).await?;
    drop(child.stdin.take());
    child.wait()?;
    let (before, after) = (median(&warm), median(&long));
    let growth = after - before;
    let flat = growth <= FLAT;

    let mut out = std::io::stdout().lock();
    for (at, reading) in long.iter().enumerate().step_by(READINGS / 10) {
        writeln!(out, "{:>9} calls: {reading:>7.1} MB", at * calls / READINGS)?;
    }
    writeln!(
        out,
        "{before:.1} MB after {warm_up} calls; {after:.1} MB after {calls} more, {} greetings and {} listeners that went away",
        calls / GREETS,
        calls / LISTENS
    )?;
    let result = json!({
        "calls": calls, "warm_up": warm_up, "initialize": calls / GREETS, "dropped_listeners": calls / LISTENS,
        "before_mb": before, "after_mb": after, "growth_mb": growth, "flat": flat,
        "calls_per_second": (warm_up + calls) as f64 / began.elapsed().as_secs_f64(),
    });
    writeln!(out, "RESULT {result}")?;
    if !flat {
        bail!("memory grew by {growth:.1} MB; at most {FLAT} MB are flat");
    }
    Ok(())
}

/// Calls of each kind: through a plugin and built in, from the cache and from Order Desk, long answers and errors.
fn mixed(key: &str, orders: &[u64]) -> Vec<Vec<u8>> {
    let call = |tool: &str, arguments| tool_call(key, tool, &arguments);
    let mut calls: Vec<Vec<u8>> = orders
        .iter()
        .map(|order| call("orders_get", json!({"order_id": order})))
        .collect();
    for turn in 0..60 {
        calls.push(call(
            "echo_say",
            json!({"message": "hello ".repeat(turn + 1)}),
        ));
        calls.push(call(NATIVE_TOOL, json!({"message": "hello"})));
        calls.push(call("orders_get", json!({"order_id": "five"})));
    }
    for offset in 0..10 {
        calls.push(call("orders_list", json!({"offset": offset})));
        calls.push(call("orders_list", json!({"limit": 0})));
        calls.push(call("stores_list", json!({})));
        calls.push(request(key, "tools/list", None, json!({})));
    }
    calls
}

/// Calls from all connections; answers what was read of the memory meanwhile.
async fn run(load: Load) -> anyhow::Result<Vec<f64>> {
    let load = Arc::new(load);
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| tokio::spawn(work(load.clone())))
        .collect();
    for worker in workers {
        worker.await??;
    }
    let readings = load.readings.lock();
    Ok(readings.map_or_else(|error| error.into_inner().clone(), |all| all.clone()))
}

async fn work(load: Arc<Load>) -> anyhow::Result<()> {
    let mut connection = Connection::open(load.port).await?;
    let hello = initialize(&load.key);
    loop {
        let number = load.begun.fetch_add(1, Ordering::Relaxed);
        if number >= load.last {
            return Ok(());
        }
        connection
            .send(&load.calls[number % load.calls.len()])
            .await?;
        if number.is_multiple_of(GREETS) {
            connection.send(&hello).await?;
        }
        if number.is_multiple_of(LISTENS) {
            let wants =
                json!({"notifications": {"toolsListChanged": true, "resourcesListChanged": true}});
            let listen = request(&load.key, "subscriptions/listen", None, wants);
            // It hears that it is listened to, and is gone.
            let mut listener = Connection::open(load.port).await?;
            listener.until(&listen, b"acknowledged").await?;
        }
        if (number + 1).is_multiple_of(load.every) {
            let megabytes = resident(load.server)?;
            if let Ok(mut readings) = load.readings.lock() {
                readings.push(megabytes);
            }
        }
    }
}

/// Of the last readings.
fn median(readings: &[f64]) -> f64 {
    let mut last: Vec<f64> = readings.iter().rev().take(LAST).copied().collect();
    last.sort_by(f64::total_cmp);
    last.get(last.len() / 2).copied().unwrap_or_default()
}

/// Megabytes of a process that are in memory.
fn resident(process: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let kilobytes: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .context("no VmRSS")?
        .trim()
        .parse()?;
    Ok(kilobytes / 1024.0)
}
