//! The Order Desk simulator: in the foreground, or as the sandbox behind a server.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{ChildStdout, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::artefacts::{self, Optimisation};
use crate::process::Service;
use crate::project::{self, Project};
use crate::steps::Steps;

/// `cargo xtask sim`.
pub(crate) fn foreground(project: &Project, arguments: &[String]) -> Result<ExitCode> {
    let built = artefacts::binaries(
        project,
        &mut Steps::default(),
        &[project::SIMULATOR_PACKAGE],
        Optimisation::None,
    )?;
    // It becomes the simulator, so that signals and the exit code are the simulator's own.
    use std::os::unix::process::CommandExt as _;
    let error = Command::new(artefacts::binary(&built, project::SIMULATOR)?)
        .args(arguments)
        .exec();
    Err(error).context("the simulator could not be started")
}

/// A simulator that runs beside us.
pub(crate) struct Simulator {
    pub(crate) service: Service,
    pub(crate) ready: Ready,
    /// Kept open: a program whose output nobody reads any more may die of writing.
    _output: BufReader<ChildStdout>,
}

/// What the simulator prints, as one line, when it is ready.
#[derive(Debug, Deserialize)]
pub(crate) struct Ready {
    /// What stands in for `https://app.orderdesk.me/api/v2`.
    pub(crate) base_url: String,
    /// Never empty.
    pub(crate) stores: Vec<SampleStore>,
}

/// A store of the simulator. Its key opens nothing but sample data, so it is no secret.
#[derive(Debug, Deserialize)]
pub(crate) struct SampleStore {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) name: String,
}

impl Simulator {
    /// Starts a simulator, at `address` if that is free, and waits until it is ready.
    pub(crate) fn start(program: &Path, address: Option<SocketAddr>) -> Result<Self> {
        let address = address
            .filter(|address| TcpListener::bind(address).is_ok())
            .unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into());
        let mut service = Service::start(
            "simulator",
            Duration::from_secs(5),
            Command::new(program)
                .arg("--json")
                .arg("--listen")
                .arg(address.to_string())
                .stdout(Stdio::piped()),
        )?;
        let stdout = service
            .take_stdout()
            .context("the simulator has no standard output")?;
        let mut output = BufReader::new(stdout);
        let mut line = String::new();
        output.read_line(&mut line)?;
        if line.is_empty() {
            let ended = service.ended_within(Duration::from_secs(1))?;
            let how = ended.map_or_else(|| "still running".to_owned(), |status| status.to_string());
            bail!("the simulator ended its output before it was ready ({how})");
        }
        let ready = Ready::parse(&line)?;
        Ok(Self {
            service,
            ready,
            _output: output,
        })
    }
}

impl Ready {
    fn parse(line: &str) -> Result<Self> {
        let ready: Self = serde_json::from_str(line)
            .with_context(|| format!("the simulator's first line is not as expected: {line}"))?;
        if ready.stores.is_empty() {
            bail!("the simulator has no store");
        }
        Ok(ready)
    }

    /// The address in the base URL, to have the simulator there again next time.
    pub(crate) fn address(base_url: &str) -> Option<SocketAddr> {
        let rest = base_url.strip_prefix("http://")?;
        rest.split('/').next()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_ready_line_is_read() {
        let ready = Ready::parse(
            r#"{"base_url":"http://127.0.0.1:4100/api/v2","stores":[{"id":"9021","key":"k","name":"Sample"}]}"#,
        )
        .unwrap();
        assert_eq!(ready.stores[0].id, "9021");
        assert_eq!(
            Ready::address(&ready.base_url),
            Some("127.0.0.1:4100".parse().unwrap())
        );
        assert!(Ready::parse(r#"{"base_url":"http://x","stores":[]}"#).is_err());
        assert!(Ready::parse("listening on 4100").is_err());
    }

    #[test]
    fn a_simulator_that_ends_at_once_is_an_error() {
        let error = Simulator::start(Path::new("true"), None).err().unwrap();
        assert!(error.to_string().contains("before it was ready"), "{error}");
    }
}
