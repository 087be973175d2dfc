//! `cargo xtask lint`: formatting, clippy and the tidiness of the tree; warnings are errors.

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Result, bail};

use crate::project::{self, Project};
use crate::steps::Steps;
use crate::{process, target};

/// `cargo xtask lint`.
pub(crate) fn lint(project: &Project) -> Result<ExitCode> {
    let mut steps = Steps::default();
    require("fmt", "rustfmt", "rustfmt")?;
    require("clippy", "clippy", "rust-clippy")?;
    target::ensure(project, &mut steps)?;

    steps.attempt("formatting", || {
        process::run(cargo(project).args(["fmt", "--all", "--check"]))
    });
    steps.attempt("clippy", || {
        process::run(cargo(project).args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]))
    });
    steps.attempt("clippy of the components", || {
        let mut command = cargo(project);
        command.args(["clippy", "--target", target::NAME]);
        for component in project.components() {
            command.args(["--package", &component.package]);
        }
        process::run(command.args(["--", "--deny", "warnings"]))
    });
    steps.attempt("tidiness of the tree", || {
        process::run(
            cargo(project)
                .args(["test", "--quiet", "--package", "xtask", "--test", "tidy"])
                // A finding says where it is; where in the check it was found is noise.
                .env("RUST_BACKTRACE", "0"),
        )
    });

    eprintln!("\n{}", steps.summary());
    Ok(if steps.all_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn cargo(project: &Project) -> Command {
    let mut command = project::cargo();
    command.current_dir(&project.root);
    command
}

/// An error that says what to install, unless cargo has the subcommand.
fn require(subcommand: &str, component: &str, debian_package: &str) -> Result<()> {
    let found = project::cargo()
        .args([subcommand, "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if !found.success() {
        bail!(
            "`cargo {subcommand}` is missing: install it with `rustup component add {component}` \
             (or, for Debian's own Rust, `apt-get install {debian_package}`)"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_missing_subcommand_is_told_with_its_remedy() {
        let error = require("no-such-subcommand", "rustfmt", "rustfmt").unwrap_err();
        assert!(
            error.to_string().contains("rustup component add rustfmt"),
            "{error}"
        );
    }
}
