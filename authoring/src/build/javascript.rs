//! Plugins in JavaScript: QuickJS, put together with the plugin by `componentize-qjs`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;
use crate::tools::{Node, Tools};

/// What the component is made from; it takes `plugin.js` from the plugin's folder.
const ENTRY: &str = "vendor/sdk/component.js";

/// The name and the component.
pub(super) fn build(plugin: &Path, tools: &Tools) -> Result<(String, Vec<u8>)> {
    let package = Package::read(plugin)?;
    let node = tools.node()?;
    package.fetch(plugin, &node)?;
    let componentize = tools.componentize_qjs(&node)?;
    let output = tempfile::tempdir()?;
    let file = output.path().join("plugin.wasm");
    let mut command = node.command();
    command
        .arg(componentize)
        // The contract is synchronous; WASI stays, since clock and randomness come from there.
        .args(["--sync", "--opt-size", "--wit", "vendor/wit", "--world"])
        .args([WORLD, "--module-root", ".", "--js", ENTRY])
        .arg("--output")
        .arg(&file)
        .current_dir(plugin);
    // It tells of its success, too: only a failure is worth reading.
    process::output_of(&mut command)?;
    let component =
        std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok((package.name, component))
}

/// The world that `component.js` implements.
const WORLD: &str = "plugin";

pub(super) fn test(plugin: &Path, tools: &Tools) -> Result<()> {
    let node = tools.node()?;
    Package::read(plugin)?.fetch(plugin, &node)?;
    process::run(node.command().arg("--test").current_dir(plugin))
}

/// What counts in `package.json`.
#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    dependencies: serde_json::Map<String, serde_json::Value>,
}

impl Package {
    fn read(plugin: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(plugin.join("package.json"))?;
        let mut package: Self = serde_json::from_str(&text).context("package.json")?;
        // `@scope/name` would be a folder.
        if let Some((_, name)) = package.name.rsplit_once('/') {
            package.name = name.to_owned();
        }
        if package.name.is_empty() || package.name.starts_with('.') {
            bail!(
                "package.json: `name` is what the component's file is called, and must say something"
            );
        }
        Ok(package)
    }

    /// Fetches what the plugin itself depends on.
    fn fetch(&self, plugin: &Path, node: &Node) -> Result<()> {
        if self.dependencies.is_empty() {
            return Ok(());
        }
        let how = if plugin.join("package-lock.json").is_file() {
            "ci"
        } else {
            "install"
        };
        process::output_of(node.npm(how).current_dir(plugin)).map(|_| ())
    }
}
