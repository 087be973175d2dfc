//! `cargo xtask test`: everything the tests need, the Rust tests, and the clients that others wrote.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::account::USERS_ENVIRONMENT;
use crate::browser::Browser;
use crate::dist::{self, Release};
use crate::node::Node;
use crate::project::{self, Component, Project};
use crate::python::{BROWSER, CLIENT, Python, Suite};
use crate::steps::Steps;
use crate::tap::Tally;
use crate::{artefacts, conformance, fuzz, process, python};

/// The scripts of what needs environments of its own: clients, and an authorization server.
const OTHER_CLIENTS: [&str; 2] = ["all_others.py", "all_oauth.py"];
/// The program of `@anthropic-ai/mcpb`.
const BUNDLER: &str = "@anthropic-ai/mcpb/dist/cli/cli.js";
/// Cases per property with `--all`; the default of proptest is 256.
const MANY_CASES: &str = "2000";

/// `cargo xtask test`.
pub(crate) fn test(project: &Project, all: bool, filter: Option<&str>) -> Result<ExitCode> {
    let mut steps = Steps::default();
    let components = artefacts::components(project, &mut steps)?;
    let built = artefacts::binaries_and_tests(project, &mut steps)?;
    let artefacts = Artefacts::of(project, &built)?;

    // Before the Rust tests, which build plugins in Python, too.
    let prepared = python(project, &mut steps, &CLIENT);
    steps.attempt("Rust tests", || {
        process::run(&mut rust_tests(project, &artefacts, all, filter))
    });
    let mut environment = artefacts.environment().to_vec();
    let release = steps.attempt("pack a release", || {
        release(project, &components, &artefacts)
    });
    if let Some(release) = &release {
        environment.push(("ORDERDESK_TEST_BUNDLE", &release.bundle));
    }
    let mut total = clients(prepared, &mut steps, &CLIENT, &environment, filter);
    // A browser is a large download.
    let browser = all.then(|| steps.attempt("prepare the browser", || Browser::prepare(project)));
    match &browser {
        None => {}
        Some(None) => total.failed += 1,
        Some(Some(browser)) => {
            environment.push(("ORDERDESK_TEST_BROWSER", &browser.program));
            if let Some(libraries) = &browser.libraries {
                environment.push(("ORDERDESK_TEST_BROWSER_LIBRARIES", libraries));
            }
            let prepared = python(project, &mut steps, &BROWSER);
            let more = clients(prepared, &mut steps, &BROWSER, &environment, filter);
            total.passed += more.passed;
            total.failed += more.failed;
        }
    }
    let others = OTHER_CLIENTS.into_iter();
    let others = others.filter(|script| filter.is_none_or(|filter| script.contains(filter)));
    for script in others.filter(|_| all) {
        total.add(other_clients(project, &mut steps, &artefacts, script));
    }
    if all
        && filter.is_none()
        && let Some(release) = &release
    {
        steps.attempt("mcpb validate", || validated(project, release));
    }
    if all && filter.is_none() {
        steps.attempt("the conformance suite", || {
            let mut its = Steps::default();
            conformance::run(project, &mut its)?;
            eprint!("{}", its.summary());
            if its.all_ok() {
                Ok(())
            } else {
                anyhow::bail!("what the suite requires is not met")
            }
        });
    }

    if all && filter.is_none() {
        steps.attempt(format!("fuzz for {} seconds", fuzz::IN_TESTS), || {
            fuzz::run(project, &mut Steps::default(), fuzz::IN_TESTS, 1, None)
        });
    }

    let mut output = std::io::stdout();
    writeln!(output, "\n{}", steps.summary())?;
    writeln!(output, "{} passed, {} failed", total.passed, total.failed)?;
    Ok(if steps.all_ok() && total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Absolute paths of what was built, for tests that start it.
struct Artefacts {
    plugins: PathBuf,
    guests: PathBuf,
    config: PathBuf,
    server: PathBuf,
    simulator: PathBuf,
}

impl Artefacts {
    fn of(project: &Project, built: &BTreeMap<String, PathBuf>) -> Result<Self> {
        Ok(Self {
            plugins: project.plugins_directory(),
            guests: project.guests_directory(),
            config: project.root.join("orderdesk.toml"),
            server: artefacts::binary(built, project::SERVER)?.to_owned(),
            simulator: artefacts::binary(built, project::SIMULATOR)?.to_owned(),
        })
    }

    fn environment(&self) -> [(&'static str, &Path); 5] {
        [
            ("ORDERDESK_PLUGINS_DIR", &self.plugins),
            ("ORDERDESK_GUESTS_DIR", &self.guests),
            ("ORDERDESK_CONFIG", &self.config),
            ("ORDERDESK_MCP_BIN", &self.server),
            ("ORDERDESK_SIM_BIN", &self.simulator),
        ]
    }
}

fn rust_tests(
    project: &Project,
    artefacts: &Artefacts,
    all: bool,
    filter: Option<&str>,
) -> Command {
    let mut command = project::cargo();
    command
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(filter)
        .current_dir(&project.root)
        .envs(artefacts.environment());
    for name in USERS_ENVIRONMENT {
        command.env_remove(name);
    }
    if all {
        command
            .env("ORDERDESK_TEST_COUNTS", "full")
            .env("PROPTEST_CASES", MANY_CASES);
    }
    command
}

/// What `cargo xtask dist` makes, of the binary that is tested.
fn release(project: &Project, components: &[Component], artefacts: &Artefacts) -> Result<Release> {
    let place = project.target_directory.join("release-of-tests");
    dist::make(project, components, &artefacts.server, &place)
}

/// Holds the bundle's manifest against the rules of those who defined it.
fn validated(project: &Project, release: &Release) -> Result<()> {
    let node = Node::prepare(project, &Python::prepare(project, &CLIENT)?)?;
    let folder = project.target_directory.join("release-of-tests/unpacked");
    let mut unpack = node.package_program(BUNDLER);
    process::run(unpack.arg("unpack").arg(&release.bundle).arg(&folder))?;
    process::run(
        node.package_program(BUNDLER)
            .arg("validate")
            .arg(folder.join("manifest.json")),
    )
}

/// A suite's environment and the names of its scripts.
fn python(project: &Project, steps: &mut Steps, suite: &Suite) -> Option<(Python, Vec<String>)> {
    steps.attempt(format!("prepare Python: {}", suite.name()), || {
        let python = Python::prepare(project, suite)?;
        let scripts = python.scripts()?;
        Ok((python, scripts))
    })
}

/// Runs the client scripts whose name, with that of their suite before it, contains `filter`; what cannot even run counts as one
/// failure.
fn clients(
    prepared: Option<(Python, Vec<String>)>,
    steps: &mut Steps,
    suite: &Suite,
    environment: &[(&'static str, &Path)],
    filter: Option<&str>,
) -> Tally {
    let mut total = Tally::default();
    let Some((python, scripts)) = prepared else {
        total.failed = 1;
        return total;
    };
    for script in scripts {
        let named = format!("{}/{script}", suite.name());
        if filter.is_some_and(|filter| !named.contains(filter)) {
            continue;
        }
        let mut tally = Tally::default();
        let step = steps.attempt(format!("Python: {named}"), || {
            tally = python.run(&script, environment)?;
            tally.verdict()
        });
        total.passed += tally.passed;
        // A script that broke off has failed, even if each check up to there passed.
        total.failed += tally.failed.max(usize::from(step.is_none()));
    }
    total
}

/// The clients of other languages and ages; what cannot even run counts as one failure.
fn other_clients(
    project: &Project,
    steps: &mut Steps,
    artefacts: &Artefacts,
    script: &str,
) -> Tally {
    let mut tally = Tally::default();
    let step = steps.attempt(format!("Python: {script}"), || {
        let official = Python::prepare(project, &CLIENT)?;
        let old = Python::prepare(project, &python::OLD_FLEET)?;
        let fastmcp = Python::prepare(project, &python::FASTMCP)?;
        let node = Node::prepare(project, &official)?;
        let (node, folder) = node.with_scripts()?;
        let mut environment = artefacts.environment().to_vec();
        environment.extend([
            ("CLIENTS_PYTHON_MCP_1", old.interpreter()),
            ("CLIENTS_PYTHON_FASTMCP", fastmcp.interpreter()),
            ("CLIENTS_NODE", node),
            ("CLIENTS_NODE_FOLDER", folder),
        ]);
        tally = official.run(script, &environment)?;
        tally.verdict()
    });
    tally.failed = tally.failed.max(usize::from(step.is_none()));
    tally
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn environment_of(all: bool) -> BTreeMap<String, Option<String>> {
        let project = Project::load().unwrap();
        let artefacts = Artefacts {
            plugins: "/p".into(),
            guests: "/g".into(),
            config: "/c".into(),
            server: "/s".into(),
            simulator: "/m".into(),
        };
        rust_tests(&project, &artefacts, all, None)
            .get_envs()
            .map(|(name, value)| {
                let text = |part: &std::ffi::OsStr| part.to_string_lossy().into_owned();
                (text(name), value.map(text))
            })
            .collect()
    }

    #[test]
    fn tests_find_what_was_built_and_not_the_users_account() {
        let environment = environment_of(false);
        assert_eq!(environment["ORDERDESK_MCP_BIN"].as_deref(), Some("/s"));
        assert_eq!(environment["ORDERDESK_API_KEY"], None);
        assert!(!environment.contains_key("PROPTEST_CASES"));
    }

    #[test]
    fn all_means_full_counts() {
        let environment = environment_of(true);
        assert_eq!(
            environment["ORDERDESK_TEST_COUNTS"].as_deref(),
            Some("full")
        );
        assert_eq!(environment["PROPTEST_CASES"].as_deref(), Some(MANY_CASES));
    }
}
