//! Running other programs: to the end, for their output, with a time limit, and stopping them politely.

use std::ffi::OsStr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How often a child is asked whether it has ended.
const POLL: Duration = Duration::from_millis(50);

/// Runs a command with our own output; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| cannot_start(command.get_program()))?;
    if !status.success() {
        bail!("`{}` failed ({status})", line_of(command));
    }
    Ok(())
}

/// Runs a command and answers what it wrote to standard output; its errors are in the error.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
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
pub(crate) fn quietly_within(limit: Duration, command: &mut Command) -> Result<Option<ExitStatus>> {
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
pub(crate) fn exists(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// Waits for a child for at most `limit`; `None` when it is still running.
fn wait_within(limit: Duration, child: &mut Child) -> Result<Option<ExitStatus>> {
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

/// A child that does not outlive us on any way out: it gets SIGTERM, its time to finish, then SIGKILL.
pub(crate) struct Service {
    /// What to call it in messages.
    name: &'static str,
    child: Child,
    /// How long it may take to end after SIGTERM.
    grace: Duration,
}

impl Service {
    /// Starts a service. It gets a process group of its own, so that Ctrl-C in the terminal
    /// reaches us only and we can stop our services in order.
    pub(crate) fn start(
        name: &'static str,
        grace: Duration,
        command: &mut Command,
    ) -> Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| cannot_start(command.get_program()))?;
        Ok(Self { name, child, grace })
    }

    /// The pipe of its standard output, once, if it was started with one.
    pub(crate) fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// How it ended, if it does within `limit`.
    pub(crate) fn ended_within(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        wait_within(limit, &mut self.child)
    }

    /// Asks it to end and waits, until `impatient` says that the user does not want to.
    pub(crate) fn stop(&mut self, impatient: &mut dyn FnMut() -> bool) -> Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let deadline = Instant::now() + self.grace;
        while wait_within(POLL, &mut self.child)?.is_none() {
            if impatient() || Instant::now() >= deadline {
                eprintln!("the {} is killed", self.name);
                self.child.kill()?;
                self.child.wait()?;
                break;
            }
        }
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Err(error) = self.stop(&mut || false) {
            eprintln!("the {} could not be stopped: {error:#}", self.name);
        }
    }
}

/// The command as one would type it; for messages. Secrets never stand in arguments here.
pub(crate) fn line_of(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

fn cannot_start(program: &OsStr) -> String {
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

    #[test]
    fn a_service_ends_on_request_and_one_that_will_not_is_killed() {
        use std::io::{BufRead as _, BufReader};
        let traps = [
            ("trap 'exit 7' TERM", Some(7)),
            ("trap '' TERM", None), // ended by SIGKILL: no code
        ];
        for (trap, code) in traps {
            let script = format!("{trap}; echo ready; while :; do sleep 0.05; done");
            let mut service = Service::start(
                "test",
                Duration::from_millis(500),
                shell(&script).stdout(Stdio::piped()),
            )
            .unwrap();
            let mut line = String::new();
            BufReader::new(service.take_stdout().unwrap())
                .read_line(&mut line)
                .unwrap();
            assert_eq!(line, "ready\n");
            service.stop(&mut || false).unwrap();
            assert_eq!(service.ended().unwrap().unwrap().code(), code);
        }
    }
}
