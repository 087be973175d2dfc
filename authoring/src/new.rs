//! A new plugin: a folder that builds wherever it stands.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::language::Language;
use crate::vendor;

/// Room for a tool's own words within the 40 characters of its name.
const NAME_LENGTH: usize = 24;

/// Makes the folder `NAME` in `parent` and answers it.
///
/// # Errors
/// The name will not do, the folder is there already, or it cannot be written.
pub fn create(parent: &Path, name: &str, language: Language) -> Result<PathBuf> {
    check_name(name)?;
    let folder = parent.join(name);
    if folder.symlink_metadata().is_ok() {
        bail!(
            "{} is there already; nothing was changed. Choose another name, or remove it first",
            folder.display()
        );
    }
    // Written beside and put in its place whole: whoever is interrupted starts again.
    let unfinished = tempfile::Builder::new()
        .prefix(".new-plugin-")
        .tempdir_in(parent)
        .with_context(|| format!("cannot write into {}", parent.display()))?;
    for (path, text) in vendor::template(language) {
        let path = path.strip_suffix(".template").unwrap_or(path);
        vendor::file(&unfinished.path().join(fill(path, name)), &fill(text, name))?;
    }
    vendor::refresh(unfinished.path(), language)?;
    let made = unfinished.keep();
    open_to_others(&made)?;
    fs::rename(&made, &folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// A temporary folder is its maker's alone; a project is like any other folder.
fn open_to_others(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn fill(text: &str, name: &str) -> String {
    text.replace("{{name}}", name)
        .replace("{{word}}", &word(name))
}

/// The name as it stands in the names of tools and crates.
fn word(name: &str) -> String {
    name.replace('-', "_")
}

/// A name that is good for the config's `[plugins.NAME]`, for tools, and in each language.
fn check_name(name: &str) -> Result<()> {
    let plain = name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !plain || name.len() > NAME_LENGTH {
        bail!(
            "'{name}' is no name for a plugin: it starts with a letter and has at most {NAME_LENGTH} of a-z, 0-9 and single -, \
             such as 'late-orders'"
        );
    }
    // `host` is the host's own; the rest is what compilers and interpreters keep for themselves.
    const TAKEN: [&str; 12] = [
        "host",
        "plugin",
        "test",
        "tests",
        "core",
        "std",
        "alloc",
        "self",
        "crate",
        "super",
        "vendor",
        "component",
    ];
    if TAKEN.contains(&name) || KEYWORDS.contains(&name) {
        bail!("'{name}' is no name for a plugin: it means something else already");
    }
    Ok(())
}

/// Of Rust, which names a crate after the plugin.
const KEYWORDS: [&str; 38] = [
    "as", "async", "await", "break", "const", "continue", "dyn", "else", "enum", "extern", "false",
    "fn", "for", "gen", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub",
    "ref", "return", "static", "struct", "trait", "true", "type", "unsafe", "use", "where",
    "while", "yield", "try", "final",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_plugin_of_each_language_is_made_whole_and_never_over_another() {
        for language in Language::ALL {
            let parent = tempfile::tempdir().unwrap();
            let folder = create(parent.path(), "late-orders", language).unwrap();
            assert_eq!(Language::of(&folder).unwrap(), language);
            for file in ["README.md", ".gitignore", "vendor/wit/tools.wit"] {
                assert!(folder.join(file).is_file(), "{language}: {file}");
            }
            let left = fs::read_dir(parent.path()).unwrap().count();
            assert_eq!(left, 1, "nothing unfinished stays behind");
            let readme = fs::read_to_string(folder.join("README.md")).unwrap();
            assert!(!readme.contains("{{"), "{readme}");

            fs::write(folder.join("mine.txt"), "mine").unwrap();
            let error = create(parent.path(), "late-orders", language).unwrap_err();
            assert!(error.to_string().contains("there already"), "{error}");
            assert!(folder.join("mine.txt").is_file());
        }
    }

    #[test]
    fn names_that_would_not_work_everywhere_are_refused_and_make_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let long = "x".repeat(25);
        for name in [
            "",
            "Late",
            "2late",
            "late_orders",
            "late orders",
            "../late",
            "a--b",
            "late-",
            "host",
            "fn",
            "test",
            &long,
        ] {
            let error = create(parent.path(), name, Language::Rust).unwrap_err();
            assert!(error.to_string().contains("is no name"), "{name}: {error}");
        }
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
