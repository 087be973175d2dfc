//! Running other programs: to the end, for their output, with a time limit.

use std::ffi::OsStr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a child is asked whether it has ended.
const POLL: Duration = Duration::from_millis(50);

/// A `cargo` of the toolchain that runs this program, if one does.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What `cargo run` told this program of its own package: build scripts that read such variables (ring's) would run
    // again, and everything above them be built again, each time that cargo is called from elsewhere.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command with our own output; anything but success is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| cannot_start(command.get_program()))?;
    if !status.success() {
        bail!("`{}` failed ({status})", line_of(command));
    }
    Ok(())
}

/// Runs a command and answers what it wrote to standard output; its errors are in the error.
pub fn output_of(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| cannot_start(command.get_program()))?;
    if !output.status.success() {
        bail!(
            "`{}` failed ({}): {}",
            line_of(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` wrote something that is not UTF-8", line_of(command)))
}

/// Runs a command without its output for at most `limit`; `None` when it had to be killed.
pub fn quietly_within(limit: Duration, command: &mut Command) -> Result<Option<ExitStatus>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| cannot_start(command.get_program()))?;
    let ended = wait_within(limit, &mut child)?;
    if ended.is_none() {
        child.kill()?;
        child.wait()?;
    }
    Ok(ended)
}

/// Whether a program of this name can be started at all.
pub fn exists(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// Waits for a child for at most `limit`; `None` when it is still running.
pub fn wait_within(limit: Duration, child: &mut Child) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// The command as one would type it; for messages. Secrets never stand in arguments here.
pub fn line_of(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// What to say of a program that does not start.
pub fn cannot_start(program: &OsStr) -> String {
    format!(
        "`{}` could not be started: is it installed?",
        program.to_string_lossy()
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_names_the_command_and_what_it_said() {
        let error = output_of(&mut shell("echo broken >&2; exit 3")).unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.contains("echo broken") && text.ends_with("broken"),
            "{text}"
        );
    }

    #[test]
    fn a_command_over_its_limit_is_killed() {
        let ended = quietly_within(Duration::from_millis(100), &mut shell("exec sleep 60"));
        assert!(ended.unwrap().is_none());
        let ended = quietly_within(Duration::from_secs(60), &mut shell("exit 0"));
        assert!(ended.unwrap().unwrap().success());
    }
}
