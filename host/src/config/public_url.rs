//! Where others reach this server.

use serde::Deserialize;
use url::{Host, Url};

/// An `https` URL, or one of this machine, without query; other parts of the server hang their paths on it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The URL of a page: `path` starts with a slash.
    pub fn page(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The host's name, as it stands in `Host` headers (without the port).
    pub fn host(&self) -> Option<String> {
        Some(Url::parse(&self.0).ok()?.host()?.to_string())
    }

    /// Whether browsers come by `https`.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let url = Url::parse(&text).map_err(|error| format!("'{text}' is not a URL: {error}"))?;
        if is_encrypted_or_own(&url) && url.query().is_none() && url.fragment().is_none() {
            return Ok(Self(text.trim_end_matches('/').to_owned()));
        }
        Err(format!(
            "'{text}' must be an https URL, such as https://mcp.example.com, or one of this machine"
        ))
    }
}

/// Whether what goes there is encrypted, or stays on this machine; and whether nobody's name or password is part of it.
pub(super) fn is_encrypted_or_own(url: &Url) -> bool {
    let own = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let bare = url.username().is_empty() && url.password().is_none();
    bare && (url.scheme() == "https" || (url.scheme() == "http" && own))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn secrets_in_urls_travel_encrypted_or_not_at_all() {
        for fine in [
            "https://mcp.example.com",
            "https://example.com/mcp/",
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://[::1]:1",
        ] {
            let url = PublicUrl::try_from(fine.to_owned()).unwrap();
            let expected = format!("{}/webhooks/1", fine.trim_end_matches('/'));
            assert_eq!(url.page("/webhooks/1"), expected);
        }
        for wrong in [
            "",
            "mcp.example.com",
            "http://mcp.example.com",
            "ftp://localhost",
            "https://user@example.com",
            "https://example.com/?a=b",
        ] {
            assert!(PublicUrl::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
