//! Single packages from the Debian mirror that this machine is configured for, from any of its
//! suites, unpacked into a folder: nothing is installed and the machine's own lists stay as they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// Suites to look in: those that carry a recent compiler, backports to releases first, since their
/// lists are short.
const SUITES: [&str; 7] = [
    "bookworm-backports",
    "trixie-backports",
    "trixie",
    "forky-backports",
    "forky",
    "testing",
    "sid",
];

/// The keys that Debian's archive is signed with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Fetches packages into a folder of its own.
pub struct Packages {
    folder: PathBuf,
    /// Suites asked for their lists so far, and whether they answered.
    suites: BTreeMap<&'static str, bool>,
}

impl Packages {
    /// Nothing happens before the first fetch.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            suites: BTreeMap::new(),
        }
    }

    /// Downloads and unpacks a package whose upstream version is `version` or begins with it and a
    /// separator, and which holds the folder `inside`; answers that folder.
    pub fn fetch(&mut self, package: &str, version: &str, inside: &str) -> Result<PathBuf> {
        for program in ["apt-get", "apt-cache", "dpkg-deb"] {
            if !process::exists(program) {
                bail!(
                    "`{program}` is missing, so the package {package} cannot be fetched: this is not Debian"
                );
            }
        }
        let Some(mirror) = configured_mirror() else {
            bail!("no Debian mirror stands in /etc/apt/sources.list or /etc/apt/sources.list.d");
        };
        for suite in SUITES {
            let apt = Apt {
                folder: self.folder.join(suite),
            };
            if !*self
                .suites
                .entry(suite)
                .or_insert_with(|| apt.update(&mirror, suite).is_ok())
            {
                continue;
            }
            let Some(exact) = newest(&apt.versions(package)?, version).map(str::to_owned) else {
                continue;
            };
            eprintln!("    {package} {exact} from {suite}");
            let unpacked = apt.download(package, &exact)?;
            if unpacked.join(inside).is_dir() {
                return Ok(unpacked.join(inside));
            }
        }
        bail!(
            "no suite of {mirror} has {package} {version} with {inside} (looked in {})",
            SUITES.join(", ")
        )
    }
}

/// An apt with one suite and state of its own.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn command(&self, program: &str) -> Command {
        let folder = self.folder.display();
        let mut command = Command::new(program);
        for option in [
            format!("Dir::Etc::sourcelist={folder}/suite.list"),
            "Dir::Etc::sourceparts=-".to_owned(),
            format!("Dir::State::lists={folder}/lists"),
            format!("Dir::Cache={folder}/cache"),
            "Acquire::Languages=none".to_owned(),
            // A mirror that is frozen for reproducible builds serves old lists.
            "Acquire::Check-Valid-Until=false".to_owned(),
            // apt's own user cannot enter a folder below somebody's home.
            "APT::Sandbox::User=root".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        command
    }

    fn update(&self, mirror: &str, suite: &str) -> Result<()> {
        eprintln!("    asking {mirror} for {suite}");
        fs::create_dir_all(self.folder.join("lists/partial"))?;
        fs::create_dir_all(self.folder.join("cache/archives/partial"))?;
        let signed = if Path::new(KEYRING).exists() {
            format!("[signed-by={KEYRING}] ")
        } else {
            String::new()
        };
        fs::write(
            self.folder.join("suite.list"),
            format!("deb {signed}{mirror} {suite} main\n"),
        )?;
        let answer = process::output_of(self.command("apt-get").args([
            "--quiet=2",
            "--error-on=any",
            "update",
        ]));
        answer.map(|_| ())
    }

    /// `apt-cache madison`: one line per version, `package | version | origin`.
    fn versions(&self, package: &str) -> Result<String> {
        process::output_of(self.command("apt-cache").args(["madison", package]))
    }

    fn download(&self, package: &str, version: &str) -> Result<PathBuf> {
        let target = self.folder.join(package);
        fs::create_dir_all(&target)?;
        process::output_of(
            self.command("apt-get")
                .args(["--quiet=2", "download"])
                .arg(format!("{package}={version}"))
                .current_dir(&target),
        )?;
        let deb = fs::read_dir(&target)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .with_context(|| format!("`apt-get download {package}` left no file"))?;
        let unpacked = target.join("unpacked");
        process::output_of(
            Command::new("dpkg-deb")
                .arg("--extract")
                .args([&deb, &unpacked]),
        )?;
        Ok(unpacked)
    }
}

/// The first version in `apt-cache madison`'s answer (it lists the newest first) that is `wanted`
/// or `wanted` followed by something that is not another digit.
fn newest<'a>(madison: &'a str, wanted: &str) -> Option<&'a str> {
    madison
        .lines()
        .filter_map(|line| Some(line.split('|').nth(1)?.trim()))
        .find(|version| {
            version
                .strip_prefix(wanted)
                .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
        })
}

fn configured_mirror() -> Option<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    files.sort();
    files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .find_map(|text| mirror_in(&text).map(str::to_owned))
}

/// The first Debian mirror in an apt source file of either format (sources.list(5)).
fn mirror_in(sources: &str) -> Option<&str> {
    sources
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(str::split_whitespace)
        .find(|word| {
            (word.starts_with("http://") || word.starts_with("https://"))
                && word.trim_end_matches('/').ends_with("/debian")
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_mirror_is_found_in_both_formats() {
        let deb822 = "Types: deb\n# http://snapshot.debian.org/archive/debian/2025\nURIs: http://deb.debian.org/debian\nSuites: bookworm\n";
        assert_eq!(mirror_in(deb822), Some("http://deb.debian.org/debian"));
        let one_line = "# deb http://old.example/debian x main\ndeb [arch=amd64] https://mirror.example/debian/ trixie main\n";
        assert_eq!(mirror_in(one_line), Some("https://mirror.example/debian/"));
    }

    #[test]
    fn other_repositories_are_no_mirror() {
        let others = "deb https://deb.nodesource.com/node_20.x nodistro main\nURIs: http://deb.debian.org/debian-security\n";
        assert_eq!(mirror_in(others), None);
    }

    #[test]
    fn only_the_exact_upstream_version_will_do() {
        let madison = " rust-src | 1.96.0+dfsg1-1 | http://m sid/main\n rust-src | 1.95.01-1 | http://m\n rust-src | 1.95.0+dfsg1-1~bpo13+1 | http://m\n";
        assert_eq!(newest(madison, "1.95.0"), Some("1.95.0+dfsg1-1~bpo13+1"));
        assert_eq!(newest(madison, "1.94.0"), None);
    }

    #[test]
    fn a_version_with_a_date_matches_its_beginning() {
        let madison = " wasi-libc | 0.0~git20241024.a1c7c2c-1 | http://m trixie/main\n";
        assert_eq!(newest(madison, "0.0"), Some("0.0~git20241024.a1c7c2c-1"));
    }
}
