//! `orderdesk-sim`: the simulator as a program.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig, Toggles};
use serde_json::json;

/// A local stand-in for the Order Desk API v2.
///
/// It serves two sample stores until it gets Ctrl-C or SIGTERM. When it is ready it prints its base URL and the
/// stores with their API keys, which are good for nothing but this program.
#[derive(Debug, Parser)]
#[command(version, after_long_help = toggle_help())]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Seed of the sample data; the same seed gives the same orders, dated back from now.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Say where it listens as one JSON object: `{base_url, stores: [{id, key, name}]}`.
    #[arg(long)]
    json: bool,
    /// Let every request pass instead of 20 at once and 3 more per second.
    #[arg(long)]
    no_rate_limit: bool,
    /// Add GET /api/v2/echo, which hands request headers back, secrets and all.
    #[arg(long)]
    echo: bool,
    /// Decide a point that the real service leaves unknown; may be repeated. `--help` lists them.
    #[arg(long = "toggle", value_name = "NAME=VALUE")]
    toggles: Vec<String>,
}

fn toggle_help() -> String {
    let lines: Vec<String> = Toggles::default()
        .describe()
        .iter()
        .map(|toggle| format!("  {toggle}"))
        .collect();
    format!(
        "Toggles, with their defaults and what they take:\n{}",
        lines.join("\n")
    )
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("orderdesk-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut config = SimulatorConfig::sample(arguments.seed, Clock::System);
    config.listen = arguments.listen;
    config.echo = arguments.echo;
    // Nobody can ask this process for its journal.
    config.keep_requests = 0;
    if arguments.no_rate_limit {
        config.rate = None;
    }
    for assignment in &arguments.toggles {
        config.toggles.assign(assignment)?;
    }
    let stop = stop_signal()?;
    let simulator = Simulator::start(config).await?;
    let mut output = std::io::stdout();
    writeln!(output, "{}", greeting(&simulator, arguments.json))?;
    output.flush()?;
    stop.await;
    simulator.shutdown().await;
    Ok(())
}

fn greeting(simulator: &Simulator, as_json: bool) -> String {
    let stores = simulator.stores();
    if as_json {
        let stores: Vec<_> = stores
            .iter()
            .map(|(id, key, name)| json!({"id": id.to_string(), "key": key, "name": name}))
            .collect();
        return json!({"base_url": simulator.base_url(), "stores": stores}).to_string();
    }
    let stores: Vec<String> = stores
        .iter()
        .map(|(id, key, name)| format!("store {id} \"{name}\" with key {key}"))
        .collect();
    format!(
        "Order Desk simulator ready at {}: {}",
        simulator.base_url(),
        stores.join(", ")
    )
}

/// Listens for Ctrl-C and SIGTERM from now on; the future ends with the first of them.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Listens for Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
