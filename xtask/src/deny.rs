//! `cargo xtask deny`: known vulnerabilities, licences, sources and banned crates of what is built in (`deny.toml`).
//!
//! cargo-deny is installed into the target directory at a pinned version, from crates.io, whose index has its digest. That takes
//! some minutes, so it is done where it is worth it: where the advisory database can be reached, or where it is asked for.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Result;

use crate::process;
use crate::project::{self, Project};
use crate::steps::Steps;

const VERSION: &str = "0.20.2";
/// What needs no network.
const OFFLINE: [&str; 3] = ["bans", "licenses", "sources"];
const DATABASE: &str = "https://github.com/RustSec/advisory-db";
const PATIENCE: Duration = Duration::from_secs(30);

/// `cargo xtask deny`.
pub(crate) fn deny(project: &Project, install: bool) -> Result<ExitCode> {
    let mut steps = Steps::default();
    let tools = project.target_directory.join("tools");
    let program = tools.join("bin/cargo-deny");
    let reachable = reaches_database();
    if !is_pinned(&program) {
        if !reachable && !install {
            eprintln!(
                "SKIPPED: cargo deny. The advisory database ({DATABASE}) cannot be reached, and cargo-deny {VERSION} is \
                 not installed; `cargo xtask deny --install` installs it from crates.io and checks all but advisories."
            );
            return Ok(ExitCode::SUCCESS);
        }
        steps.run(format!("install cargo-deny {VERSION}"), || {
            // Unoptimised it is there in a quarter of the time, and reads a lock file as well.
            let mut command = project::cargo();
            command
                .args(["install", "--locked", "--debug", "--quiet", "--root"])
                .arg(&tools)
                .arg(format!("cargo-deny@{VERSION}"))
                .env_remove("CARGO_TARGET_DIR");
            process::run(&mut command)
        })?;
    }
    let check = |what: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(&project.root);
        if !what.contains(&"advisories") {
            command.arg("--offline");
        }
        process::run(command.arg("check").args(what))
    };
    steps.attempt("licences, bans and sources", || check(&OFFLINE));
    if reachable {
        steps.attempt("advisories", || check(&["advisories"]));
    }
    eprintln!("\n{}", steps.summary());
    if !reachable {
        eprintln!("SKIPPED: advisories. Their database ({DATABASE}) cannot be reached.");
    }
    Ok(if steps.all_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn is_pinned(program: &PathBuf) -> bool {
    let version = process::output_of(Command::new(program).arg("--version"));
    version.is_ok_and(|version| version.trim().ends_with(VERSION))
}

fn reaches_database() -> bool {
    let mut command = Command::new("git");
    command
        .args(["ls-remote", "--quiet", DATABASE, "HEAD"])
        .env("GIT_TERMINAL_PROMPT", "0");
    let ended = process::quietly_within(PATIENCE, &mut command);
    matches!(ended, Ok(Some(status)) if status.success())
}
