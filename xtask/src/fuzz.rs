//! `cargo xtask fuzz`: what comes from strangers, mutated at random for a few minutes.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::artefacts::{self, Optimisation};
use crate::process;
use crate::project::{self, Project};
use crate::steps::Steps;

/// What `cargo xtask test --all` gives it: long enough for each way in to be tried many times.
pub(crate) const IN_TESTS: u64 = 150;

/// `cargo xtask fuzz`; exit 1 if anything was found.
pub(crate) fn fuzz(
    project: &Project,
    seconds: u64,
    seed: u64,
    target: Option<&str>,
) -> Result<ExitCode> {
    let mut steps = Steps::default();
    run(project, &mut steps, seconds, seed, target)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds what it takes, and fails if anything was found.
pub(crate) fn run(
    project: &Project,
    steps: &mut Steps,
    seconds: u64,
    seed: u64,
    target: Option<&str>,
) -> Result<()> {
    artefacts::components(project, steps)?;
    // With the checks of a debug build, on which a finding shows earlier.
    let built = artefacts::binaries(project, steps, &[project::FUZZ], Optimisation::None)?;
    let mut command = Command::new(artefacts::binary(&built, project::FUZZ)?);
    command
        .args([
            "--seconds",
            &seconds.to_string(),
            "--seed",
            &seed.to_string(),
        ])
        .arg("--findings")
        .arg(project.target_directory.join("fuzz-findings"))
        .current_dir(&project.root)
        .env("RUST_LOG", "off")
        .env("ORDERDESK_GUESTS_DIR", project.guests_directory())
        .env("ORDERDESK_CONFIG", project.root.join("orderdesk.toml"));
    if let Some(target) = target {
        command.args(["--target", target]);
    }
    process::run(&mut command)
}
