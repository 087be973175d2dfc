//! The standard library of the WebAssembly target, in the toolchain that is in use.
//!
//! Ways, in order: it is there; rustup adds it; it is built here, once, from source: that of rustup's
//! `rust-src` component, or the distribution's packages `rust-src` (of exactly this compiler's version)
//! and `wasi-libc`. The last way needs no server of Rust's, only Debian's.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::debian::Packages;
use crate::process;

/// The target that components are built for.
pub const NAME: &str = "wasm32-wasip2";

/// Past this, rustup's server is taken not to answer.
const RUSTUP_LIMIT: Duration = Duration::from_secs(90);

/// What the linker wants beside the standard library, from wasi-libc.
const SELF_CONTAINED: [&str; 3] = ["crt1-command.o", "crt1-reactor.o", "libc.a"];

/// The parts of the standard library that a component (and a test of one) links.
const CRATES: &str = "std,panic_abort,proc_macro,test";

/// Whether the compiler in use can already compile for the target.
///
/// # Errors
/// There is no compiler.
pub fn is_there() -> Result<bool> {
    Toolchain::of(&rustc())?.has_target()
}

/// Makes sure that the target can be compiled for; `work` is a folder for what is fetched and built meanwhile.
///
/// # Errors
/// No way led there; the error says what each of them ran into, and what can be done by hand.
pub fn ensure(work: &Path) -> Result<()> {
    let toolchain = Toolchain::of(&rustc())?;
    if toolchain.has_target()? {
        return Ok(());
    }
    let mut reasons = Vec::new();
    match by_rustup(&toolchain) {
        Ok(()) => return Ok(()),
        Err(reason) => {
            eprintln!("    rustup: {reason:#}");
            reasons.push(format!("rustup: {reason:#}"));
        }
    }
    match from_source(work, &toolchain) {
        Ok(()) => return Ok(()),
        Err(reason) => reasons.push(format!("from source: {reason:#}")),
    }
    bail!(
        "the target {NAME} could not be installed for rustc {}.\n  - {}\nEither run `rustup target add {NAME}` where \
         static.rust-lang.org answers, or put the source of the standard library (of rustc {}) into {} and wasi-libc's \
         {NAME} files into {}.",
        toolchain.version,
        reasons.join("\n  - "),
        toolchain.version,
        toolchain.rust_src().display(),
        debian_wasi_libc().display(),
    )
}

/// The compiler in use.
struct Toolchain {
    /// Such as `1.95.0`.
    version: String,
    sysroot: PathBuf,
    /// Where the target's libraries belong.
    libraries: PathBuf,
}

impl Toolchain {
    fn of(rustc: &Path) -> Result<Self> {
        let ask = |arguments: &[&str]| -> Result<String> {
            Ok(process::output_of(Command::new(rustc).args(arguments))?
                .trim()
                .to_owned())
        };
        let verbose = ask(&["--version", "--verbose"])?;
        Ok(Self {
            version: release(&verbose)
                .ok_or_else(|| anyhow!("`rustc --version --verbose` names no release"))?
                .to_owned(),
            sysroot: ask(&["--print", "sysroot"])?.into(),
            libraries: ask(&["--print", "target-libdir", "--target", NAME])?.into(),
        })
    }

