//! What is built: the components, put where the configuration and the tests find them, and the binaries.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;

use crate::project::{self, Component, Project};
use crate::steps::Steps;
use crate::{process, target};

/// `cargo xtask build`.
pub(crate) fn build(project: &Project, release: bool) -> Result<ExitCode> {
    let mut steps = Steps::default();
    let components = components(project, &mut steps)?;
    let binaries = binaries(
        project,
        &mut steps,
        &[project::SERVER],
        Optimisation::of(release),
    )?;
    let shipped = components
        .iter()
        .filter(|component| component.ships)
        .map(|component| &component.destination);
    for path in shipped.chain(binaries.values()) {
        eprintln!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// How a binary is compiled.
#[derive(Clone, Copy)]
pub(crate) enum Optimisation {
    /// `debug`: quick to build.
    None,
    /// `release`: quick to run.
    Full,
}

impl Optimisation {
    /// What a `--release` flag says.
    pub(crate) fn of(release: bool) -> Self {
        if release { Self::Full } else { Self::None }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Full => &["--release"],
        }
    }
}

/// Builds every component of the workspace and puts those that changed in their places.
pub(crate) fn components(project: &Project, steps: &mut Steps) -> Result<Vec<Component>> {
    let components = project.components();
    if components.is_empty() {
        bail!(
            "the workspace has no component: no member under plugins/ or tests/guests/ is a cdylib"
        );
    }
    target::ensure(project, steps)?;
    steps.run("build the components", || {
        let mut command = project::cargo();
        command.args(["build", "--profile", "plugin", "--target", target::NAME]);
        for component in &components {
            command.args(["--package", &component.package]);
        }
        let built = built_files(project, &mut command)?;
        for component in &components {
            let wasm = built
                .iter()
                .filter(|artefact| artefact.package == component.package)
                .flat_map(|artefact| &artefact.files)
                .find(|file| {
                    file.extension()
                        .is_some_and(|extension| extension == "wasm")
                })
                .ok_or_else(|| anyhow!("building {} left no .wasm file", component.package))?;
            if place(wasm, &component.destination)? {
                eprintln!("    new: {}", component.destination.display());
            }
        }
        Ok(())
    })?;
    Ok(components)
}

/// Builds the binaries of the named packages; answers name -> path.
pub(crate) fn binaries(
    project: &Project,
    steps: &mut Steps,
    packages: &[&str],
    optimisation: Optimisation,
) -> Result<BTreeMap<String, PathBuf>> {
    steps.run(format!("build {}", packages.join(" and ")), || {
        let mut command = project::cargo();
        command
            .args(["build", "--bins"])
            .args(optimisation.arguments());
        for package in packages {
            command.args(["--package", package]);
        }
        Ok(executables(built_files(project, &mut command)?))
    })
}

/// Builds the binaries of one package with a feature; answers name -> path. The ordinary ones have the same places: build them again
/// before they are used.
pub(crate) fn binaries_with(
    project: &Project,
    steps: &mut Steps,
    package: &str,
    feature: &str,
) -> Result<BTreeMap<String, PathBuf>> {
    steps.run(format!("build {package} with {feature}"), || {
        let mut command = project::cargo();
        command.args([
            "build",
            "--bins",
            "--package",
            package,
            "--features",
            feature,
        ]);
        Ok(executables(built_files(project, &mut command)?))
    })
}

/// Builds every binary and test of the workspace the way `cargo test` will want them, so that
/// nothing is compiled twice; answers the binaries, name -> path.
pub(crate) fn binaries_and_tests(
    project: &Project,
    steps: &mut Steps,
) -> Result<BTreeMap<String, PathBuf>> {
    steps.run("build the server, the simulator and the tests", || {
        let mut command = project::cargo();
        command.args(["build", "--workspace", "--bins", "--tests"]);
        Ok(executables(built_files(project, &mut command)?))
    })
}

/// The path of one binary among those that were built.
pub(crate) fn binary<'a>(built: &'a BTreeMap<String, PathBuf>, name: &str) -> Result<&'a Path> {
    built
        .get(name)
        .map(PathBuf::as_path)
        .ok_or_else(|| anyhow!("no binary called {name} was built"))
}

/// Files that cargo made of one target of a package.
#[derive(Debug, PartialEq)]
struct Artefact {
    package: String,
    target: String,
    files: Vec<PathBuf>,
    /// The program, when the target is a binary (not a test).
    program: Option<PathBuf>,
}

