//! `cargo xtask conformance`: the conformance suite of MCP against our own server, in both eras.
//!
//! Two servers are tested. One is built with the feature `conformance`, serves the fixtures of `tests/conformance-plugin`, and has to
//! pass all that a revision requires. The other is the ordinary one with the plugins that ship: it has to pass the scenarios that need
//! no fixtures. The suite brings no key, so a proxy of the tests adds one there.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::node::Node;
use crate::process::Service;
use crate::project::{self, Project};
use crate::python::{CLIENT, Python};
use crate::steps::Steps;
use crate::{artefacts, process};

/// The suite's program in its package.
const SUITE: &str = "@modelcontextprotocol/conformance/dist/index.js";
/// The two revisions whose requirements the suite knows.
const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";
/// Scenarios that need no fixtures, by revision.
const WITHOUT_FIXTURES: [(&str, &[&str]); 2] = [
    (
        MODERN,
        &[
            "tools-list",
            "resources-list",
            "prompts-list",
            "dns-rebinding-protection",
            "caching",
            "sep-2164-resource-not-found",
            "input-required-result-unsupported-methods",
            "http-header-validation",
        ],
    ),
    (
        LEGACY,
        &[
            "server-initialize",
            "ping",
            "tools-list",
            "resources-list",
            "prompts-list",
            "dns-rebinding-protection",
            "server-session-lifecycle",
        ],
    ),
];
/// Scenarios of the older revision that need a session: without `[mcp] legacy_sessions` they do not apply.
const OF_SESSIONS: [&str; 9] = [
    "logging-set-level",
    "tools-call-with-logging",
    "tools-call-sampling",
    "tools-call-elicitation",
    "elicitation-sep1034-defaults",
    "elicitation-sep1330-enums",
    "resources-subscribe",
    "resources-unsubscribe",
    "server-sse-polling",
];
/// As long as a server may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// `cargo xtask conformance`.
pub(crate) fn conformance(project: &Project) -> Result<ExitCode> {
    let mut steps = Steps::default();
    run(project, &mut steps)?;
    writeln!(std::io::stdout(), "\n{}", steps.summary())?;
    Ok(if steps.all_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// All of it, as steps of a longer work.
pub(crate) fn run(project: &Project, steps: &mut Steps) -> Result<()> {
    artefacts::components(project, steps)?;
    let folder = project.target_directory.join("conformance");
    let special = build_special(project, steps, &folder)?;
    let ordinary = artefacts::binaries(
        project,
        steps,
        &[project::SERVER, project::END_TO_END],
        artefacts::Optimisation::None,
    )?;
    let node = steps.run("prepare the conformance suite", || {
        Node::prepare(project, &Python::prepare(project, &CLIENT)?)
    })?;
    let plugin = project.guests_directory().join("conformance-plugin.wasm");

    for (revision, sessions) in [(MODERN, true), (LEGACY, true), (LEGACY, false)] {
        let words = if sessions { "" } else { " without sessions" };
        steps.attempt(format!("requirements of {revision}{words}"), || {
            let config = fixtures(&folder, &plugin, sessions)?;
            let (_server, url) = serve(&special, &folder, &config, &["--conformance"])?;
            let report = Report::of(&node, &url, &["--requirements", revision])?;
            report.print(!sessions)?;
            report.verdict(!sessions)
        });
    }
    let server = artefacts::binary(&ordinary, project::SERVER)?;
    let proxy = artefacts::binary(&ordinary, "test-proxy")?;
    steps.attempt("scenarios without fixtures, on the ordinary server", || {
        let data = folder.join("ordinary");
        let config = project.root.join("orderdesk.toml");
        let key = tenant(server, &data, &config)?;
        let (_server, url) = serve(server, &data, &config, &[])?;
        wait_until_ready(&url)?;
        let (_proxy, url) = front(proxy, &url, &key)?;
        let mut failed = Vec::new();
        for (revision, scenarios) in WITHOUT_FIXTURES {
            for scenario in scenarios {
                let arguments = ["--spec-version", revision, "--scenario", scenario];
                let report = Report::of(&node, &url, &arguments)?;
                let verdict = if report.ok { "ok" } else { "FAILED" };
                writeln!(std::io::stdout(), "    {verdict:6} {revision} {scenario}")?;
                if !report.ok {
                    writeln!(std::io::stdout(), "{}", report.text)?;
                    failed.push(format!("{revision} {scenario}"));
                }
            }
        }
        if failed.is_empty() {
            Ok(())
        } else {
            bail!("failed: {}", failed.join(", "))
        }
    });
    Ok(())
}

/// The server with the feature, as a file of its own; the ordinary one is back in its place afterwards.
fn build_special(project: &Project, steps: &mut Steps, folder: &Path) -> Result<PathBuf> {
    let built = artefacts::binaries_with(project, steps, project::SERVER, "conformance")?;
    let special = folder.join(project::SERVER);
    fs::create_dir_all(folder)?;
    if special.exists() {
        fs::remove_file(&special)?;
    }
    fs::copy(artefacts::binary(&built, project::SERVER)?, &special)
        .with_context(|| format!("cannot write {}", special.display()))?;
    Ok(special)
}

/// A configuration with nothing but the fixtures.
fn fixtures(folder: &Path, plugin: &Path, sessions: bool) -> Result<PathBuf> {
    let config = folder.join("conformance.toml");
    let source = plugin.display().to_string();
    let text = format!(
        "[mcp]\nlist_wait = \"120s\"\nlegacy_sessions = {sessions}\n\n[plugins.conformance]\nsource = {source:?}\n\
         prefixes = [\"test_\", \"json_schema_\"]\nschemes = [\"test\"]\n"
    );
    fs::write(&config, text)?;
    Ok(config)
}

/// Starts a server on a free port; answers the URL of its endpoint.
fn serve(program: &Path, data: &Path, config: &Path, more: &[&str]) -> Result<(Service, String)> {
    let log = data.join("server.log");
    fs::create_dir_all(data)?;
    let mut command = Command::new(program);
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(more)
        .arg("--config")
        .arg(config)
        .arg("--data-dir")
        .arg(data.join("data"))
        .env("ORDERDESK_BASE_URL", "http://127.0.0.1:9")
        .env("RUST_LOG", "info")
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log)?);
    let service = Service::start("the server", GRACE, &mut command)?;
    for _ in 0..600 {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let said = text.lines().find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(line.get("url")?.as_str()?.to_owned())
        });
        if let Some(url) = said {
            return Ok((service, url));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("the server did not start; see {}", log.display())
}

