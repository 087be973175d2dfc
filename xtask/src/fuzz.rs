//! `cargo xtask fuzz`: what comes from strangers, mutated at random for a few minutes.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::artefacts::{self, Optimisation};
use crate::process;
use crate::project::{self, Project};
use crate::steps::Steps;

/// `cargo xtask fuzz`; exit 1 if anything was found.
pub(crate) fn fuzz(
    project: &Project,
    seconds: u64,
    seed: u64,
    target: Option<&str>,
) -> Result<ExitCode> {
    let mut steps = Steps::default();
    artefacts::components(project, &mut steps)?;
    // With the checks of a debug build, on which a finding shows earlier.
    let built = artefacts::binaries(project, &mut steps, &[project::FUZZ], Optimisation::None)?;
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
    process::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}