    /// Whether the standard library is there; it is copied last, so the rest is, too.
    fn has_target(&self) -> Result<bool> {
        if !self.libraries.is_dir() {
            return Ok(false);
        }
        for entry in fs::read_dir(&self.libraries)? {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("libstd-") && name.ends_with(".rlib") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where `-Zbuild-std` looks for the source of the standard library.
    fn rust_src(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib/src/rust/library")
    }
}

/// The compiler that cargo will use.
fn rustc() -> PathBuf {
    std::env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
}

fn release(verbose_version: &str) -> Option<&str> {
    verbose_version
        .lines()
        .find_map(|line| line.strip_prefix("release: "))
}

fn by_rustup(toolchain: &Toolchain) -> Result<()> {
    if !process::exists("rustup") {
        bail!("not installed");
    }
    eprintln!("    asking rustup");
    let ended = process::quietly_within(
        RUSTUP_LIMIT,
        Command::new("rustup").args(["target", "add", NAME]),
    )?;
    match ended {
        None => bail!("no answer within {} s", RUSTUP_LIMIT.as_secs()),
        Some(status) if !status.success() => bail!("`rustup target add` failed ({status})"),
        // A toolchain that rustup does not own is not helped by it.
        Some(_) if !toolchain.has_target()? => bail!(
            "it added the target to another toolchain than {}",
            toolchain.sysroot.display()
        ),
        Some(_) => Ok(()),
    }
}

/// Builds the standard library and copies it into the toolchain, as rustup would have.
fn from_source(work: &Path, toolchain: &Toolchain) -> Result<()> {
    fs::create_dir_all(&toolchain.libraries).with_context(|| {
        format!(
            "the toolchain in {} is not ours to write",
            toolchain.sysroot.display()
        )
    })?;
    let work = Workspace::fresh(work.join("wasm-target"))?;
    let mut packages = Packages::new(work.0.join("debian"));

    let libc = wasi_libc(&mut packages)?;
    let _linked = match standard_library_source(toolchain, &mut packages)? {
        Source::InPlace => None,
        Source::Elsewhere(folder) => Some(Link::create(&folder, toolchain.rust_src())?),
    };

    eprintln!("    building the standard library (about a minute, once)");
    let probe = work.0.join("probe");
    fs::create_dir_all(probe.join("src"))?;
    fs::write(probe.join("src/lib.rs"), "")?;
    fs::write(
        probe.join("Cargo.toml"),
        "[package]\nname = \"probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n",
    )?;
    let out = work.0.join("out");
    process::run(
        process::cargo()
            .args(["build", "--quiet", "--release", "--target", NAME])
            .arg(format!("-Zbuild-std={CRATES}"))
            .current_dir(&probe)
            // A stable compiler builds its own standard library only when told so.
            .env("RUSTC_BOOTSTRAP", "1")
            // Link-time optimisation of components needs the bitcode.
            .env("RUSTFLAGS", "-Cembed-bitcode=yes")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("CARGO_TARGET_DIR", &out),
    )?;

    let self_contained = toolchain.libraries.join("self-contained");
    fs::create_dir_all(&self_contained)?;
    for file in SELF_CONTAINED {
        fs::copy(libc.join(file), self_contained.join(file))
            .with_context(|| format!("wasi-libc has no {file}"))?;
    }
    install_libraries(
        &out.join(NAME).join("release/deps"),
        &toolchain.libraries,
        "libprobe-",
    )
}

/// Copies the libraries, those called `except` left out; `libstd` last, since it is what
/// [`Toolchain::has_target`] goes by.
fn install_libraries(from: &Path, to: &Path, except: &str) -> Result<()> {
    let mut libraries = Vec::new();
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        if text.ends_with(".rlib") && !text.starts_with(except) {
            libraries.push(name);
        }
    }
    libraries.sort_by_key(|name| name.to_string_lossy().starts_with("libstd-"));
    if !libraries
        .last()
        .is_some_and(|name| name.to_string_lossy().starts_with("libstd-"))
    {
        bail!(
            "building the standard library left no libstd in {}",
            from.display()
        );
    }
    for name in libraries {
        let unfinished = to.join("unfinished");
        fs::copy(from.join(&name), &unfinished)?;
        fs::rename(&unfinished, to.join(&name))?;
    }
    Ok(())
}

/// Where the source of the standard library is.
enum Source {
    /// Where cargo looks for it.
    InPlace,
    Elsewhere(PathBuf),
}

fn standard_library_source(toolchain: &Toolchain, packages: &mut Packages) -> Result<Source> {
    if toolchain.rust_src().join("std").is_dir() {
        return Ok(Source::InPlace);
    }
    let inside = format!("usr/src/rustc-{}/library", toolchain.version);
    let installed = Path::new("/").join(&inside);
    if installed.join("std").is_dir() {
        return Ok(Source::Elsewhere(installed));
    }
    packages
        .fetch("rust-src", &toolchain.version, &inside)
        .map(Source::Elsewhere)
}

/// The folder that holds wasi-libc's files for the target.
fn wasi_libc(packages: &mut Packages) -> Result<PathBuf> {
    let installed = debian_wasi_libc();
    if SELF_CONTAINED
        .iter()
        .all(|file| installed.join(file).is_file())
    {
        return Ok(installed);
    }
    packages.fetch("wasi-libc", "0.0", &format!("usr/lib/{NAME}"))
}

/// Where Debian's wasi-libc package puts the target's files.
fn debian_wasi_libc() -> PathBuf {
    Path::new("/usr/lib").join(NAME)
}

/// A folder that is gone afterwards; what an interrupted run left there is gone before.
struct Workspace(PathBuf);

impl Workspace {
    fn fresh(folder: PathBuf) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("    {} stays behind: {error}", self.0.display());
        }
    }
}

/// A symbolic link that is gone afterwards; a dangling one that an interrupted run left is replaced.
struct Link(PathBuf);

impl Link {
    fn create(to: &Path, at: PathBuf) -> Result<Self> {
        if let Some(folder) = at.parent() {
            fs::create_dir_all(folder)?;
        }
        if at.is_symlink() {
            fs::remove_file(&at)?;
        }
        symlink(to, &at).with_context(|| format!("cannot create {}", at.display()))?;
        Ok(Self(at))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            eprintln!("    {} stays behind: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_release_is_the_bare_version() {
        let verbose =
            "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\nrelease: 1.95.0\nLLVM version: 22";
        assert_eq!(release(verbose), Some("1.95.0"));
        assert_eq!(release("gcc 14"), None);
    }

    #[test]
    fn libraries_are_installed_without_the_probe_and_never_by_halves() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(&from).unwrap();
        fs::create_dir_all(&to).unwrap();
        for name in ["libcore-1.rlib", "libprobe-1.rlib", "core-1.d"] {
            fs::write(from.join(name), name).unwrap();
        }
        assert!(install_libraries(&from, &to, "libprobe-").is_err());
        assert_eq!(
            fs::read_dir(&to).unwrap().count(),
            0,
            "without libstd nothing is installed"
        );
        fs::write(from.join("libstd-1.rlib"), "std").unwrap();
        install_libraries(&from, &to, "libprobe-").unwrap();
        let mut installed: Vec<_> = fs::read_dir(&to)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        installed.sort();
        assert_eq!(installed, ["libcore-1.rlib", "libstd-1.rlib"]);
    }

    #[test]
    fn a_link_replaces_a_dangling_one_and_goes_away() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("src/library");
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        symlink(folder.path().join("gone"), &at).unwrap();
        let link = Link::create(folder.path(), at.clone()).unwrap();
        assert_eq!(fs::read_link(&at).unwrap(), folder.path());
        drop(link);
        assert!(!at.is_symlink());
    }
}
