//! `cargo xtask freeze-contract`: the contract as it is becomes a version that never changes, with components that were built
//! for it; and what is frozen is compared with what is there. See docs/contract.md.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::artefacts;
use crate::project::Project;
use crate::steps::Steps;

/// The guests that are kept for ever: the smallest plugin, and the one that imports all there is.
const FIXTURES: [&str; 2] = ["guest-echo", "guest-hostile"];

/// `cargo xtask freeze-contract`.
pub(crate) fn freeze(project: &Project) -> Result<ExitCode> {
    let wit = project.root.join("wit");
    let version = version(&wit)?;
    let frozen = wit.join(&version);
    let differences = differences(&wit, &frozen)?;
    if frozen.is_dir() {
        if differences.is_empty() {
            eprintln!("{version} is frozen, and nothing differs from it.");
            return Ok(ExitCode::SUCCESS);
        }
        bail!(
            "{version} is frozen and the contract differs from it: {}. A released version never changes: raise the version in \
             wit/plugin.wit (see docs/contract.md)",
            differences.join(", ")
        );
    }
    let mut steps = Steps::default();
    artefacts::components(project, &mut steps)?;
    let kept = fixtures(&project.root).join(&version);
    fs::create_dir_all(&frozen)?;
    for (name, text) in files(&wit)? {
        fs::write(frozen.join(name), text)?;
    }
    fs::create_dir_all(&kept)?;
    for fixture in FIXTURES.map(|name| format!("{name}.wasm")) {
        let built = project.guests_directory().join(&fixture);
        fs::copy(&built, kept.join(&fixture))
            .with_context(|| format!("{} is not there", built.display()))?;
    }
    eprintln!(
        "{version} is frozen in {}, with components in {}. Commit both.",
        frozen.display(),
        kept.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Components that were built for released versions.
fn fixtures(root: &Path) -> PathBuf {
    root.join("tests/contract")
}

/// The version of the package in this folder.
fn version(wit: &Path) -> Result<String> {
    let text = fs::read_to_string(wit.join("plugin.wit")).context("wit/plugin.wit")?;
    text.lines()
        .find_map(|line| {
            line.strip_prefix("package orderdesk:plugin@")?
                .strip_suffix(';')
        })
        .map(str::to_owned)
        .context("wit/plugin.wit names no version of its package")
}

/// The interfaces in a folder, by file.
fn files(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "wit") {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            files.insert(name.into_owned(), fs::read_to_string(&path)?);
        }
    }
    Ok(files)
}

/// The files that are not the same in both. Comments count for nothing: they may be made clearer.
fn differences(current: &Path, frozen: &Path) -> Result<Vec<String>> {
    let (current, frozen) = (files(current)?, files(frozen)?);
    let names = current.keys().chain(frozen.keys());
    let mut differing: Vec<String> = names
        .filter(|name| {
            let code = |files: &BTreeMap<String, String>| files.get(*name).map(|text| code(text));
            code(&current) != code(&frozen)
        })
        .cloned()
        .collect();
    differing.sort();
    differing.dedup();
    Ok(differing)
}

fn code(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default().trim());
    lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wit() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")
    }

    #[test]
    fn a_frozen_version_is_the_contract_as_it_was() {
        let current = version(&wit()).unwrap();
        for entry in fs::read_dir(wit()).unwrap() {
            let folder = entry.unwrap().path();
            if !folder.is_dir() {
                continue;
            }
            // The folder says which version it is, and so does what is in it.
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            assert_eq!(version(&folder).unwrap(), name);
            for fixture in FIXTURES {
                let kept = fixtures(&wit().join("..")).join(&name);
                let kept = kept.join(format!("{fixture}.wasm"));
                assert!(kept.is_file(), "{} is missing", kept.display());
            }
            if name == current {
                let differing = differences(&wit(), &folder).unwrap();
                assert!(differing.is_empty(), "{name} is frozen: {differing:?}");
            }
        }
    }

    #[test]
    fn the_host_runs_the_version_that_the_contract_has() {
        let host = wit().join("../host/src/capabilities/contract.rs");
        let line = format!("pub const VERSION: &str = {:?};", version(&wit()).unwrap());
        assert!(fs::read_to_string(host).unwrap().contains(&line), "{line}");
    }

    #[test]
    fn any_change_but_of_a_comment_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        for place in [&a, &b] {
            fs::create_dir(place).unwrap();
            fs::write(
                place.join("x.wit"),
                "interface x {\n  f: func(); // old\n}\n",
            )
            .unwrap();
        }
        assert!(differences(&a, &b).unwrap().is_empty());
        fs::write(
            b.join("x.wit"),
            "/// Clearer.\ninterface x {\n  f: func();\n}\n",
        )
        .unwrap();
        assert!(differences(&a, &b).unwrap().is_empty());
        fs::write(b.join("x.wit"), "interface x {\n  f: func(a: u32);\n}\n").unwrap();
        assert_eq!(differences(&a, &b).unwrap(), ["x.wit"]);
        fs::write(b.join("x.wit"), fs::read(a.join("x.wit")).unwrap()).unwrap();
        fs::write(b.join("y.wit"), "interface y {}\n").unwrap();
        assert_eq!(differences(&a, &b).unwrap(), ["y.wit"]);
    }
}