fn executables(artefacts: Vec<Artefact>) -> BTreeMap<String, PathBuf> {
    artefacts
        .into_iter()
        .filter_map(|artefact| Some((artefact.target, artefact.program?)))
        .collect()
}

/// Runs a `cargo build` and answers what it made, new or still fresh. Cargo is asked for the paths
/// rather than guessed at: they depend on its configuration.
fn built_files(project: &Project, command: &mut Command) -> Result<Vec<Artefact>> {
    command
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(&project.root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command.spawn().context("cargo could not be started")?;
    let mut artefacts = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            artefacts.extend(artefact(&line?));
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` failed ({status})", process::line_of(command));
    }
    Ok(artefacts)
}

/// Reads one of cargo's messages; those that are no artefact of the workspace are nothing.
/// The format: <https://doc.rust-lang.org/cargo/reference/external-tools.html#artifact-messages>.
fn artefact(line: &str) -> Option<Artefact> {
    let message: CompilerArtifact = serde_json::from_str(line).ok()?;
    if message.reason != "compiler-artifact" {
        return None;
    }
    let is_program = message.target.kind.iter().any(|kind| kind == "bin") && !message.profile.test;
    Some(Artefact {
        package: package_name(&message.package_id)?.to_owned(),
        target: message.target.name,
        files: message.filenames,
        program: message.executable.filter(|_| is_program),
    })
}

/// The package's name in an id such as `path+file:///work/host#orderdesk-mcp@0.1.0` or, when the
/// folder is named like the package, `path+file:///work/xtask#0.1.0`
/// (<https://doc.rust-lang.org/cargo/reference/pkgid-spec.html>).
fn package_name(id: &str) -> Option<&str> {
    let (url, fragment) = id.rsplit_once('#')?;
    match fragment.split_once('@') {
        Some((name, _)) => Some(name),
        None => url.rsplit('/').next(),
    }
}

#[derive(Deserialize)]
struct CompilerArtifact {
    reason: String,
    package_id: String,
    target: Target,
    profile: Profile,
    filenames: Vec<PathBuf>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// Copies a file to its place when the place holds something else; says whether it did. A server
/// that is reading the old file never sees half of the new one.
fn place(from: &Path, to: &Path) -> Result<bool> {
    let new = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(false);
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let unfinished = to.with_extension("wasm.new");
    fs::write(&unfinished, new)
        .and_then(|()| fs::rename(&unfinished, to))
        .with_context(|| format!("cannot write {}", to.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn message(kind: &str, test: bool) -> String {
        serde_json::json!({
            "reason": "compiler-artifact",
            "package_id": "path+file:///work/host#orderdesk-mcp@0.1.0",
            "target": { "name": "orderdesk-mcp", "kind": [kind] },
            "profile": { "test": test },
            "filenames": ["/t/debug/orderdesk-mcp"],
            "executable": "/t/debug/orderdesk-mcp",
        })
        .to_string()
    }

    #[test]
    fn a_binary_is_a_program_and_its_test_is_not() {
        let program = PathBuf::from("/t/debug/orderdesk-mcp");
        assert_eq!(
            artefact(&message("bin", false)).unwrap().program,
            Some(program)
        );
        assert_eq!(artefact(&message("bin", true)).unwrap().program, None);
        assert_eq!(artefact(&message("test", true)).unwrap().program, None);
        assert_eq!(
            artefact(r#"{"reason":"build-finished","success":true}"#),
            None
        );
    }

    #[test]
    fn package_names_are_read_from_both_forms_of_id() {
        assert_eq!(
            package_name("path+file:///w/host#orderdesk-mcp@0.1.0"),
            Some("orderdesk-mcp")
        );
        assert_eq!(package_name("path+file:///w/xtask#0.1.0"), Some("xtask"));
        assert_eq!(
            package_name("registry+https://example.org/index#serde@1.0.1"),
            Some("serde")
        );
    }

    #[test]
    fn a_file_is_placed_only_when_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("built.wasm");
        let to = folder.path().join("deep/down/orders.wasm");
        fs::write(&from, b"one").unwrap();
        assert!(place(&from, &to).unwrap());
        assert!(!place(&from, &to).unwrap());
        fs::write(&from, b"two").unwrap();
        assert!(place(&from, &to).unwrap());
        assert_eq!(fs::read(&to).unwrap(), b"two");
        let left = fs::read_dir(to.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "nothing unfinished stays behind");
    }
}
