//! Where a plugin's component comes from.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use url::{Host, Url};

/// A file, or a URL from which it is downloaded once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// On this machine.
    File(PathBuf),
    /// Elsewhere: `https://…`, or `http://` on this machine.
    Remote(Url),
}

impl Source {
    /// Reads what stands in the configuration or on the command line.
    ///
    /// # Errors
    /// A URL that is none, or that would be asked in the clear.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.contains("://") {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let url = Url::parse(text).map_err(|error| format!("'{text}' is not a URL: {error}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a source's URL has no user name or password in it".to_owned());
        }
        match url.scheme() {
            "https" => Ok(Self::Remote(url)),
            "http" if is_loopback(&url) => Ok(Self::Remote(url)),
            other => Err(format!(
                "a source is a path or an https:// URL; '{other}://' is neither"
            )),
        }
    }

    /// A relative path, seen from this folder.
    #[must_use]
    pub fn from_folder(self, folder: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(folder.join(path)),
            remote @ Self::Remote(_) => remote,
        }
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Remote(_) => None,
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Remote(url) => url.fmt(formatter),
        }
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_path_or_what_nobody_on_the_way_can_change() {
        for text in ["plugins/orders.wasm", "/opt/a.wasm", "./b c.wasm"] {
            assert_eq!(Source::parse(text), Ok(Source::File(text.into())));
        }
        for text in [
            "https://example.com/a.wasm",
            "http://127.0.0.1:9/a.wasm",
            "http://localhost/a.wasm",
            "http://[::1]/a.wasm",
        ] {
            assert!(
                matches!(Source::parse(text), Ok(Source::Remote(_))),
                "{text}"
            );
        }
        for text in [
            "http://example.com/a.wasm",
            "http://127.0.0.1.example.com/a.wasm",
            "ftp://example.com/a.wasm",
            "file:///etc/passwd",
            "https://me:secret@example.com/a.wasm",
            "https://",
        ] {
            let refused = Source::parse(text);
            assert!(
                matches!(&refused, Err(error) if !error.contains("secret")),
                "{refused:?}"
            );
        }
    }
}
