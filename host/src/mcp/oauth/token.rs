//! Access tokens: whether one is good for this server, whose it is, and what it allows (RFC 9068, RFC 8725).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::keys::{IssuerKeys, NoKey};
use super::signatures::{self, ALGORITHMS};
use crate::config::Oauth;
use crate::tenancy::Identity;

/// How much clocks may differ, in seconds.
const LEEWAY: u64 = 30;
/// `typ` of an access token (RFC 9068, section 2.1), and what most issuers write. Tokens for other purposes have others.
const TYPES: [&str; 3] = ["at+jwt", "application/at+jwt", "jwt"];

/// A good token.
#[derive(Debug)]
pub(super) struct Token {
    /// Whose it is.
    pub(super) identity: Identity,
    /// What it allows.
    pub(super) scopes: Vec<String>,
}

/// Why a token is not good.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TokenError {
    /// It was good, and its time is over: what happens to every token.
    Expired,
    /// It is none for this server. Why stands in the log and nowhere else.
    Refused(&'static str),
    /// Nobody can say.
    Unavailable,
}

/// Whether a text has the form of a signed token (RFC 7515, section 3.1): three parts, of which the first is a header. Access
/// keys have not, but a key that a person chose might.
pub(super) fn has_form(text: &SecretString) -> bool {
    let parts: Vec<&str> = text.expose_secret().split('.').collect();
    let [header, _, _] = parts[..] else {
        return false;
    };
    let header = URL_SAFE_NO_PAD.decode(header).ok();
    header
        .and_then(|header| serde_json::from_slice::<Value>(&header).ok())
        .is_some_and(|header| header.get("alg").is_some_and(Value::is_string))
}

/// What tokens have to be.
pub(super) struct Rules {
    pub(super) keys: Arc<IssuerKeys>,
    issuer: String,
    audience: String,
}

impl Rules {
    pub(super) fn new(oauth: &Oauth, audience: String, keys: Arc<IssuerKeys>) -> Self {
        signatures::install();
        Self {
            keys,
            issuer: oauth.issuer.as_str().to_owned(),
            audience,
        }
    }

    /// Whose token this is, if it is good.
    pub(super) async fn check(&self, text: &SecretString) -> Result<Token, TokenError> {
        let text = text.expose_secret();
        let header = jsonwebtoken::decode_header(text)
            .map_err(|_| TokenError::Refused("its header is not understood"))?;
        check_header(&header)?;
        let key = self.keys.find(header.kid.as_deref(), header.alg).await;
        let key = key.map_err(|no_key| match no_key {
            NoKey::Unknown => TokenError::Refused("the issuer has no such key"),
            NoKey::Unavailable => TokenError::Unavailable,
        })?;
        let checked = jsonwebtoken::decode::<Claims>(text, &key, &self.validation(header.alg));
        let claims = checked.map_err(|error| refused(error.kind()))?.claims;
        let identity = Identity {
            issuer: claims.iss,
            subject: claims.sub,
        };
        if !identity.is_well_formed() {
            return Err(TokenError::Refused("its subject is none"));
        }
        let mut scopes = claims.scope.map(Words::split).unwrap_or_default();
        scopes.extend(claims.scp.map(Words::split).unwrap_or_default());
        Ok(Token { identity, scopes })
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation
    }
}

fn check_header(header: &Header) -> Result<(), TokenError> {
    if !ALGORITHMS.contains(&header.alg) {
        return Err(TokenError::Refused("it is signed in another way"));
    }
    // Whoever does not understand what is critical must refuse (RFC 7515, section 4.1.11).
    if header.crit.is_some() {
        return Err(TokenError::Refused("its header has critical parts"));
    }
    let of_type = |typ: &String| TYPES.iter().any(|it| it.eq_ignore_ascii_case(typ));
    if !header.typ.as_ref().is_none_or(of_type) {
        return Err(TokenError::Refused("it is a token for another purpose"));
    }
    Ok(())
}

fn refused(kind: &ErrorKind) -> TokenError {
    TokenError::Refused(match kind {
        // Issuer and audience are checked after the time; a stranger's token may be called so, too, and is still refused.
        ErrorKind::ExpiredSignature => return TokenError::Expired,
        ErrorKind::ImmatureSignature => "it is not good yet",
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::InvalidAudience => "it is for another server (aud)",
        ErrorKind::InvalidIssuer => "it is of another issuer (iss)",
        ErrorKind::MissingRequiredClaim(_) => "it lacks exp, iss, aud or sub",
        _ => "it is not understood",
    })
}

/// What counts here of a token.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    scope: Option<Words>,
    scp: Option<Words>,
}

/// `scope` is a text (RFC 9068, section 2.2.3); `scp`, of some issuers, a text or a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    Text(String),
    List(Vec<String>),
}

impl Words {
    fn split(self) -> Vec<String> {
        match self {
            Self::Text(text) => text.split(' ').map(str::to_owned).collect(),
            Self::List(words) => words,
        }
    }
}
