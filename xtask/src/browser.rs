//! A browser for the tests of the pages: one that is installed, else Debian's headless Chromium, unpacked into a folder. Nothing is
//! installed, and no rights are needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::project::Project;

/// What Debian calls it, and its program.
const PACKAGE: &str = "chromium-headless-shell";
/// Its program in the package.
const PROGRAM: &str = "usr/lib/chromium/chromium-headless-shell";

/// A browser that runs.
pub(crate) struct Browser {
    /// Its program.
    pub(crate) program: PathBuf,
    /// Folders of libraries that it needs, separated by colons; none where it is installed.
    pub(crate) libraries: Option<PathBuf>,
}

impl Browser {
    /// Finds one, or fetches it once.
    pub(crate) fn prepare(project: &Project) -> Result<Self> {
        for name in [PACKAGE, "chromium"] {
            if process::exists(name) {
                return Ok(Self {
                    program: name_in_path(name)?,
                    libraries: None,
                });
            }
        }
        let folder = project.target_directory.join("clients/browser");
        let unpacked = folder.join("root");
        if !unpacked.join(PROGRAM).exists() {
            fetch(&folder)?;
        }
        Ok(Self {
            program: unpacked.join(PROGRAM),
            libraries: Some(library_path(&unpacked)?),
        })
    }
}

fn name_in_path(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .with_context(|| format!("{name} was in PATH a moment ago"))
}

/// Downloads the package with those of its dependencies that this machine lacks, and unpacks them.
fn fetch(folder: &Path) -> Result<()> {
    for program in ["apt-get", "dpkg-deb"] {
        if !process::exists(program) {
            bail!(
                "`{program}` is missing, so {PACKAGE} cannot be fetched: install Chromium, this is not Debian"
            );
        }
    }
    let archives = folder.join("cache/archives");
    fs::create_dir_all(archives.join("partial"))?;
    fs::create_dir_all(folder.join("lists/partial"))?;
    eprintln!("    fetching {PACKAGE}, about 100 MB");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        for option in [
            format!("Dir::State::lists={}", folder.join("lists").display()),
            format!("Dir::Cache={}", folder.join("cache").display()),
            "Acquire::Languages=none".to_owned(),
            // apt's own user cannot enter a folder below somebody's home, and only this folder is written.
            "APT::Sandbox::User=root".to_owned(),
            "Debug::NoLocking=true".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        process::output_of(command.arg("--quiet=2").args(arguments))
    };
    apt(&["update"])?;
    apt(&[
        "install",
        "--yes",
        "--download-only",
        "--no-install-recommends",
        PACKAGE,
    ])?;
    // Unpacked beside its place: an interrupted run leaves nothing that looks whole.
    let (fresh, unpacked) = (folder.join("fresh"), folder.join("root"));
    for old in [&fresh, &unpacked] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
    }
    for entry in fs::read_dir(&archives)? {
        let package = entry?.path();
        if package.extension().is_some_and(|it| it == "deb") {
            process::output_of(
                Command::new("dpkg-deb")
                    .arg("--extract")
                    .args([&package, &fresh]),
            )?;
        }
    }
    if !fresh.join(PROGRAM).is_file() {
        bail!("the package {PACKAGE} holds no {PROGRAM}");
    }
    fs::rename(&fresh, &unpacked)?;
    fs::remove_dir_all(folder.join("cache"))?;
    Ok(())
}

/// Every folder with a shared library, as the dynamic linker takes them.
fn library_path(unpacked: &Path) -> Result<PathBuf> {
    let mut folders = Vec::new();
    let mut open = vec![unpacked.join("usr/lib"), unpacked.join("lib")];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        let mut holds_one = false;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                holds_one |= path.to_string_lossy().contains(".so");
            }
        }
        if holds_one {
            folders.push(folder);
        }
    }
    folders.sort();
    Ok(std::env::join_paths(folders)?.into())
}
