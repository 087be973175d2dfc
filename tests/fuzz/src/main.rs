//! What comes from strangers, mutated at random for a given time: components (loading them, and lifting what they say of
//! themselves), the configuration, the schemas of tools and what is held against them.
//!
//! A finding is a panic anywhere in the process, or an input that takes longer than it may. The same seed gives the same inputs.

mod calling;
mod mutation;
mod targets;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use rand::SeedableRng;
use rand::rngs::StdRng;

use targets::{Target, targets};

/// Mutates what comes from strangers, and sees that nothing falls over.
#[derive(Parser)]
struct CommandLine {
    /// Seconds in total, shared by all targets
    #[arg(long, default_value_t = 180)]
    seconds: u64,
    /// The seed of the first input; each further one adds 1
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this target
    #[arg(long)]
    target: Option<String>,
    /// Where inputs go that made it fall over
    #[arg(long, default_value = "target/fuzz-findings")]
    findings: PathBuf,
}

/// Longer than any input may take on a busy machine; a component's own limits are far shorter.
const SLOW: Duration = Duration::from_secs(30);

/// What the panic hook heard, of whatever thread.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn main() -> anyhow::Result<ExitCode> {
    let arguments = CommandLine::parse();
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut panics) = PANICS.lock() {
            panics.push(panic.to_string());
        }
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let folder = tempfile::tempdir()?;
    let mut all = runtime.block_on(targets(folder.path()))?;
    if let Some(name) = &arguments.target {
        all.retain(|target| target.name() == name);
        if all.is_empty() {
            anyhow::bail!("there is no target '{name}'");
        }
    }
    let each = Duration::from_secs(arguments.seconds) / u32::try_from(all.len())?;
    let (mut inputs, mut findings) = (0, 0);
    for target in &all {
        let tally = run(&runtime, target, each, arguments.seed, &arguments.findings)?;
        println_line(&format!(
            "{:<10} {:>8} inputs, {:>8} of them accepted, {} findings",
            target.name(),
            tally.inputs,
            tally.accepted,
            tally.findings
        ))?;
        inputs += tally.inputs;
        findings += tally.findings;
    }
    println_line(&format!("{inputs} inputs, {findings} findings"))?;
    runtime.shutdown_timeout(Duration::from_secs(5));
    Ok(if findings == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

struct Tally {
    inputs: u64,
    accepted: u64,
    findings: u64,
}

fn run(
    runtime: &tokio::runtime::Runtime,
    target: &Target,
    time: Duration,
    seed: u64,
    findings: &Path,
) -> anyhow::Result<Tally> {
    let until = Instant::now() + time;
    let mut tally = Tally {
        inputs: 0,
        accepted: 0,
        findings: 0,
    };
    while Instant::now() < until {
        let seed = seed + tally.inputs;
        let input = target.input(&mut StdRng::seed_from_u64(seed));
        let started = Instant::now();
        let accepted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(target.run(&input))
        }));
        let took = started.elapsed();
        tally.inputs += 1;
        tally.accepted += u64::from(matches!(accepted, Ok(true)));
        let mut found: Vec<String> = PANICS
            .lock()
            .map(|mut panics| panics.drain(..).collect())
            .unwrap_or_default();
        if took > SLOW {
            found.push(format!("it took {took:?}"));
        }
        if !found.is_empty() {
            tally.findings += 1;
            std::fs::create_dir_all(findings)?;
            let file = findings.join(format!("{}-{seed}", target.name()));
            std::fs::write(&file, &input).context("a finding cannot be kept")?;
            println_line(&format!(
                "{} with --seed {seed} (kept in {}): {}",
                target.name(),
                file.display(),
                found.join("; ")
            ))?;
        }
    }
    Ok(tally)
}

fn println_line(text: &str) -> std::io::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout().lock(), "{text}")
}
