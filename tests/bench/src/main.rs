//! Benchmarks. Each ends with a line `RESULT {json}`.

mod auth;
mod call;
mod http;
mod hundred;
mod neighbours;
mod orders;
mod percentile;
mod plugins;
mod sandbox;
mod server;
mod soak;
mod start;

use clap::{Parser, Subcommand};

/// As the server itself has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the server against itself, side by side in one run.
#[derive(Parser)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Finding a key among 100,000 tenants beside ten, and a valid caller beside many wrong keys
    Auth,
    /// One tool call: native, through a plugin that only returns, and an order from the cache
    Call,
    /// A caller alone, and beside each thing that the hostile plugin of the tests does
    Neighbours {
        /// Only these; else all
        only: Vec<String>,
    },
    /// Orders read, listed and changed, beside the requests to Order Desk that this takes
    Orders,
    /// One plugin in each language, loaded and called; and a hundred at once
    Plugins,
    /// Memory over a million calls, ten thousand greetings, and a thousand listeners that go away
    Soak {
        /// Calls before anything counts
        #[arg(long, default_value_t = 100_000)]
        warm_up: usize,
        /// Calls that count
        #[arg(long, default_value_t = 1_000_000)]
        calls: usize,
    },
    /// The server under test, in a process of its own; `call` starts it
    #[command(hide = true)]
    Serve {
        /// Its data directory
        #[arg(long)]
        data_dir: std::path::PathBuf,
        /// Order Desk
        #[arg(long)]
        base_url: String,
        /// The hostile plugin of the tests, too
        #[arg(long)]
        hostile: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match CommandLine::parse().command {
        // The load comes from one thread, so that the server has the other core of the smallest machine.
        Command::Auth => one_thread()?.block_on(auth::bench()),
        Command::Call => one_thread()?.block_on(call::bench()),
        Command::Neighbours { only } => one_thread()?.block_on(neighbours::bench(&only)),
        // The simulator shares it: what it takes counts on both sides.
        Command::Orders => one_thread()?.block_on(orders::bench()),
        Command::Plugins => tokio::runtime::Runtime::new()?.block_on(plugins::bench()),
        Command::Soak { warm_up, calls } => one_thread()?.block_on(soak::bench(warm_up, calls)),
        Command::Serve {
            data_dir,
            base_url,
            hostile,
        } => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?;
            runtime.block_on(server::serve(&data_dir, &base_url, hostile))
        }
    }
}

fn one_thread() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}
