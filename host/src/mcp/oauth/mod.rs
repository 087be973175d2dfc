//! MCP's authorization for HTTP: this server as an OAuth 2.1 resource server, beside access keys.
//!
//! An issuer that the operator named says who somebody is (`token.rs`, with the keys of `keys.rs`); that identity's access key
//! says what it may reach, like every access key; and the token's scopes say whether it may change anything now.
//! A token is good for nobody but this server, and is passed on to nobody.

mod keys;
mod metadata;
mod signatures;
mod step_up;
mod token;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use secrecy::SecretString;

use crate::capabilities::Services;
use crate::config::{Oauth, OauthScopes};
use crate::tenancy::Identity;
use keys::IssuerKeys;
use token::{Rules, TokenError};

pub(super) use metadata::router as metadata;
pub(super) use step_up::{StepUp, check_covered};

/// A header longer than this is not read by most servers.
pub(super) const TOKEN_BYTES: usize = 16 << 10;

/// This server, as OAuth sees it.
pub(super) struct ResourceServer {
    rules: Rules,
    scopes: OauthScopes,
    issuer: String,
    /// The MCP endpoint: what a client asks a token for (RFC 8707).
    resource: String,
    /// Where its metadata is (RFC 9728).
    metadata_url: String,
}

/// Who came with a good token.
pub(super) struct Bearer {
    pub(super) identity: Identity,
    /// What the token's scopes cover.
    pub(super) coverage: Coverage,
}

/// What a token covers. Of an access key's caller nothing is noted: its row says all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coverage {
    /// Nothing that there is here.
    Nothing,
    /// Reading, and previews of changes.
    Reading,
    /// Changes, too.
    Changes,
}

/// Why whoever came with a token is not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The token's time is over.
    Expired,
    /// The token is none for this server.
    Invalid,
    /// Nobody can say at the moment.
    Unavailable,
}

impl ResourceServer {
    /// `base`: where clients reach this server.
    pub(super) fn new(oauth: &Oauth, base: &str, services: Arc<Services>) -> Self {
        let clock = services.clock.clone();
        let keys = Arc::new(IssuerKeys::new(oauth, services, clock));
        let resource = format!("{base}/mcp");
        let audience = oauth.audience.clone().unwrap_or_else(|| resource.clone());
        Self {
            rules: Rules::new(oauth, audience, keys),
            scopes: oauth.scopes.clone(),
            issuer: oauth.issuer.as_str().to_owned(),
            metadata_url: format!("{base}{}", metadata::PATH),
            resource,
        }
    }

    /// Fetches the issuer's keys before somebody waits for them, so that the log says at the start what is wrong with them.
    pub(super) async fn prepare(&self) {
        self.rules.keys.refresh().await;
    }

    /// Whether this may be a token, and not an access key.
    pub(super) fn is_for(&self, text: &SecretString) -> bool {
        token::has_form(text)
    }

    /// Who brings this token.
    pub(super) async fn check(&self, text: &SecretString) -> Result<Bearer, Refusal> {
        let token = self.rules.check(text).await.map_err(|error| match error {
            TokenError::Expired => Refusal::Expired,
            TokenError::Unavailable => Refusal::Unavailable,
            TokenError::Refused(reason) => {
                tracing::info!(reason, "a token was refused");
                Refusal::Invalid
            }
        })?;
        let covers = |name: &str| token.scopes.iter().any(|it| it == name);
        let coverage = if covers(self.scopes.write.as_str()) {
            Coverage::Changes
        } else if covers(self.scopes.read.as_str()) {
            Coverage::Reading
        } else {
            Coverage::Nothing
        };
        Ok(Bearer {
            identity: token.identity,
            coverage,
        })
    }

    /// What a 401 says beside its realm: where to ask for a token, and for which scope at least.
    pub(super) fn challenge(&self) -> String {
        format!(
            ", resource_metadata=\"{}\", scope=\"{}\"",
            self.metadata_url,
            self.scopes.read.as_str()
        )
    }

    /// What a 403 says beside its realm: all scopes that are needed.
    pub(super) fn lacks(&self, writes: bool) -> String {
        let (read, write) = (self.scopes.read.as_str(), self.scopes.write.as_str());
        let needed = if writes && read != write {
            format!("{read} {write}")
        } else {
            read.to_owned()
        };
        format!(
            ", error=\"insufficient_scope\", scope=\"{needed}\", resource_metadata=\"{}\"",
            self.metadata_url
        )
    }
}

/// Asks the issuer for its keys, as the server would. Answers how many can be used.
///
/// # Errors
/// There are none, in words.
pub async fn look(oauth: &Oauth, services: Arc<Services>) -> Result<usize, String> {
    let clock = services.clock.clone();
    IssuerKeys::new(oauth, services, clock).look().await
}
