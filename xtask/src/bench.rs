//! `cargo xtask bench NAME`: release artefacts, measured by the package of benchmarks.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::artefacts::{self, Optimisation};
use crate::process;
use crate::project::{self, Project};
use crate::steps::Steps;

/// `cargo xtask bench`.
pub(crate) fn bench(project: &Project, name: &str, arguments: &[String]) -> Result<ExitCode> {
    if project.version_of(project::BENCH).is_none() {
        bail!(
            "there is nothing to measure with: the workspace has no package `{}` (in tests/bench)",
            project::BENCH
        );
    }
    let mut steps = Steps::default();
    artefacts::components(project, &mut steps)?;
    let built = artefacts::binaries(
        project,
        &mut steps,
        &[project::SERVER, project::SIMULATOR_PACKAGE, project::BENCH],
        Optimisation::Full,
    )?;
    let mut command = std::process::Command::new(artefacts::binary(&built, project::BENCH)?);
    command
        .arg(name)
        .args(arguments)
        .current_dir(&project.root)
        .env("ORDERDESK_PLUGINS_DIR", project.plugins_directory())
        .env("ORDERDESK_GUESTS_DIR", project.guests_directory())
        .env("ORDERDESK_CONFIG", project.root.join("orderdesk.toml"))
        .env(
            "ORDERDESK_MCP_BIN",
            artefacts::binary(&built, project::SERVER)?,
        )
        .env(
            "ORDERDESK_SIM_BIN",
            artefacts::binary(&built, project::SIMULATOR)?,
        );
    process::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}
