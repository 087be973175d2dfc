//! `cargo xtask`: builds, runs, tests and packs the project. The README and CI call nothing else,
//! so whatever a fresh machine lacks (the WebAssembly target, the test clients) is set up here.
//!
//! Progress goes to standard error; what a command produces (ready lines, results) to standard output.

mod account;
mod artefacts;
mod bench;
mod browser;
mod conformance;
mod connect;
mod contract;
mod deny;
mod dist;
mod docs;
mod fuzz;
mod lint;
mod node;
mod process;
mod project;
mod python;
mod run;
mod simulator;
mod steps;
mod tap;
mod target;
mod test;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::project::Project;

/// Builds, runs, tests and packs orderdesk-mcp.
///
/// Whatever is missing is set up on the way: the wasm32-wasip2 target (by rustup, or from Debian's
/// source packages where rustup's server does not answer) and a Python environment for the client
/// tests. CARGO_TARGET_DIR is respected.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the plugins and the server
    ///
    /// The plugins land in plugins/NAME.wasm, where orderdesk.toml finds them; the test guests in
    /// TARGET/guests; the server in TARGET/debug or TARGET/release.
    Build {
        /// Optimise the server (the plugins always are)
        #[arg(long)]
        release: bool,
    },
    /// Build, and serve MCP over HTTP; without an Order Desk account, in front of a sandbox store
    ///
    /// With ORDERDESK_STORE_ID and ORDERDESK_API_KEY set, that store is served. Without them, the
    /// simulator stands in for Order Desk with sample orders. Prints the URL, the access key and
    /// ready lines for Claude Code, the Inspector and curl. Ctrl-C ends everything.
    Run {
        /// Where to listen
        #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Forget the tenant, the key and the data of earlier runs first
        #[arg(long)]
        fresh: bool,
        /// The configuration to serve [default: orderdesk.toml of the project]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Further arguments for `orderdesk-mcp serve`
        #[arg(last = true, value_name = "ARGS")]
        arguments: Vec<String>,
    },
    /// Run the Order Desk simulator in the foreground
    Sim {
        /// Arguments for the simulator (try `cargo xtask sim --help`)
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGS"
        )]
        arguments: Vec<String>,
    },
    /// Run all tests: Rust, and the official Python client against the built server; with --all a browser at its pages, too
    Test {
        /// Many more cases in property tests and longer counts elsewhere (sets ORDERDESK_TEST_COUNTS=full)
        #[arg(long)]
        all: bool,
        /// Only Rust tests, and client scripts, whose name contains this
        filter: Option<String>,
    },
    /// Run the conformance suite of MCP against the server, in both eras
    ///
    /// Fetches Node 22 and the suite, builds the server with the suite's fixtures, and runs the requirements of 2026-07-28 and of
    /// 2025-11-25 (with sessions, and without); then the scenarios that need no fixtures against the ordinary server. Fails if a
    /// required scenario fails; what the suite does not score is reported.
    Conformance,
    /// Check formatting, clippy (native and WebAssembly) and the tidiness of the tree
    Lint,
    /// Check licences, sources and known vulnerabilities of what is built in (deny.toml)
    ///
    /// Says so and goes on where the advisory database cannot be reached.
    Deny {
        /// Install cargo-deny even if the advisory database cannot be reached
        #[arg(long)]
        install: bool,
    },
    /// Pack binary, plugins and configuration into dist/orderdesk-mcp-VERSION-TARGET, ready to copy anywhere
    Dist {
        /// Pack the unoptimised binary
        #[arg(long)]
        debug: bool,
    },
    /// Write the reference of the contract in docs/plugins.md, from wit/
    Docs,
    /// Measure, with release artefacts; ends with a line `RESULT {json}`
    Bench {
        /// What to measure: call, orders, auth, plugins, neighbours or soak
        name: String,
        /// Further arguments for it, such as the ways of `neighbours` that are wanted
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGS"
        )]
        arguments: Vec<String>,
    },
    /// Mutate what comes from strangers at random: components, what they say, the configuration, schemas
    ///
    /// Exit 1 if anything panics or hangs. The same seed gives the same inputs. It is a program of the workspace, built by the toolchain
    /// that builds everything, with the checks of a debug build; nothing of it is steered by coverage.
    Fuzz {
        /// Seconds in total
        #[arg(long, default_value_t = 180)]
        seconds: u64,
        /// The seed of the first input
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Only this: component, lifting, calling, config or schema
        #[arg(long)]
        target: Option<String>,
    },
    /// Freeze the plugin contract as it is under its version, with a component built for it
    FreezeContract,
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let outcome = Project::load().and_then(|project| dispatch(&project, command));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(project: &Project, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Build { release } => artefacts::build(project, release),
        Command::Run {
            listen,
            fresh,
            config,
            arguments,
        } => run::run(project, listen, fresh, config, &arguments),
        Command::Sim { arguments } => simulator::foreground(project, &arguments),
        Command::Test { all, filter } => test::test(project, all, filter.as_deref()),
        Command::Conformance => conformance::conformance(project),
        Command::Lint => lint::lint(project),
        Command::Deny { install } => deny::deny(project, install),
        Command::Dist { debug } => dist::dist(project, debug),
        Command::Docs => docs::docs(project),
        Command::Bench { name, arguments } => bench::bench(project, &name, &arguments),
        Command::Fuzz {
            seconds,
            seed,
            target,
        } => fuzz::fuzz(project, seconds, seed, target.as_deref()),
        Command::FreezeContract => contract::freeze(project),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn run_passes_what_follows_two_dashes_to_the_server() {
        let parsed = Arguments::try_parse_from([
            "xtask",
            "run",
            "--listen",
            "127.0.0.1:9000",
            "--",
            "--verbose",
        ])
        .unwrap();
        let Command::Run {
            listen, arguments, ..
        } = parsed.command
        else {
            panic!("not the run command");
        };
        assert_eq!(listen.port(), 9000);
        assert_eq!(arguments, ["--verbose"]);
    }

    #[test]
    fn sim_passes_flags_to_the_simulator() {
        let parsed = Arguments::try_parse_from(["xtask", "sim", "--json", "--seed", "7"]).unwrap();
        let Command::Sim { arguments } = parsed.command else {
            panic!("not the sim command");
        };
        assert_eq!(arguments, ["--json", "--seed", "7"]);
    }
}
