//! What cargo knows about the workspace: where it is, where it builds, which members are components.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

pub(crate) use orderdesk_authoring::process::cargo;

use crate::process;

/// The package of the server, and the name of its binary.
pub(crate) const SERVER: &str = "orderdesk-mcp";
/// The package of the simulator.
pub(crate) const SIMULATOR_PACKAGE: &str = "orderdesk-simulator";
/// The binary of the simulator.
pub(crate) const SIMULATOR: &str = "orderdesk-sim";
/// The package of the end-to-end tests, with the proxy that they use.
pub(crate) const END_TO_END: &str = "end-to-end";
/// The folder of the plugin with the fixtures of the conformance suite.
const CONFORMANCE_PLUGIN: &str = "tests/conformance-plugin";
/// The package that holds the benchmarks.
pub(crate) const BENCH: &str = "orderdesk-bench";
/// The package that mutates what comes from strangers.
pub(crate) const FUZZ: &str = "orderdesk-fuzz";

/// The workspace as `cargo metadata` describes it.
#[derive(Debug)]
pub(crate) struct Project {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds: `target`, or what `CARGO_TARGET_DIR` or the configuration say.
    pub(crate) target_directory: PathBuf,
    /// Every workspace member.
    packages: Vec<Package>,
}

/// A workspace member.
#[derive(Debug)]
struct Package {
    name: String,
    version: String,
    /// Its folder, relative to the workspace's root.
    folder: PathBuf,
    /// Whether its library is built as a `cdylib`, which for WebAssembly is a component.
    cdylib: bool,
}

/// A workspace member that is built to a WebAssembly component.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Component {
    /// The package's name.
    pub(crate) package: String,
    /// Where its `.wasm` belongs after a build.
    pub(crate) destination: PathBuf,
    /// Whether it ships (`plugins/`) or is there for tests only.
    pub(crate) ships: bool,
}

impl Project {
    /// Asks cargo about the workspace that this program was built in.
    pub(crate) fn load() -> Result<Self> {
        // Cargo sets the variable for what it runs; the other is for a program started by hand.
        let own_folder = std::env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let json = process::output_of(
            cargo()
                .args(["metadata", "--no-deps", "--format-version", "1"])
                .arg("--manifest-path")
                .arg(Path::new(&own_folder).join("Cargo.toml")),
        )?;
        Self::from_metadata(&json)
    }

    fn from_metadata(json: &str) -> Result<Self> {
        let metadata: Metadata =
            serde_json::from_str(json).context("`cargo metadata` answered something unexpected")?;
        let packages = metadata
            .packages
            .into_iter()
            .map(|package| {
                let folder = package
                    .manifest_path
                    .parent()
                    .unwrap_or_else(|| Path::new(""));
                Package {
                    folder: folder
                        .strip_prefix(&metadata.workspace_root)
                        .unwrap_or(folder)
                        .to_owned(),
                    cdylib: package
                        .targets
                        .iter()
                        .any(|target| target.crate_types.iter().any(|kind| kind == "cdylib")),
                    name: package.name,
                    version: package.version,
                }
            })
            .collect();
        Ok(Self {
            root: metadata.workspace_root,
            target_directory: metadata.target_directory,
            packages,
        })
    }

    /// The members that are built to components: those with a `cdylib` under `plugins/` or `tests/guests/`, and the fixtures
    /// of the conformance suite.
    pub(crate) fn components(&self) -> Vec<Component> {
        self.packages
            .iter()
            .filter(|package| package.cdylib)
            .filter_map(|package| {
                let ships = package.folder.starts_with("plugins");
                let destination = if ships {
                    self.root.join(package.folder.with_extension("wasm"))
                } else if package.folder.starts_with("tests/guests")
                    || package.folder == Path::new(CONFORMANCE_PLUGIN)
                {
                    self.guests_directory()
                        .join(format!("{}.wasm", package.name))
                } else {
                    return None;
                };
                Some(Component {
                    package: package.name.clone(),
                    destination,
                    ships,
                })
            })
            .collect()
    }

    /// Where the components that ship are put: what `orderdesk.toml` names.
    pub(crate) fn plugins_directory(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// Where the components for tests are put.
    pub(crate) fn guests_directory(&self) -> PathBuf {
        self.target_directory.join("guests")
    }

    /// The version of a member, if there is such a member.
    pub(crate) fn version_of(&self, package: &str) -> Option<&str> {
        self.packages
            .iter()
            .find(|member| member.name == package)
            .map(|member| member.version.as_str())
    }
}

/// The parts of `cargo metadata` that are used here
/// (<https://doc.rust-lang.org/cargo/commands/cargo-metadata.html>).
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    version: String,
    manifest_path: PathBuf,
    targets: Vec<MetadataTarget>,
}

#[derive(Deserialize)]
struct MetadataTarget {
    crate_types: Vec<String>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn project() -> Project {
        let package = |name: &str, folder: &str, kinds: &[&str]| {
            serde_json::json!({
                "name": name,
                "version": "0.1.0",
                "manifest_path": format!("/work/{folder}/Cargo.toml"),
                "targets": [{ "crate_types": kinds }],
            })
        };
        let metadata = serde_json::json!({
            "workspace_root": "/work",
            "target_directory": "/elsewhere/target",
            "packages": [
                package("orderdesk-mcp", "host", &["lib"]),
                package("plugin-orders", "plugins/orders", &["cdylib", "rlib"]),
                package("guest-loops", "tests/guests/loops", &["cdylib"]),
                package("guest-support", "tests/guests/support", &["lib"]),
                package("stray", "sdk/stray", &["cdylib"]),
                package("conformance-plugin", "tests/conformance-plugin", &["cdylib"]),
            ],
        });
        Project::from_metadata(&metadata.to_string()).unwrap()
    }

    #[test]
    fn components_are_the_cdylibs_among_plugins_and_guests() {
        assert_eq!(
            project().components(),
            [
                Component {
                    package: "plugin-orders".into(),
                    destination: "/work/plugins/orders.wasm".into(),
                    ships: true,
                },
                Component {
                    package: "guest-loops".into(),
                    destination: "/elsewhere/target/guests/guest-loops.wasm".into(),
                    ships: false,
                },
                Component {
                    package: "conformance-plugin".into(),
                    destination: "/elsewhere/target/guests/conformance-plugin.wasm".into(),
                    ships: false,
                },
            ]
        );
    }

    #[test]
    fn versions_are_those_of_the_manifests() {
        assert_eq!(project().version_of("orderdesk-mcp"), Some("0.1.0"));
        assert_eq!(project().version_of("nobody"), None);
    }
}
