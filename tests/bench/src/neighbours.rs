//! `bench neighbours`: what somebody feels of a plugin next door that does its worst.
//!
//! A tenant lists orders, each time other ones, so that each call takes a request to an Order Desk that is 50 ms away. Another
//! tenant calls the hostile plugin of the tests meanwhile, more often than it may at once, in each of its ways in turn. Before each
//! way the first is alone for a while: all of these times together are what the others are compared with.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Map, Value, json};

use crate::call::{With, spawn};
use crate::http::{Connection, tool_call};
use crate::percentile::Times;
use crate::plugins::round;
use crate::sandbox;

/// The way to Order Desk and back.
const LATENCY: Duration = Duration::from_millis(50);
const ALONE: Duration = Duration::from_secs(3);
const BESIDE: Duration = Duration::from_secs(6);
/// Once the hostile calls are dropped, until their instances are gone.
const CALM: Duration = Duration::from_millis(2_500);
/// The neighbour's connections: one call after the other on each.
const CALLERS: usize = 6;
/// The hostile tenant's; of these, 16 run at once.
const ATTACKERS: usize = 24;
/// What is to be reached: so many times the time alone, or, beside those that compute, so many milliseconds more.
const TIMES: f64 = 1.5;
const MORE_MS: f64 = 30.0;

/// A way to be hostile.
struct Way {
    name: &'static str,
    tool: &'static str,
    arguments: Value,
    /// It takes all the processor time that it gets.
    computes: bool,
}

fn ways() -> Vec<Way> {
    let breaks = |how: &'static str, computes| Way {
        name: how,
        tool: "hostile_break",
        arguments: json!({"how": how}),
        computes,
    };
    let other = |name, tool, computes| Way {
        name,
        tool,
        arguments: json!({}),
        computes,
    };
    vec![
        breaks("loop", true),
        breaks("memory", true),
        breaks("memory-14", true),
        breaks("recursion", true),
        breaks("handles", true),
        breaks("output", true),
        breaks("output-100", true),
        breaks("output-many", true),
        breaks("output-link", true),
        breaks("error", true),
        breaks("panic", true),
        breaks("exit", true),
        breaks("log", true),
        breaks("print", true),
        breaks("print-long", true),
        breaks("progress", true),
        breaks("nothing", true),
        other("steps", "hostile_pause", true),
        breaks("sleep", false),
        other("wait-for-lock", "hostile_wait", false),
    ]
}

/// Runs the benchmark and prints it.
pub(crate) async fn bench(only: &[String]) -> anyhow::Result<()> {
    let simulator = sandbox::unhurried().await?;
    let data = tempfile::tempdir()?;
    let mut server = spawn(data.path(), &simulator.base_url(), With::Hostile).await?;
    let (store, api_key) = sandbox::first_store(&simulator)?;
    let registration = json!({"store_id": store, "api_key": api_key});
    let register = tool_call(&server.key, "stores_register", &registration);
    Connection::open(server.port)
        .await?
        .structured(&register)
        .await?;
    simulator.set_latency(LATENCY);
    // Whoever is not there is no bad neighbour.
    let harmless = json!({"how": "nothing"});
    let harmless = tool_call(&server.rival_key, "hostile_break", &harmless);
    Connection::open(server.port)
        .await?
        .structured(&harmless)
        .await
        .context("the hostile plugin does not work")?;

    let mut neighbour = Neighbour {
        port: server.port,
        key: server.key.clone(),
        turn: 0,
    };
    neighbour.calls(ALONE).await?;
    let mut alone = Vec::new();
    let mut beside = Vec::new();
    let wanted = |way: &Way| only.is_empty() || only.iter().any(|name| name == way.name);
    for way in ways().into_iter().filter(wanted) {
        alone.append(&mut neighbour.calls(ALONE).await?);
        let attack = Attack::begin(server.port, &server.rival_key, &way)?;
        let times = neighbour.calls(BESIDE).await?;
        let (begun, ended) = attack.end()?;
        eprintln!("beside {}: {begun} hostile calls, {ended} ended", way.name);
        beside.push((way, Times::new(times), begun, ended));
        tokio::time::sleep(CALM).await;
    }
    drop(server.process.stdin.take());
    server.process.wait()?;
    report(&Times::new(alone), &beside)
}

