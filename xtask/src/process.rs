//! Starting services, and stopping them politely; what else there is to running programs is `orderdesk-authoring`'s.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use orderdesk_authoring::process::{cannot_start, wait_within};
pub(crate) use orderdesk_authoring::process::{exists, line_of, output_of, quietly_within, run};
use rustix::process::{Pid, Signal, kill_process};

/// How often a child is asked whether it has ended.
const POLL: Duration = Duration::from_millis(50);

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
