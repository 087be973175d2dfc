//! `cargo xtask dist`: one folder that holds all a machine needs to serve, and beside it what clients install.

mod bundle;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, anyhow, bail};
use sha2::{Digest as _, Sha256};
use toml_edit::{DocumentMut, Item, value};

use self::bundle::About;
use crate::artefacts::{self, Optimisation};
use crate::process;
use crate::project::{self, Component, Project};
use crate::steps::Steps;

/// What goes along as it is.
const DOCUMENTS: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// What people read who choose a server from a list.
const DESCRIPTION: &str =
    "Lets AI agents read and change Order Desk orders safely, with previews and undo";

/// Shells whose completions go along.
const SHELLS: [&str; 3] = ["bash", "fish", "zsh"];

/// What a release is made of.
pub(crate) struct Release {
    /// All that a machine needs to serve.
    pub(crate) folder: PathBuf,
    /// The same for clients that install with one click.
    pub(crate) bundle: PathBuf,
    /// The record for the MCP Registry.
    pub(crate) record: PathBuf,
}

/// `cargo xtask dist`.
pub(crate) fn dist(project: &Project, debug: bool) -> Result<ExitCode> {
    let mut steps = Steps::default();
    let components = artefacts::components(project, &mut steps)?;
    let built = artefacts::binaries(
        project,
        &mut steps,
        &[project::SERVER],
        Optimisation::of(!debug),
    )?;
    let server = artefacts::binary(&built, project::SERVER)?;
    let release = steps.run("pack", || {
        make(project, &components, server, &project.root.join("dist"))
    })?;
    for made in [&release.folder, &release.bundle, &release.record] {
        eprintln!("{}", made.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes a release of this program and these components in a folder.
pub(crate) fn make(
    project: &Project,
    components: &[Component],
    server: &Path,
    place: &Path,
) -> Result<Release> {
    let version = project
        .version_of(project::SERVER)
        .context("the workspace has no server")?;
    let triple = host_triple()?;
    let name = format!("{}-{version}-{triple}", project::SERVER);
    let folder = place.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(folder.join("plugins"))?;
    copy(server, &folder.join(project::SERVER))?;
    let mut digests = BTreeMap::new();
    for component in components.iter().filter(|component| component.ships) {
        let file = component
            .destination
            .file_name()
            .context("a component without a name")?
            .to_string_lossy()
            .into_owned();
        copy(&component.destination, &folder.join("plugins").join(&file))?;
        digests.insert(
            format!("plugins/{file}"),
            sha256(&fs::read(&component.destination)?),
        );
    }
    let config = fs::read_to_string(project.root.join("orderdesk.toml"))
        .context("cannot read orderdesk.toml")?;
    fs::write(folder.join("orderdesk.toml"), pin(&config, &digests)?)?;
    for document in DOCUMENTS {
        copy(&project.root.join(document), &folder.join(document))?;
    }
    tell_the_shell(&folder)?;

    let about = About {
        version,
        description: DESCRIPTION,
        repository: env!("CARGO_PKG_REPOSITORY"),
        license: env!("CARGO_PKG_LICENSE"),
        triple: &triple,
    };
    let file_name = format!("{name}.mcpb");
    let release = Release {
        bundle: place.join(&file_name),
        record: place.join("server.json"),
        folder,
    };
    bundle::pack(&release.folder, &about, &release.bundle)?;
    let digest = sha256(&fs::read(&release.bundle)?);
    let content = bundle::registry_record(&about, &file_name, &digest)?;
    fs::write(&release.record, format!("{content:#}\n"))?;
    Ok(release)
}

/// Writes the manual page and the completions, as the packed program prints them.
fn tell_the_shell(folder: &Path) -> Result<()> {
    let print = |arguments: &[&str]| {
        process::output_of(Command::new(folder.join(project::SERVER)).args(arguments))
    };
    let share = folder.join("share");
    fs::create_dir_all(&share)?;
    fs::write(
        share.join(format!("{}.1", project::SERVER)),
        print(&["man"])?,
    )?;
    for shell in SHELLS {
        let file = share.join(format!("{}.{shell}", project::SERVER));
        fs::write(file, print(&["completions", shell])?)?;
    }
    Ok(())
}

/// Writes the digest of each packed plugin behind its `source`, so that no other file is loaded in its place.
fn pin(config: &str, digests: &BTreeMap<String, String>) -> Result<String> {
    let mut document: DocumentMut = config.parse().context("orderdesk.toml is not TOML")?;
    let plugins = document
        .get_mut("plugins")
        .and_then(Item::as_table_like_mut)
        .ok_or_else(|| anyhow!("orderdesk.toml configures no plugin"))?;
    let mut pinned = 0;
    for (name, plugin) in plugins.iter_mut() {
        let plugin = plugin
            .as_table_like_mut()
            .ok_or_else(|| anyhow!("[plugins.{name}] is not a table"))?;
        let source = plugin
            .get("source")
            .and_then(Item::as_str)
            .ok_or_else(|| anyhow!("[plugins.{name}] has no source"))?;
        let digest = digests.get(source).ok_or_else(|| {
            anyhow!("[plugins.{name}] has the source {source}, which is not packed")
        })?;
        plugin.insert("sha256", value(digest));
        pinned += 1;
    }
    if pinned != digests.len() {
        bail!(
            "orderdesk.toml configures {pinned} of the {} packed plugins",
            digests.len()
        );
    }
    Ok(document.to_string())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .map(|_| ())
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// The target that the compiler builds for by itself, such as `x86_64-unknown-linux-gnu`.
fn host_triple() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let verbose = process::output_of(Command::new(rustc).args(["--version", "--verbose"]))?;
    verbose
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| anyhow!("`rustc --version --verbose` names no host"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    const CONFIG: &str = "# The shop.\n[plugins.stores]\nsource = \"plugins/stores.wasm\" # ours\nprefixes = [\"stores_\"]\n\n[plugins.stores.limits]\nmemory = \"64MiB\"\n\n[plugins.orders]\nsource = \"plugins/orders.wasm\"\nsha256 = \"old\"\n";

    fn digests(names: &[&str]) -> BTreeMap<String, String> {
        names
            .iter()
            .map(|name| (format!("plugins/{name}.wasm"), format!("digest-of-{name}")))
            .collect()
    }

    #[test]
    fn every_plugin_is_pinned_and_the_rest_of_the_file_is_kept() {
        let pinned = pin(CONFIG, &digests(&["stores", "orders"])).unwrap();
        let document: DocumentMut = pinned.parse().unwrap();
        for name in ["stores", "orders"] {
            let digest = document["plugins"][name]["sha256"].as_str().unwrap();
            assert_eq!(digest, format!("digest-of-{name}"));
        }
        assert!(pinned.starts_with("# The shop.\n") && pinned.contains("# ours"));
        assert_eq!(
            document["plugins"]["stores"]["limits"]["memory"].as_str(),
            Some("64MiB")
        );
    }

    #[test]
    fn a_plugin_that_is_not_packed_or_not_configured_is_an_error() {
        assert!(pin(CONFIG, &digests(&["stores"])).is_err());
        assert!(pin(CONFIG, &digests(&["stores", "orders", "products"])).is_err());
        assert!(pin("[server]\n", &digests(&[])).is_err());
    }

    #[test]
    fn digests_are_lower_case_hexadecimal() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
