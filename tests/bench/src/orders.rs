//! `bench orders`: what reading, listing and changing orders takes, beside the requests to Order Desk that it cannot do
//! without, and how many bytes an agent reads beside Order Desk's own answer.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Context;
use orderdesk_simulator::Simulator;
use serde_json::{Value, json};

use crate::call::spawn_server;
use crate::http::{Connection, order_desk, tool_call};
use crate::percentile::Times;
use crate::sandbox;

/// Orders in the store; the sample has 60.
const ORDERS: usize = 600;
/// Measured calls of each kind. No two uncached ones ask for the same.
const ROUNDS: usize = 40;
/// The way to Order Desk and back.
const LATENCY: Duration = Duration::from_millis(50);
/// A usual estimate for English and JSON.
const BYTES_PER_TOKEN: usize = 4;

/// Order Desk and the server, and a connection to each.
struct Bench {
    simulator: Simulator,
    store: u64,
    api_key: String,
    orders: Vec<u64>,
    key: String,
    direct: Connection,
    server: Connection,
}

/// What was measured of one kind of call.
struct Row {
    name: &'static str,
    /// Milliseconds, p50.
    tool: f64,
    direct: f64,
    /// What the model reads: the text or, in clients that give it that, the structured content. And what Order Desk answers.
    bytes: usize,
    structured_bytes: usize,
    direct_bytes: usize,
}

/// Runs the benchmark and prints it.
pub(crate) async fn bench() -> anyhow::Result<()> {
    let simulator = sandbox::unhurried().await?;
    let data = tempfile::tempdir()?;
    let (mut child, port, key) = spawn_server(data.path(), &simulator.base_url()).await?;
    let (store, api_key) = sandbox::first_store(&simulator)?;
    let orders = fill(&simulator, store)?;
    let mut bench = Bench {
        direct: Connection::open(simulator.address().port()).await?,
        server: Connection::open(port).await?,
        simulator,
        store,
        api_key,
        orders,
        key,
    };
    let registration = json!({"store_id": store, "api_key": bench.api_key});
    let register = tool_call(&bench.key, "stores_register", &registration);
    bench.server.structured(&register).await?;

    let rows = bench.reads().await?;
    bench.simulator.set_latency(LATENCY);
    let page = bench.page_of_500().await?;
    let (update, requests) = bench.update().await?;
    drop(child.stdin.take());
    child.wait()?;
    report(&rows, &page, update, requests)?;
    Ok(())
}

/// Copies the sample orders until there are enough.
fn fill(simulator: &Simulator, store: u64) -> anyhow::Result<Vec<u64>> {
    let now = simulator.now();
    let ids = simulator.with_store(store, |store| {
        let mut ids: Vec<u64> = store.orders().map(|order| order.id()).collect();
        let sample: Vec<Value> = ids.iter().filter_map(|id| store.order_json(*id)).collect();
        for (number, order) in (0..ORDERS - ids.len()).zip(sample.iter().cycle()) {
            let mut copy = order.clone();
            copy["source_id"] = json!(format!("COPY-{number}"));
            match store.add_order(&copy, now) {
                Ok(id) => ids.push(id),
                Err(rejection) => anyhow::bail!("a copy was rejected: {rejection:?}"),
            }
        }
        Ok(ids)
    });
    ids.context("the store is gone")?
}

impl Bench {
    async fn reads(&mut self) -> anyhow::Result<Vec<Row>> {
        let order = |id: u64| (json!({"order_id": id}), format!("orders/{id}"));
        let ids = self.orders.clone();
        let list = |limit: usize, offset: usize, format: &str| {
            (
                json!({"limit": limit, "offset": offset, "response_format": format}),
                format!("orders?limit={limit}&offset={offset}"),
            )
        };
        Ok(vec![
            self.row("orders_get, cached", "orders_get", |_| order(ids[0]))
                .await?,
            self.row("orders_get", "orders_get", |round| order(ids[1 + round]))
                .await?,
            self.row("orders_list 50, concise", "orders_list", |round| {
                list(50, round, "concise")
            })
            .await?,
            self.row("orders_list 50, detailed", "orders_list", |round| {
                list(50, 100 + round, "detailed")
            })
            .await?,
            self.row("orders_list 500, concise", "orders_list", |round| {
                list(500, round, "concise")
            })
            .await?,
            self.row("orders_list 500, detailed", "orders_list", |round| {
                list(500, 50 + round, "detailed")
            })
            .await?,
        ])
    }

    async fn page_of_500(&mut self) -> anyhow::Result<Row> {
        // Another search than before: those pages are in the cache.
        self.row("orders_list 500, 50 ms away", "orders_list", |round| {
            (
                json!({"limit": 500, "offset": 2 * round, "search_start_date": "2000-01-01"}),
                format!(
                    "orders?limit=500&offset={}&search_start_date=2000-01-01",
                    2 * round
                ),
            )
        })
        .await
    }

