//! From a plugin's folder to its component.

mod javascript;
mod python;
mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::language::Language;
use crate::tools::Tools;
use crate::{contract, vendor};

/// Where a component is put, below the plugin's folder.
const OUTPUT: &str = "dist";

/// A component that was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Built {
    /// Its file.
    pub wasm: PathBuf,
    /// The file's digest, in hexadecimal: what a config pins.
    pub sha256: String,
    /// The file's size.
    pub bytes: usize,
}

/// Builds the plugin in this folder and puts the component into `dist/NAME.wasm`.
///
/// # Errors
/// What the compiler says has been printed; the error says what was run.
pub fn build(plugin: &Path, tools: &Tools) -> Result<Built> {
    let language = Language::of(plugin)?;
    vendor::refresh(plugin, language)?;
    eprintln!("==> build {} ({language})", plugin.display());
    let (name, mut component) = match language {
        Language::Rust => rust::build(plugin, tools)?,
        Language::JavaScript => javascript::build(plugin, tools)?,
        Language::Python => python::build(plugin, tools)?,
    };
    contract::stamp(&mut component)?;
    let wasm = plugin.join(OUTPUT).join(format!("{name}.wasm"));
    place(&wasm, &component)?;
    Ok(Built {
        sha256: digest(&component),
        bytes: component.len(),
        wasm,
    })
}

/// Runs the plugin's own tests, natively.
///
/// # Errors
/// A test failed, or the language is not there.
pub fn test(plugin: &Path, tools: &Tools) -> Result<()> {
    let language = Language::of(plugin)?;
    vendor::refresh(plugin, language)?;
    match language {
        Language::Rust => rust::test(plugin),
        Language::JavaScript => javascript::test(plugin, tools),
        Language::Python => python::test(plugin),
    }
}

/// What changes to when a plugin has to be built again: all of its files but what building makes.
#[must_use]
pub fn is_source(plugin: &Path, changed: &Path) -> bool {
    const MADE: [&str; 8] = [
        OUTPUT,
        "target",
        "node_modules",
        "__pycache__",
        ".packages",
        vendor::FOLDER,
        "Cargo.lock",
        "package-lock.json",
    ];
    let Ok(inside) = changed.strip_prefix(plugin) else {
        return false;
    };
    inside.components().all(|part| {
        let part = part.as_os_str().to_string_lossy();
        // Editors and version control keep hidden files beside the sources; `.cargo` says how to build.
        !MADE.contains(&part.as_ref()) && (!part.starts_with('.') || part == ".cargo")
    }) && inside.components().next().is_some()
}

/// A digest in hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server that is reading the old component never sees half of the new one; an unchanged one keeps its time.
fn place(to: &Path, component: &[u8]) -> Result<()> {
    if fs::read(to).is_ok_and(|old| old == component) {
        return Ok(());
    }
    let unfinished = to.with_extension("wasm.new");
    to.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&unfinished, component))
        .and_then(|()| fs::rename(&unfinished, to))
        .with_context(|| format!("cannot write {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_building_makes_is_no_reason_to_build_again() {
        let plugin = Path::new("/p");
        for source in [
            "src/lib.rs",
            "plugin.js",
            "data/a.json",
            ".cargo/config.toml",
        ] {
            assert!(is_source(plugin, &plugin.join(source)), "{source}");
        }
        for made in [
            "dist/a.wasm",
            "target/release/x",
            ".plugin.js.swp",
            "vendor/wit/a.wit",
            "a/__pycache__/b.pyc",
            "",
        ] {
            assert!(!is_source(plugin, &plugin.join(made)), "{made}");
        }
        assert!(!is_source(plugin, Path::new("/q/src/lib.rs")));
    }
}
