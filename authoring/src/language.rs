//! The languages that plugins are written in.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Result, bail};

/// A language that there is an SDK and a template for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rust.
    Rust,
    /// JavaScript.
    JavaScript,
    /// Python.
    Python,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rust, Self::JavaScript, Self::Python];

    /// The word for it on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "js",
            Self::Python => "python",
        }
    }

    /// The file that tells a plugin of this language.
    #[must_use]
    pub fn marker(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::JavaScript => "package.json",
            Self::Python => "pyproject.toml",
        }
    }

    /// The language of the plugin in this folder.
    ///
    /// # Errors
    /// There is no plugin, or it could be one of several languages.
    pub fn of(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            bail!("{} is not a folder", folder.display());
        }
        let found: Vec<Self> = Self::ALL
            .into_iter()
            .filter(|language| folder.join(language.marker()).is_file())
            .collect();
        match found.as_slice() {
            [language] => Ok(*language),
            [] => bail!(
                "{} holds no plugin: it has neither Cargo.toml (Rust) nor package.json (JavaScript) nor pyproject.toml \
                 (Python); `orderdesk-mcp plugins new` makes one",
                folder.display()
            ),
            several => {
                let markers: Vec<_> = several.iter().map(|language| language.marker()).collect();
                bail!(
                    "{} could be a plugin in several languages ({}); each plugin has a folder of its own",
                    folder.display(),
                    markers.join(", ")
                )
            }
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Rust => "Rust",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
        })
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "rust" | "rs" => Ok(Self::Rust),
            "js" | "javascript" => Ok(Self::JavaScript),
            "python" | "py" => Ok(Self::Python),
            _ => Err("rust, js or python".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_language_is_told_by_its_manifest() {
        for language in Language::ALL {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(language.marker()), "").unwrap();
            assert_eq!(Language::of(folder.path()).unwrap(), language);
            assert_eq!(language.word().parse::<Language>().unwrap(), language);
        }
    }

    #[test]
    fn no_manifest_and_two_manifests_are_told_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let error = Language::of(folder.path()).unwrap_err().to_string();
        assert!(error.contains("plugins new"), "{error}");
        for marker in ["Cargo.toml", "package.json"] {
            std::fs::write(folder.path().join(marker), "").unwrap();
        }
        let error = Language::of(folder.path()).unwrap_err().to_string();
        assert!(error.contains("Cargo.toml, package.json"), "{error}");
    }
}
