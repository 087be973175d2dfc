//! What every plugin's folder has in `vendor/`: the contract and the SDK, as this program carries them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::embedded::{
    self, CONTRACT, Files, JAVASCRIPT_SDK, PYTHON_SDK, RUST_SDK, RUST_SDK_MANIFEST, RUST_SDK_README,
};
use crate::language::Language;

/// The folder's name.
pub const FOLDER: &str = "vendor";

/// Writes what differs from what this program carries, and takes away what it no longer has: a plugin is always built for the
/// contract of the program that builds it. Answers whether anything was written.
///
/// # Errors
/// The folder cannot be written.
pub fn refresh(plugin: &Path, language: Language) -> Result<bool> {
    let vendor = plugin.join(FOLDER);
    let mut wrote = whole(&vendor.join("wit"), CONTRACT)?;
    match language {
        Language::Rust => {
            let sdk = vendor.join("sdk");
            wrote |= whole(&sdk.join("src"), RUST_SDK)?;
            wrote |= file(&sdk.join("Cargo.toml"), RUST_SDK_MANIFEST)?;
            wrote |= file(&sdk.join("README.md"), RUST_SDK_README)?;
        }
        Language::JavaScript => wrote |= whole(&vendor.join("sdk"), JAVASCRIPT_SDK)?,
        Language::Python => wrote |= whole(&vendor.join("sdk"), PYTHON_SDK)?,
    }
    Ok(wrote)
}

/// The template of a language.
pub(crate) fn template(language: Language) -> Files {
    match language {
        Language::Rust => embedded::RUST_TEMPLATE,
        Language::JavaScript => embedded::JAVASCRIPT_TEMPLATE,
        Language::Python => embedded::PYTHON_TEMPLATE,
    }
}

/// Makes a folder hold these files.
fn whole(folder: &Path, files: Files) -> Result<bool> {
    let mut wrote = false;
    if folder.is_dir() {
        wrote |= remove_others(folder, folder, files)?;
    }
    for (path, text) in files {
        wrote |= file(&folder.join(path), text)?;
    }
    Ok(wrote)
}

fn remove_others(root: &Path, folder: &Path, files: Files) -> Result<bool> {
    let mut removed = false;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            // Python puts its bytecode there.
            if entry.file_name() != "__pycache__" {
                removed |= remove_others(root, &path, files)?;
            }
        } else if let Ok(inside) = path.strip_prefix(root)
            && !files.iter().any(|(known, _)| Path::new(known) == inside)
        {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            removed = true;
        }
    }
    Ok(removed)
}

pub(crate) fn file(path: &Path, text: &str) -> Result<bool> {
    // An unchanged file keeps its time: whoever builds does not build it again.
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(false);
    }
    let written = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, text));
    written.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_old_goes_what_is_new_comes_and_what_is_there_stays() {
        for language in Language::ALL {
            let plugin = tempfile::tempdir().unwrap();
            assert!(refresh(plugin.path(), language).unwrap());
            let contract = plugin.path().join("vendor/wit/plugin.wit");
            assert!(contract.is_file());
            assert!(!refresh(plugin.path(), language).unwrap(), "{language}");

            let stale = plugin.path().join("vendor/wit/gone.wit");
            fs::write(&stale, "interface gone {}").unwrap();
            fs::write(&contract, "changed").unwrap();
            assert!(refresh(plugin.path(), language).unwrap());
            assert!(!stale.exists());
            assert!(
                fs::read_to_string(&contract)
                    .unwrap()
                    .contains("world plugin")
            );
        }
    }

    #[test]
    fn the_sdks_manifest_stands_on_its_own() {
        let manifest: toml_edit::DocumentMut = RUST_SDK_MANIFEST.parse().unwrap();
        assert!(
            !RUST_SDK_MANIFEST.contains("workspace"),
            "{RUST_SDK_MANIFEST}"
        );
        assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"));
        assert!(manifest["dependencies"]["serde"]["version"].is_str());
    }
}
