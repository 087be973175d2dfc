//! The Python environment of the client tests, and running their scripts in it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};

use crate::process;
use crate::project::Project;
use crate::tap::Tally;

/// Where the scripts and what they need stand, below the root.
const CLIENTS: &str = "tests/clients";

/// What a fresh Debian lacks.
const DEBIAN_PACKAGES: [&str; 2] = ["python3", "python3-venv"];

/// A set of scripts and what they need.
pub(crate) struct Suite {
    /// Its folder below [`CLIENTS`], and that of its environment.
    name: &'static str,
    /// What pins its packages.
    requirements: &'static str,
    /// What can be imported where they are installed.
    module: &'static str,
}

impl Suite {
    /// How it is called.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

/// The official client.
pub(crate) const CLIENT: Suite = Suite {
    name: "python",
    requirements: "requirements.txt",
    module: "mcp",
};

/// The official client of the older fleet.
pub(crate) const OLD_FLEET: Suite = Suite {
    name: "mcp-1",
    requirements: "others/requirements-mcp-1.txt",
    module: "mcp",
};

/// The client of fastmcp.
pub(crate) const FASTMCP: Suite = Suite {
    name: "fastmcp",
    requirements: "others/requirements-fastmcp.txt",
    module: "fastmcp",
};

/// A real browser at the pages.
pub(crate) const BROWSER: Suite = Suite {
    name: "browser",
    requirements: "requirements-browser.txt",
    module: "playwright",
};

/// A virtual environment with the packages that a suite's requirements pin.
pub(crate) struct Python {
    interpreter: PathBuf,
    scripts: PathBuf,
    /// Modules that the suites share.
    shared: PathBuf,
}

impl Python {
    /// The interpreter.
    pub(crate) fn interpreter(&self) -> &Path {
        &self.interpreter
    }

    /// Makes the environment, or finds the one made earlier from the same requirements.
    pub(crate) fn prepare(project: &Project, suite: &Suite) -> Result<Self> {
        let clients = project.root.join(CLIENTS);
        let requirements = clients.join(suite.requirements);
        let wanted = fs::read_to_string(&requirements)
            .with_context(|| format!("cannot read {}", requirements.display()))?;
        let folder = project
            .target_directory
            .join("clients/environments")
            .join(suite.name);
        let marker = folder.join("requirements.txt");
        let python = Self {
            interpreter: folder.join("bin/python"),
            scripts: clients.join(suite.name),
            shared: clients.join(CLIENT.name),
        };
        // The marker is written last, so an environment without it is a broken one; one whose base
        // interpreter has gone does not start.
        let usable = fs::read_to_string(&marker).is_ok_and(|made_from| made_from == wanted)
            && python_works(&python.interpreter, suite);
        if !usable {
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            create(&folder)?;
            eprintln!("    installing what {} pins", requirements.display());
            process::run(
                Command::new(&python.interpreter)
                    .args(["-m", "pip", "install", "--quiet", "--no-input"])
                    .args(["--disable-pip-version-check", "--requirement"])
                    .arg(&requirements),
            )?;
            fs::write(&marker, wanted)?;
        }
        Ok(python)
    }

    /// Downloads a file over HTTPS, with the certificates that pip brings along: a small Debian has none.
    pub(crate) fn download(&self, url: &str, to: &Path) -> Result<()> {
        const SCRIPT: &str = "import sys\nfrom pip._vendor import requests\nanswer = requests.get(sys.argv[1], timeout=120)\n\
                              answer.raise_for_status()\nopen(sys.argv[2], 'wb').write(answer.content)";
        process::run(
            Command::new(&self.interpreter)
                .args(["-c", SCRIPT, url])
                .arg(to),
        )
    }

    /// The names of the scripts, in order.
    pub(crate) fn scripts(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.scripts)
            .with_context(|| format!("cannot read {}", self.scripts.display()))?
        {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.starts_with("test_") && name.ends_with(".py") {
                names.push(name);
            }
        }
        names.sort();
        if names.is_empty() {
            bail!("no test_*.py in {}", self.scripts.display());
        }
        Ok(names)
    }

    /// Runs one script, showing its output as it comes, and counts what it checked.
    pub(crate) fn run(&self, script: &str, environment: &[(&str, &Path)]) -> Result<Tally> {
        let mut command = Command::new(&self.interpreter);
        command
            // No bytecode beside the sources, and every line as it is printed.
            .args(["-B", "-u"])
            .arg(self.scripts.join(script))
            .envs(environment.iter().copied())
            .env("PYTHONPATH", &self.shared)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("{} could not be started", self.interpreter.display()))?;
        let mut tally = Tally::default();
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).lines() {
                let line = line?;
                writeln!(std::io::stdout(), "    {line}")?;
                tally.read(&line);
            }
        }
        child.wait()?;
        Ok(tally)
    }
}

/// Creates an empty virtual environment; as root on Debian, what is missing for that is installed.
fn create(folder: &Path) -> Result<()> {
    let Err(first) = virtual_environment(folder) else {
        return Ok(());
    };
    let advice = format!(
        "the client tests need Python 3.10 or newer with its venv module: install it with `apt-get install {}`",
        DEBIAN_PACKAGES.join(" ")
    );
    if !rustix::process::geteuid().is_root() || !process::exists("apt-get") {
        return Err(first.context(advice));
    }
    eprintln!(
        "    {first:#}\n    installing {}",
        DEBIAN_PACKAGES.join(" ")
    );
    install_debian_packages().context(advice.clone())?;
    virtual_environment(folder).context(advice)
}

fn virtual_environment(folder: &Path) -> Result<()> {
    let made = process::output_of(Command::new("python3").args(["-m", "venv"]).arg(folder));
    if made.is_err() && folder.exists() {
        // Without ensurepip an environment is left behind that lacks pip.
        fs::remove_dir_all(folder)?;
    }
    made.map(|_| ())
        .map_err(|error| anyhow!("no virtual environment: {error:#}"))
}

fn install_debian_packages() -> Result<()> {
    let apt = |arguments: &[&str]| {
        process::output_of(
            Command::new("apt-get")
                .arg("--quiet=2")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(DEBIAN_PACKAGES);
    // A fresh container has no package lists yet.
    if apt(&install).is_err() {
        apt(&["update"])?;
        apt(&install)?;
    }
    Ok(())
}

fn python_works(interpreter: &Path, suite: &Suite) -> bool {
    let import = format!("import {}", suite.module);
    process::output_of(Command::new(interpreter).args(["-c", &import])).is_ok()
}
