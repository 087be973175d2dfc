//! Plugins in Rust: cargo, and the standard library of its WebAssembly target.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;

use crate::tools::Tools;
use crate::{process, wasm_target};

/// The name and the component.
pub(super) fn build(plugin: &Path, tools: &Tools) -> Result<(String, Vec<u8>)> {
    if !process::exists("cargo") {
        bail!("`cargo` is missing: install Rust from https://rustup.rs, then build again");
    }
    if !wasm_target::is_there()? {
        eprintln!("==> install the target {} (once)", wasm_target::NAME);
        wasm_target::ensure(tools.folder())?;
    }
    let mut command = process::cargo();
    command
        .args(["build", "--release", "--lib", "--target", wasm_target::NAME])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(plugin)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let manifest = plugin.join("Cargo.toml").canonicalize()?;
    let (name, file) = component_of(&mut command, &manifest)?;
    let component =
        std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok((name, component))
}

pub(super) fn test(plugin: &Path) -> Result<()> {
    process::run(process::cargo().arg("test").current_dir(plugin))
}

/// Runs the build; cargo tells what it made, and where
/// (<https://doc.rust-lang.org/cargo/reference/external-tools.html#artifact-messages>).
fn component_of(command: &mut Command, manifest: &Path) -> Result<(String, PathBuf)> {
    let mut child = command.spawn().context("cargo could not be started")?;
    let mut found = None;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let Ok(artefact) = serde_json::from_str::<Artefact>(&line?) else {
                continue;
            };
            let is_component = |file: &&PathBuf| file.extension().is_some_and(|it| it == "wasm");
            if artefact.manifest_path == manifest
                && let Some(file) = artefact.filenames.iter().find(is_component)
            {
                found = Some((artefact.target.name, file.clone()));
            }
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` failed ({status})", process::line_of(command));
    }
    let (name, file) = found.ok_or_else(|| {
        anyhow!("cargo made no .wasm file: [lib] crate-type in Cargo.toml must hold \"cdylib\"")
    })?;
    // A library's name has underscores where its package has hyphens.
    Ok((package_name(manifest)?.unwrap_or(name), file))
}

fn package_name(manifest: &Path) -> Result<Option<String>> {
    let manifest: toml_edit::DocumentMut = std::fs::read_to_string(manifest)?.parse()?;
    let name = manifest.get("package").and_then(|it| it.get("name"));
    Ok(name.and_then(|name| name.as_str()).map(str::to_owned))
}

#[derive(Deserialize)]
struct Artefact {
    manifest_path: PathBuf,
    target: Target,
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}
