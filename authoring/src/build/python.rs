//! Plugins in Python: CPython, put together with the plugin by `componentize-py`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::tools::Tools;

/// The world that `component.py` implements.
const WORLD: &str = "plugin";

/// What the plugin itself depends on, below its folder.
const PACKAGES: &str = ".packages";

/// The name and the component.
pub(super) fn build(plugin: &Path, tools: &Tools) -> Result<(String, Vec<u8>)> {
    let project = Project::read(plugin)?;
    let environment = tools.componentize_py()?;
    let output = tempfile::tempdir()?;
    let file = output.path().join("plugin.wasm");
    let mut command = Command::new(environment.program("componentize-py"));
    command
        .args(["--quiet", "--wit-path", "vendor/wit", "--world", WORLD])
        .args(["componentize", "component"])
        .args(["--python-path", "vendor/sdk", "--python-path", "."])
        .current_dir(plugin)
        // Modules of the person's own environment are no part of the plugin.
        .env_remove("VIRTUAL_ENV")
        .env_remove("PYTHONPATH")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if !project.dependencies.is_empty() {
        fetch(plugin, &project, &environment.python())?;
        command.args(["--python-path", PACKAGES]);
    }
    process::output_of(command.arg("--output").arg(&file))?;
    let component =
        std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok((project.name, component))
}

pub(super) fn test(plugin: &Path) -> Result<()> {
    process::run(
        Command::new("python3")
            .args(["-m", "unittest", "discover", "--pattern", "test_*.py"])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env(
                "PYTHONPATH",
                std::env::join_paths(["vendor/sdk", ".", PACKAGES])?,
            )
            .current_dir(plugin),
    )
}

/// Pure Python only: what is compiled for this machine does not run in WebAssembly.
fn fetch(plugin: &Path, project: &Project, python: &Path) -> Result<()> {
    process::output_of(
        Command::new(python)
            .args(["-m", "pip", "install", "--quiet", "--no-input", "--upgrade"])
            .args(["--disable-pip-version-check", "--only-binary=:all:"])
            .args(["--platform", "any", "--target", PACKAGES])
            .args(&project.dependencies)
            .current_dir(plugin),
    )
    .map(|_| ())
}

/// What counts in `pyproject.toml`.
struct Project {
    name: String,
    dependencies: Vec<String>,
}

impl Project {
    fn read(plugin: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(plugin.join("pyproject.toml"))?;
        let document: toml_edit::DocumentMut = text.parse().context("pyproject.toml")?;
        let project = document.get("project");
        let name = project
            .and_then(|project| project.get("name"))
            .and_then(toml_edit::Item::as_str);
        let Some(name) = name.filter(|name| !name.is_empty() && !name.contains('/')) else {
            bail!("pyproject.toml: [project] has no name; the component's file is called by it");
        };
        let dependencies = project
            .and_then(|project| project.get("dependencies"))
            .and_then(toml_edit::Item::as_array);
        Ok(Self {
            name: name.to_owned(),
            dependencies: dependencies
                .into_iter()
                .flatten()
                .filter_map(|dependency| dependency.as_str().map(str::to_owned))
                .collect(),
        })
    }
}
