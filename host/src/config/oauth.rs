//! `[oauth]`: whose tokens are taken beside access keys.

use serde::Deserialize;
use url::Url;

use super::public_url::is_encrypted_or_own;

/// `[oauth]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oauth {
    /// The authorization server, as it calls itself in its tokens (`iss`): each character counts, a slash at the end too.
    pub issuer: IssuerUrl,
    /// What tokens for this server have in `aud`. Default: the URL of the MCP endpoint, `[server] public_url` and `/mcp`.
    #[serde(default)]
    pub audience: Option<String>,
    /// Where the issuer's keys are. Default: where its metadata says.
    #[serde(default)]
    pub jwks_url: Option<IssuerUrl>,
    /// What the issuer calls reading and writing.
    #[serde(default)]
    pub scopes: OauthScopes,
}

/// `[oauth] scopes`: the names of what tokens allow. Writing includes reading.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OauthScopes {
    /// To read, and to see what a change would do.
    pub read: ScopeName,
    /// To change something.
    pub write: ScopeName,
}

impl Default for OauthScopes {
    fn default() -> Self {
        Self {
            read: ScopeName("tools:read".into()),
            write: ScopeName("tools:write".into()),
        }
    }
}

/// A scope's name: a `scope-token` of RFC 6749, section 3.3.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ScopeName(String);

impl ScopeName {
    /// The name, which can stand in a quoted text of a header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ScopeName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let fits = |byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
        if !name.is_empty() && name.bytes().all(fits) {
            return Ok(Self(name));
        }
        Err(format!(
            "'{name}' is no scope: one is a word of ASCII without quotes and backslashes, such as tools:read"
        ))
    }
}

/// The URL of an issuer, or one that belongs to it: `https`, or `http` on this machine. Kept as it was written, since issuers
/// are compared character by character (RFC 8414, section 3.3).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct IssuerUrl {
    text: String,
    url: Url,
}

impl IssuerUrl {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As a URL.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

impl TryFrom<String> for IssuerUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let url = Url::parse(&text).map_err(|error| format!("'{text}' is not a URL: {error}"))?;
        if is_encrypted_or_own(&url) && url.fragment().is_none() {
            return Ok(Self { text, url });
        }
        Err(format!(
            "'{text}' must be an https URL, such as https://login.example.com, or one of this machine"
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_issuer_is_kept_as_it_was_written() {
        for fine in [
            "https://login.example.com",
            "https://login.example.com/",
            "https://login.example.com/realms/shop",
            "http://127.0.0.1:8080",
            "http://localhost:8080/",
        ] {
            assert_eq!(IssuerUrl::try_from(fine.to_owned()).unwrap().as_str(), fine);
        }
        for wrong in [
            "",
            "login.example.com",
            "http://login.example.com",
            "https://user@login.example.com",
            "https://login.example.com/#here",
        ] {
            assert!(IssuerUrl::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_scope_can_stand_in_a_header() {
        for fine in ["tools:read", "https://shop.example/read", "!"] {
            assert_eq!(ScopeName::try_from(fine.to_owned()).unwrap().as_str(), fine);
        }
        for wrong in ["", "a b", "a\"", "a\\", "lesen:ä", "a\n"] {
            assert!(ScopeName::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