    /// Calls a tool and asks Order Desk for the same, in turns.
    async fn row(
        &mut self,
        name: &'static str,
        tool: &'static str,
        asked: impl Fn(usize) -> (Value, String),
    ) -> anyhow::Result<Row> {
        let (mut of_tool, mut of_direct) = (Vec::new(), Vec::new());
        let (mut bytes, mut structured_bytes, mut direct_bytes) = (0, 0, 0);
        for round in 0..ROUNDS {
            let (arguments, path) = asked(round);
            let request = tool_call(&self.key, tool, &arguments);
            let began = Instant::now();
            self.server.succeed(&request).await?;
            of_tool.push(began.elapsed());
            if round == 0 {
                (bytes, structured_bytes) = read(self.server.answer())?;
            }
            let request = order_desk("GET", &path, self.store, &self.api_key, None);
            let began = Instant::now();
            direct_bytes = self.direct.send(&request).await?.len();
            of_direct.push(began.elapsed());
        }
        Ok(Row {
            name,
            tool: millis(of_tool),
            direct: millis(of_direct),
            bytes,
            structured_bytes,
            direct_bytes,
        })
    }

    /// A change of an order by tool, and the GET and the PUT that it is made of; milliseconds, p50.
    async fn update(&mut self) -> anyhow::Result<(f64, f64)> {
        let (mut of_tool, mut of_direct) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let id = self.orders[100 + round];
            let changes = json!({"shipping": {"phone": format!("207-555-{round:04}")}});
            let arguments = json!({"order_id": id, "changes": changes});
            let request = tool_call(&self.key, "orders_update", &arguments);
            let began = Instant::now();
            self.server.succeed(&request).await?;
            of_tool.push(began.elapsed());

            let path = format!("orders/{id}");
            let get = order_desk("GET", &path, self.store, &self.api_key, None);
            let began = Instant::now();
            let order: Value = serde_json::from_slice(self.direct.send(&get).await?)?;
            let put = order_desk(
                "PUT",
                &path,
                self.store,
                &self.api_key,
                Some(&order["order"]),
            );
            self.direct.send(&put).await?;
            of_direct.push(began.elapsed());
        }
        Ok((millis(of_tool), millis(of_direct)))
    }
}

fn millis(times: Vec<Duration>) -> f64 {
    Times::new(times).micros(50) / 1e3
}

/// Bytes of an answer's text and of its structured content.
fn read(answer: &[u8]) -> anyhow::Result<(usize, usize)> {
    let answer: Value = serde_json::from_slice(answer)?;
    let text = answer["result"]["content"][0]["text"].as_str();
    let structured = answer["result"]["structuredContent"].to_string();
    Ok((
        text.context("an answer without text")?.len(),
        structured.len(),
    ))
}

fn report(rows: &[Row], page: &Row, update: f64, requests: f64) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<28} {:>8} {:>10} {:>10} {:>9} {:>9} {:>11} {:>9} {:>9} {:>13}",
        "",
        "tool ms",
        "direct ms",
        "text bytes",
        "tokens ~",
        "of direct",
        "structured",
        "tokens ~",
        "of direct",
        "direct bytes"
    )?;
    for row in rows.iter().chain([page]) {
        writeln!(
            out,
            "{:<28} {:>8.2} {:>10.2} {:>10} {:>9} {:>8.1}% {:>11} {:>9} {:>8.1}% {:>13}",
            row.name,
            row.tool,
            row.direct,
            row.bytes,
            row.bytes / BYTES_PER_TOKEN,
            100.0 * row.bytes as f64 / row.direct_bytes as f64,
            row.structured_bytes,
            row.structured_bytes / BYTES_PER_TOKEN,
            100.0 * row.structured_bytes as f64 / row.direct_bytes as f64,
            row.direct_bytes
        )?;
    }
    writeln!(
        out,
        "orders_update, {} ms away: {update:.1} ms; its GET and PUT alone {requests:.1} ms: {:.2} x",
        LATENCY.as_millis(),
        update / requests
    )?;
    writeln!(
        out,
        "a page of 500 orders takes {:.1} ms beyond Order Desk's own time",
        page.tool - page.direct
    )?;
    let measured: Vec<Value> = rows
        .iter()
        .chain([page])
        .map(|row| {
            json!({"name": row.name, "tool_ms": row.tool, "direct_ms": row.direct, "bytes": row.bytes,
                   "structured_bytes": row.structured_bytes, "direct_bytes": row.direct_bytes})
        })
        .collect();
    let result = json!({
        "rows": measured, "update_ms": update, "update_requests_ms": requests, "update_ratio": update / requests,
        "page_500_beyond_ms": page.tool - page.direct,
    });
    writeln!(out, "RESULT {result}")?;
    Ok(())
}