/// Waits until every plugin is compiled: the suite gives a list less time than a busy machine needs.
fn wait_until_ready(url: &str) -> Result<()> {
    let address = url.trim_start_matches("http://").trim_end_matches("/mcp");
    for _ in 0..1200 {
        let mut connection = TcpStream::connect(address)?;
        let request = format!("GET /health/ready HTTP/1.0\r\nHost: {address}\r\n\r\n");
        connection.write_all(request.as_bytes())?;
        let mut status = String::new();
        BufReader::new(connection).read_line(&mut status)?;
        if status.contains(" 200 ") {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("the server at {url} does not become ready")
}

/// The key of a tenant of this run.
fn tenant(server: &Path, data: &Path, config: &Path) -> Result<String> {
    if data.exists() {
        fs::remove_dir_all(data)?;
    }
    fs::create_dir_all(data)?;
    let mut command = Command::new(server);
    command
        .args(["tenants", "create", "--name", "conformance", "--json"])
        .arg("--config")
        .arg(config)
        .arg("--data-dir")
        .arg(data.join("data"))
        .env("ORDERDESK_BASE_URL", "http://127.0.0.1:9");
    let created: serde_json::Value = serde_json::from_str(&process::output_of(&mut command)?)?;
    let key = created.get("master_key").and_then(|key| key.as_str());
    key.map(str::to_owned).context("there is no key")
}

/// The proxy that adds the key.
fn front(program: &Path, url: &str, key: &str) -> Result<(Service, String)> {
    let origin = url.strip_suffix("/mcp").unwrap_or(url);
    let mut command = Command::new(program);
    command
        .arg(origin)
        .env("ORDERDESK_TEST_KEY", key)
        .stdout(Stdio::piped());
    let mut service = Service::start("the proxy", GRACE, &mut command)?;
    let output = service.take_stdout().context("the proxy has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    Ok((service, line.trim().to_owned()))
}

/// What the suite said.
struct Report {
    ok: bool,
    text: String,
}

impl Report {
    fn of(node: &Node, url: &str, arguments: &[&str]) -> Result<Self> {
        let mut command = node.package_program(SUITE);
        let output = command
            .args(["server", "--url", url])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("the suite could not be started")?;
        Ok(Self {
            ok: output.status.success(),
            text: String::from_utf8_lossy(&output.stdout).into_owned(),
        })
    }

    /// The lines of the suite's own summary: `✓ scenario: 2 passed, 0 failed`.
    fn scenarios(&self) -> impl Iterator<Item = Scenario<'_>> {
        let summary = self
            .text
            .split("=== SUMMARY ===")
            .nth(1)
            .unwrap_or_default();
        summary.lines().filter_map(Scenario::of)
    }

    fn not_scored(&self) -> Vec<&str> {
        let part = self.text.split("Not scored for").nth(1).unwrap_or_default();
        let lines = part.lines().skip(1);
        lines
            .filter_map(|line| {
                line.trim()
                    .strip_prefix(['✓', '✗'])?
                    .split_whitespace()
                    .next()
            })
            .collect()
    }

    fn print(&self, without_sessions: bool) -> Result<()> {
        let mut output = std::io::stdout();
        let not_scored = self.not_scored();
        for scenario in self.scenarios() {
            let word = match scenario.failed {
                0 => "ok",
                _ if without_sessions && OF_SESSIONS.contains(&scenario.name) => "n/a",
                _ if not_scored.contains(&scenario.name) => "unscored",
                _ => "FAILED",
            };
            writeln!(
                output,
                "    {word:8} {} ({} passed, {} failed)",
                scenario.name, scenario.passed, scenario.failed
            )?;
        }
        Ok(())
    }

    fn verdict(&self, without_sessions: bool) -> Result<()> {
        let not_scored = self.not_scored();
        let (mut passed, mut failed) = (0, Vec::new());
        for scenario in self.scenarios() {
            if not_scored.contains(&scenario.name) {
                continue;
            }
            let applies = !without_sessions || !OF_SESSIONS.contains(&scenario.name);
            passed += scenario.passed;
            if applies && scenario.failed > 0 {
                failed.push(scenario.name);
            }
        }
        if passed == 0 {
            bail!("the suite checked nothing: {}", self.text);
        }
        if failed.is_empty() {
            writeln!(std::io::stdout(), "    {passed} checks passed")?;
            return Ok(());
        }
        writeln!(std::io::stdout(), "{}", self.text)?;
        bail!("failed: {}", failed.join(", "))
    }
}

/// A line of the summary.
#[derive(Debug, PartialEq)]
struct Scenario<'a> {
    name: &'a str,
    passed: usize,
    failed: usize,
}

impl<'a> Scenario<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (name, counts) = line
            .trim()
            .strip_prefix(['✓', '✗'])?
            .trim()
            .split_once(": ")?;
        let (passed, failed) = counts.split_once(", ")?;
        Some(Self {
            name,
            passed: passed.strip_suffix(" passed")?.parse().ok()?,
            failed: failed.strip_suffix(" failed")?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> Report {
        Report {
            ok: false,
            text: text.to_owned(),
        }
    }

    const TEXT: &str = "noise\n=== SUMMARY ===\n✓ ping: 1 passed, 0 failed\n✗ resources-subscribe: 1 passed, 1 failed\n\
                        ✗ tasks-lifecycle: 1 passed, 8 failed\n\nTotal: 3 passed, 9 failed\n\n\
                        Not scored for 2025-11-25: 1 scenario(s) run, 1 failing.\n  ✗ tasks-lifecycle (extension)\n";

    #[test]
    fn what_is_scored_and_applies_has_to_pass() {
        assert_eq!(report(TEXT).not_scored(), ["tasks-lifecycle"]);
        assert_eq!(report(TEXT).scenarios().count(), 3);
        assert!(report(TEXT).verdict(true).is_ok());
        assert!(report(TEXT).verdict(false).is_err());
    }

    #[test]
    fn a_suite_that_checked_nothing_has_not_passed() {
        assert!(report("Error: no server").verdict(false).is_err());
    }
}