fn report(alone: &Times, beside: &[(Way, Times, usize, usize)]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let millis = |times: &Times, percent| times.micros(percent) / 1e3;
    let mut row = |name: &str, times: &Times, rest: &str| {
        let (p50, p99) = (millis(times, 50), millis(times, 99));
        writeln!(out, "{name:<14} {p50:>8.1} {p99:>8.1}  {rest}")
    };
    row("alone", alone, "ms, p50 and p99")?;
    let mut ways = Map::new();
    let mut missed = Vec::new();
    let mut worst: f64 = 0.0;
    for (way, times, begun, ended) in beside {
        let ratio = millis(times, 99) / millis(alone, 99);
        let more = millis(times, 99) - millis(alone, 99);
        let met = if way.computes {
            more <= MORE_MS
        } else {
            ratio <= TIMES
        };
        if !met {
            missed.push(way.name);
        }
        worst = worst.max(ratio);
        let verdict = if met { "" } else { "  MISSED" };
        let rest = format!("{ratio:.2} x, {more:+.1} ms; {begun} calls, {ended} ended{verdict}");
        row(way.name, times, &rest)?;
        ways.insert(
            way.name.to_owned(),
            json!({
                "p50_ms": round(millis(times, 50)), "p99_ms": round(millis(times, 99)),
                "ratio": round(ratio), "more_ms": round(more), "computes": way.computes, "met": met,
                "calls": begun, "ended": ended,
            }),
        );
    }
    writeln!(
        out,
        "RESULT {}",
        json!({
            "upstream_ms": LATENCY.as_millis(),
            "alone_p50_ms": round(millis(alone, 50)), "alone_p99_ms": round(millis(alone, 99)),
            "worst_ratio": round(worst), "missed": missed, "beside": ways,
        })
    )?;
    Ok(())
}

/// Who only wants to work.
struct Neighbour {
    port: u16,
    key: String,
    /// No two pages that it asks for are the same while an answer may be cached.
    turn: usize,
}

impl Neighbour {
    /// Calls for this long, and answers how long each took.
    async fn calls(&mut self, time: Duration) -> anyhow::Result<Vec<Duration>> {
        let began = Instant::now();
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (port, key, first) = (self.port, self.key.clone(), self.turn + caller);
                tokio::spawn(async move {
                    let mut connection = Connection::open(port).await?;
                    let (mut times, mut turn) = (Vec::new(), first);
                    while began.elapsed() < time {
                        let page = json!({"limit": 1 + turn / 60 % 50, "offset": turn % 60});
                        let request = tool_call(&key, "orders_list", &page);
                        let sent = Instant::now();
                        connection.succeed(&request).await?;
                        times.push(sent.elapsed());
                        turn += CALLERS;
                    }
                    anyhow::Ok((times, turn))
                })
            })
            .collect();
        let mut all = Vec::new();
        for caller in callers {
            let (mut times, turn) = caller.await??;
            all.append(&mut times);
            self.turn = self.turn.max(turn);
        }
        Ok(all)
    }
}

/// Hostile calls under way, from a thread of their own: what they take of this process is not to blur the neighbour's times.
struct Attack {
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<anyhow::Result<()>>,
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Attack {
    fn begin(port: u16, key: &str, way: &Way) -> anyhow::Result<Self> {
        let request: Arc<[u8]> = tool_call(key, way.tool, &way.arguments).into();
        let over = Arc::<AtomicBool>::default();
        let (begun, ended) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::spawn({
            let (over, begun, ended) = (over.clone(), begun.clone(), ended.clone());
            move || {
                runtime.block_on(async {
                    let attackers: Vec<_> = (0..ATTACKERS)
                        .map(|_| {
                            let (request, begun, ended) =
                                (request.clone(), begun.clone(), ended.clone());
                            tokio::spawn(async move {
                                let mut connection = Connection::open(port).await?;
                                loop {
                                    begun.fetch_add(1, Ordering::Relaxed);
                                    connection.any(&request).await?;
                                    ended.fetch_add(1, Ordering::Relaxed);
                                }
                                #[allow(unreachable_code, reason = "it says what `?` answers")]
                                anyhow::Ok(())
                            })
                        })
                        .collect();
                    while !over.load(Ordering::Relaxed) {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        for attacker in &attackers {
                            anyhow::ensure!(!attacker.is_finished(), "an attacker was cut off");
                        }
                    }
                    // Its connections are closed: calls that only read end with them.
                    anyhow::Ok(())
                })
            }
        });
        Ok(Self {
            over,
            thread,
            begun,
            ended,
        })
    }

    /// How many calls were made, and how many came back.
    fn end(self) -> anyhow::Result<(usize, usize)> {
        self.over.store(true, Ordering::Relaxed);
        let ended = self.thread.join();
        ended.map_err(|_| anyhow::anyhow!("the attacking thread panicked"))??;
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        Ok((count(&self.begun), count(&self.ended)))
    }
}
