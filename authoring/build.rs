//! Puts what a plugin's author needs into the program: the contract, the SDKs and the templates, as they stand in this
//! repository.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Item, Value};
use walkdir::WalkDir;

/// What is carried: the constant's name, and the folder relative to this package.
const FOLDERS: [(&str, &str); 7] = [
    ("CONTRACT", "../wit"),
    ("RUST_SDK", "../sdk/src"),
    ("JAVASCRIPT_SDK", "../sdk/javascript"),
    ("PYTHON_SDK", "../sdk/python"),
    ("RUST_TEMPLATE", "templates/rust"),
    ("JAVASCRIPT_TEMPLATE", "templates/javascript"),
    ("PYTHON_TEMPLATE", "templates/python"),
];

fn main() -> Result<()> {
    let package = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut code = String::new();
    for (name, folder) in FOLDERS {
        let folder = package.join(folder);
        println!("cargo:rerun-if-changed={}", folder.display());
        writeln!(code, "pub(crate) const {name}: Files = &[")?;
        for (path, file) in files(&folder)? {
            writeln!(code, "    ({path:?}, include_str!({file:?})),")?;
        }
        writeln!(code, "];")?;
    }
    let sdk = package.join("../sdk");
    for manifest in [sdk.join("Cargo.toml"), package.join("../Cargo.toml")] {
        println!("cargo:rerun-if-changed={}", manifest.display());
    }
    std::fs::write(out.join("sdk.toml"), sdk_manifest(&package)?)?;
    writeln!(
        code,
        "pub(crate) const RUST_SDK_MANIFEST: &str = include_str!({:?});",
        out.join("sdk.toml")
    )?;
    writeln!(
        code,
        "pub(crate) const RUST_SDK_README: &str = include_str!({:?});",
        sdk.join("README.md")
    )?;
    std::fs::write(out.join("embedded.rs"), code)?;
    Ok(())
}

/// The files below a folder, by their path within it.
fn files(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    // Released versions of the contract stand in folders below the newest.
    let depth = if folder.ends_with("wit") {
        1
    } else {
        usize::MAX
    };
    for entry in WalkDir::new(folder).max_depth(depth).sort_by_file_name() {
        let entry = entry?;
        let is_cache = entry
            .path()
            .components()
            .any(|part| part.as_os_str() == "__pycache__");
        if !entry.file_type().is_file() || is_cache {
            continue;
        }
        let path = entry.path().strip_prefix(folder)?;
        files.push((
            path.to_string_lossy().into_owned(),
            entry.path().to_string_lossy().into_owned(),
        ));
    }
    Ok(files)
}

/// The SDK's manifest as it is outside of the workspace: with what it inherits written out.
fn sdk_manifest(package: &Path) -> Result<String> {
    let read = |path: &str| -> Result<DocumentMut> {
        let path = package.join(path);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(text.parse()?)
    };
    let workspace = read("../Cargo.toml")?;
    let mut manifest = read("../sdk/Cargo.toml")?;
    manifest.remove("lints");
    manifest.remove("dev-dependencies");
    inherit(&mut manifest["package"], &workspace["workspace"]["package"]);
    let shared = &workspace["workspace"]["dependencies"];
    inherit(&mut manifest["dependencies"], shared);
    let targets = manifest["target"].as_table_mut().context("[target]")?;
    for (_, target) in targets.iter_mut() {
        if let Some(dependencies) = target.get_mut("dependencies") {
            inherit(dependencies, shared);
        }
    }
    Ok(manifest.to_string())
}

/// Replaces each `NAME.workspace = true`, with what else it says, by the workspace's NAME.
fn inherit(table: &mut Item, from: &Item) {
    let Some(table) = table.as_table_mut() else {
        return;
    };
    for (key, item) in table.iter_mut() {
        let inherits = item
            .get("workspace")
            .and_then(Item::as_bool)
            .unwrap_or_default();
        let Some(original) = from.get(key.get()).filter(|_| inherits) else {
            continue;
        };
        let mut value = original.clone();
        if let Some(own) = item.get("features") {
            let version = value
                .as_str()
                .map(|version| Value::from(version.to_owned()));
            if let Some(version) = version {
                value = Item::Value(Value::InlineTable(
                    [("version", version)].into_iter().collect(),
                ));
            }
            value["features"] = own.clone();
        }
        if let Item::Value(value) = &mut value {
            value.decor_mut().clear();
        }
        *item = value;
    }
}
